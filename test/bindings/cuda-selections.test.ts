import { expect } from "vitest";
import { bitsValue, selectedOf } from "../../compiler/cli/selections.js";
import { compileCuda } from "../../compiler/driver/cuda-source.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { selectedUnits, type CudaDevice, type SelectedBits } from "../../runtime/cuda-node.js";
import { interpretSelections } from "../../compiler/select/interpret.js";
import { lowerSelections } from "../../compiler/select/lower.js";
import { guarded, UNIT } from "../select/guarded.js";
import { emulatedTest, useEmulatedGpu } from "../runtime/cuda/emulated.js";
import { dense, greatestDifference, noise } from "./dense.js";
import { loadCuda } from "./load-cuda.js";
import { BLOCK, gated, layered, moba } from "./selecting.js";

useEmulatedGpu();

const [HEADS, KV_HEADS, DIM] = [4, 2, 8];

const create = async (device: CudaDevice, mask: MaskModule, name: string, options: object = {}) =>
  (await loadCuda(compileCuda(mask, { headDims: [], dtypes: [] }), name))(device, {}, options);

const tensors = (batch: number, n: number, nq: number, seed: number) => ({
  q: noise(batch * HEADS * nq * DIM, seed),
  k: noise(batch * KV_HEADS * n * DIM, seed + 1),
  v: noise(batch * KV_HEADS * n * DIM, seed + 2),
});

type Selected = Readonly<Record<string, SelectedBits>>;

/** Dense attention in float64 under what was selected. */
function expected(mask: MaskModule, t: ReturnType<typeof tensors>, batch: number, n: number, nq: number, selected: Selected) {
  const inputs = Object.fromEntries(Object.entries(selected).map(([name, bits]) => [name, bitsValue(bits)]));
  return dense(mask, { batch, env: { N: n, NQ: nq, heads: HEADS, kvHeads: KV_HEADS, inputs }, headDim: DIM, valueDim: DIM, ...t });
}

const uploader =
  (device: CudaDevice) =>
  (data: ArrayBufferView): bigint => {
    const pointer = device.allocate(data.byteLength);
    device.upload(pointer, data);
    return pointer;
  };

emulatedTest("the kernel sees what was selected, on arrays and on the app's memory", async (device) => {
  const operator = await create(device, moba.mask, "createMoba");
  const [batch, n, nq] = [2, 77, 30];
  const t = tensors(batch, n, nq, 3);
  const call = { batch, queryLength: nq, keyLength: n };
  const { out, lse, selected } = await operator.run({ ...t, selected: true }, call);
  const { b: bits } = selected!;
  expect(bits).toMatchObject({ batch, heads: HEADS, rows: nq, columns: Math.ceil(n / BLOCK) });
  const wanted = expected(moba.mask, t, batch, n, nq, selected!);
  expect(greatestDifference(out, wanted.out)).toBeLessThan(1e-5);
  expect(greatestDifference(lse, wanted.lse)).toBeLessThan(1e-5);
  expect(await operator.run(t, call)).toEqual({ out, lse });
  // One head of one batch entry at a time, and strips of its queries.
  const inParts = await create(device, moba.mask, "createMoba", { selectionBytes: 1024 });
  expect(await inParts.run({ ...t, selected: true }, call)).toEqual({ out, lse, selected });

  const upload = uploader(device);
  const words = device.allocate(bits!.words.byteLength);
  const read = (): Uint32Array => {
    const found = new Uint32Array(bits!.words.length);
    device.download(found, words);
    return found;
  };
  const [q, k, v] = [upload(t.q), upload(t.k), upload(t.v)];
  operator.select({ q, k, selected: { b: words } }, call);
  expect(read()).toEqual(bits!.words);
  device.clear(words, bits!.words.byteLength, 0n);
  const result = device.allocate(out.byteLength);
  operator.launch({ q, k, v, out: result, selected: { b: words } }, call);
  expect(read()).toEqual(bits!.words);
  const again = new Float32Array(out.length);
  device.download(again, result);
  expect(again).toEqual(out);

  const launch = (more: object) => () => operator.launch({ q, k, v, out: result, ...more }, call);
  expect(launch({ selected: { c: words } })).toThrow("ATTN5214: selected.c: expected one of b");
  expect(launch({ selected: { b: result } })).toThrow("ATTN5307: out: expected memory of its own");
  expect(launch({ selected: { b: { pointer: words, bytes: 8 } } })).toThrow("ATTN5208: selected.b");
  expect(launch({ reuse: { b: words } })).toThrow("ATTN5214: reuse.b: expected nothing to reuse");
  operator.destroy();
});

