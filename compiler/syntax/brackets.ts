import type { IToken, TokenType } from "chevrotain";
import { joinsLines } from "./continuation.js";
import * as t from "./tokens.js";

/** Brackets, and `if` inside a condition, nest at most so deep: the parser recurses once for each. */
export const maxNesting = 64;

export interface Brackets {
  /** For each token the index of the bracket it pairs with; -1 for all others and for brackets that have no partner. */
  readonly partner: Int32Array;
  /** 1 for each token that stands deeper than the limit: it is left out. */
  readonly tooDeep: Uint8Array;
  /** 1 for each token that starts a declaration at a place where one can be told from a clause. */
  readonly startsDeclaration: Uint8Array;
}

const closers = new Map<TokenType, TokenType>([
  [t.RParen, t.LParen],
  [t.RBracket, t.LBracket],
  [t.RCurly, t.LCurly],
]);

interface Open {
  readonly kind: TokenType;
  readonly index: number;
}

/**
 * Pairs the brackets of a token list so that one missing bracket disturbs as little as possible: `;`, braces and the
 * start of a declaration end every open parenthesis, and the start of a declaration ends every open brace.
 */
export function pairBrackets(tokens: readonly IToken[], startsLine: Uint8Array): Brackets {
  const partner = new Int32Array(tokens.length).fill(-1);
  const tooDeep = new Uint8Array(tokens.length);
  const startsDeclaration = new Uint8Array(tokens.length);
  const stack: Open[] = [];
  // How many of each opener stand above the last brace, so that a closer finds out at once whether it has a partner.
  const above = { paren: 0, bracket: 0 };

  const count = (kind: TokenType, by: number) => {
    if (kind === t.LParen) above.paren += by;
    else if (kind === t.LBracket) above.bracket += by;
  };
  const pop = (): Open | undefined => {
    const open = stack.pop();
    if (open !== undefined) count(open.kind, -1);
    return open;
  };
  const dropToBrace = () => {
    while (stack.length > 0 && stack.at(-1)!.kind !== t.LCurly) pop();
  };

  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const kind = token.tokenType;
    if (isDeclarationStart(tokens, i, startsLine)) {
      startsDeclaration[i] = 1;
      stack.length = 0;
      above.paren = 0;
      above.bracket = 0;
    } else if (startsLine[i] && stack.at(-1)?.kind === t.reserved.if && !joinsLines(tokens, startsLine, i)) {
      while (stack.at(-1)?.kind === t.reserved.if) pop();
    }
    if (stack.length > maxNesting) tooDeep[i] = 1;

    const opener = closers.get(kind);
    if (kind === t.Semicolon) {
      dropToBrace();
      tooDeep[i] = stack.length > maxNesting ? 1 : 0;
    } else if (kind === t.LParen || kind === t.LBracket || kind === t.LCurly || kind === t.reserved.if) {
      if (kind === t.LCurly) dropToBrace();
      stack.push({ kind, index: i });
      count(kind, 1);
      tooDeep[i] = stack.length > maxNesting ? 1 : 0;
    } else if (kind === t.reserved.else) {
      if (stack.at(-1)?.kind === t.reserved.if) pop();
    } else if (opener !== undefined) {
      if (opener === t.LCurly) dropToBrace();
      else if ((opener === t.LParen ? above.paren : above.bracket) === 0) {
        // Meant for the bracket of the other kind that is open: that one ends here, and neither has a partner.
        while (stack.at(-1)?.kind === t.reserved.if) pop();
        if (stack.length > 0 && stack.at(-1)!.kind !== t.LCurly) pop();
        continue;
      }
      let open = pop();
      while (open !== undefined && open.kind !== opener) open = pop();
      if (open === undefined) continue;
      partner[open.index] = i;
      partner[i] = open.index;
      tooDeep[i] = tooDeep[open.index]!;
    }
  }
  return { partner, tooDeep, startsDeclaration };
}

/** `pattern NAME (` or `{`, `attention …`, `cache …`, `import {`, where a line starts or after a closing brace. */
function isDeclarationStart(tokens: readonly IToken[], i: number, startsLine: Uint8Array): boolean {
  const word = tokens[i]!;
  if (!Object.hasOwn(t.declarationKeywords, word.image)) return false;
  if (!startsLine[i] && tokens[i - 1]?.tokenType !== t.RCurly) return false;
  const name = tokens[i + 1];
  if (name === undefined) return false;
  if (word.image === "import") return name.tokenType === t.LCurly;
  const opener = tokens[i + 2]?.tokenType;
  if (opener !== t.LCurly && opener !== t.LParen) return false;
  if (word.image === "cache" && (name.image === "keep" || name.image === "use")) return false;
  // The last item of a list that goes on from the line before, and then a clause.
  if (tokens[i - 1]?.tokenType === t.Comma && startsLine[i + 1]) return false;
  return /^\w/.test(name.image) && !Object.hasOwn(t.reserved, name.image);
}
