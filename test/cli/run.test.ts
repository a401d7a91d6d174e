import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { denseAttention } from "../../runtime/reference/dense.js";
import type { MaskPredicate } from "../../runtime/reference/problem.js";
import { readNpy, writeNpy } from "../../runtime/tensor/npy.js";
import { random } from "../../runtime/verify/random.js";
import { softwareTest } from "../device/software.js";
import { attnc, folderWith, PACKED, TWO } from "./attnc.js";

const SIZES = { batch: 2, heads: 4, kvHeads: 2, queries: 37, keys: 50, headDim: 8, valueDim: 12 };
const { batch, heads, kvHeads, queries, keys, headDim, valueDim } = SIZES;

const source = random(5);
const normal = (count: number) => Float32Array.from({ length: count }, () => source.normal());
const q = normal(batch * heads * queries * headDim);
const k = normal(batch * kvHeads * keys * headDim);
const v = normal(batch * kvHeads * keys * valueDim);
const doc = Int32Array.from({ length: batch * keys }, (_, i) => ((i % keys) / (i < keys ? 9 : 21)) | 0);

const f32 = (shape: readonly number[], data: Float32Array) => writeNpy({ dtype: "f32", shape, data });
const i32 = (shape: readonly number[], data: Int32Array) => writeNpy({ dtype: "i32", shape, data });

