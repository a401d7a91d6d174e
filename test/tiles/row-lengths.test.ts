import { expect, it } from "vitest";
import { planTiles } from "../../compiler/tiles/plan.js";
import { rowLengths } from "../../compiler/tiles/row-lengths.js";
import { moduleOfText } from "../targets/library-modules.js";

it.each([
  ["causal", "space seq causal\n  attend all", "last first", false],
  ["a window with leading tokens that look at everything", "space seq full\n  attend abs(q - k) < 64 | q < 32", "first first", true],
  ["a window with last tokens that look at everything", "space seq full\n  attend abs(q - k) < 64 | q >= N - 32", "last first", true],
  ["rows that are all alike", "space seq full\n  attend all", "last first", false],
  ["what the caller's inputs decide", "space seq full\n  input doc : ids\n  attend doc[q] == doc[k] | q < 32", "last first", false],
])("the rows of %s", (_, body, order, uneven) => {
  const module = moduleOfText(`attention main {\n  ${body}\n}`);
  expect(rowLengths(module, planTiles(module))).toEqual({ order, uneven });
});
