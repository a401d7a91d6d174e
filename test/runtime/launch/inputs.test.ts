import fc from "fast-check";
import { expect } from "vitest";
import { createAttention, LIST_PADDING, packBits, type AttentionModule, type InputSpec } from "../../../runtime/index.js";
import { softwareTest } from "../../device/software.js";
import { copyModule, noise } from "./fixture.js";

const HEADS = { heads: 4, kvHeads: 2, headDim: 8, valueDim: 4 };

/** The first `words` of aux after a run with these inputs. */
async function auxWords(
  device: GPUDevice,
  specs: readonly InputSpec[],
  inputs: Record<string, unknown>,
  call: { batch: number; n: number; nq: number },
  words: number,
  overrides: Partial<AttentionModule> = {},
): Promise<number[]> {
  const operator = await createAttention(device, copyModule(specs, overrides));
  const { batch, n, nq } = call;
  const tensors = {
    q: noise(batch * HEADS.heads * nq * HEADS.headDim, 1),
    k: noise(batch * HEADS.kvHeads * n * HEADS.headDim, 2),
    v: noise(batch * HEADS.kvHeads * n * HEADS.valueDim, 3),
  };
  const { out } = await operator.run({ ...tensors, ...inputs } as typeof tensors, { batch, keyLength: n, queryLength: nq });
  operator.destroy();
  expect(out.length).toBeGreaterThanOrEqual(words);
  return [...new Int32Array(out.buffer, 0, words)];
}

const bit = (words: readonly number[], base: number, column: number): number => (words[base + (column >> 5)]! >>> (column & 31)) & 1;

softwareTest("ids are copied, with the least and greatest of each 32 tokens", async ({ device }) => {
  const n = 70;
  const ids = Array.from({ length: 2 * n }, (_, i) => ((i * 37) % 101) - 50);
  const found = await auxWords(device, [{ kind: "ids", name: "doc", axis: "k" }], { doc: ids }, { batch: 2, n, nq: n }, 2 * n + 12);
  expect(found.slice(0, 2 * n)).toEqual(ids);
  const summary = [0, 1].flatMap((b) =>
    [0, 32, 64].flatMap((first) => {
      const tile = ids.slice(b * n + first, b * n + Math.min(first + 32, n));
      return [Math.min(...tile), Math.max(...tile)];
    }),
  );
  expect(found.slice(2 * n)).toEqual(summary);
});

softwareTest("columns become a row of bits for each head; padding is left out", async ({ device }) => {
  const n = 45;
  const lists = [
    [0, 31, 32, 44],
    [5, 5, LIST_PADDING, LIST_PADDING],
  ];
  const cols = { data: Int32Array.from(lists.flat()), shape: [1, 2, 4] };
  const found = await auxWords(device, [{ kind: "columns", name: "cols" }], { cols }, { batch: 1, n, nq: n }, 4);
  for (let h = 0; h < 2; h++) {
    for (let c = 0; c < n; c++) expect(bit(found, h * 2, c)).toBe(lists[h]!.includes(c) ? 1 : 0);
  }
});

softwareTest("diagonals count from the most negative offset, in self and cross spaces", async ({ device }) => {
  for (const space of ["self", "cross"] as const) {
    const [n, nq] = [20, 9];
    const queries = space === "self" ? n : nq;
    const offsets = [-(n - 1), 0, 3, queries - 1];
    const found = await auxWords(
      device,
      [{ kind: "diagonals", name: "diag" }],
      { diag: { data: offsets, shape: [4] } },
      { batch: 1, n, nq },
      2,
      { space },
    );
    const columns = Array.from({ length: n + queries - 1 }, (_, c) => bit(found, 0, c));
    expect(columns.flatMap((value, c) => (value === 1 ? [c - n + 1] : []))).toEqual(offsets);
  }
});

softwareTest("block lists become rows of bits; each head may have lists of other lengths", async ({ device }) => {
  const [n, block] = [100, 2];
  const rows = Math.ceil(n / 16);
  const columns = n / block;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uniqueArray(fc.nat(columns - 1)), { minLength: 2 * rows, maxLength: 2 * rows }), async (lists) => {
      const indices = lists.flat();
      const ends = lists.map((_, i) => lists.slice(0, i + 1).flat().length);
      const offsets = [0, ...ends.slice(0, rows), ends[rows - 1]!, ...ends.slice(rows)];
      const spec: InputSpec = { kind: "csr", name: "lists", n: 16, m: block };
      const found = await auxWords(device, [spec], { lists: { offsets, indices } }, { batch: 1, n, nq: n }, 2 * rows * 2);
      lists.forEach((list, row) => {
        for (let c = 0; c < columns; c++) expect(bit(found, row * 2, c)).toBe(list.includes(c) ? 1 : 0);
      });
    }),
    { numRuns: 12 },
  );
});

