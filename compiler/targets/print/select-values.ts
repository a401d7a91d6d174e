import { add, int, isSize } from "../../select/int.js";
import type { Cond, Int, Real } from "../../select/ir.js";
import { isLaunchShape } from "./select-uniforms.js";
import { DIM } from "../../select/axes.js";
import { bitRow, elementOf, inputElement, keyElement, queryElement } from "../../select/places.js";
import { split } from "../../select/split.js";
import { condInts, realChildren, realInts } from "../../select/walk.js";
import { comparison, intLiteral, printBool, printInt } from "./expressions.js";
import type { KernelDialect, Statements } from "./kernel-dialect.js";
import { uniformName } from "./names.js";
import { sizeName } from "./select-sizes.js";
import type { Sizes } from "./select-sizes.js";

type Loop = Extract<Real, { kind: "loop" }>;
/** Numbers that are elements of a buffer. */
type Element = Extract<Real, { kind: "load" | "query" | "key" }>;

/** How the threads of a workgroup put the results of a loop together that they shared. */
export interface SharedLoops {
  /** Index of a thread, and how many there are. */
  readonly lane: string;
  readonly threads: number;
}

export interface SelectValuesOptions {
  readonly shared?: SharedLoops | undefined;
  /** Queries and keys are read four neighbouring dims at a time, of which the first is {@link DIM}, a multiple of four. */
  readonly fours?: boolean | undefined;
}

/** Names that are known from some place in the text to the end of its block. */
interface Scope {
  readonly numbers: Map<Real, string>;
  /** Elements of which a part of the index has a name, which is the same in all steps of the loops around. */
  readonly elements: Map<Real, { readonly base: string; readonly rest: Int }>;
  /** Parts of indices, by their text. */
  readonly bases: Map<string, string>;
  /** Four neighbours, by the index of the first. */
  readonly fours: Map<string, string>;
}

/**
 * Prints numbers, integers and conditions of selection stages. What a number needs is written to `text` as statements
 * first; a number that is used more than once is computed once in its scope, and before a loop if it stays the same there.
 */
export class SelectValues {
  private readonly uses = new Map<Real, number>();
  /** Loops over the same name are one loop. */
  private readonly loops = new Map<string, Loop[]>();
  private scope: Scope = { numbers: new Map(), elements: new Map(), bases: new Map(), fours: new Map() };
  private count = 0;
  private depth = 0;

  constructor(
    private readonly dialect: KernelDialect,
    private readonly text: Statements,
    private readonly sizes: Sizes,
    roots: readonly Real[],
    private readonly options: SelectValuesOptions = {},
  ) {
    for (const root of roots) this.countUses(root);
  }

  int(a: Int): string {
    if (a.kind === "int") return intLiteral(a.value);
    if (isLaunchShape(a)) return `u.${uniformName(a.name)}`;
    if (isSize(a)) return `u.${sizeName(this.sizes.index(a))}`;
    switch (a.kind) {
      case "name":
        return a.name;
      case "mask":
        return printInt(a.expr, this.dialect);
      case "token":
        return a.order === undefined ? `token_at(b, ${this.int(a.place)})` : `id_${a.order}(b, h, ${this.int(a.place)})`;
      case "id":
        return `id_${a.input}(b, ${this.int(a.place)})`;
      case "whole":
        return this.dialect.toInt(this.real(a.of));
      case "add":
      case "sub":
      case "mul":
      case "div":
      case "mod":
        return `(${this.int(a.a)} ${operators[a.kind]} ${this.int(a.b)})`;
      case "min":
      case "max":
        return `${a.kind}(${this.int(a.a)}, ${this.int(a.b)})`;
    }
  }

  cond(cond: Cond): string {
    switch (cond.kind) {
      case "bool":
        return String(cond.value);
      case "lt":
      case "le":
        return `(${this.int(cond.a)} ${comparison[cond.kind]} ${this.int(cond.b)})`;
      case "and":
      case "or":
        return `(${cond.items.map((item) => this.cond(item)).join(cond.kind === "and" ? " && " : " || ")})`;
      case "not":
        return `!(${this.cond(cond.a)})`;
      case "nonzero":
        return `(${this.real(cond.a)} != ${this.dialect.float(0)})`;
      case "mask":
        return printBool(cond.expr, this.dialect);
      case "bit":
        if (cond.bits.base === undefined) return `bit_${cond.bits.name}(b, h, ${this.int(cond.row)}, ${this.int(cond.column)})`;
        return `scratch_bit(${this.int(bitRow(cond.bits, cond.row))}, ${this.int(cond.column)})`;
    }
  }

  real(value: Real): string {
    const known = this.scope.numbers.get(value);
    if (known !== undefined) return known;
    const text = this.definition(value);
    if (isLeaf(value) || value.kind === "loop" || (this.uses.get(value) ?? 0) < 2) return text;
    return this.nameIt(value, text);
  }

