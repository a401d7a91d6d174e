import { expect } from "vitest";
import { launchModule } from "../../../compiler/driver/launch.js";
import { interpretSelections } from "../../../compiler/select/interpret.js";
import { lowerSelections } from "../../../compiler/select/lower.js";
import { bitsValue, selectedOf } from "../../../compiler/cli/selections.js";
import { createAttention, type SelectedBits } from "../../../runtime/index.js";
import { softwareTest } from "../../device/software.js";
import { guarded } from "../../select/guarded.js";
import { noise } from "./fixture.js";

const [HEADS, KV_HEADS, DIM, N, BATCH] = [4, 2, 8, 30, 2];

const zeros = (like: SelectedBits): SelectedBits => ({ ...like, words: new Uint32Array(like.words.length) });

softwareTest("rows of a selection stay on the device while their queries are alike, and others are chosen anew", async ({ device }) => {
  const mask = guarded("kvh");
  const program = lowerSelections(mask)!;
  const operator = await createAttention(device, launchModule(mask, [], { profiles: ["software"] }));
  const [k, v] = [noise(BATCH * KV_HEADS * N * DIM, 1), noise(BATCH * KV_HEADS * N * DIM, 2)];
  const before = noise(BATCH * HEADS * N * DIM, 3);
  // Of the first batch entry all queries are as before; of the second those of every other block have turned round.
  const turned = before.map((x, i) => (i >= before.length / 2 && Math.floor((Math.floor(i / DIM) % N) / 4) % 2 === 0 ? -x : x * 1.5));
  const call = { batch: BATCH, length: N };
  const env = { N, NQ: N, heads: HEADS, kvHeads: KV_HEADS };
  const first = (await operator.run({ q: before, k, v, selected: true }, call)).selected!;
  // Empty choices show which rows stay: a query sees at least its own block in a new one.
  const reuse = { best: zeros(first["best"]!), best_query: first["best_query"]! };
  const second = (await operator.run({ q: turned, k, v, selected: true, reuse }, call)).selected!;
  const given = { best: bitsValue(reuse.best), best_query: bitsValue(reuse.best_query) };
  const expected = interpretSelections(program, { env, batch: BATCH, headDim: DIM, q: turned, k, given });
  expect(second["best"]).toEqual(selectedOf(expected["best"]!));
  expect(second["best_query"]!.words).toEqual(selectedOf(expected["best_query"]!).words);
  const { rows } = second["best"]!;
  const wordsOf = (b: number, g: number): number[] => [
    ...second["best"]!.words.subarray((b * KV_HEADS + g) * rows, (b * KV_HEADS + g + 1) * rows),
  ];
  expect(wordsOf(0, 0).every((word) => word === 0)).toBe(true);
  expect(wordsOf(1, 1).map((word) => word !== 0)).toEqual(Array.from({ length: rows }, (_, row) => row % 2 === 0));
  // Where all rows stay nothing is made; a launch that is given nothing makes all of them, whatever the one before it left.
  const all = (await operator.run({ q: before, k, v, selected: true, reuse }, call)).selected!;
  expect(all["best"]).toEqual(reuse.best);
  expect(all["best_query"]).toEqual(reuse.best_query);
  expect((await operator.run({ q: before, k, v, selected: true }, call)).selected).toEqual(first);
  operator.destroy();
});
