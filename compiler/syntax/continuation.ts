import { tokenMatcher, type IToken, type TokenType } from "chevrotain";
import * as t from "./tokens.js";

const { if: If, else: Else } = t.reserved;

const openEnds = new Set<TokenType>([
  ...[t.Not, t.Comma, t.Equal, t.PlusEqual, t.Arrow, t.Colon, t.Dot, t.LParen, t.LBracket, t.LCurly, If, Else],
]);
const openStarts = new Set<TokenType>([t.Comma, t.Equal, t.PlusEqual, t.Arrow, t.Colon, t.Dot, t.LCurly, t.RParen, t.RBracket, If]);

/**
 * Whether a newline between two tokens joins their lines: the first cannot end a clause, or the second cannot start
 * one. `after` is the token that follows the second: `else` starts a case when `->` comes next.
 */
export function joinsLines(before: IToken, next: IToken, after: IToken | undefined): boolean {
  if (openStarts.has(next.tokenType) || tokenMatcher(next, t.BinaryOp)) return true;
  if (next.tokenType === Else) return after?.tokenType !== t.Arrow;
  if (!openEnds.has(before.tokenType) && !tokenMatcher(before, t.BinaryOp)) return false;
  return !startsClause(next, after);
}

/** A clause keyword and a word after it: no expression has two words in a row, so this is a new clause. */
function startsClause(word: IToken, after: IToken | undefined): boolean {
  if (!Object.hasOwn(t.clauseKeywords, word.image) || after === undefined) return false;
  return [t.Word, t.NumberToken, t.StringToken].includes(after.tokenType);
}
