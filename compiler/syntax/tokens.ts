import { createToken, Lexer, type TokenType } from "chevrotain";

/**
 * The kinds of token. Words are lexed as `Word` and given their keyword kind by place: a clause keyword is one only
 * where a clause starts, so that `score`, `keep` or `first` stay free as names everywhere else. `if`, `else` and `in`
 * stand between expressions and are the only reserved words.
 *
 * The label of a kind is how messages name it.
 */

function category(name: string, label: string): TokenType {
  return createToken({ name, label, pattern: Lexer.NA });
}

/** Anything that can be a name: plain words, and keywords where they are not at their place. */
export const Name = category("Name", "a name");
export const BinaryOp = category("BinaryOp", "an operator");
export const PrefixOp = category("PrefixOp", "`-` or `!`");

function symbol(name: string, text: string, categories: TokenType[] = []): TokenType {
  return createToken({ name, label: `\`${text}\``, pattern: text, categories });
}

export const WhiteSpace = createToken({ name: "WhiteSpace", pattern: /[\s\uFEFF]+/, group: Lexer.SKIPPED });
export const DocComment = createToken({ name: "DocComment", pattern: /\/\/\/(?!\/)[^\n\r]*/, group: "comments" });
export const LineComment = createToken({ name: "LineComment", pattern: /\/\/[^\n\r]*/, group: "comments" });
export const BlockComment = createToken({ name: "BlockComment", pattern: /\/\*[^]*?\*\//, group: "comments" });
export const OpenComment = createToken({ name: "OpenComment", pattern: /\/\*[^]*/, group: "comments" });

export const Word = createToken({ name: "Word", label: "a name", pattern: /[A-Za-z_]\w*/, categories: [Name] });
/** Everything that starts like a number, well formed or not; see `numbers.ts`. */
export const NumberToken = createToken({ name: "Number", label: "a number", pattern: /\d(?:[eE][+-]\d|[\w.])*/ });
export const StringToken = createToken({ name: "String", label: "a string", pattern: /"(?:[^"\\\n\r]|\\[^\n\r])*"/ });
export const OpenString = createToken({ name: "OpenString", label: "a string", pattern: /"[^\n\r]*/, categories: [StringToken] });

/** Operators of other languages that people write by habit; the lexer turns each into the kind of its counterpart. */
export const ForeignOp = createToken({ name: "ForeignOp", pattern: /&&|\|\||===|!==|\*\*|<>|=<|=>|:=/ });

export const LessEqual = symbol("LessEqual", "<=", [BinaryOp]);
export const GreaterEqual = symbol("GreaterEqual", ">=", [BinaryOp]);
export const EqualEqual = symbol("EqualEqual", "==", [BinaryOp]);
export const NotEqual = symbol("NotEqual", "!=", [BinaryOp]);
export const PlusEqual = symbol("PlusEqual", "+=");
export const Arrow = symbol("Arrow", "->");
export const Less = symbol("Less", "<", [BinaryOp]);
export const Greater = symbol("Greater", ">", [BinaryOp]);
export const Plus = symbol("Plus", "+", [BinaryOp]);
export const Minus = symbol("Minus", "-", [BinaryOp, PrefixOp]);
export const Star = symbol("Star", "*", [BinaryOp]);
export const Slash = symbol("Slash", "/", [BinaryOp]);
export const Percent = symbol("Percent", "%", [BinaryOp]);
export const And = symbol("And", "&", [BinaryOp]);
export const Or = symbol("Or", "|", [BinaryOp]);
export const Not = symbol("Not", "!", [PrefixOp]);
export const Equal = symbol("Equal", "=");
export const Colon = symbol("Colon", ":");
export const Comma = symbol("Comma", ",");
export const Dot = symbol("Dot", ".");
export const Question = symbol("Question", "?");
export const Semicolon = symbol("Semicolon", ";");
export const LParen = symbol("LParen", "(");
export const RParen = symbol("RParen", ")");
export const LBracket = symbol("LBracket", "[");
export const RBracket = symbol("RBracket", "]");
export const LCurly = symbol("LCurly", "{");
export const RCurly = symbol("RCurly", "}");

/** The end of a clause: a newline that counts, or `;`. Made by the layout, never lexed. */
export const Separator = category("Separator", "the end of the line");
/**
 * Marks of no width before each clause, made by the layout: one that a keyword starts, one with `+=`, and what is no
 * clause. After an error the parser goes on at the next of them. The payload is the first token of the clause.
 */
export const KeywordClause = category("KeywordClause", "a clause");
export const AccumulateClause = category("AccumulateClause", "a clause");
export const UnknownClause = category("UnknownClause", "a clause");

// ------------------------------------------------------------------- keywords

/** Token kinds for words; `role` keeps the names apart of a word that is a keyword in two places. */
function keywords<const W extends string>(role: string, words: readonly W[], categories: TokenType[]): Readonly<Record<W, TokenType>> {
  const kinds = words.map((word) => [word, createToken({ name: `${role}_${word}`, label: `\`${word}\``, pattern: Lexer.NA, categories })]);
  return Object.fromEntries(kinds) as Record<W, TokenType>;
}

/** Reserved: they are never names. */
export const reserved = { ...keywords("Reserved", ["if", "else"], []), ...keywords("Reserved", ["in"], [BinaryOp]) };

/** Keywords where a declaration starts. */
export const declarationKeywords = keywords("Declaration", ["import", "pattern", "attention", "cache"], []);

/** Keywords where a clause starts. */
export const clauseKeywords = keywords(
  "Clause",
  [
    ...(["space", "shape", "phase", "input", "table", "let", "probe", "pool", "select", "branch", "unit", "score", "group"] as const),
    ...(["keep", "among", "force", "snap", "at", "reuse", "assign", "attend", "normalize", "output", "emit", "layout", "rope"] as const),
    ...(["require", "cache", "state", "budget", "on", "retain", "evict"] as const),
  ],
  [],
);

/** Words with a meaning inside some clause; names anywhere else. */
export const innerWords = keywords(
  "Inner",
  [
    ...(["runtime", "from", "min", "max", "over", "every", "steps", "later", "layers", "while", "by"] as const),
    ...(["use", "keep", "except", "grid", "seq", "when"] as const),
  ],
  [Name],
);

const punctuation = [
  ...[ForeignOp, LessEqual, GreaterEqual, EqualEqual, NotEqual, PlusEqual, Arrow, Less, Greater, Plus, Minus, Star, Slash],
  ...[Percent, And, Or, Not, Equal, Colon, Comma, Dot, Question, Semicolon, LParen, RParen, LBracket, RBracket, LCurly, RCurly],
];

/** The kinds the lexer matches, first match first. */
export const lexedTokens: TokenType[] = [
  ...[WhiteSpace, DocComment, LineComment, BlockComment, OpenComment, Word, NumberToken, StringToken, OpenString],
  ...punctuation,
];

/** Every kind that the grammar can meet. */
export const grammarTokens: TokenType[] = [
  ...[Name, BinaryOp, PrefixOp, Separator, KeywordClause, AccumulateClause, UnknownClause],
  ...lexedTokens,
  ...Object.values(reserved),
  ...Object.values(declarationKeywords),
  ...Object.values(clauseKeywords),
  ...Object.values(innerWords),
];
