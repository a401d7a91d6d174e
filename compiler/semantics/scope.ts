import type { Span } from "../source/file.js";
import type { SelectModel, TensorLet } from "./tensors/model.js";
import type { AxisModel, BranchModel, InputModel, LetModel, ParamModel, SegmentModel, TableModel } from "./model.js";

/** What a name of a declaration stands for. */
export type Symbol =
  | { readonly kind: "param"; readonly param: ParamModel; readonly span: Span }
  | { readonly kind: "let"; readonly let: LetModel; readonly span: Span }
  | { readonly kind: "input"; readonly input: InputModel; readonly span: Span }
  | { readonly kind: "table"; readonly table: TableModel; readonly span: Span }
  | { readonly kind: "axis"; readonly axis: AxisModel; readonly span: Span }
  | { readonly kind: "segment"; readonly segment: SegmentModel; readonly span: Span }
  | { readonly kind: "phase"; readonly name: string; readonly span: Span }
  | { readonly kind: "branch"; readonly branch: BranchModel; readonly span: Span }
  /** What `probe`, `pool` and `let` make of tensors. */
  | { readonly kind: "tensor"; readonly tensor: TensorLet; readonly span: Span }
  /** Several for the levels of one, in their order. */
  | { readonly kind: "select"; readonly name: string; readonly selects: readonly SelectModel[]; readonly span: Span }
  /** A declaration that has been reported; its uses are not. */
  | { readonly kind: "error"; readonly span: Span };

/** For messages: `parameter`, `let`, … */
export function describeSymbol(symbol: Symbol): string {
  if (symbol.kind === "tensor") return symbol.tensor.clause;
  return symbol.kind === "param" ? "parameter" : symbol.kind;
}

/** A word with its article. */
export function withArticle(word: string): string {
  return `${/^[`]?[aeiou]/.test(word) ? "an" : "a"} ${word}`;
}

/** The names of one declaration. It remembers which were used. */
export class Scope {
  private readonly symbols = new Map<string, Symbol>();
  private readonly used = new Set<string>();
  /** Names that a later clause declares, to tell "too early" from "unknown". */
  private readonly later = new Map<string, Span>();

  /**
   * Adds a name; gives back the symbol that has it already, if one does. The name is then neither's:
   * whichever a use means, one of the two declarations has been reported.
   */
  declare(name: string, symbol: Symbol): Symbol | undefined {
    const present = this.symbols.get(name);
    if (present !== undefined) {
      this.symbols.set(name, { kind: "error", span: present.span });
      return present;
    }
    this.symbols.set(name, symbol);
    this.later.delete(name);
    return undefined;
  }

  announce(name: string, span: Span): void {
    if (!this.later.has(name)) this.later.set(name, span);
  }

  announced(name: string): Span | undefined {
    return this.later.get(name);
  }

  find(name: string): Symbol | undefined {
    const symbol = this.symbols.get(name);
    if (symbol !== undefined) this.used.add(name);
    return symbol;
  }

  /** As {@link find}, without counting it as a use. */
  peek(name: string): Symbol | undefined {
    return this.symbols.get(name);
  }

  isUsed(name: string): boolean {
    return this.used.has(name);
  }

  get all(): ReadonlyMap<string, Symbol> {
    return this.symbols;
  }
}
