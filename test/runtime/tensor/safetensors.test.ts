import fc from "fast-check";
import { expect, test } from "vitest";
import { checkRank, listSafetensors, readSafetensors, readTensor, splitTensorPath, toFloats, writeNpy } from "../../../runtime/index.js";

function file(header: unknown, data: ArrayLike<number> = []): Uint8Array {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(Array.from(data), 8 + text.length);
  return bytes;
}

const bytesOf = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

test("one tensor of several is read by its name", () => {
  const model = file(
    {
      __metadata__: { format: "pt" },
      "layers.0.q": { dtype: "F32", shape: [1, 2], data_offsets: [0, 8] },
      "layers.0.mask": { dtype: "BOOL", shape: [3], data_offsets: [8, 11] },
      "layers.0.k": { dtype: "BF16", shape: [2], data_offsets: [11, 15] },
      empty: { dtype: "I32", shape: [0], data_offsets: [15, 15] },
    },
    [...bytesOf(Float32Array.of(1.25, -3)), 1, 0, 1, ...bytesOf(Uint16Array.of(0x3fc0, 0xc000))],
  );
  expect(readSafetensors(model, "layers.0.q").tensor).toEqual({ dtype: "f32", shape: [1, 2], data: Float32Array.of(1.25, -3) });
  expect(readSafetensors(model, "layers.0.mask").tensor).toEqual({ dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) });
  expect(readSafetensors(model, "layers.0.k").tensor).toEqual({ dtype: "bf16", shape: [2], data: Float32Array.of(1.5, -2) });
  expect(readSafetensors(model, "empty").tensor).toEqual({ dtype: "i32", shape: [0], data: new Int32Array(0) });
  expect(listSafetensors(model)).toMatchObject({
    entries: [{ name: "layers.0.q" }, { name: "layers.0.mask" }, { name: "layers.0.k" }, { name: "empty" }],
  });
  expect(readSafetensors(model, "layers.0.w").error).toEqual({
    code: "ATTN6104",
    message: "there is no tensor `layers.0.w`",
    hint: "Did you mean `layers.0.q`? It holds: layers.0.q (F32 [1, 2]), layers.0.mask (BOOL [3]), layers.0.k (BF16 [2]), empty (I32 [0]).",
  });
  expect(readSafetensors(model, "mask").error?.hint).toMatch(/^Did you mean `layers.0.mask`\?/);
  expect(readSafetensors(model, "something else").error?.hint).toMatch(/^It holds/);
  expect(readSafetensors(model).error?.message).toBe("the name of a tensor is missing");
});

test.each([
  ["F64", Float64Array.of(0.1, -7)],
  ["F32", Float32Array.of(0.5, -7)],
  ["I64", BigInt64Array.of(-5n, 2n ** 40n)],
  ["I32", Int32Array.of(-5, 1 << 30)],
  ["I16", Int16Array.of(-5, 30000)],
  ["I8", Int8Array.of(-5, 127)],
  ["U64", BigUint64Array.of(5n, 2n ** 63n)],
  ["U32", Uint32Array.of(5, 2 ** 31)],
  ["U16", Uint16Array.of(5, 65535)],
  ["U8", Uint8Array.of(5, 255)],
] as const)("elements of type %s", (dtype, data) => {
  // The name may be left out where there is only one.
  const bytes = file({ x: { dtype, shape: [2], data_offsets: [0, data.byteLength] } }, bytesOf(data));
  expect(readSafetensors(bytes).tensor).toEqual({ dtype: dtype.toLowerCase(), shape: [2], data });
});

const entry = (dtype: unknown, shape: unknown, offsets: unknown) => ({ x: { dtype, shape, data_offsets: offsets } });

test.each([
  [Uint8Array.of(1, 2), "ATTN6101 not a .safetensors file: it holds 2 bytes"],
  [
    writeNpy({ dtype: "f32", shape: [1], data: Float32Array.of(1) }),
    /^ATTN6101 not a .safetensors file: its header would be \d+ bytes long/,
  ],
  [file("[1]"), "ATTN6101 not a .safetensors file: its header does not begin with a brace"],
  [file("{,"), /^ATTN6102 the header cannot be read: /],
  [file(entry("F32", [1], [0])), /^ATTN6102 the header's entry `x`/],
  [file(entry("F32", [-1], [0, 4])), /^ATTN6102 the header's entry `x`/],
  [file(entry("F32", [1], [4, 0])), /^ATTN6102 the header's entry `x`/],
  [file({ x: null }), /^ATTN6102 the header's entry `x`/],
  [file(entry("F32", [1], [0, 4])).subarray(0, 20), /^ATTN6103 the header claims \d+ bytes and the file ends after 12/],
  [file(entry("F32", [2], [0, 8]), [1, 2, 3, 4]), /^ATTN6103 `x` ends at byte \d+, the file after \d+/],
  [file(entry("F8_E4M3", [1], [0, 1]), [1]), "ATTN6105 elements of type F8_E4M3 are not read"],
  [file(entry("F32", [3], [0, 8]), new Uint8Array(8)), "ATTN6106 `x`: shape [3] of F32 takes 12 bytes, 8 bytes are set apart"],
])("a damaged file is told by what is wrong (%#)", (bytes, expected) => {
  const { error } = readSafetensors(bytes, "x");
  const found = `${error?.code} ${error?.message}`;
  if (typeof expected === "string") expect(found).toBe(expected);
  else expect(found).toMatch(expected);
});

test("no damage makes the reader throw", () => {
  const good = file(entry("F32", [2], [0, 8]), new Uint8Array(8));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }), fc.nat(good.length), (edits, length) => {
      const bytes = new Uint8Array(good);
      for (const [at, byte] of edits) bytes[at] = byte;
      readSafetensors(bytes.subarray(0, length), "x");
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["x.npy", { path: "x.npy" }],
  ["C:\\m\\a.safetensors:q", { path: "C:\\m\\a.safetensors", name: "q" }],
  ["a.safetensors:b:c", { path: "a.safetensors", name: "b:c" }],
  ["a.safetensors", { path: "a.safetensors" }],
])("%s is a path and perhaps a name", (text, expected) => {
  expect(splitTensorPath(text)).toEqual(expected);
});

test("a file is read by what its name says it is", () => {
  const npy = writeNpy({ dtype: "i32", shape: [1], data: Int32Array.of(5) });
  expect(readTensor({ path: "x.npy" }, npy).tensor?.data).toEqual(Int32Array.of(5));
  expect(readTensor({ path: "x.safetensors", name: "x" }, npy).error?.code).toBe("ATTN6101");
});

test("rank and element type are asked for in words", () => {
  const tensor = { dtype: "i32", shape: [2], data: Int32Array.of(1, 2) } as const;
  expect(checkRank(tensor, "q", ["n"])).toBeUndefined();
  expect(checkRank(tensor, "q", ["batch", "heads"])?.message).toBe("q has 1 axes, [2]; 2 are needed: [batch, heads]");
  expect(toFloats(tensor, "q").error?.message).toBe("q holds i32; floats are needed");
  expect(toFloats({ dtype: "f64", shape: [1], data: Float64Array.of(0.1) }, "q").data).toEqual(Float32Array.of(0.1));
});
