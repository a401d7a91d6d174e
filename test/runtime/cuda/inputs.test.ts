import fc from "fast-check";
import { expect } from "vitest";
import type { CudaModule } from "../../../runtime/cuda/module.js";
import { createCudaAttention } from "../../../runtime/cuda/operator.js";
import { orderTable } from "../../../runtime/launch/curves.js";
import type { CudaDevice } from "../../../runtime/cuda/device.js";
import { LIST_PADDING } from "../../../runtime/launch/input-arrays.js";
import type { InputSpec } from "../../../runtime/launch/module.js";
import { packBits } from "../../../runtime/launch/pack-bits.js";
import { noise } from "../launch/fixture.js";
import { emulatedTest, useEmulatedGpu } from "./emulated.js";
import { copyCudaModule } from "./fixture.js";

useEmulatedGpu();

const HEADS = { heads: 4, kvHeads: 2 };

/** The first `words` of aux after a run with these inputs: the output has room for 16 of each query. */
async function auxWords(
  device: CudaDevice,
  inputs: Readonly<Record<string, unknown>>,
  call: { batch: number; n: number; nq: number },
  words: number,
  overrides: Partial<CudaModule>,
): Promise<number[]> {
  const operator = await createCudaAttention(device, copyCudaModule(overrides));
  const { batch, n, nq } = call;
  const tensors = {
    q: noise(batch * HEADS.heads * nq * 8, 1),
    k: noise(batch * HEADS.kvHeads * n * 8, 2),
    v: noise(batch * HEADS.kvHeads * n * 4, 3),
  };
  expect(batch * HEADS.heads * nq * 4).toBeGreaterThanOrEqual(words);
  const given = { ...tensors, ...inputs } as typeof tensors;
  const { out } = await operator.run(given, { batch, keyLength: n, queryLength: nq, params: { words } });
  operator.destroy();
  return [...new Int32Array(out.buffer, 0, words)];
}

const withInput = (input: InputSpec): Partial<CudaModule> => ({ inputs: [input] });

/** Rows of bits as the words that they are packed into. */
const packed = (bits: readonly (readonly boolean[])[]): number[] => [
  ...new Int32Array(packBits(Uint8Array.from(bits.flat(), Number), bits.length, bits[0]!.length).buffer),
];

emulatedTest("ids are copied, with the least and greatest of each 32 tokens", async (device) => {
  const sizes = fc.record({ batch: fc.integer({ min: 1, max: 2 }), n: fc.integer({ min: 1, max: 90 }), seed: fc.nat(1000) });
  await fc.assert(
    fc.asyncProperty(sizes, async ({ batch, n, seed }) => {
      const ids = Array.from(noise(batch * n, seed), (x) => Math.floor(x * 1e6));
      const tiles = Math.ceil(n / 32);
      const found = await auxWords(
        device,
        { doc: ids },
        { batch, n, nq: n },
        batch * (n + 2 * tiles),
        withInput({ kind: "ids", name: "doc", axis: "k" }),
      );
      const ends = Array.from({ length: batch * tiles }, (_, i) => {
        const first = (i % tiles) * 32;
        const tile = ids.slice(Math.floor(i / tiles) * n).slice(first, Math.min(first + 32, n));
        return [Math.min(...tile), Math.max(...tile)];
      });
      expect(found).toEqual([...ids, ...ends.flat()]);
    }),
    { numRuns: 10 },
  );
});

emulatedTest("lists of columns become rows of bits; padding is left out", async (device) => {
  const n = 45;
  const lists = [
    [0, 31, 32, 44],
    [5, 5, LIST_PADDING, LIST_PADDING],
  ];
  const cols = { data: Int32Array.from(lists.flat()), shape: [1, 2, 4] };
  const found = await auxWords(device, { cols }, { batch: 1, n, nq: n }, 4, withInput({ kind: "columns", name: "cols" }));
  expect(found).toEqual(packed(lists.map((list) => Array.from({ length: n }, (_, c) => list.includes(c)))));
});

emulatedTest("lists of diagonals count from the most negative offset", async (device) => {
  const n = 20;
  const offsets = [1 - n, -1, 0, 19];
  const found = await auxWords(
    device,
    { slash: { data: offsets, shape: [4] } },
    { batch: 1, n, nq: n },
    2,
    withInput({ kind: "diagonals", name: "slash" }),
  );
  expect(found).toEqual(packed([Array.from({ length: 2 * n - 1 }, (_, i) => offsets.includes(i + 1 - n))]));
});

