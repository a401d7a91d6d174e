import fc from "fast-check";
import { sourceFile, span } from "../../compiler/source/file.js";
import type { Arg, Body, CallNode, Clause, Declaration, Expr, FileNode, Identifier, Import } from "../../compiler/syntax/ast.js";
import { numberValue } from "../../compiler/syntax/numbers.js";
import * as t from "../../compiler/syntax/tokens.js";

/** Trees over the whole grammar. Their places are all the same and mean nothing: print them, or compare with {@link withoutSpans}. */

const nowhere = span(sourceFile("generated.attn", ""), 0, 0);

const plainWords = ["q", "k", "h", "N", "window", "x1", "_", "a_shape", "Block", "Q", "averyveryverylongname_0123456789"];
const keywordWords = [...Object.keys(t.clauseKeywords), ...Object.keys(t.innerWords), ...Object.keys(t.declarationKeywords)];

/** A name: often a plain one, often a word that is a keyword somewhere else. */
export const name: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...plainWords),
  fc.constantFrom(...keywordWords),
  fc.stringMatching(/^[A-Za-z_]\w{0,6}$/).filter((word) => !Object.hasOwn(t.reserved, word)),
);

const identifier: fc.Arbitrary<Identifier> = name.map((text) => ({ kind: "identifier", name: text, span: nowhere }));

function among<const W extends string>(...words: W[]): fc.Arbitrary<Identifier> {
  return fc.constantFrom(...words).map((text) => ({ kind: "identifier", name: text, span: nowhere }));
}

const numberText = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom("0", "007", "0.5", "1e-3", "2E+5", "12.50e1", "9007199254740991"),
  fc.double({ min: 0, max: 1e6, noNaN: true }).map(String),
);

const number = numberText.map((text) => ({ kind: "number", ...numberValue(text), text, span: nowhere }) as const);
const string = fc.string({ unit: "binary", maxLength: 12 }).map((value) => ({ kind: "string", value, span: nowhere }) as const);

function list<T>(item: fc.Arbitrary<T>, min = 1): fc.Arbitrary<T[]> {
  return fc.array(item, { minLength: min, maxLength: 3 });
}

function optional<K extends string, T>(key: K, value: fc.Arbitrary<T>): fc.Arbitrary<Partial<Record<K, T>>> {
  return fc.oneof(
    fc.constant({}),
    value.map((it) => ({ [key]: it }) as Record<K, T>),
  );
}

