import type { Span } from "../source/file.js";

/** The syntax tree: one node type for each form of the grammar, each with its exact span. */

export interface Identifier {
  readonly kind: "identifier";
  /** Empty where the parser found no name; a diagnostic has been reported. */
  readonly name: string;
  readonly span: Span;
}

// ---------------------------------------------------------------- expressions

// The span of an expression is without the parentheses around it; that of what holds it is with them.

export type UnaryOperator = "-" | "!";
export type BinaryOperator = "+" | "-" | "*" | "/" | "%" | "<" | "<=" | ">" | ">=" | "==" | "!=" | "in" | "&" | "|";

export type Expr =
  | NumberLiteral
  | StringLiteral
  | NameExpr
  | CallExpr
  | MemberExpr
  | IndexExpr
  | UnaryExpr
  | BinaryExpr
  | ConditionalExpr
  | ListExpr
  | UnknownExpr
  | ErrorExpr;

export interface NumberLiteral {
  readonly kind: "number";
  readonly value: number;
  /** The text as written, kept for the formatter: `1e-3` stays `1e-3`. */
  readonly text: string;
  /** True when written without a point or an exponent. */
  readonly integer: boolean;
  readonly span: Span;
}
export interface StringLiteral {
  readonly kind: "string";
  /** The value, without quotes and escapes. */
  readonly value: string;
  readonly span: Span;
}
export interface NameExpr {
  readonly kind: "name";
  readonly name: string;
  readonly span: Span;
}
export interface CallExpr {
  readonly kind: "call";
  readonly callee: Identifier;
  readonly args: readonly Arg[];
  readonly span: Span;
}
/** `object.name` or, with arguments, `object.name(args)`. */
export interface MemberExpr {
  readonly kind: "member";
  readonly object: Expr;
  readonly name: Identifier;
  readonly args?: readonly Arg[] | undefined;
  readonly span: Span;
}
export interface IndexExpr {
  readonly kind: "index";
  readonly object: Expr;
  readonly indices: readonly Expr[];
  readonly span: Span;
}
export interface UnaryExpr {
  readonly kind: "unary";
  readonly op: UnaryOperator;
  readonly operand: Expr;
  readonly span: Span;
}
export interface BinaryExpr {
  readonly kind: "binary";
  readonly op: BinaryOperator;
  readonly left: Expr;
  readonly right: Expr;
  readonly span: Span;
}
/** `then if condition else otherwise` */
export interface ConditionalExpr {
  readonly kind: "conditional";
  readonly condition: Expr;
  readonly then: Expr;
  readonly otherwise: Expr;
  readonly span: Span;
}
export interface ListExpr {
  readonly kind: "list";
  readonly items: readonly Expr[];
  readonly span: Span;
}
/** `?`: an extent that is given at run time. */
export interface UnknownExpr {
  readonly kind: "unknown";
  readonly span: Span;
}
/** Stands where the parser found no expression; a diagnostic has been reported. */
export interface ErrorExpr {
  readonly kind: "error";
  readonly span: Span;
}

/** `value` or `label: value`; a label is a name or a number. Parentheses are not kept as nodes. */
export interface Arg {
  readonly label?: { readonly text: string; readonly span: Span } | undefined;
  readonly value: Expr;
  readonly span: Span;
}

// -------------------------------------------------------------------- clauses

export type Clause =
  | SpaceClause
  | ShapeClause
  | PhaseClause
  | InputClause
  | TableClause
  | LetClause
  | ProbeClause
  | PoolClause
  | BlockClause
  | UnitClause
  | ScoreClause
  | GroupClause
  | KeepClause
  | AmongClause
  | ForceClause
  | SnapClause
  | AtClause
  | ReuseClause
  | AssignClause
  | AttendClause
  | NormalizeClause
  | OutputClause
  | EmitClause
  | LayoutClause
  | RopeClause
  | RequireClause
  | CacheClause
  | StateClause
  | BudgetClause
  | RetainClause
  | EvictClause
  | AccumulateClause;

export type ClauseKind = Clause["kind"];

/** `NAME(args)`, where the grammar asks for a call and not for an expression. */
export interface CallNode {
  readonly callee: Identifier;
  readonly args: readonly Arg[];
  readonly span: Span;
}

export type Causality = "causal" | "full" | "cross";

