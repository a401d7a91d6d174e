import { expect } from "vitest";
import { launchBranched } from "../../compiler/driver/branched.js";
import { launchModule } from "../../compiler/driver/launch.js";
import type { OpenedDevice } from "../../runtime/device/open.js";
import { createBranchedAttention, type BranchedOperator } from "../../runtime/launch/branches/operator.js";
import { windowCount } from "../../runtime/launch/branches/module.js";
import { encodeMerge } from "../../runtime/launch/merge/encode.js";
import { mergeAttention, type AttentionPart } from "../../runtime/launch/merge/merge.js";
import { fromHalfArray, toHalfArray } from "../../runtime/launch/half.js";
import { expectedWithin } from "../../runtime/verify/tolerance.js";
import { mixRow } from "../../runtime/reference/mix.js";
import type { AttentionProblem, MaskPredicate } from "../../runtime/reference/problem.js";
import { roundedTo, storeRounding } from "../../runtime/reference/formats.js";
import { random } from "../../runtime/verify/random.js";
import { softwareTest } from "../device/software.js";
import { compile } from "../semantics/compile.js";

async function operatorOf(opened: OpenedDevice, text: string, shape = { heads: 2, kvHeads: 1 }): Promise<BranchedOperator> {
  const { branched, diagnostics } = compile(text, { settings: { shape: { ...shape, headDim: 8, valueDim: 12 } } });
  expect(diagnostics).toEqual([]);
  const module = launchBranched(branched[0]!, (mask) => launchModule(mask, [], { profiles: [opened.profile] }));
  return createBranchedAttention(opened.device, module, shape, { profile: opened.profile });
}

const source = random(17);
const normal = (count: number): Float32Array => Float32Array.from({ length: count }, () => source.normal());

const HEADS = 2;
const DIMS = { headDim: 8, valueDim: 12 };

function tensors(queries: number, keys: number, dtype: "f32" | "f16" = "f32") {
  const of = (count: number) => roundedTo(dtype, normal(count));
  return { q: of(HEADS * queries * 8), k: of(keys * 8), v: of(keys * 12) };
}

/** Dense attention over the pairs of a mask. */
function problem(
  queries: number,
  keys: number,
  data: { q: Float32Array; k: Float32Array; v: Float32Array },
  mask: MaskPredicate,
  first: number,
) {
  return { batch: 1, heads: HEADS, kvHeads: 1, queries, keys, ...DIMS, firstPosition: first, ...data, mask } satisfies AttentionProblem;
}

const MERGED = `attention a(w = 24, prefix: runtime = 40) {
  space  seq causal
  branch near { attend q - k < w }
  branch far { attend q - k >= w & k < prefix }
  output merge(near, far)
  emit   lse
}`;

for (const [queries, keys] of [
  [70, 70],
  [3, 65],
  // No row sees a far key.
  [20, 20],
] as const) {
  softwareTest(`a merge is the attention over the keys of its branches: ${queries} queries, ${keys} keys`, async (opened) => {
    const operator = await operatorOf(opened, MERGED);
    const data = tensors(queries, keys);
    const got = await operator.run(data, { queryLength: queries, keyLength: keys });
    const mask: MaskPredicate = (_b, _h, q, k) => k <= q && (q - k < 24 || k < 40);
    // A merge adds a few roundings to those of its parts, which have room for twice as many.
    const { out, lse, outTolerance, lseTolerance } = expectedWithin(problem(queries, keys, data, mask, keys - queries), "f32");
    got.out.forEach((value, i) => expect(Math.abs(value - out[i]!)).toBeLessThanOrEqual(2 * outTolerance[i]!));
    got.lse!.forEach((value, i) => expect(Math.abs(value - lse[i]!)).toBeLessThanOrEqual(2 * lseTolerance[i]! + 2 ** -21));
    operator.destroy();
  });
}

