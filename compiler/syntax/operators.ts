import type { BinaryOperator } from "./ast.js";

/**
 * How tightly operators bind: a higher number binds tighter. Binary operators of one level group from the left;
 * comparisons do not group at all.
 */
export const precedence = { conditional: 1, or: 2, and: 3, comparison: 4, sum: 5, product: 6, prefix: 7, postfix: 8 } as const;

export const binaryPrecedence: Readonly<Record<BinaryOperator, number>> = {
  "|": precedence.or,
  "&": precedence.and,
  "<": precedence.comparison,
  "<=": precedence.comparison,
  ">": precedence.comparison,
  ">=": precedence.comparison,
  "==": precedence.comparison,
  "!=": precedence.comparison,
  in: precedence.comparison,
  "+": precedence.sum,
  "-": precedence.sum,
  "*": precedence.product,
  "/": precedence.product,
  "%": precedence.product,
};
