import { expect } from "vitest";
import { createAttention, type AttentionCall, type ReuseRule, type SelectedBits } from "../../../runtime/index.js";
import { softwareTest } from "../../device/software.js";
import { noise } from "./fixture.js";
import { SELECTION, selectingModule } from "./selection-fixture.js";

/** 3 units of queries, 3 units of keys. */
const N = 10;
const TENSORS = { q: noise(4 * N * 8, 1), k: noise(2 * N * 8, 2), v: noise(2 * N * 4, 3) };
const GATE = new Float32Array(4 * 9);

async function message(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    return (error as Error).message;
  }
  return "no failure";
}

const odd = (overrides: Partial<SelectedBits> = {}): SelectedBits => ({
  ...{ batch: 1, heads: 2, rows: 1, columns: 3 },
  words: new Uint32Array(2),
  ...overrides,
});

softwareTest("numbers that rank nothing are refused before a launch, by input, index and value", async ({ device }) => {
  const operator = await createAttention(device, selectingModule());
  const run = (gate: unknown) => message(() => operator.run({ ...TENSORS, gate } as never, { length: N }));
  const holding = (value: number): Float32Array => GATE.slice().fill(value, 17, 18);
  expect(await run(holding(NaN))).toBe(
    "ATTN5213: gate[17]: expected a finite number of float32, found NaN. Replace it: a score of -1e30, say, is below those of all other units.",
  );
  expect(await run(holding(-Infinity))).toContain("gate[17]: expected a finite number of float32, found -Infinity");
  // Beyond float32, though a number.
  expect(await run([...GATE.subarray(1), 1e39])).toContain("gate[35]: expected a finite number of float32, found 1e+39");
  expect(await run(undefined)).toContain("ATTN5205: gate: expected the input `gate` (scores), found nothing");
  expect(await run(GATE.subarray(1))).toBe(
    "ATTN5206: gate: expected [batch, heads, 3, 3] of float32 with batch 1, heads 1 or 2 or 4; leading axes may be left out, found 35 elements. The sizes follow from this call: N = 10, NQ = 10.",
  );
  expect(await run({ data: GATE, shape: [3, 3, 4] })).toContain("ATTN5206: gate: expected [batch, heads, 3, 3] of float32");
  expect(await run("gates")).toContain("ATTN5212: gate");
});

softwareTest("parameters that only selections read are integers as others are", async ({ device }) => {
  const operator = await createAttention(device, selectingModule());
  const run = (parity: number) => message(() => operator.run({ ...TENSORS, gate: GATE }, { length: N, params: { parity } }));
  expect(await run(1.5)).toContain("ATTN5203: params.parity: expected an integer within 16777216 of 0 of at least 0, found 1.5");
  expect(await run(2 ** 30)).toContain("ATTN5203: params.parity");
});

softwareTest("selections that are given back fit the call", async ({ device }) => {
  const operator = await createAttention(device, selectingModule());
  const run = (reuse: unknown) => message(() => operator.run({ ...TENSORS, gate: GATE, reuse } as never, { length: N }));
  const beyond = odd({ words: Uint32Array.from([7, 7 + 16]) });
  expect(await Promise.all([{ odd: odd({ batch: 2 }) }, { odd: odd({ heads: 4 }) }, { odd: odd({ rows: 3 }) }].map(run))).toEqual([
    "ATTN5215: reuse.odd.batch: expected 1, as this call has it, found 2. Give back a selection that was made for this batch, these heads and as many queries.",
    "ATTN5215: reuse.odd.heads: expected 2, as this call has it, found 4. Give back a selection that was made for this batch, these heads and as many queries.",
    "ATTN5215: reuse.odd.rows: expected 1, as this call has it, found 3. Give back a selection that was made for this batch, these heads and as many queries.",
  ]);
  expect(await run({ odd: odd({ columns: 4 }) })).toBe(
    "ATTN5215: reuse.odd.columns: expected at most the 3 columns of this call, found 4. Give back a selection of this sequence.",
  );
  expect(await run({ odd: odd({ columns: 0 }) })).toContain("ATTN5215: reuse.odd.columns");
  expect(await run({ odd: odd({ words: new Uint32Array(3) }) })).toBe(
    "ATTN5215: reuse.odd.words: expected 2 words: [1, 2, 1, 1], found 3 words. Give back the words as they came, or make them with `selectedBits`.",
  );
  expect(await run({ odd: beyond })).toBe(
    "ATTN5216: reuse.odd.words[1]: expected no bit past the 3 columns, found bit 4 of row 0 of head 1, batch entry 0. Give back the words as they came, or make them with `selectedBits`.",
  );
  expect(await run({ odd: [1, 2] })).toContain("ATTN5212: reuse.odd: expected a selection of an earlier run");
  expect(await run({ odds: odd() })).toBe(
    "ATTN5214: reuse.odds: expected one of odd, high, found `odds`. Use the name of a `select` of the declaration.",
  );
});