softwareTest("a branch with a number before it in a merge counts each of its keys that often", async (opened) => {
  const [queries, keys] = [30, 66];
  const operator = await operatorOf(opened, MERGED.replace("merge(near, far)", "merge(near, 3 * far)"));
  const { q, k, v } = tensors(queries, keys);
  const got = await operator.run({ q, k, v }, { queryLength: queries, keyLength: keys });
  // The same keys three times, of which the near ones are seen once.
  const repeated = (data: Float32Array): Float32Array => Float32Array.from({ length: 3 * data.length }, (_, i) => data[i % data.length]!);
  const mask: MaskPredicate = (_b, _h, row, place) => {
    const key = place % keys;
    return key <= row && (row - key < 24 ? place < keys : key < 40);
  };
  const thrice = problem(queries, 3 * keys, { q, k: repeated(k), v: repeated(v) }, mask, keys - queries);
  const { out, lse, outTolerance, lseTolerance } = expectedWithin(thrice, "f32");
  got.out.forEach((value, i) => expect(Math.abs(value - out[i]!)).toBeLessThanOrEqual(2 * outTolerance[i]!));
  got.lse!.forEach((value, i) => expect(Math.abs(value - lse[i]!)).toBeLessThanOrEqual(2 * lseTolerance[i]! + 2 ** -21));
  operator.destroy();
});

softwareTest("a row that no branch sees is 0 with an lse of minus infinity", async (opened) => {
  const operator = await operatorOf(
    opened,
    `attention a { space seq causal; branch first { attend k < 4 & q >= 8 }; branch near { attend q >= 12 & q - k < 4 & k >= 4 }; output merge(first, near) }`,
  );
  const got = await operator.run(tensors(16, 16), { length: 16 });
  expect([...got.lse!].map((value) => value === -Infinity).slice(0, 16)).toEqual(Array.from({ length: 16 }, (_, i) => i < 8));
  expect([...got.out.subarray(0, 8 * 12)]).toEqual(Array(96).fill(0));
  operator.destroy();
});

const NSA = `attention a(n = 6, s = 4, w = 20) {
  space  seq causal
  input  ck, cv : pooled(n, s)
  input  g      : gate(3)
  branch coarse { attend end(k) <= q from ck, cv }
  branch near { attend q - k < w }
  output g[0] * coarse + sigmoid(g[2]) * near
}`;

for (const dtype of ["f32", "f16"] as const) {
  for (const [queries, keys] of [
    [50, 50],
    [7, 61],
    // No window fits.
    [5, 5],
  ] as const) {
    softwareTest(`gates mix keys and windows of keys, ${dtype}: ${queries} queries, ${keys} keys`, async (opened) => {
      const text = NSA.replace("input  g", `shape  dtype: ${dtype}\n  input  g`);
      const operator = await operatorOf(opened, text);
      const data = tensors(queries, keys, dtype);
      const windows = windowCount({ n: 6, stride: 4 }, keys);
      expect(windows).toBe(keys < 6 ? 0 : Math.floor((keys - 6) / 4) + 1);
      const [ck, cv] = [roundedTo(dtype, normal(windows * 8)), roundedTo(dtype, normal(windows * 12))];
      const g = normal(HEADS * queries * 3);
      const got = await operator.run({ ...data, ck, cv, g }, { queryLength: queries, keyLength: keys });
      expect(got.lse).toBeUndefined();
      const first = keys - queries;
      const near = expectedWithin(
        problem(queries, keys, data, (_b, _h, q, k) => k <= q && q - k < 20, first),
        dtype,
      );
      const coarse = expectedWithin(
        problem(queries, windows, { q: data.q, k: ck, v: cv }, (_b, _h, q, k) => 4 * k + 5 <= q, first),
        dtype,
      );
      const mix = operatorMix();
      for (let row = 0; row < HEADS * queries; row++) {
        const slice = (values: ArrayLike<number>) => Array.from(values).slice(row * 12, row * 12 + 12);
        const gates = { g: g.subarray(row * 3, row * 3 + 3) };
        const mixed = mixRow(mix, { out: [slice(coarse.out), slice(near.out)], lse: [0, 0], gates });
        const weights = [Math.abs(gates.g[0]!), 1 / (1 + Math.exp(-gates.g[2]!))];
        mixed.out.forEach(({ value, error }, d) => {
          const parts = weights[0]! * coarse.outTolerance[row * 12 + d]! + weights[1]! * near.outTolerance[row * 12 + d]!;
          expect(Math.abs(got.out[row * 12 + d]! - value)).toBeLessThanOrEqual(error + 1.001 * parts + storeRounding(dtype, value));
        });
      }
      operator.destroy();
    });
  }
}

