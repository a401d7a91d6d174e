import { EOF, type IParserErrorMessageProvider, type TokenType } from "chevrotain";
import * as t from "./tokens.js";

/** The message of a syntax error is only what was expected; the parser says what was found. */
export const expectations: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, ruleName }) => expectedToken(expected, ruleName),
  buildNotAllInputParsedMessage: () => "a declaration",
  buildNoViableAltMessage: ({ expectedPathsPerAlt, customUserDescription }) =>
    customUserDescription !== "" && customUserDescription !== undefined
      ? customUserDescription
      : oneOf(expectedPathsPerAlt.flat().map((path) => label(path[0]!))),
  buildEarlyExitMessage: ({ expectedIterationPaths }) => oneOf(expectedIterationPaths.map((path) => label(path[0]!))),
};

function expectedToken(expected: TokenType, ruleName: string): string {
  if (expected === t.RParen && (ruleName === "args" || ruleName === "params")) return "`,` or `)`";
  if (expected === EOF) return "the end of the file";
  if (expected === t.RBracket) return "`,` or `]`";
  if (expected === t.RCurly && (ruleName === "importItem" || ruleName === "assignNames")) return "`,` or `}`";
  return label(expected);
}

function label(kind: TokenType): string {
  return kind.LABEL ?? kind.name;
}

function oneOf(labels: readonly string[]): string {
  const unique = [...new Set(labels)];
  return unique.length < 2 ? unique.join("") : `${unique.slice(0, -1).join(", ")} or ${unique.at(-1)!}`;
}
