import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { sourceFile, type SourceFile } from "../source/file.js";
import type { Declaration, FileNode, Import } from "../syntax/ast.js";
import { parse } from "../syntax/parser.js";
import { isReservedFunction, isReservedValue } from "./builtins.js";
import { checkRecursion } from "./checks/recursion.js";
import { declarationContext, FileScope, report, type Context, type Item } from "./context.js";
import { checkAttention, checkPatternBody } from "./declaration.js";
import { hint } from "./expressions.js";
import type { SourceHost } from "./host.js";
import type { AttentionModel, ParamModel, PatternModel } from "./model.js";
import { checkParams } from "./params.js";
import { joinPath } from "./paths.js";

/** A file with its declarations checked. */
export interface LoadedFile {
  readonly file: SourceFile;
  /** What it declares itself; imported names are not passed on. */
  readonly declared: ReadonlyMap<string, Item>;
  readonly patterns: readonly PatternModel[];
  readonly attentions: readonly AttentionModel[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Loads files and what they import, each once, and checks them in that order. */
export class Files {
  private readonly loaded = new Map<string, LoadedFile>();
  /** The files being loaded, from the entry to the innermost import. */
  private readonly open: string[] = [];

  constructor(
    private readonly host: SourceHost,
    readonly add: (diagnostic: Diagnostic) => void,
  ) {}

  /** Checks the entry file, all of it. */
  loadEntry(file: SourceFile, tree: FileNode): LoadedFile {
    return this.load(file, tree, "entry");
  }

  /**
   * Of an imported file only what can be used from outside is checked, its patterns, and without warnings:
   * the rest is reported where the file itself is compiled.
   */
  private load(file: SourceFile, tree: FileNode, role: "entry" | "import"): LoadedFile {
    const key = joinPath("", file.name);
    this.open.push(key);
    const scope = new FileScope();
    const imports = tree.items.filter((item) => item.kind === "import");
    for (const item of imports) this.import(item, file, scope);
    const nodes = tree.items.filter((item) => item.kind !== "import");
    const result = this.declarations(file, nodes, scope, role);
    for (const item of role === "entry" ? imports : []) {
      for (const { name, span } of item.names) {
        const item = scope.items.get(name);
        if (item?.span === span && item.kind !== "error" && !scope.isUsed(name)) report(this, "ATTN2004", span, { kind: "import", name });
      }
    }
    this.open.pop();
    this.loaded.set(key, result);
    return result;
  }

  private declarations(file: SourceFile, nodes: readonly Declaration[], items: FileScope, role: "entry" | "import"): LoadedFile {
    const add = role === "entry" ? this.add : (d: Diagnostic): void => void (d.severity === "error" && this.add(d));
    const declared = new Map<string, Item>();
    const pending: { node: Declaration; params: readonly ParamModel[]; context: Context; pattern?: Mutable<PatternModel> }[] = [];
    for (const node of nodes) {
      const { name, span } = node.name;
      if (role === "import" && node.kind !== "pattern") {
        this.declare(node, { kind: node.kind, span }, items, declared);
        continue;
      }
      if (node.kind === "cache") {
        report(this, "ATTN2201", span, { what: "a `cache` declaration" });
        this.declare(node, { kind: "cache", span }, items, declared);
        continue;
      }
      const context = declarationContext({ file, host: this.host, items, add });
      const params = checkParams(node, context);
      if (node.kind === "pattern") {
        const pattern: Mutable<PatternModel> = { kind: "pattern", name, doc: node.doc, file, node, params, span, inputs: [] };
        pending.push({ node, params, context, pattern });
        this.declare(node, { kind: "pattern", pattern, span }, items, declared);
      } else {
        pending.push({ node, params, context });
        this.declare(node, { kind: "attention", span }, items, declared);
      }
    }
    const patterns: PatternModel[] = [];
    const attentions: AttentionModel[] = [];
    for (const { node, params, context, pattern } of pending) {
      if (pattern !== undefined) {
        Object.assign(pattern, checkPatternBody(node, context));
        patterns.push(pattern);
      } else {
        const attention = checkAttention(node, params, context);
        if (attention !== undefined) attentions.push(attention);
      }
    }
    checkRecursion(patterns, this.add);
    return { file, declared, patterns, attentions };
  }

  private declare(node: Declaration, item: Item, items: FileScope, declared: Map<string, Item>): void {
    const { name, span } = node.name;
    if (isReservedValue(name) || isReservedFunction(name)) report(this, "ATTN2003", span, { name });
    const first = items.items.get(name);
    if (first !== undefined) {
      report(this, "ATTN2002", span, { name }, { labels: [{ span: first.span, text: "the first one" }] });
      return;
    }
    items.items.set(name, item);
    declared.set(name, item);
  }

  private import(node: Import, from: SourceFile, scope: FileScope): void {
    const spec = node.from.value;
    const files = spec === "std" ? undefined : this.importFile(node, from);
    for (const { name, span } of node.names) {
      const first = scope.items.get(name);
      if (first !== undefined) {
        report(this, "ATTN2002", span, { name }, { labels: [{ span: first.span, text: "the first one" }] });
        continue;
      }
      let item: Item | undefined;
      if (spec === "std") item = this.fromLibrary(name);
      else if (files === undefined) item = { kind: "error", span };
      else item = files.declared.get(name);
      if (item === undefined) {
        const names = spec === "std" ? this.libraryNames() : [...files!.declared.keys()];
        report(this, "ATTN2011", span, { name, from: spec }, hint(name, names));
        item = { kind: "error", span };
      }
      scope.items.set(name, { ...item, span });
    }
  }

  private importFile(node: Import, from: SourceFile): LoadedFile | undefined {
    const spec = node.from.value;
    if (!spec.startsWith("./") && !spec.startsWith("../")) {
      report(this, "ATTN2014", node.from.span, { spec });
      return undefined;
    }
    const path = this.host.resolve(from.name, spec.endsWith(".attn") ? spec : `${spec}.attn`);
    if (path === undefined) {
      report(this, "ATTN2013", node.from.span, { path: spec });
      return undefined;
    }
    const key = joinPath("", path);
    if (this.open.includes(key)) {
      const cycle = [...this.open.slice(this.open.indexOf(key)), key].join(" -> ");
      report(this, "ATTN2012", node.from.span, { cycle });
      return undefined;
    }
    const known = this.loaded.get(key);
    if (known !== undefined) return known;
    const text = this.host.read(path);
    if (text === undefined) {
      report(this, "ATTN2010", node.from.span, { path });
      return undefined;
    }
    return this.loadText(sourceFile(path, text));
  }

  private loadText(file: SourceFile): LoadedFile {
    const { tree, diagnostics } = parse(file);
    for (const diagnostic of diagnostics) this.add(diagnostic);
    return this.load(file, tree, "import");
  }

  /** A declaration of the library. Only the file that has it is read: the library is large. */
  private fromLibrary(name: string): Item | undefined {
    const file = this.host.library().find((each) => declaredNames(each).includes(name));
    if (file === undefined) return undefined;
    const loaded = this.loaded.get(joinPath("", file.name)) ?? this.loadText(file);
    return loaded.declared.get(name);
  }

  private libraryNames(): readonly string[] {
    return this.host.library().flatMap(declaredNames);
  }
}

/** The names that a file declares, found without parsing it. */
function declaredNames(file: SourceFile): readonly string[] {
  return [...file.text.matchAll(/^[ \t]*(?:pattern|attention|cache)[ \t]+([A-Za-z_][A-Za-z0-9_]*)/gm)].map((match) => match[1]!);
}