/** As the text says it, written by hand. */
function operatorMix(): Parameters<typeof mixRow>[0] {
  const gate = (index: number) => ({ kind: "gate", input: "g", index }) as const;
  return {
    kind: "add",
    a: { kind: "scale", factor: gate(0), of: { kind: "branch", branch: 0 } },
    b: { kind: "scale", factor: { kind: "sigmoid", a: gate(2) }, of: { kind: "branch", branch: 1 } },
  };
}

softwareTest("a selection and what it leaves are the whole", async (opened) => {
  const operator = await operatorOf(
    opened,
    `attention a {
  space  seq causal
  select b {
    unit  q: block(8), k: block(8)
    score dot(mean(q), mean(k))
    keep  top(2)
    force current
  }
  branch chosen { attend b }
  branch rest { attend !b & q - k < 24 }
  output merge(chosen, rest)
}`,
  );
  const [queries, keys] = [40, 40];
  const data = tensors(queries, keys);
  const got = await operator.run({ ...data, selected: true }, { length: keys });
  const { rows, columns, heads, words } = got.selected!["b"]!;
  expect({ rows, columns, heads }).toEqual({ rows: 5, columns: 5, heads: HEADS });
  const chosen: MaskPredicate = (_b, h, q, k) => ((words[h * rows + (q >> 3)]! >>> (k >> 3)) & 1) === 1;
  const mask: MaskPredicate = (b, h, q, k) => k <= q && (chosen(b, h, q, k) || q - k < 24);
  const { out, outTolerance } = expectedWithin(problem(queries, keys, data, mask, 0), "f32");
  got.out.forEach((value, i) => expect(Math.abs(value - out[i]!)).toBeLessThanOrEqual(2 * outTolerance[i]!));
  const misnamed = operator.run({ ...data, reuse: { d: got.selected!["b"]! } }, { length: keys });
  await expect(misnamed).rejects.toMatchObject({ code: "ATTN5214", field: "reuse.d" });
  operator.destroy();
});

