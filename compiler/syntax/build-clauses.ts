import type { CstNode, IToken } from "chevrotain";
import { diagnostic } from "../diagnostics/report.js";
import { suggest } from "../diagnostics/suggest.js";
import { span, type Span } from "../source/file.js";
import type { AssignClause, Body, Causality, Clause, Expr, Identifier, SpaceClause } from "./ast.js";
import type { ExpressionBuilder } from "./build-expressions.js";
import { identifier, nodeOf, nodesOf, onlyChild, spanOfNode, tokenOf, tokensOf } from "./cst.js";
import { printable, spanOf } from "./lexer.js";
import * as t from "./tokens.js";

/** Makes clauses from the concrete tree. A clause that no keyword starts is reported and left out. */
export class ClauseBuilder {
  constructor(private readonly e: ExpressionBuilder) {}

  /** The clauses between two braces; nothing, at the offset given, where there are no braces. */
  body(node: CstNode | undefined, at: number): Body {
    const whole = spanOfNode(this.e.file, node, at);
    const clauses: Clause[] = [];
    for (const line of node === undefined ? [] : nodesOf(node, "clauseLine")) {
      const keyword = nodeOf(line, "keywordClause");
      const form = keyword === undefined ? onlyChild(line) : onlyChild(keyword);
      if (form === undefined) continue;
      if (form.name === "unknown") this.reportUnknown(firstToken(form));
      else clauses.push(this.clause(form, spanOfNode(this.e.file, form, whole.start)));
    }
    return { clauses, span: whole };
  }

  names(node: CstNode | undefined, at: number): Identifier[] {
    const found = node === undefined ? [] : tokensOf(node, "Name").map((token) => identifier(this.e.file, token, at));
    return found.length === 0 ? [identifier(this.e.file, undefined, at)] : found;
  }

  private clause(node: CstNode, whole: Span): Clause {
    const end = whole.end;
    const expr = (name = "expr") => this.e.expr(nodeOf(node, name), end);
    const maybe = (name: string) => (nodeOf(node, name) === undefined ? undefined : expr(name));
    const name = (label = "Name") => this.e.name(node, end, label);
    const names = () => this.names(nodeOf(node, "names"), end);

    switch (node.name) {
      case "space":
        return this.space(node, whole);
      case "shape":
        return { kind: "shape", fields: this.fields(node, end), span: whole };
      case "unit":
        return { kind: "unit", units: this.units(node, end), span: whole };
      case "phase":
        return { kind: "phase", names: names(), span: whole };
      case "emit":
        return { kind: "emit", names: names(), span: whole };
      case "inputClause":
        return { kind: "input", names: names(), type: expr(), span: whole };
      case "table":
        return { kind: "table", names: names(), value: expr(), span: whole };
      case "letClause":
        return { kind: "let", name: name(), value: expr(), span: whole };
      case "probe":
        return { kind: "probe", name: name(), value: expr(), span: whole };
      case "pool":
        return { kind: "pool", names: names(), values: this.e.exprs(nodeOf(node, "exprs"), end), span: whole };
      case "block": {
        const head = nodeOf(node, "blockHead");
        const kind = keywordOf<"select" | "branch" | "on">(head, "select");
        return { kind, name: this.e.name(head, end), body: this.body(nodeOf(node, "body"), end), span: whole };
      }
      case "value": {
        const kind = keywordOf<"score" | "among" | "force" | "snap" | "at" | "normalize" | "output" | "budget">(node, "score");
        return { kind, value: expr(), span: whole };
      }
      case "group": {
        const how = name();
        this.expect(how, ["sum", "max", "mean"]);
        return { kind: "group", how, over: name("over"), span: whole };
      }
      case "keep": {
        const over = tokenOf(node, "Name") === undefined ? undefined : name();
        const [min, max] = [maybe("min"), maybe("max")];
        return { kind: "keep", value: expr(), ...given({ min }), ...given({ max }), ...given({ over }), span: whole };
      }
      case "reuse":
        if (tokenOf(node, "Inner_later") !== undefined) return { kind: "reuse", how: { kind: "later" }, span: whole };
        if (tokenOf(node, "Inner_from") !== undefined) return { kind: "reuse", how: { kind: "from", name: name() }, span: whole };
        if (tokenOf(node, "Inner_while") !== undefined) return { kind: "reuse", how: { kind: "while", value: expr() }, span: whole };
        return { kind: "reuse", how: { kind: "every", count: expr() }, span: whole };
      case "assign":
        return this.assign(node, whole);
      case "attend": {
        const from = tokenOf(node, "Inner_from") === undefined ? undefined : { key: name("key"), value: name("value") };
        return { kind: "attend", value: expr(), ...given({ from }), span: whole };
      }
      case "layout":
        return { kind: "layout", items: nodesOf(node, "layoutItem").map((item) => this.e.call(item, end)), span: whole };
      case "rope":
        return { kind: "rope", by: name(), span: whole };
      case "require":
        return { kind: "require", names: this.names(node, end), span: whole };
      case "cache": {
        const use = tokenOf(node, "Inner_use") !== undefined;
        const how = use
          ? { kind: "use" as const, policy: this.e.call(nodeOf(node, "call"), end) }
          : { kind: "keep" as const, value: expr() };
        return { kind: "cache", how, span: whole };
      }
      case "state":
        return { kind: "state", target: expr(), value: expr("result"), span: whole };
      case "retain":
        return { kind: "retain", name: name(), span: whole };
      case "evict":
        return { kind: "evict", what: this.e.call(nodeOf(node, "call"), end), except: expr(), span: whole };
      case "accumulate":
        return { kind: "accumulate", target: expr(), value: expr("result"), span: whole };
      default:
        throw new Error(`no clause is built from ${node.name}`);
    }
  }