softwareTest("buffers of selections are checked before anything is encoded", async ({ device }) => {
  const operator = await createAttention(device, selectingModule());
  const make = (size: number, usage = 0x80): GPUBuffer => device.createBuffer({ size, usage });
  const out = make(4 * N * 16);
  const tensors = { q: make(4 * N * 32), k: make(2 * N * 32), v: make(2 * N * 16), out, gate: make(144) };
  const encode = (buffers: object) =>
    message(() => operator.encode(device.createCommandEncoder(), { ...tensors, ...buffers }, { length: N }));
  expect(await encode({ selected: { high: make(4) } })).toBe(
    "ATTN5208: selected.high: expected [1, 4, 3, 1]: at least 48 bytes, found 4 bytes. Make the buffer larger, or check heads, dimensions and lengths of the call.",
  );
  expect(await encode({ selected: { low: make(48) } })).toBe(
    "ATTN5214: selected.low: expected one of odd, high, found `low`. Use the name of a `select` of the declaration.",
  );
  expect(await encode({ reuse: { odd: make(4) } })).toContain("ATTN5208: reuse.odd: expected [1, 2, 1, 1]: at least 8 bytes");
  expect(await encode({ reuse: { odd: { buffer: make(8), columns: 5 } } })).toContain(
    "ATTN5215: reuse.odd.columns: expected at most the 3",
  );
  expect(await encode({ reuse: { odd: make(8, 0x8) } })).toContain("ATTN5209: reuse.odd");
  expect(await encode({ selected: { high: out } })).toContain("ATTN5212: out: expected memory of its own, as the kernel writes it");
  const shared = make(512);
  const both = { odd: shared, high: shared };
  expect(await encode({ selected: both })).toContain("found memory that `selected.high` uses too");
  expect(await encode({ gate: make(36, 0x8) })).toContain("ATTN5209: gate");
  expect(await encode({ gate: make(32) })).toContain("ATTN5206: gate");
  expect(await encode({ selected: { high: make(48) }, reuse: { odd: make(8) } })).toBe("no failure");
});