softwareTest("launches encoded in a row do not disturb one another", async (opened) => {
  const operator = await operatorOf(opened, MERGED);
  const { device } = opened;
  const calls = [40, 64].map((length) => ({ length, data: tensors(length, length) }));
  const alone = [];
  for (const { length, data } of calls) alone.push(await operator.run(data, { length }));
  const encoder = device.createCommandEncoder();
  const upload = (data: Float32Array): GPUBuffer => {
    const buffer = device.createBuffer({ size: data.byteLength, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, data.byteLength);
    return buffer;
  };
  const outs = calls.map(({ length, data }) => {
    const out = device.createBuffer({ size: HEADS * length * 12 * 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    operator.encode(encoder, { q: upload(data.q), k: upload(data.k), v: upload(data.v), out }, { length });
    const staging = device.createBuffer({ size: out.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    encoder.copyBufferToBuffer(out, 0, staging, 0, out.size);
    return staging;
  });
  device.queue.submit([encoder.finish()]);
  for (const [i, staging] of outs.entries()) {
    await staging.mapAsync(GPUMapMode.READ);
    expect([...new Float32Array(staging.getMappedRange())]).toEqual([...alone[i]!.out]);
  }
  operator.destroy();
});

softwareTest("what a call lacks or has too much is said before anything runs", async (opened) => {
  const operator = await operatorOf(opened, NSA);
  const data = tensors(12, 12);
  const floats = { ck: normal(2 * 8), cv: normal(2 * 12), g: normal(HEADS * 12 * 3) };
  const run = (arrays: object) => operator.run({ ...data, ...floats, ...arrays }, { length: 12 });
  await expect(run({ g: undefined })).rejects.toMatchObject({ code: "ATTN5205", field: "g" });
  await expect(run({ doc: [1] })).rejects.toMatchObject({ code: "ATTN5205", field: "doc" });
  await expect(run({ ck: normal(3 * 8) })).rejects.toMatchObject({ code: "ATTN5208", field: "ck" });
  await expect(run({ g: new Float32Array(HEADS * 12 * 3).fill(NaN) })).rejects.toMatchObject({ code: "ATTN5207", field: "g[0]" });
  operator.destroy();
});

async function mergeOnDevice({ device }: OpenedDevice, a: AttentionPart, b: AttentionPart, dtype: "f32" | "f16"): Promise<AttentionPart> {
  const rows = a.lse.length;
  const valueDim = a.out.length / rows;
  const bits = (values: Float32Array): ArrayBufferView<ArrayBuffer> =>
    dtype === "f32" ? (values as Float32Array<ArrayBuffer>) : toHalfArray(values);
  const upload = (data: ArrayBufferView<ArrayBuffer>): GPUBuffer => {
    const buffer = device.createBuffer({ size: data.byteLength, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, data.byteLength);
    return buffer;
  };
  const part = (of: AttentionPart) => ({ out: upload(bits(of.out)), lse: upload(of.lse as Float32Array<ArrayBuffer>) });
  const outBytes = bits(a.out).byteLength;
  const made = (size: number) => device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const into = { out: made(outBytes), lse: made(rows * 4) };
  const encoder = device.createCommandEncoder();
  encodeMerge(device, encoder, part(a), part(b), into, { rows, valueDim, dtype });
  const staging = device.createBuffer({ size: outBytes + rows * 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  encoder.copyBufferToBuffer(into.out, 0, staging, 0, outBytes);
  encoder.copyBufferToBuffer(into.lse, 0, staging, outBytes, rows * 4);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const bytes = staging.getMappedRange().slice(0);
  const out = dtype === "f32" ? new Float32Array(bytes, 0, a.out.length) : fromHalfArray(new Uint16Array(bytes, 0, a.out.length));
  return { out, lse: new Float32Array(bytes, outBytes, rows) };
}

for (const dtype of ["f32", "f16"] as const) {
  softwareTest(`parts merged on the device are as merged on arrays, ${dtype}`, async (opened) => {
    const rows = 100;
    const valueDim = 6;
    const part = (): AttentionPart => ({
      out: roundedTo(dtype, normal(rows * valueDim)),
      lse: Float32Array.from({ length: rows }, (_, i) => (i % 5 === 0 && source.chance(0.7) ? -Infinity : source.normal() * 10)),
    });
    const [a, b] = [part(), part()];
    const [got, want] = [await mergeOnDevice(opened, a, b, dtype), mergeAttention(a, b)];
    for (let row = 0; row < rows; row++) {
      const slice = (of: AttentionPart) => of.out.subarray(row * valueDim, (row + 1) * valueDim);
      const mixed = mixRow({ kind: "merge", branches: [0, 1] }, { out: [slice(a), slice(b)], lse: [a.lse[row]!, b.lse[row]!], gates: {} });
      if (want.lse[row] === -Infinity) expect(got.lse[row]).toBe(-Infinity);
      else expect(Math.abs(got.lse[row]! - mixed.lse!.value)).toBeLessThanOrEqual(mixed.lse!.error);
      mixed.out.forEach(({ value, error }, d) => {
        expect(Math.abs(slice(got)[d]! - value)).toBeLessThanOrEqual(error + storeRounding(dtype, value));
        expect(Math.abs(slice(want)[d]! - value)).toBeLessThanOrEqual(error + storeRounding("f32", value) + 2 ** -24 * Math.abs(value));
      });
    }
  });
}