  private space(node: CstNode, whole: Span): SpaceClause {
    const grid = tokenOf(node, "Inner_grid");
    const args = nodeOf(node, "args");
    const word = grid ?? tokenOf(node, "Inner_seq");
    const start = word === undefined ? span(this.e.file, whole.end, whole.end) : spanOf(this.e.file, word);
    const baseSpan = span(this.e.file, start.start, spanOfNode(this.e.file, args, start.end).end);
    const base =
      grid === undefined
        ? ({ kind: "seq", span: baseSpan } as const)
        : ({ kind: "grid", args: this.e.args(args, whole.end), span: baseSpan } as const);
    const segments = nodesOf(node, "call").map((call) => this.e.call(call, whole.end));
    const causality = this.causality(tokenOf(node, "causality"));
    return { kind: "space", base, segments, ...given({ causality }), span: whole };
  }

  private causality(token: IToken | undefined): SpaceClause["causality"] {
    if (token === undefined) return undefined;
    const word = identifier(this.e.file, token, token.startOffset);
    if (!this.expect(word, ["causal", "full", "cross"])) return undefined;
    return { value: word.name as Causality, span: word.span };
  }

  private fields(node: CstNode, at: number): { name: Identifier; value: Expr }[] {
    return nodesOf(node, "field").map((field) => {
      const end = spanOfNode(this.e.file, field, at).end;
      return { name: this.e.name(field, end), value: this.e.expr(nodeOf(field, "expr"), end) };
    });
  }

  private units(node: CstNode, at: number): { axis: Identifier; value: Expr }[] {
    return this.fields(node, at).map(({ name, value }) => {
      this.expect(name, ["q", "k", "diag"]);
      return { axis: name, value };
    });
  }

  private assign(node: CstNode, whole: Span): AssignClause {
    const head = nodeOf(node, "assignHead");
    const phase = tokenOf(head, "Name") === undefined ? undefined : this.e.name(head, whole.end);
    const list = nodeOf(node, "assignNames");
    const rows = nodeOf(node, "cases");
    const body: AssignClause["body"] =
      list === undefined && rows !== undefined
        ? this.cases(rows, spanOfNode(this.e.file, head, whole.start))
        : { kind: "names", names: this.names(nodeOf(list, "names"), whole.end) };
    return { kind: "assign", ...given({ phase }), body, span: whole };
  }