softwareTest("packed words and an element for each bit mean the same", async ({ device }) => {
  const [n, nq] = [37, 11];
  const bytes = Uint8Array.from(noise(nq * n, 9), (value) => (value > 0 ? 1 : 0));
  const packed = packBits(bytes, nq, n);
  const spec: InputSpec = { kind: "bits", name: "map", rows: "q", columns: "k" };
  for (const map of [bytes, Array.from(bytes, Boolean), packed, { data: bytes, shape: [1, 1, nq, n] }, { data: packed, shape: [nq, 2] }]) {
    expect(await auxWords(device, [spec], { map }, { batch: 1, n, nq }, nq * 2)).toEqual([...new Int32Array(packed.buffer)]);
  }
  const blocks = packBits([1, 0, 0, 1, 1, 1], 2, 3);
  const blockSpec: InputSpec = { kind: "blocks", name: "map", n: 20, m: 16 };
  expect(await auxWords(device, [blockSpec], { map: [1, 0, 0, 1, 1, 1] }, { batch: 1, n, nq }, 2)).toEqual([...blocks]);
});

softwareTest("scalars come first, then the inputs in order; stale bits of an earlier call are gone", async ({ device }) => {
  const scalars = { count: 2, evaluate: ({ h, kvh, N }: { h: number; kvh: number; N: number }) => [h * 100 + kvh, N] };
  const specs: InputSpec[] = [
    { kind: "columns", name: "cols" },
    { kind: "ids", name: "doc", axis: "q" },
  ];
  const operator = await createAttention(device, copyModule(specs, { scalars }));
  const n = 8;
  const tensors = { q: noise(4 * n * 8, 1), k: noise(2 * n * 8, 2), v: noise(2 * n * 4, 3) };
  for (const column of [3, 6]) {
    const doc = Int32Array.from({ length: n }, (_, i) => i * column);
    const { out } = await operator.run({ ...tensors, doc, cols: { data: [column], shape: [1] } }, { length: n });
    const found = [...new Int32Array(out.buffer, 0, 19)];
    expect(found).toEqual([0, n, 100, n, 201, n, 301, n, 1 << column, ...doc, 0, 7 * column]);
  }
});

softwareTest("scalars alone are bound as they are", async ({ device }) => {
  const scalars = { count: 1, evaluate: ({ h, layer }: { h: number; layer: number }) => [h + layer] };
  expect(await auxWords(device, [], {}, { batch: 1, n: 3, nq: 3 }, 4, { scalars })).toEqual([0, 1, 2, 3]);
});

softwareTest("encode ignores entries out of range, and takes shapes and sizes from the caller", async ({ device }) => {
  const specs: InputSpec[] = [
    { kind: "columns", name: "cols" },
    { kind: "csr", name: "lists", n: 8, m: 8 },
  ];
  const operator = await createAttention(device, copyModule(specs));
  const n = 16;
  const upload = (values: readonly number[], size = values.length) => {
    const buffer = device.createBuffer({ size: size * 4, usage: 0x80 | 0x8 | 0x4 });
    device.queue.writeBuffer(buffer, 0, Int32Array.from(values));
    return buffer;
  };
  const zeros = (length: number) => upload(new Array<number>(length).fill(0));
  const out = zeros(4 * n * 4);
  const encoder = device.createCommandEncoder();
  operator.encode(
    encoder,
    {
      q: zeros(4 * n * 8),
      k: zeros(2 * n * 8),
      v: zeros(2 * n * 4),
      out,
      // The buffer is larger than the lists in it.
      cols: { buffer: upload([1, 20, -5, 2147483647, 15, LIST_PADDING], 64), shape: [6] },
      lists: { offsets: upload([-3, 2, 900]), indices: upload([1, 9, -1, 0]) },
    },
    { length: n },
  );
  device.queue.submit([encoder.finish()]);
  const staging = device.createBuffer({ size: 16, usage: 0x1 | 0x8 });
  const copy = device.createCommandEncoder();
  copy.copyBufferToBuffer(out, 0, staging, 0, 16);
  device.queue.submit([copy.finish()]);
  await staging.mapAsync(1);
  expect([...new Int32Array(staging.getMappedRange(0, 12))]).toEqual([(1 << 1) | (1 << 15), 0b10, 0b01]);
});
