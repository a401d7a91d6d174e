import { tokenMatcher, type IToken, type TokenType } from "chevrotain";
import * as t from "./tokens.js";

const { if: If, else: Else } = t.reserved;

const openEnds = new Set<TokenType>([
  ...[t.Not, t.Comma, t.Equal, t.PlusEqual, t.Arrow, t.Colon, t.Dot, t.LParen, t.LBracket, t.LCurly, If, Else],
]);
const openStarts = new Set<TokenType>([t.Comma, t.Equal, t.PlusEqual, t.Arrow, t.Colon, t.Dot, t.LCurly, t.RParen, t.RBracket, If]);

/**
 * Whether the newline before a token joins lines: the token before it cannot end a clause, or it cannot itself start
 * one. `startsLine` tells which tokens a newline stands before.
 */
export function joinsLines(tokens: readonly IToken[], startsLine: Uint8Array, i: number): boolean {
  const [before, next, after] = [tokens[i - 1]!, tokens[i]!, tokens[i + 1]];
  if (openStarts.has(next.tokenType) || tokenMatcher(next, t.BinaryOp)) return true;
  // `else` starts a case when `->` comes next.
  if (next.tokenType === Else) return after?.tokenType !== t.Arrow;
  if (!openEnds.has(before.tokenType) && !tokenMatcher(before, t.BinaryOp)) return false;
  return startsLine[i + 1] === 1 || !startsClause(next, after);
}

/** A clause keyword and a word after it: no expression has two words in a row, so this is a new clause. */
function startsClause(word: IToken, after: IToken | undefined): boolean {
  if (!Object.hasOwn(t.clauseKeywords, word.image) || after === undefined) return false;
  return [t.Word, t.NumberToken, t.StringToken].includes(after.tokenType);
}