export interface SpaceClause {
  readonly kind: "space";
  /** `seq`, or `grid(args)`. */
  readonly base:
    { readonly kind: "seq"; readonly span: Span } | { readonly kind: "grid"; readonly args: readonly Arg[]; readonly span: Span };
  /** `+ text(256)`: further segments, in the order written. */
  readonly segments: readonly CallNode[];
  readonly causality?: { readonly value: Causality; readonly span: Span } | undefined;
  readonly span: Span;
}
export interface ShapeClause {
  readonly kind: "shape";
  readonly fields: readonly { readonly name: Identifier; readonly value: Expr }[];
  readonly span: Span;
}
export interface PhaseClause {
  readonly kind: "phase";
  readonly names: readonly Identifier[];
  readonly span: Span;
}
export interface InputClause {
  readonly kind: "input";
  readonly names: readonly Identifier[];
  readonly type: Expr;
  readonly span: Span;
}
export interface TableClause {
  readonly kind: "table";
  readonly names: readonly Identifier[];
  readonly value: Expr;
  readonly span: Span;
}
export interface LetClause {
  readonly kind: "let";
  readonly name: Identifier;
  readonly value: Expr;
  readonly span: Span;
}
export interface ProbeClause {
  readonly kind: "probe";
  readonly name: Identifier;
  readonly value: Expr;
  readonly span: Span;
}
export interface PoolClause {
  readonly kind: "pool";
  readonly names: readonly Identifier[];
  readonly values: readonly Expr[];
  readonly span: Span;
}
/** `select NAME { … }`, `branch NAME { … }` and, in a cache, `on NAME { … }`. */
export interface BlockClause {
  readonly kind: "select" | "branch" | "on";
  readonly name: Identifier;
  readonly body: Body;
  readonly span: Span;
}
export interface UnitClause {
  readonly kind: "unit";
  readonly units: readonly { readonly axis: Identifier; readonly value: Expr }[];
  readonly span: Span;
}
export interface ScoreClause {
  readonly kind: "score";
  readonly value: Expr;
  readonly span: Span;
}
export interface GroupClause {
  readonly kind: "group";
  readonly how: Identifier;
  readonly over: Identifier;
  readonly span: Span;
}
export interface KeepClause {
  readonly kind: "keep";
  readonly value: Expr;
  readonly min?: Expr | undefined;
  readonly max?: Expr | undefined;
  readonly over?: Identifier | undefined;
  readonly span: Span;
}
export interface AmongClause {
  readonly kind: "among";
  readonly value: Expr;
  readonly span: Span;
}
export interface ForceClause {
  readonly kind: "force";
  readonly value: Expr;
  readonly span: Span;
}
export interface SnapClause {
  readonly kind: "snap";
  readonly value: Expr;
  readonly span: Span;
}
export interface AtClause {
  readonly kind: "at";
  readonly value: Expr;
  readonly span: Span;
}
export interface ReuseClause {
  readonly kind: "reuse";
  readonly how:
    | { readonly kind: "every"; readonly count: Expr }
    | { readonly kind: "later" }
    | { readonly kind: "while"; readonly value: Expr }
    | { readonly kind: "from"; readonly name: Identifier };
  readonly span: Span;
}
export interface AssignClause {
  readonly kind: "assign";
  /** `assign prefill { … }`: the phase it is for. */
  readonly phase?: Identifier | undefined;
  readonly body:
    | { readonly kind: "names"; readonly names: readonly Identifier[] }
    | {
        readonly kind: "cases";
        readonly cases: readonly { readonly when: Expr; readonly value: Expr; readonly span: Span }[];
        readonly otherwise: Expr;
        readonly otherwiseSpan: Span;
      };
  readonly span: Span;
}
export interface AttendClause {
  readonly kind: "attend";
  readonly value: Expr;
  /** `from ck, cv`: other key and value tensors. */
  readonly from?: { readonly key: Identifier; readonly value: Identifier } | undefined;
  readonly span: Span;
}
export interface NormalizeClause {
  readonly kind: "normalize";
  readonly value: Expr;
  readonly span: Span;
}
export interface OutputClause {
  readonly kind: "output";
  readonly value: Expr;
  readonly span: Span;
}
export interface EmitClause {
  readonly kind: "emit";
  readonly names: readonly Identifier[];
  readonly span: Span;
}
export interface LayoutClause {
  readonly kind: "layout";
  /** `layout shared_prefix` is a call without parentheses: its `args` are empty. */
  readonly items: readonly CallNode[];
  readonly span: Span;
}
export interface RopeClause {
  readonly kind: "rope";
  readonly by: Identifier;
  readonly span: Span;
}
export interface RequireClause {
  readonly kind: "require";
  readonly names: readonly Identifier[];
  readonly span: Span;
}
export interface CacheClause {
  readonly kind: "cache";
  readonly how: { readonly kind: "keep"; readonly value: Expr } | { readonly kind: "use"; readonly policy: CallNode };
  readonly span: Span;
}
export interface StateClause {
  readonly kind: "state";
  readonly target: Expr;
  readonly value: Expr;
  readonly span: Span;
}
export interface BudgetClause {
  readonly kind: "budget";
  readonly value: Expr;
  readonly span: Span;
}
export interface RetainClause {
  readonly kind: "retain";
  readonly name: Identifier;
  readonly span: Span;
}
export interface EvictClause {
  readonly kind: "evict";
  readonly what: CallNode;
  readonly except: Expr;
  readonly span: Span;
}
export interface AccumulateClause {
  readonly kind: "accumulate";
  readonly target: Expr;
  readonly value: Expr;
  readonly span: Span;
}

// --------------------------------------------------------------- declarations

export interface Body {
  readonly clauses: readonly Clause[];
  readonly span: Span;
}

export interface Param {
  readonly name: Identifier;
  readonly runtime: boolean;
  readonly value: Expr;
  readonly span: Span;
}

export interface Import {
  readonly kind: "import";
  readonly names: readonly Identifier[];
  readonly from: StringLiteral;
  readonly span: Span;
}

export interface Declaration {
  readonly kind: "pattern" | "attention" | "cache";
  readonly name: Identifier;
  readonly params: readonly Param[];
  readonly body: Body;
  /** The `///` lines before it, without the marks, joined by newlines. */
  readonly doc?: string | undefined;
  readonly span: Span;
}

export interface Comment {
  readonly kind: "line" | "block" | "doc";
  /** The text as written, marks included. */
  readonly text: string;
  readonly span: Span;
}

/** A whole file. Parsing always yields one, whatever the text. */
export interface FileNode {
  readonly items: readonly (Import | Declaration)[];
  readonly comments: readonly Comment[];
  readonly span: Span;
}
