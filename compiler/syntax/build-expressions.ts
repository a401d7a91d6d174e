import { tokenMatcher, type CstNode, type IToken, type TokenType } from "chevrotain";
import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import { join, span, type SourceFile, type Span } from "../source/file.js";
import type { Arg, BinaryExpr, BinaryOperator, CallNode, Expr, Identifier, UnaryOperator } from "./ast.js";
import { identifier, nodeOf, nodesOf, spanOfNode, tokenOf, tokensOf } from "./cst.js";
import { spanOf } from "./lexer.js";
import { numberValue } from "./numbers.js";
import { binaryPrecedence, precedence } from "./operators.js";
import { stringValue } from "./strings.js";
import * as t from "./tokens.js";

/** Trees of expressions are at most so deep, a row of operators counting as one level each: stages after this recurse. */
export const maxDepth = 400;

/** Makes expression trees from the concrete tree. Where something is missing, an error node stands. */
export class ExpressionBuilder {
  private readonly depths = new WeakMap<Expr, number>();
  private reportedDepth = false;

  constructor(
    readonly file: SourceFile,
    readonly diagnostics: Diagnostic[],
  ) {}

  /** `at` is the offset of an error node where there is no expression at all. */
  expr(node: CstNode | undefined, at: number): Expr {
    if (node === undefined) return this.missing(at);
    const operands = nodesOf(node, "binary").map((operand) => this.binary(operand, at));
    const conditions = nodesOf(node, "condition").map((condition) => this.expr(condition, at));
    const end = spanOfNode(this.file, node, at).end;
    while (operands.length <= conditions.length) operands.push(this.missing(end));
    let value = operands.pop()!;
    while (operands.length > 0) {
      const then = operands.pop()!;
      const condition = conditions.pop()!;
      const whole = span(this.file, this.outer(then).start, end);
      value = this.limited({ kind: "conditional", condition, then, otherwise: value, span: whole }, [condition, then, value]);
    }
    return value;
  }

  /** Expressions separated by commas. */
  exprs(node: CstNode | undefined, at: number): Expr[] {
    const found = node === undefined ? [] : nodesOf(node, "expr").map((expr) => this.expr(expr, at));
    return found.length === 0 ? [this.missing(at)] : found;
  }

  args(node: CstNode | undefined, at: number): Arg[] {
    return node === undefined ? [] : nodesOf(node, "arg").map((arg) => this.arg(arg, at));
  }

  call(node: CstNode | undefined, at: number): CallNode {
    const whole = spanOfNode(this.file, node, at);
    return { callee: this.name(node, whole.start), args: this.args(nodeOf(node, "args"), whole.end), span: whole };
  }

  name(node: CstNode | undefined, at: number, label = "Name"): Identifier {
    return identifier(this.file, tokenOf(node, label), at);
  }

  private arg(node: CstNode, at: number): Arg {
    const whole = spanOfNode(this.file, node, at);
    const label = tokenOf(node, "label");
    const value = this.expr(nodeOf(node, "expr"), whole.end);
    return { ...(label === undefined ? {} : { label: { text: label.image, span: spanOf(this.file, label) } }), value, span: whole };
  }

  private missing(at: number): Expr {
    return { kind: "error", span: span(this.file, at, at) };
  }

  // ----------------------------------------------------------------- operators

  /** A row of operands and operators, by precedence. */
  private binary(node: CstNode, at: number): Expr {
    const units = nodesOf(node, "unary");
    const operators = tokensOf(node, "BinaryOp");
    const values: Expr[] = [this.unary(units[0], at)];
    const waiting: IToken[] = [];
    const reduce = () => {
      const right = values.pop()!;
      const left = values.pop()!;
      values.push(this.pair(waiting.pop()!, left, right));
    };
    operators.forEach((operator, i) => {
      const level = binaryPrecedence[operatorOf(operator)];
      while (waiting.length > 0 && binaryPrecedence[operatorOf(waiting.at(-1)!)] >= level) {
        if (level === precedence.comparison && binaryPrecedence[operatorOf(waiting.at(-1)!)] === level) this.reportChain(operator);
        reduce();
      }
      waiting.push(operator);
      values.push(this.unary(units[i + 1], spanOf(this.file, operator).end));
    });
    while (waiting.length > 0) reduce();
    return values[0]!;
  }

  private pair(operator: IToken, left: Expr, right: Expr): Expr {
    const whole = join(this.outer(left), this.outer(right));
    const made: BinaryExpr = { kind: "binary", op: operatorOf(operator), left, right, span: whole };
    return this.limited(made, [left, right]);
  }

