import fc from "fast-check";
import { expect, test } from "vitest";
import { random } from "../../../runtime/verify/random.js";
import { selectingProgram, type SelectingProgram } from "./arbitrary-programs.js";
import { interpreted, type Launch } from "./interpreted.js";

const headDim = 8;
const batch = 2;

function launchOf({ N, NQ, heads, kvHeads, layer, exact, seed }: SelectingProgram): Launch {
  const source = random(seed);
  const numbers = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => (exact ? source.integer(-2, 2) : source.normal()));
  const tensors = { headDim, q: numbers(batch * heads * NQ * headDim), k: numbers(batch * kvHeads * N * headDim) };
  return { N, NQ, heads, kvHeads, layer, layers: 2, tensors };
}

test("random programs that select: interpreter and oracle agree", () => {
  let refused = 0;
  let agreed = 0;
  fc.assert(
    fc.property(selectingProgram, (program) => {
      try {
        const { checks, difference } = interpreted(program.text, launchOf(program), batch);
        expect(checks.filter((check) => !check.ok)).toEqual([]);
        expect(difference).toBe(undefined);
        agreed++;
      } catch (error) {
        // The compiler may refuse: units that do not go together. Anything else is a bug.
        if (!(error instanceof Error) || !error.message.startsWith("ATTN")) throw error;
        refused++;
      }
    }),
    { numRuns: 40 },
  );
  expect(agreed).toBeGreaterThan(9 * refused);
}, 120_000);
