import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic, type DiagnosticExtra } from "../diagnostics/report.js";
import type { DiagnosticCode, MessageParams } from "../diagnostics/catalogue.js";
import type { SourceFile, Span } from "../source/file.js";
import type { SourceHost } from "./host.js";
import type { AttentionModel, InputModel, PatternModel, SpaceModel } from "./model.js";
import { Scope } from "./scope.js";

/** A top-level name of a file: declared there or imported. */
export type Item =
  | { readonly kind: "pattern"; readonly pattern: PatternModel; readonly span: Span }
  | { readonly kind: "attention"; readonly attention?: AttentionModel | undefined; readonly span: Span }
  | { readonly kind: "cache"; readonly span: Span }
  /** Reported already. */
  | { readonly kind: "error"; readonly span: Span };

/** The top-level names of a file and which of them were used. */
export class FileScope {
  readonly items = new Map<string, Item>();
  private readonly used = new Set<string>();

  find(name: string): Item | undefined {
    const item = this.items.get(name);
    if (item !== undefined) this.used.add(name);
    return item;
  }

  isUsed(name: string): boolean {
    return this.used.has(name);
  }
}

/** What the checks of one declaration share. */
export interface Context {
  readonly file: SourceFile;
  readonly host: SourceHost;
  readonly items: FileScope;
  readonly scope: Scope;
  /** Absent in patterns and while the space itself is read. */
  space?: SpaceModel | undefined;
  /** While the mask of a branch with keys of its own is read: what they are. There `k` is the number of a window. */
  windows?: InputModel | undefined;
  readonly add: (diagnostic: Diagnostic) => void;
  /** Whether an error was reported: then what seems unused may be what was misspelled. */
  readonly failed: boolean;
}

/** A context for one declaration. */
export function declarationContext(parts: Pick<Context, "file" | "host" | "items" | "add">): Context {
  let failed = false;
  return {
    ...parts,
    scope: new Scope(),
    add: (diagnostic) => {
      if (diagnostic.severity === "error") failed = true;
      parts.add(diagnostic);
    },
    get failed() {
      return failed;
    },
  };
}

/** Reports a diagnostic of the catalogue. */
export function report<C extends DiagnosticCode>(
  context: { readonly add: (diagnostic: Diagnostic) => void },
  code: C,
  span: Span,
  params: MessageParams[C],
  extra?: DiagnosticExtra,
): void {
  context.add(diagnostic(code, span, params, extra));
}