softwareTest("the declaration says which selections are given back, and when", async ({ device }) => {
  const rules = (layer: number): ReuseRule[] => [layer === 2 ? "made" : "given", layer === 3 ? "either" : "made"];
  const module = selectingModule({ uses: ["layer"] }, { reuse: ({ layer }) => rules(layer) });
  const operator = await createAttention(device, module);
  const run = (reuse: Readonly<Record<string, SelectedBits>>, call: Partial<AttentionCall>) =>
    message(() => operator.run({ ...TENSORS, gate: GATE, reuse }, { length: N, ...call } as AttentionCall));
  const high: SelectedBits = { batch: 1, heads: 4, rows: 3, columns: 3, words: new Uint32Array(12) };
  expect(await run({}, { layer: 2 })).toBe("no failure");
  expect(await run({}, { layer: 1 })).toBe(
    "ATTN5217: reuse.odd: expected the selection of an earlier launch (layer 1, step 0), found nothing. Have it from the launch that made it, under `selected`, and pass it on.",
  );
  expect(await run({ odd: odd() }, { layer: 2 })).toBe(
    "ATTN5217: reuse.odd: expected nothing: this launch makes the selection (layer 2, step 0), found a selection. Leave it out.",
  );
  expect(await run({ odd: odd(), high }, { layer: 1 })).toContain("ATTN5217: reuse.high: expected nothing");
  expect(await run({ odd: odd(), high }, { layer: 3 })).toBe("no failure");
  expect(await run({ odd: odd() }, { layer: 3 })).toBe("no failure");
  const once = SELECTION.matrices.map((matrix) => ({ ...matrix, reusable: false }));
  const strict = await createAttention(device, selectingModule({}, { matrices: once }));
  expect(await message(() => strict.run({ ...TENSORS, gate: GATE, reuse: { odd: odd() } }, { length: N }))).toBe(
    "ATTN5214: reuse.odd: expected nothing to reuse: selecting declares none, found `odd`. Declare it with `reuse` to give it back.",
  );
});

softwareTest("selections too large for the device or for 31 bits are refused, not cut off", async ({ device }) => {
  const sized = async (sizes: (n: number) => readonly number[]) => {
    const operator = await createAttention(device, selectingModule({}, { sizes: ({ N: n }) => sizes(n), scratch: 6 }));
    return message(() => operator.run({ ...TENSORS, gate: GATE }, { length: N }));
  };
  const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
  const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const name = limit === maxStorageBufferBindingSize ? "maxStorageBufferBindingSize" : "maxBufferSize";
  const remedy = `Request the device with a higher ${name} (see \`requirements\`), or split the call by batch entries or queries.`;
  expect(await sized(() => [1, 3, 3, 3, 12, 2, limit / 4 + 1])).toBe(
    `ATTN5218: the selections' intermediate results: expected at most ${limit} bytes (${name} of the device), found ${limit + 4} bytes for 10 queries of 4 heads, the least that can be computed at a time. ${remedy}`,
  );
  expect(await sized(() => [1, 3, 2 ** 20, 2 ** 20, 12, 2, 12])).toContain(`ATTN5210: selections: expected at most ${limit} bytes`);
  expect(await sized(() => [1, 3, 3, 3, 12, 2 ** 31, 12])).toBe(
    "ATTN5210: call: expected selections whose tensors have at most 2147483647 elements, found 2147483648. Split the call by batch entries, heads or queries.",
  );
});

softwareTest("a stage that does not compile, or binds too much, is named", async ({ device }) => {
  const [first] = SELECTION.stages;
  const broken = { ...first!, wgsl: "@compute @workgroup_size(1)\nfn main() { let a: i32 = 1.5; }" };
  expect(await message(() => createAttention(device, selectingModule({}, { stages: [broken] })))).toContain(
    "ATTN5104: shader: expected selecting odd units to compile on this device",
  );
  const names = Array.from({ length: device.limits.maxStorageBuffersPerShaderStage - 3 }, (_, i) => `input${i}`);
  expect(await message(() => createAttention(device, selectingModule({}, { stages: [{ ...first!, floatInputs: names }] })))).toContain(
    "ATTN5102: device.limits.maxStorageBuffersPerShaderStage: expected at least " + (names.length + 4),
  );
});

softwareTest("the numbers of the selections are those that float32 holds", async ({ device }) => {
  const withScalar = (value: number) => selectingModule({ scalars: { count: 1, floats: [0], evaluate: () => [value] } });
  const run = (value: number) =>
    message(async () => (await createAttention(device, withScalar(value))).run({ ...TENSORS, gate: GATE }, { length: N }));
  expect(await run(0.1)).toBe("no failure");
  expect(await run(-Infinity)).toBe("no failure");
  expect(await run(NaN)).toContain(
    "ATTN5203: params: expected values from which the numbers of the selections of each head can be computed in 32 bits, found NaN for head 0",
  );
});