  private cases(node: CstNode, head: Span): AssignClause["body"] {
    const cases = nodesOf(node, "caseRow").map((row) => {
      const whole = spanOfNode(this.e.file, row, head.end);
      const [when, value] = [nodeOf(row, "expr"), nodeOf(row, "result")].map((part) => this.e.expr(part, whole.end));
      return { when: when!, value: value!, span: whole };
    });
    for (const row of nodesOf(node, "unknown")) {
      this.reportExpected(firstToken(row), "`when … ->` or `else ->`", ["when", "else"]);
    }
    const [last, ...more] = nodesOf(node, "otherwise");
    if (last === undefined) {
      if (nodesOf(node, "unknown").length === 0) this.e.diagnostics.push(diagnostic("ATTN1020", head, {}));
      const nowhere = span(this.e.file, head.end, head.end);
      return { kind: "cases", cases, otherwise: { kind: "error", span: nowhere }, otherwiseSpan: nowhere };
    }
    const otherwiseSpan = spanOfNode(this.e.file, last, head.end);
    const after = [...more.map((row) => spanOfNode(this.e.file, row, head.end)), ...cases.map((row) => row.span)];
    const late = after.filter((at) => at.start > otherwiseSpan.start).sort((a, b) => a.start - b.start)[0];
    if (late !== undefined) {
      const labels = [{ span: span(this.e.file, otherwiseSpan.start, otherwiseSpan.start + 4), text: "this `else` takes everything" }];
      this.e.diagnostics.push(diagnostic("ATTN1021", span(this.e.file, late.start, late.start + 4), {}, { labels }));
    }
    return { kind: "cases", cases, otherwise: this.e.expr(nodeOf(last, "result"), otherwiseSpan.end), otherwiseSpan };
  }

  // ------------------------------------------------------------------- reports

  private reportUnknown(token: IToken): void {
    const found = `\`${printable(token.image)}\``;
    this.e.diagnostics.push(diagnostic("ATTN1012", spanOf(this.e.file, token), { found }, { hint: this.unknownHint(token) }));
  }

  private unknownHint(token: IToken): string | undefined {
    if (!/^[A-Za-z_]/.test(token.image)) return undefined;
    const rest = this.e.file.text.slice(token.startOffset + token.image.length, token.startOffset + token.image.length + 40);
    if (/^\s*=(?!=)/.test(rest)) return `to give an expression a name, write \`let ${token.image} = …\``;
    const near = suggest(token.image, Object.keys(t.clauseKeywords));
    return near === undefined ? undefined : `did you mean \`${near}\`?`;
  }

  /** Whether a word is one of those that can stand at its place; if not, it is reported. */
  private expect(word: Identifier, allowed: readonly string[]): boolean {
    if (word.name === "" || allowed.includes(word.name)) return true;
    const near = suggest(word.name, allowed);
    const hint = near === undefined ? undefined : `did you mean \`${near}\`?`;
    const listed = allowed.map((each) => `\`${each}\``);
    const expected = `${listed.slice(0, -1).join(", ")} or ${listed.at(-1)!}`;
    this.e.diagnostics.push(diagnostic("ATTN1010", word.span, { expected, found: `\`${printable(word.name)}\`` }, { hint }));
    return false;
  }

  private reportExpected(token: IToken, expected: string, words: readonly string[]): void {
    const near = suggest(token.image, words);
    const hint = near === undefined ? undefined : `did you mean \`${near}\`?`;
    const found = `\`${printable(token.image)}\``;
    this.e.diagnostics.push(diagnostic("ATTN1010", spanOf(this.e.file, token), { expected, found }, { hint }));
  }
}

function keywordOf<K extends string>(node: CstNode | undefined, fallback: K): K {
  return (tokenOf(node, "keyword")?.image as K | undefined) ?? fallback;
}

/** The token that an unknown clause starts with. */
function firstToken(unknown: CstNode): IToken {
  return tokenOf(unknown, "UnknownClause")!.payload as IToken;
}

/** The fields that are there: an optional part is left out of a node rather than undefined. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