  private nameIt(value: Real, text: string): string {
    const name = `x${this.count++}`;
    this.text.line(this.dialect.constant("float", name, text));
    this.scope.numbers.set(value, name);
    return name;
  }

  private definition(value: Real): string {
    const { dialect } = this;
    switch (value.kind) {
      case "number":
        return dialect.float(value.value);
      case "scale":
        return "u.scale";
      case "scalar":
        return dialect.fromBits(`scalar_of(${this.int(value.head)}, ${value.slot})`);
      case "float":
        return dialect.toFloat(this.int(value.a));
      case "load":
        return dialect.fromBits(`scratch[${this.element(value)}]`);
      case "word": {
        const field = (name: string): string => `u.${uniformName(value.from.name, "input", name)}`;
        const { head, row, dim } = value.at;
        const start = `${field("base")} + b * ${field("batchStride")} + ${this.int(head)} * ${field("headStride")}`;
        return dialect.fromBits(`aux[${start} + ${this.int(row)} * ${field("rowStride")} + ${this.int(dim)}]`);
      }
      case "query":
      case "key":
        if (this.options.fours === true) return this.four(value);
        if (dialect.view !== undefined) return dialect.view(value.kind, this.element(value));
        return `${value.kind}_at(b, ${this.int(value.head)}, ${this.int(value.row)}, ${this.int(value.dim)})`;
      case "input":
        return `input_${value.input.name}(b, ${this.int(value.at.head)}, ${this.int(inputElement(value.input, value.at))})`;
      case "product":
        return "product";
      case "neg":
        return `-(${this.real(value.a)})`;
      case "abs":
      case "exp":
      case "log":
      case "tanh":
      case "sqrt":
      case "round":
        return dialect.unary(value.kind, this.real(value.a));
      case "add":
      case "sub":
      case "mul":
      case "div":
        return `(${this.real(value.a)} ${operators[value.kind]} ${this.real(value.b)})`;
      case "min":
      case "max":
        return `${value.kind}(${this.real(value.a)}, ${this.real(value.b)})`;
      case "lt":
      case "le":
        return dialect.select(`${this.real(value.a)} ${comparison[value.kind]} ${this.real(value.b)}`, dialect.float(1), dialect.float(0));
      case "choose": {
        const cond = this.cond(value.cond);
        return dialect.select(cond, this.real(value.a), this.real(value.b));
      }
      case "loop":
        return this.loop(value);
    }
  }

  /** The index of an element. */
  private element(value: Element): string {
    const known = this.scope.elements.get(value);
    if (known === undefined) return this.int(this.indexOf(value));
    const rest = this.int(known.rest);
    return rest === "0" ? known.base : `(${known.base} + ${rest})`;
  }

  /** By fours it is that of the first of the four. */
  private indexOf(value: Element): Int {
    if (value.kind === "load") return elementOf(value.from, value.at);
    const dim = this.options.fours === true ? DIM : value.dim;
    return (value.kind === "query" ? queryElement : keyElement)(value.head, value.row, dim);
  }

  /** One of four numbers that are read at once. */
  private four(value: Extract<Real, { kind: "query" | "key" }>): string {
    const index = this.element(value);
    const read = `${value.kind}_four(${index})`;
    let name = this.scope.fours.get(read);
    if (name === undefined) {
      name = `four_${this.count++}`;
      this.text.line(this.dialect.constant("float", name, read));
      this.scope.fours.set(read, name);
    }
    return `${name}.${"xyzw"[split(value.dim, []).constant]!}`;
  }

  /** Prints all loops over the name of one as one. */
  private loop(value: Loop): string {
    const { dialect, text } = this;
    const shared = this.depth === 0 ? this.options.shared : undefined;
    const results = (this.loops.get(value.name) ?? [value]).map((loop, i) => ({ loop, suffix: i === 0 ? loop.name : `${loop.name}_${i}` }));
    for (const { loop } of results) this.hoist(loop);
    const some = `some_${value.name}`;
    const from = this.int(value.from);
    const hasExtrema = results.some(({ loop }) => loop.op !== "sum");
    for (const { suffix } of results) text.line(dialect.variable("float", `r_${suffix}`, dialect.float(0)));
    if (hasExtrema) text.line(dialect.variable("bool", some, "false"));
    const to = this.bound(value);
    const outer = this.scope;
    this.scope = copyOf(outer);
    this.depth++;
    const step = (): void => {
      for (const { loop, suffix } of results) this.step(loop, suffix, some);
      if (hasExtrema) text.line(`${some} = true;`);
    };
    const first = shared === undefined ? from : `${from} + ${shared.lane}`;
    text.block(dialect.loop(value.name, first, to, String(shared?.threads ?? 1)), () => {
      if (value.where === undefined) step();
      else text.block(`if (${this.cond(value.where)})`, step);
    });
    this.depth--;
    this.scope = outer;
    for (const { loop, suffix } of results) {
      if (shared !== undefined) {
        const args = loop.op === "sum" ? `${shared.lane}, r_${suffix}` : `${shared.lane}, r_${suffix}, ${some}`;
        text.line(dialect.constant("float", `all_${suffix}`, `share_${loop.op}(${args})`));
      }
      this.scope.numbers.set(loop, `${shared === undefined ? "r" : "all"}_${suffix}`);
    }
    return this.scope.numbers.get(value)!;
  }

