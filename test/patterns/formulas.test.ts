import { expect, test } from "vitest";
import { oracleFacts, oracleMask, type OracleLaunch } from "../../compiler/oracle/oracle.js";
import { seeded, type Formula, type Launch } from "./formula.js";
import { formulas } from "./formulas.js";
import { libraryFiles, libraryProgram, parseFile } from "./library.js";
import { cases } from "./rules/cases.js";

const split = (pattern: string): [file: string, name: string] => pattern.split("#") as [string, string];

/** All pairs of one launch, compared; the first that differs is told. */
function differing(formula: Formula, N: number, NQ: number, launch: Launch): string | undefined {
  const [file, name] = split(formula.pattern);
  const { heads = 2, kvHeads = heads, batch = 1 } = formula;
  const program = libraryProgram(file);
  const sizes = { N, NQ, heads, kvHeads, batch };
  const inputs = formula.inputs?.(sizes, seeded(N, NQ)) ?? {};
  const oracle: OracleLaunch = { N, NQ, heads, kvHeads, ...launch, params: formula.params, inputs };
  const { space } = oracleFacts(program, name, formula.params);
  const mask = oracleMask(program, name, oracle);
  const first = space.kind === "cross" ? 0 : N - NQ;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const kvh = Math.floor((h * kvHeads) / heads);
      const pair = { ...sizes, ...launch, b, h, kvh, i: 0, j: 0, inputs };
      for (pair.i = first; pair.i < first + NQ; pair.i++) {
        for (pair.j = 0; pair.j < N; pair.j++) {
          const want = formula.rule(pair);
          if (want !== mask(b, h, pair.i, pair.j)) return `the rule says ${want} for ${JSON.stringify({ ...pair, inputs: undefined })}`;
        }
      }
    }
  }
  return undefined;
}

test.each(formulas.map((formula, i) => [`${formula.pattern} (${i})`, formula] as const))("%s is what its source says", (_, formula) => {
  for (const N of formula.lengths ?? [1, 37, 96]) {
    for (const launch of formula.launches ?? [{}]) {
      expect(differing(formula, N, N, launch)).toBeUndefined();
      if (N > 8) expect(differing(formula, N, Math.ceil(N / 4), launch)).toBeUndefined();
    }
  }
});

test("every attention of the library has a formula, or a rule of its selections, and every name occurs once", () => {
  const names = libraryFiles.flatMap((file) =>
    parseFile(file)
      .items.filter((item) => item.kind !== "import")
      .map((item) => ({ file, item })),
  );
  const attentions = names
    .filter(({ item }) => item.kind === "attention")
    .map(({ file, item }) => `${file.name.slice(4)}#${item.name.name}`);
  // A rule may be about a branch: `FILE#NAME.BRANCH`.
  const checked = new Set([...formulas, ...cases].map(({ pattern }) => pattern.replace(/(#\w+)\.\w+$/, "$1")));
  expect(attentions.filter((pattern) => !checked.has(pattern))).toEqual([]);
  expect(new Set(names.map(({ item }) => item.name.name)).size).toBe(names.length);
});

test("every declaration of the library is documented", () => {
  const bare = libraryFiles.flatMap((file) => parseFile(file).items.filter((item) => item.kind !== "import" && !item.doc));
  expect(bare).toEqual([]);
});