emulatedTest("lists of blocks become rows of bits, for each head", async (device) => {
  const n = 70;
  const blocks = Array.from({ length: 4 * 5 }, (_, row) => Array.from({ length: 9 }, (_, column) => (row * 7 + column * 3) % 4 === 0));
  const lists = blocks.map((row) => row.flatMap((bit, column) => (bit ? [column] : [])));
  const ends = lists.map((_, i) => lists.slice(0, i + 1).flat().length);
  // The offsets of each head start anew with the end of the head before.
  const offsets = [0, 1, 2, 3].flatMap((head) => [head === 0 ? 0 : ends[head * 5 - 1]!, ...ends.slice(head * 5, head * 5 + 5)]);
  const map = { offsets: { data: offsets, shape: [1, 4, 6] }, indices: lists.flat() };
  const found = await auxWords(device, { map }, { batch: 1, n, nq: n }, 20, withInput({ kind: "csr", name: "map", n: 16, m: 8 }));
  expect(found).toEqual(packed(blocks));
});

emulatedTest("lists without any entry leave no bits of an earlier call", async (device) => {
  const operator = await createCudaAttention(device, copyCudaModule(withInput({ kind: "csr", name: "map", n: 16, m: 8 })));
  const n = 32;
  const tensors = { q: noise(4 * n * 8, 1), k: noise(2 * n * 8, 2), v: noise(2 * n * 4, 3) };
  const run = async (offsets: readonly number[], indices: readonly number[]): Promise<readonly number[]> => {
    const map = { offsets, indices };
    const { out } = await operator.run({ ...tensors, map } as never, { length: n, params: { words: 2 } });
    return [...new Int32Array(out.buffer, 0, 2)];
  };
  expect(await run([0, 2, 3], [0, 3, 1])).toEqual([9, 2]);
  expect(await run([0, 0, 0], [])).toEqual([0, 0]);
});

emulatedTest("bits come packed, as bytes or as words", async (device) => {
  const [n, nq] = [37, 3];
  const rows = Array.from({ length: nq }, (_, q) => Array.from({ length: n }, (_, k) => (q * 5 + k) % 3 === 0));
  const seen = withInput({ kind: "bits", name: "seen", rows: "q", columns: "k" });
  const bytes = Uint8Array.from(rows.flat(), Number);
  expect(await auxWords(device, { seen: bytes }, { batch: 1, n, nq }, 6, seen)).toEqual(packed(rows));
  expect(await auxWords(device, { seen: packBits(bytes, nq, n) }, { batch: 1, n, nq }, 6, seen)).toEqual(packed(rows));
});

emulatedTest("scalars of every head come first, then inputs, then tables of the order", async (device) => {
  const order = { name: "0order", curve: "gilbert", extents: [2, 3], behind: 0, of: "position" } as const;
  const found = await auxWords(device, { doc: [7, 7, 7, 8, 8, 9] }, { batch: 1, n: 6, nq: 6 }, 24, {
    ...withInput({ kind: "ids", name: "doc", axis: "k" }),
    scalars: { count: 2, evaluate: ({ h, N }) => [h * 10, N + h] },
    layout: "gilbert",
    orders: [order],
  });
  const table = [...orderTable(order)];
  expect(found).toEqual([
    ...[0, 6, 10, 7, 20, 8, 30, 9],
    ...[7, 7, 7, 8, 8, 9, 7, 9],
    ...[...table, Math.min(...table), Math.max(...table)],
  ]);
});

emulatedTest("scalars alone are kept by their values", async (device) => {
  const scalars = { count: 1, evaluate: ({ h, layer }: { h: number; layer: number }) => [100 * layer + h] };
  const operator = await createCudaAttention(device, copyCudaModule({ scalars, uses: ["layer"] }));
  const tensors = { q: noise(4 * 8, 1), k: noise(2 * 8, 2), v: noise(2 * 4, 3) };
  for (const layer of [0, 1, 0]) {
    const { out } = await operator.run(tensors, { length: 1, layer, params: { words: 4 } });
    expect([...new Int32Array(out.buffer, 0, 4)]).toEqual([0, 1, 2, 3].map((h) => 100 * layer + h));
  }
});