const forms = fc.letrec<{ expr: Expr; args: Arg[] }>((tie) => ({
  args: list(
    fc
      .tuple(
        optional(
          "label",
          fc.oneof(name, numberText).map((text) => ({ text, span: nowhere })),
        ),
        tie("expr"),
      )
      .map(([label, value]) => ({ ...label, value, span: nowhere })),
    0,
  ),
  expr: fc.oneof(
    { maxDepth: 5, depthIdentifier: "expr", withCrossShrink: true },
    name.map((text): Expr => ({ kind: "name", name: text, span: nowhere })),
    number,
    string,
    fc.constant<Expr>({ kind: "unknown", span: nowhere }),
    fc.record({ kind: fc.constant("call" as const), callee: identifier, args: tie("args"), span: fc.constant(nowhere) }),
    fc
      .tuple(tie("expr"), identifier, optional("args", tie("args")))
      .map(([object, member, args]): Expr => ({ kind: "member", object, name: member, ...args, span: nowhere })),
    fc.record({ kind: fc.constant("index" as const), object: tie("expr"), indices: list(tie("expr")), span: fc.constant(nowhere) }),
    fc.record({ kind: fc.constant("list" as const), items: list(tie("expr")), span: fc.constant(nowhere) }),
    fc.record({
      kind: fc.constant("unary" as const),
      op: fc.constantFrom("-", "!"),
      operand: tie("expr"),
      span: fc.constant(nowhere),
    }),
    fc.record({
      kind: fc.constant("binary" as const),
      op: fc.constantFrom("+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "in", "&", "|"),
      left: tie("expr"),
      right: tie("expr"),
      span: fc.constant(nowhere),
    }),
    fc.record({
      kind: fc.constant("conditional" as const),
      condition: tie("expr"),
      then: tie("expr"),
      otherwise: tie("expr"),
      span: fc.constant(nowhere),
    }),
  ),
}));

/** Any expression. */
export const expr: fc.Arbitrary<Expr> = forms.expr;

const call: fc.Arbitrary<CallNode> = fc.record({ callee: identifier, args: forms.args, span: fc.constant(nowhere) });

const names = list(identifier);

function clause<K extends Clause["kind"], T>(kind: K, fields: fc.Arbitrary<T>): fc.Arbitrary<Clause> {
  return fields.map((given) => ({ kind, ...given, span: nowhere }) as unknown as Clause);
}

const value = fc.record({ value: expr });

const simpleClauses: fc.Arbitrary<Clause>[] = [
  clause(
    "space",
    fc
      .record({
        base: fc.oneof(
          fc.constant({ kind: "seq", span: nowhere }),
          forms.args.map((args) => ({ kind: "grid", args, span: nowhere })),
        ),
        segments: list(call, 0),
        word: optional(
          "causality",
          fc.constantFrom("causal", "full", "cross").map((word) => ({ value: word, span: nowhere })),
        ),
      })
      .map(({ word, ...rest }) => ({ ...rest, ...word })),
  ),
  clause("shape", fc.record({ fields: list(fc.record({ name: identifier, value: expr })) })),
  clause("phase", fc.record({ names })),
  clause("input", fc.record({ names, type: expr })),
  clause("table", fc.record({ names, value: expr })),
  clause("let", fc.record({ name: identifier, value: expr })),
  clause("probe", fc.record({ name: identifier, value: expr })),
  clause("pool", fc.record({ names, values: list(expr) })),
  clause("unit", fc.record({ units: list(fc.record({ axis: among("q", "k", "diag"), value: expr })) })),
  clause("score", value),
  clause("group", fc.record({ how: among("sum", "max", "mean"), over: identifier })),
  clause(
    "keep",
    fc
      .tuple(value, optional("min", expr), optional("max", expr), optional("over", identifier))
      .map(([kept, min, max, over]) => ({ ...kept, ...min, ...max, ...over })),
  ),
  clause("among", value),
  clause("force", value),
  clause("snap", value),
  clause("at", value),
  clause(
    "reuse",
    fc
      .oneof(
        fc.record({ kind: fc.constant("every"), count: expr }),
        fc.constant({ kind: "later" }),
        fc.record({ kind: fc.constant("from"), name: identifier }),
      )
      .map((how) => ({ how })),
  ),
  clause(
    "assign",
    fc
      .tuple(
        optional("phase", identifier),
        fc.oneof(
          fc.record({ kind: fc.constant("names"), names }),
          fc.record({
            kind: fc.constant("cases"),
            cases: list(fc.record({ when: expr, value: expr, span: fc.constant(nowhere) }), 0),
            otherwise: expr,
            otherwiseSpan: fc.constant(nowhere),
          }),
        ),
      )
      .map(([phase, body]) => ({ ...phase, body })),
  ),
  clause(
    "attend",
    fc.tuple(value, optional("from", fc.record({ key: identifier, value: identifier }))).map(([seen, from]) => ({ ...seen, ...from })),
  ),
  clause("normalize", value),
  clause("output", value),
  clause("emit", fc.record({ names })),
  clause("layout", fc.record({ items: list(call) })),
  clause("rope", fc.record({ by: identifier })),
  clause("require", fc.record({ names })),
  clause(
    "cache",
    fc
      .oneof(
        expr.map((kept) => ({ kind: "keep", value: kept })),
        call.map((policy) => ({ kind: "use", policy })),
      )
      .map((how) => ({ how })),
  ),
  clause("state", fc.record({ target: expr, value: expr })),
  clause("budget", value),
  clause("retain", fc.record({ name: identifier })),
  clause("evict", fc.record({ what: call, except: expr })),
  clause("accumulate", fc.record({ target: expr, value: expr })),
];

const nested = fc.letrec<{ clause: Clause; body: Body }>((tie) => ({
  body: fc.record({ clauses: fc.array(tie("clause"), { maxLength: 4 }), span: fc.constant(nowhere) }),
  clause: fc.oneof(
    { maxDepth: 3, depthIdentifier: "clause" },
    ...simpleClauses.map((arbitrary) => ({ arbitrary, weight: 1 })),
    { arbitrary: clause("select", fc.record({ name: identifier, body: tie("body") })), weight: 2 },
    { arbitrary: clause("branch", fc.record({ name: identifier, body: tie("body") })), weight: 1 },
    { arbitrary: clause("on", fc.record({ name: identifier, body: tie("body") })), weight: 1 },
  ),
}));

/** Any clause, in whatever kind of body it makes sense or not. */
export const anyClause: fc.Arbitrary<Clause> = nested.clause;

const docLine = fc.string({ unit: "grapheme", maxLength: 20 }).map((line) => line.replace(/[\n\r]/g, " ").trimEnd());

const declaration: fc.Arbitrary<Declaration> = fc
  .record({
    kind: fc.constantFrom("pattern" as const, "attention" as const, "cache" as const),
    name: identifier,
    params: list(fc.record({ name: identifier, runtime: fc.boolean(), value: expr, span: fc.constant(nowhere) }), 0),
    body: nested.body,
    doc: optional(
      "doc",
      list(docLine).map((lines) => lines.join("\n")),
    ),
    span: fc.constant(nowhere),
  })
  .map(({ doc, ...rest }) => ({ ...rest, ...doc }));

const importItem: fc.Arbitrary<Import> = fc.record({
  kind: fc.constant("import" as const),
  names,
  from: string,
  span: fc.constant(nowhere),
});

/** A whole file without comments. */
export const file: fc.Arbitrary<FileNode> = fc
  .array(fc.oneof({ arbitrary: declaration, weight: 3 }, { arbitrary: importItem, weight: 1 }), { maxLength: 4 })
  .map((items) => ({ items, comments: [], span: nowhere }));

/** A tree as data without its places and comments, for comparing. */
export function withoutSpans(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(withoutSpans);
  if (typeof tree !== "object" || tree === null) return tree;
  const dropped = new Set(["span", "otherwiseSpan", "comments"]);
  return Object.fromEntries(
    Object.entries(tree)
      .filter(([key, value]) => !dropped.has(key) && value !== undefined)
      .map(([key, value]) => [key, withoutSpans(value)]),
  );
}