  private reportChain(operator: IToken): void {
    this.diagnostics.push(diagnostic("ATTN1017", spanOf(this.file, operator), { operator: `\`${operatorOf(operator)}\`` }));
  }

  private unary(node: CstNode | undefined, at: number): Expr {
    if (node === undefined) return this.missing(at);
    let value = this.atom(nodeOf(node, "atom"), at);
    for (const suffix of nodesOf(node, "suffix")) value = this.suffix(value, suffix);
    for (const prefix of tokensOf(node, "PrefixOp").toReversed()) {
      const op: UnaryOperator = tokenMatcher(prefix, t.Minus) ? "-" : "!";
      const whole = span(this.file, prefix.startOffset, this.outer(value).end);
      value = this.limited({ kind: "unary", op, operand: value, span: whole }, [value]);
    }
    return value;
  }

  private suffix(object: Expr, node: CstNode): Expr {
    const end = spanOfNode(this.file, node, object.span.end).end;
    const whole = span(this.file, this.outer(object).start, end);
    const dot = tokenOf(node, "Dot");
    if (dot === undefined) {
      const indices = this.exprs(nodeOf(node, "exprs"), end);
      return this.limited({ kind: "index", object, indices, span: whole }, [object, ...indices]);
    }
    const args = nodeOf(node, "args");
    const name = this.name(node, end);
    if (args === undefined) return this.limited({ kind: "member", object, name, span: whole }, [object]);
    const given = this.args(args, end);
    return this.limited({ kind: "member", object, name, args: given, span: whole }, [object, ...given.map((arg) => arg.value)]);
  }

  private atom(node: CstNode | undefined, at: number): Expr {
    if (node === undefined) return this.missing(at);
    const whole = spanOfNode(this.file, node, at);
    const number = tokenOf(node, "Number");
    if (number !== undefined) return { kind: "number", ...numberValue(number.image), text: number.image, span: whole };
    const string = tokenOf(node, "String");
    if (string !== undefined) return { kind: "string", value: stringValue(string.image), span: whole };
    const name = tokenOf(node, "Name");
    if (name !== undefined) {
      const args = nodeOf(node, "args");
      if (args === undefined) return { kind: "name", name: name.image, span: whole };
      const given = this.args(args, whole.end);
      const callee = identifier(this.file, name, whole.start);
      return this.limited(
        { kind: "call", callee, args: given, span: whole },
        given.map((arg) => arg.value),
      );
    }
    if (tokenOf(node, "LParen") !== undefined) {
      const value = this.expr(nodeOf(node, "expr"), whole.end);
      this.parenthesised.set(value, whole);
      return value;
    }
    if (tokenOf(node, "LBracket") !== undefined) {
      const items = this.exprs(nodeOf(node, "exprs"), whole.end);
      return this.limited({ kind: "list", items, span: whole }, items);
    }
    return { kind: tokenOf(node, "Question") === undefined ? "error" : "unknown", span: whole };
  }

  // --------------------------------------------------------------------- places

  /** Where the parentheses around an expression are; its own span is without them, that of what holds it with them. */
  private readonly parenthesised = new WeakMap<Expr, Span>();

  private outer(value: Expr): Span {
    return this.parenthesised.get(value) ?? value.span;
  }

  /** The node, unless its tree would be too deep to walk. */
  private limited(made: Expr, children: readonly Expr[]): Expr {
    let depth = 0;
    for (const child of children) depth = Math.max(depth, this.depths.get(child) ?? 0);
    if (depth < maxDepth) {
      this.depths.set(made, depth + 1);
      return made;
    }
    if (!this.reportedDepth) {
      this.reportedDepth = true;
      const hint = "give parts of it names with `let`";
      this.diagnostics.push(diagnostic("ATTN1016", made.span, { limit: maxDepth }, { hint }));
    }
    return { kind: "error", span: made.span };
  }
}

/** Where the text has another spelling, the kind of the token says which operator stands for it. */
const operatorText = new Map<TokenType, BinaryOperator>([
  [t.And, "&"],
  [t.Or, "|"],
  [t.EqualEqual, "=="],
  [t.LessEqual, "<="],
  [t.Star, "*"],
  [t.NotEqual, "!="],
]);

function operatorOf(token: IToken): BinaryOperator {
  return operatorText.get(token.tokenType) ?? (token.image as BinaryOperator);
}