emulatedTest("a layer's choice serves the layers after it, and has to", async (device) => {
  const operator = await create(device, layered.mask, "createLayered");
  const [batch, n, nq] = [2, 60, 1];
  const t = tensors(batch, n, nq, 9);
  const call = { batch, queryLength: nq, keyLength: n };
  const first = await operator.run({ ...t, selected: true }, { ...call, layer: 2 });
  for (let row = 0; row < batch * KV_HEADS; row++)
    expect(selectedUnits(first.selected!["top_tokens"]!, Math.floor(row / KV_HEADS), row % KV_HEADS, 0)).toHaveLength(12);
  const later = tensors(batch, n, nq, 20);
  const second = await operator.run({ ...later, selected: true, reuse: first.selected }, { ...call, layer: 5 });
  expect(second.selected).toEqual(first.selected);
  expect(greatestDifference(second.out, expected(layered.mask, later, batch, n, nq, first.selected!).out)).toBeLessThan(1e-5);
  await expect(operator.run(later, { ...call, layer: 5 })).rejects.toThrow("ATTN5217: reuse.top_tokens");
  await expect(operator.run({ ...later, reuse: first.selected }, { ...call, layer: 2 })).rejects.toThrow("ATTN5217");

  // Of fewer keys: those that came since are looked at.
  const longer = tensors(batch, n + 7, nq, 30);
  const third = await operator.run({ ...longer, selected: true, reuse: first.selected }, { ...call, keyLength: n + 7, layer: 5 });
  const newest = Array.from({ length: 7 }, (_, i) => n + i);
  for (let row = 0; row < batch * KV_HEADS; row++) {
    const [b, g] = [Math.floor(row / KV_HEADS), row % KV_HEADS];
    const of = ({ top_tokens: bits }: Selected) => selectedUnits(bits!, b, g, 0);
    expect(of(third.selected!)).toEqual([...of(first.selected!), ...newest]);
  }
  operator.destroy();
});

emulatedTest("rows stay while their queries are alike, and others are chosen anew", async (device) => {
  const mask = guarded("kvh");
  const operator = await create(device, mask, "createGuarded");
  const [batch, n] = [2, 30];
  const t = tensors(batch, n, n, 5);
  const call = { batch, length: n };
  const first = (await operator.run({ ...t, selected: true }, call)).selected!;
  // Of the first batch entry all queries are as before; of the second those of every other block have turned round.
  const turned = t.q.map((x, i) => (i >= t.q.length / 2 && Math.floor((Math.floor(i / DIM) % n) / UNIT) % 2 === 0 ? -x : x * 1.5));
  // Empty choices show which rows stay: a query sees at least its own block in a new one.
  const best = { ...first["best"]!, words: new Uint32Array(first["best"]!.words.length) };
  const reuse = { best, best_query: first["best_query"]! };
  const second = await operator.run({ ...t, q: turned, selected: true, reuse }, call);
  const given = { best: bitsValue(best), best_query: bitsValue(reuse.best_query) };
  const env = { N: n, NQ: n, heads: HEADS, kvHeads: KV_HEADS };
  const wanted = interpretSelections(lowerSelections(mask)!, { env, batch, headDim: DIM, q: turned, k: t.k, given });
  expect(second.selected!["best"]).toEqual(selectedOf(wanted["best"]!));
  expect(second.selected!["best_query"]!.words).toEqual(selectedOf(wanted["best_query"]!).words);
  const { rows, words } = second.selected!["best"]!;
  expect([...words.subarray(0, rows)].every((word) => word === 0)).toBe(true);
  expect([...words.subarray(3 * rows)].map((word) => word !== 0)).toEqual(Array.from({ length: rows }, (_, row) => row % 2 === 0));
  expect(
    greatestDifference(second.out, expected(mask, { ...t, q: turned }, batch, n, n, { best: second.selected!["best"]! }).out),
  ).toBeLessThan(1e-5);
  // Nothing is left of what a launch before it was given.
  expect((await operator.run({ ...t, selected: true }, call)).selected).toEqual(first);
  await expect(operator.run({ ...t, reuse: { best } }, call)).rejects.toThrow("ATTN5225: reuse.best_query");
  operator.destroy();
});

emulatedTest("scores by the caller choose, and a choice serves the steps until the next", async (device) => {
  const operator = await create(device, gated.mask, "createGated");
  const [batch, n, nq] = [1, 48, 24];
  const blocks = [nq / BLOCK, n / BLOCK] as const;
  const t = tensors(batch, n, nq, 5);
  const gate = noise(HEADS * blocks[0] * blocks[1], 7);
  const call = { batch, queryLength: nq, keyLength: n, step: 0 };
  const { out, selected } = await operator.run({ ...t, gate, selected: true }, call);
  expect(greatestDifference(out, expected(gated.mask, t, batch, n, nq, selected!).out)).toBeLessThan(1e-5);
  for (let h = 0; h < HEADS; h++) {
    for (let row = 0; row < blocks[0]; row++) {
      const own = (n - nq) / BLOCK + row;
      const scores = gate.subarray((h * blocks[0] + row) * blocks[1], (h * blocks[0] + row) * blocks[1] + own);
      const other = scores.indexOf(Math.max(...scores));
      expect(selectedUnits(selected!["b"]!, 0, h, row)).toEqual([other, own]);
    }
  }
  const other = noise(gate.length, 8);
  const reused = await operator.run({ ...t, gate: other, reuse: selected, selected: true }, { ...call, step: 3 });
  expect(reused.selected).toEqual(selected);
  expect(reused.out).toEqual(out);
  await expect(operator.run({ ...t, gate: other, reuse: selected }, { ...call, step: 4 })).rejects.toThrow("ATTN5217: reuse.b");
  await expect(operator.run({ ...t, gate: gate.map(() => NaN) }, call)).rejects.toThrow("ATTN5213: gate[0]");
  await expect(operator.run(t, call)).rejects.toThrow("ATTN5205: gate");

  const upload = uploader(device);
  const result = device.allocate(out.byteLength);
  const shape = [HEADS, ...blocks];
  const given = { q: upload(t.q), k: upload(t.k), v: upload(t.v), out: result, inputs: { gate: { pointer: upload(gate), shape } } };
  operator.launch(given, call);
  const found = new Float32Array(out.length);
  device.download(found, result);
  expect(found).toEqual(out);
  operator.destroy();
});