  /** Where a loop ends, computed once. */
  private bound({ name, to }: Loop): string {
    const text = this.int(to);
    if (isPlain(to)) return text;
    this.text.line(this.dialect.constant("int", `end_${name}`, text));
    return `end_${name}`;
  }

  /** One step of a loop, for one of its results. */
  private step({ op, body }: Loop, suffix: string, some: string): void {
    const { dialect, text } = this;
    const found = this.real(body);
    if (op === "sum") {
      text.line(`r_${suffix} += ${found};`);
      return;
    }
    const known = this.scope.numbers.get(body);
    const next = known ?? `n_${suffix}`;
    if (known === undefined) text.line(dialect.constant("float", next, found));
    text.line(`r_${suffix} = ${dialect.select(some, `${op}(r_${suffix}, ${next})`, next)};`);
  }

  /** Computes what is the same in all steps of a loop before it. */
  private hoist(loop: Loop): void {
    const visit = (value: Real, bound: readonly string[]): void => {
      if (isLeaf(value) || this.scope.numbers.has(value) || readsNothing(value)) return;
      if (mentions(value, bound)) {
        if (isElement(value)) this.hoistIndex(value, bound);
        const inner = value.kind === "loop" ? [...bound, value.name] : bound;
        for (const child of realChildren(value)) visit(child, inner);
      } else if (value.kind === "loop") this.real(value);
      else this.nameIt(value, this.definition(value));
    };
    for (const value of realChildren(loop)) visit(value, [loop.name]);
  }

  /** Computes what is the same in all steps of an index before a loop. */
  private hoistIndex(value: Element, bound: readonly string[]): void {
    if (value.kind !== "load" && this.dialect.view === undefined) return;
    const known = this.scope.elements.get(value);
    const { fixed, constant, rest } = split(known?.rest ?? this.indexOf(value), bound);
    if (isPlain(fixed)) return;
    const text = `${known === undefined ? "" : `${known.base} + `}${this.int(fixed)}`;
    let base = this.scope.bases.get(text);
    if (base === undefined) {
      base = `base_${this.count++}`;
      this.text.line(this.dialect.constant("int", base, text));
      this.scope.bases.set(text, base);
    }
    this.scope.elements.set(value, { base, rest: add(rest, int(constant)) });
  }

  private countUses(value: Real): void {
    const uses = (this.uses.get(value) ?? 0) + 1;
    this.uses.set(value, uses);
    if (uses > 1) return;
    if (value.kind === "loop") this.loops.set(value.name, [...(this.loops.get(value.name) ?? []), value]);
    for (const child of realChildren(value)) this.countUses(child);
  }
}

const copyOf = ({ numbers, elements, bases, fours }: Scope): Scope => ({
  numbers: new Map(numbers),
  elements: new Map(elements),
  bases: new Map(bases),
  fours: new Map(fours),
});

/** Whether there is nothing to compute. */
const isPlain = (a: Int): boolean => a.kind === "int" || a.kind === "name" || isSize(a);

const isElement = (value: Real): value is Element => value.kind === "load" || value.kind === "query" || value.kind === "key";

const operators = { add: "+", sub: "-", mul: "*", div: "/", mod: "%" } as const;

const isLeaf = ({ kind }: Real): boolean => kind === "number" || kind === "scale" || kind === "product" || kind === "float";

const loads: ReadonlySet<Real["kind"]> = new Set(["load", "query", "key", "input", "word", "scalar"]);

const readsNothing = (value: Real): boolean => !loads.has(value.kind) && realChildren(value).every(readsNothing);

function mentions(value: Real, names: readonly string[]): boolean {
  return intsOf(value).some((a) => intMentions(a, names)) || realChildren(value).some((child) => mentions(child, names));
}

function intsOf(value: Real): readonly Int[] {
  const cond = value.kind === "choose" ? value.cond : value.kind === "loop" ? value.where : undefined;
  return [...realInts(value), ...(cond === undefined ? [] : condInts(cond))];
}

function intMentions(a: Int, names: readonly string[]): boolean {
  if (a.kind === "name") return names.includes(a.name);
  if (a.kind === "token" || a.kind === "id") return intMentions(a.place, names);
  return "a" in a && (intMentions(a.a, names) || intMentions(a.b, names));
}
