import { join } from "node:path";
import { expect, test } from "vitest";
import { attnc, json } from "../cli/attnc.js";
import { pictures, settingsOf } from "./pictures.js";
import { cases } from "./rules/cases.js";

const root = join(import.meta.dirname, "../..");

const operators = [...new Set(cases.map(({ pattern }) => pattern.replace(/(#\w+)\.\w+$/, "$1")))];

interface Report {
  readonly results: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly cases: readonly { readonly selections: readonly { readonly kind: string; readonly kept?: number }[] }[];
  }[];
}

test.each(operators)("%s is verified, in short, on the interpreter", async (pattern) => {
  const [, name] = pattern.split("#") as [string, string];
  const shared = ["--device", "interpreter", "--quick", "--seq", "70", "--head-dim", "8", "--format", "json"];
  const result = await attnc(root, "verify", `patterns/${pattern}`, ...settingsOf(name), ...shared);
  const { results } = json(result) as Report;
  expect(results.filter(({ ok }) => !ok)).toEqual([]);
  expect(results.length).toBeGreaterThan(0);
});

test("every setting of a picture is for an operator of the library", () => {
  const names = new Set(operators.map((pattern) => pattern.split("#")[1]));
  expect(Object.keys(pictures).filter((name) => !names.has(name))).toEqual([]);
});
