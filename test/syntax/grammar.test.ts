import { Lexer } from "chevrotain";
import { expect, test } from "vitest";
import { Grammar } from "../../compiler/syntax/grammar.js";
import { lexedTokens } from "../../compiler/syntax/tokens.js";

// Both are made without these validations when the compiler runs.

test("the grammar is valid: no ambiguity, no left recursion, no unreachable alternative", () => {
  expect(() => new Grammar(false)).not.toThrow();
});

test("the tokens are valid", () => {
  expect(new Lexer(lexedTokens).lexerDefinitionErrors).toEqual([]);
});
