import { expect, test } from "vitest";
import { compileCuda, cudaSource } from "../../compiler/driver/cuda-source.js";
import { mostKeys } from "../../runtime/cuda/most-keys.js";
import { moduleOfText } from "../targets/library-modules.js";

const INT_MAX = 2 ** 31 - 1;
/** Places of a list begin at a multiple of 16, 256 behind the keys; a tile may reach past the last by 255. */
const GAP = 256 + 15 + 255;

test.each([0, 1, 2, 31, 40])("places of keys and of %i lists are counted in 32 bits, four times each", (lists) => {
  expect(4 * (1 + lists) * mostKeys(lists) + 4 * GAP).toBeLessThanOrEqual(INT_MAX);
});

test("the launcher in C says how many keys there may be beside lists", () => {
  const names = Array.from({ length: 33 }, (_, i) => `c${i}`);
  const mask = moduleOfText(
    `attention lists {\n  space  seq causal\n  shape  dim: 16\n  input  ${names.join(", ")} : columns\n  attend ${names.join(" | ")}\n}\n`,
  );
  const most = mostKeys(mask.inputs.length);
  expect(most).toBeLessThan(2 ** 24);
  expect(cudaSource(compileCuda(mask, { dtypes: ["f32"], headDims: [] }))).toContain(
    `if (p->keys > ${most}) return wrong("keys: expected at most ${most}, found %d", p->keys);`,
  );
});