function safetensors(
  tensors: Readonly<Record<string, { dtype: string; shape: readonly number[]; data: Float32Array | Int32Array }>>,
): Uint8Array {
  let end = 0;
  const header = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    const start = end;
    end += data.byteLength;
    return [name, { dtype, shape, data_offsets: [start, end] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([
    length,
    text,
    ...Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  ]);
}

const shapes = { q: [batch, heads, queries, headDim], k: [batch, kvHeads, keys, headDim], v: [batch, kvHeads, keys, valueDim] };
const folder = folderWith({
  "two.attn": TWO,
  "packed.attn": PACKED,
  "q.npy": f32(shapes.q, q),
  "k.npy": f32(shapes.k, k),
  "v.npy": f32(shapes.v, v),
  "doc.npy": i32([batch, keys], doc),
  "all.safetensors": safetensors({
    "layer.0.q": { dtype: "F32", shape: shapes.q, data: q },
    "layer.0.k": { dtype: "F32", shape: shapes.k, data: k },
    "layer.0.v": { dtype: "F32", shape: shapes.v, data: v },
    doc: { dtype: "I32", shape: [batch, keys], data: doc },
  }),
  "k3.npy": f32([batch, 3, keys, headDim], normal(batch * 3 * keys * headDim)),
  "k10.npy": f32([batch, kvHeads, 10, headDim], normal(batch * kvHeads * 10 * headDim)),
  "v10.npy": f32([batch, kvHeads, 10, valueDim], normal(batch * kvHeads * 10 * valueDim)),
  "flat.npy": f32([q.length], q),
  "empty.npy": f32([batch, heads, 0, headDim], new Float32Array()),
  "ints.npy": i32(shapes.q, new Int32Array(q.length)),
  "cut.npy": f32(shapes.q, q).subarray(0, 500),
  "doc3.npy": i32([3, keys], new Int32Array(3 * keys)),
});

const NPY = ["--q", "q.npy", "--k", "k.npy", "--v", "v.npy"];
const SAFETENSORS = ["q", "k", "v"].flatMap((name) => [`--${name}`, `all.safetensors:layer.0.${name}`]);

/** Compares what was written with dense attention in float64 under a mask that is written down here. */
function expectReference(mask: MaskPredicate, outFile: string, lseFile: string, tolerance = 1e-5): void {
  const out = readNpy(readFileSync(join(folder, outFile))).tensor!;
  const lse = readNpy(readFileSync(join(folder, lseFile))).tensor!;
  expect(out.shape).toEqual([batch, heads, queries, valueDim]);
  expect(lse).toMatchObject({ shape: [batch, heads, queries], dtype: "f32" });
  const wanted = denseAttention({ ...SIZES, firstPosition: keys - queries, q, k, v, mask });
  const error = (got: ArrayLike<number | bigint>, want: Float64Array) =>
    want.reduce((most, value, i) => Math.max(most, value === got[i] ? 0 : Math.abs(value - Number(got[i]))), 0);
  expect(error(out.data, wanted.out)).toBeLessThan(tolerance);
  expect(error(lse.data, wanted.lse)).toBeLessThan(tolerance);
}

const sliding: MaskPredicate = (_b, _h, query, key) => key <= query && query - key < 7;
const packed: MaskPredicate = (b, _h, query, key) => key <= query && doc[b * keys + query] === doc[b * keys + key] && query - key < 5;

test("run on .npy files, on the interpreter", async () => {
  const result = await attnc(
    folder,
    "run",
    "two.attn#sliding",
    ...NPY,
    "--set",
    "window=7",
    "--out",
    "o/o.npy",
    "--lse",
    "o/l.npy",
    "--device",
    "interpreter",
  );
  expect(result).toMatchObject({ code: 0, stdout: "" });
  expect(result.stderr).toContain(
    "ran sliding on interpreter (tile program in TypeScript)\nwrote o/o.npy and o/l.npy: [2, 4, 37, 12], f32\n",
  );
  expectReference(sliding, "o/o.npy", "o/l.npy");
});

test("run on .safetensors, with an input and a runtime parameter", async () => {
  const inputs = ["--input", "doc=all.safetensors:doc", "--set", "reach=5"];
  const result = await attnc(
    folder,
    "run",
    "packed.attn",
    ...SAFETENSORS,
    ...inputs,
    "--out",
    "p.npy",
    "--lse",
    "pl.npy",
    "--device",
    "interpreter",
  );
  expect(result).toMatchObject({ code: 0, stdout: "" });
  expectReference(packed, "p.npy", "pl.npy");
});

test("f16 comes out as f16", async () => {
  const result = await attnc(
    folder,
    "run",
    "two.attn#sliding",
    ...NPY,
    "--set",
    "window=7",
    "--dtype",
    "f16",
    "--out",
    "h.npy",
    "--lse",
    "hl.npy",
    "--device",
    "interpreter",
  );
  expect(result.code).toBe(0);
  expect(readNpy(readFileSync(join(folder, "h.npy"))).tensor!.dtype).toBe("f16");
  expectReference(sliding, "h.npy", "hl.npy", 1e-2);
});

softwareTest("run on the software device gives the same, from either kind of file", async () => {
  const device = ["--device", "software"];
  const first = await attnc(
    folder,
    "run",
    "two.attn#sliding",
    ...SAFETENSORS,
    "--set",
    "window=7",
    "--out",
    "s.npy",
    "--lse",
    "sl.npy",
    ...device,
  );
  expect(first).toMatchObject({ code: 0, stdout: "" });
  expect(first.stderr).toContain("ran sliding on SwiftShader (software)\n");
  expectReference(sliding, "s.npy", "sl.npy");
  const second = await attnc(
    folder,
    "run",
    "packed.attn",
    ...NPY,
    "--input",
    "doc=doc.npy",
    "--set",
    "reach=5",
    "--out",
    "s.npy",
    "--lse",
    "sl.npy",
    ...device,
  );
  expect(second.code).toBe(0);
  expectReference(packed, "s.npy", "sl.npy");
});

const base = ["two.attn#sliding", ...NPY];
const out = ["--out", "bad.npy", "--device", "interpreter"];

test.each([
  [["two.attn", ...NPY, ...out], 2, "ATTN6203: two.attn has 2 attentions"],
  [[...base, "--q", "gone.npy", ...out], 2, "cannot read gone.npy: no such file or folder"],
  [[...base, "--q", "flat.npy", ...out], 1, "ATTN6007: flat.npy: --q has 1 axes, [2368"],
  [[...base, "--q", "ints.npy", ...out], 1, "ATTN6008: ints.npy: --q holds i32; floats are needed"],
  [[...base, "--q", "cut.npy", ...out], 1, "ATTN6005: cut.npy: the file ends too early"],
  [[...base, "--q", "two.attn", ...out], 1, "ATTN6001: two.attn: not an .npy file"],
  [[...base, "--q", "empty.npy", ...out], 1, "--q has the shape [2, 4, 0, 8]"],
  [[...base, "--q", "all.safetensors:q", ...out], 1, "ATTN6104: all.safetensors:q: there is no tensor `q`"],
  [[...base, "--k", "k3.npy", ...out], 1, "the kv heads must divide the query heads"],
  [[...base, "--v", "k10.npy", ...out], 1, "values have the batch, heads and length of the keys"],
  [[...base, "--k", "q.npy", ...out], 1, "ATTN6209: --v has the shape"],
  [[...base, "--k", "k10.npy", "--v", "v10.npy", ...out], 1, "at most as many queries as keys"],
  [[...base, "--heads", "8", ...out], 2, "--heads is 8; expected 4, as --q has it"],
  [[...base, "--seq", "49", ...out], 2, "--seq is 49; expected 50, as --k has it"],
  [[...base, "--batch", "1", ...out], 2, "--batch is 1; expected 2, as --q has it"],
  [[...base, "--value-dim", "8", ...out], 2, "--value-dim is 8; expected 12, as --v has it"],
  [[...base, "--lse", "bad.npy", ...out], 2, "--lse is bad.npy; expected another file than --out"],
  [[...base, "--out", "two.attn/o.npy", "--device", "interpreter"], 2, "cannot write two.attn/o.npy"],
  [["packed.attn", ...NPY, "--input", "doc=doc3.npy", ...out], 1, "batch is 1 or 2"],
  [["packed.attn", ...NPY, "--input", "doc=doc.npy", "--set", "reach=1.5", ...out], 1, "`reach` takes an integer"],
])("bad input: run %j", async (args, code, words) => {
  const result = await attnc(folder, "run", ...args);
  expect(result).toMatchObject({ code, stdout: "" });
  expect(result.stderr).toContain(words);
  expect(existsSync(join(folder, "bad.npy"))).toBe(false);
});
