import fc from "fast-check";
import { expect, test } from "vitest";
import type { OracleInput } from "../../compiler/oracle/oracle.js";
import type { InputSpec } from "../../runtime/launch/module.js";
import { randomInput } from "../../runtime/verify/inputs.js";
import { random } from "../../runtime/verify/random.js";
import { compiledModule, expectAgreement } from "./agreement.js";
import { randomProgram, tables, type RandomProgram } from "./arbitrary-programs.js";
import { programOf } from "./programs.js";

const specs: readonly InputSpec[] = [
  { kind: "ids", name: "doc", axis: "k" },
  { kind: "bits", name: "map", rows: "q", columns: "k" },
  { kind: "columns", name: "cols" },
  { kind: "diagonals", name: "diags" },
  { kind: "blocks", name: "blk", n: 4, m: 3 },
  { kind: "csr", name: "lists", n: 3, m: 5 },
];

function inputsOf({ N, NQ, heads, kvHeads, seed }: RandomProgram): Record<string, OracleInput> {
  const sizes = { batch: 2, heads, kvHeads, queries: NQ, keys: N, lastPosition: N };
  const source = random(seed);
  return Object.fromEntries(specs.map((spec) => [spec.name, randomInput(spec, sizes, source)]));
}

test("random programs: mask IR = oracle", () => {
  let refused = 0;
  let agreed = 0;
  fc.assert(
    fc.property(randomProgram, (random) => {
      const { N, NQ, heads, kvHeads, layer, run } = random;
      const program = programOf(random.text, tables);
      const launch = { N, NQ, heads, kvHeads, layer, layers: 2, params: { run }, inputs: inputsOf(random) };
      try {
        compiledModule(program, "a", launch, tables);
      } catch (error) {
        // The compiler may refuse: a window out of range, an index that may overflow. Anything else is a bug.
        if (!(error instanceof Error) || !error.message.startsWith("ATTN")) throw error;
        refused++;
        return;
      }
      expectAgreement(program, "a", launch, 2, tables);
      agreed++;
    }),
    { numRuns: 250 },
  );
  expect(agreed).toBeGreaterThan(refused);
}, 300_000);
