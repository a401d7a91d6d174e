import { expect } from "vitest";
import { createAttention, selectedUnits, tuneAttention, type SelectedBits } from "../../../runtime/index.js";
import { softwareTest } from "../../device/software.js";
import { distance, noise } from "./fixture.js";
import { rowsOf, selectedPairs, selectingModule, selectingReference, unitsOf, type SelectingCall } from "./selection-fixture.js";

const STORAGE = 0x80 | 0x4 | 0x8;

function tensorsOf({ batch, n, nq }: SelectingCall, seed: number) {
  return { q: noise(batch * 4 * nq * 8, seed), k: noise(batch * 2 * n * 8, seed + 1), v: noise(batch * 2 * n * 4, seed + 2) };
}

/** Multiples of 1/8, whose sums are exact. */
function gateOf({ batch, n, nq }: SelectingCall, seed: number): Float32Array<ArrayBuffer> {
  return noise(batch * 4 * rowsOf({ N: n, NQ: nq }) * unitsOf(n), seed).map((x) => Math.round(x * 32) / 8);
}

const callOf = ({ batch, n, nq, parity }: SelectingCall) => ({ batch, keyLength: n, queryLength: nq, params: { parity } });

/** The output that a call is to have. */
function expected(call: SelectingCall, seed: number): Float64Array {
  const { odd, high } = selectedPairs(call, gateOf(call, seed + 7));
  return selectingReference(tensorsOf(call, seed), call, (b, h, row, unit) => odd(b, Math.floor(h / 2), unit) || high(b, h, row, unit));
}

function inBits(bits: SelectedBits, b: number, h: number, row: number, unit: number): boolean {
  return selectedUnits(bits, b, h, row).includes(unit);
}

const CALLS: readonly SelectingCall[] = [
  { batch: 1, n: 1, nq: 1, parity: 0 },
  { batch: 2, n: 70, nq: 70, parity: 1 },
  { batch: 1, n: 150, nq: 33, parity: 0 },
  { batch: 3, n: 9, nq: 2, parity: 1 },
];

softwareTest("the stages choose what the kernel sees, and the lists come back when asked for", async ({ device }) => {
  const operator = await createAttention(device, selectingModule());
  for (const call of CALLS) {
    const gate = gateOf(call, 12);
    const { out, selected } = await operator.run({ ...tensorsOf(call, 5), gate, selected: true }, callOf(call));
    expect(distance(out, expected(call, 5))).toBeLessThan(1e-5);
    const [rows, columns] = [rowsOf({ N: call.n, NQ: call.nq }), unitsOf(call.n)];
    const { odd, high } = selected!;
    expect(odd).toMatchObject({ batch: call.batch, heads: 2, rows: 1, columns });
    expect(high).toMatchObject({ batch: call.batch, heads: 4, rows, columns });
    const rule = selectedPairs(call, gate);
    for (let b = 0; b < call.batch; b++) {
      for (let unit = 0; unit < columns; unit++) {
        for (let g = 0; g < 2; g++) expect(inBits(odd!, b, g, 0, unit)).toBe(rule.odd(b, g, unit));
        for (let h = 0; h < 4; h++)
          for (let row = 0; row < rows; row++) expect(inBits(high!, b, h, row, unit)).toBe(rule.high(b, h, row, unit));
      }
    }
  }
  operator.destroy();
});

softwareTest("without being asked for, the lists stay on the device", async ({ device }) => {
  const operator = await createAttention(device, selectingModule());
  const call = CALLS[2]!;
  const result = await operator.run({ ...tensorsOf(call, 5), gate: gateOf(call, 12) }, callOf(call));
  expect(Object.keys(result)).toEqual(["out", "lse"]);
});

function upload(device: GPUDevice, data: Float32Array<ArrayBuffer>): GPUBuffer {
  const buffer = device.createBuffer({ size: Math.max(4, data.byteLength), usage: STORAGE });
  device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

async function read(device: GPUDevice, buffer: GPUBuffer): Promise<ArrayBuffer> {
  const staging = device.createBuffer({ size: buffer.size, usage: 0x1 | 0x8 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  return staging.getMappedRange().slice(0);
}

softwareTest("launches encoded in a row do not see one another's selections, though they share aux and scratch", async ({ device }) => {
  const operator = await createAttention(device, selectingModule());
  // Growing, shrinking and equal sizes: the shared buffers are made anew once, and then hold less than they did.
  const calls: SelectingCall[] = [CALLS[0]!, CALLS[2]!, { ...CALLS[2]!, parity: 1 }, CALLS[1]!, CALLS[3]!, CALLS[2]!];
  const encoder = device.createCommandEncoder();
  const outs = calls.map((call, i) => {
    const { q, k, v } = tensorsOf(call, 50 * i);
    const out = device.createBuffer({ size: call.batch * 4 * call.nq * 16, usage: STORAGE });
    const high = device.createBuffer({
      size: 4 * call.batch * 4 * rowsOf({ N: call.n, NQ: call.nq }) * Math.ceil(unitsOf(call.n) / 32),
      usage: STORAGE,
    });
    const buffers = {
      q: upload(device, q),
      k: upload(device, k),
      v: upload(device, v),
      gate: upload(device, gateOf(call, 50 * i + 7)),
      out,
    };
    operator.encode(encoder, { ...buffers, selected: { high } }, callOf(call));
    return { out, high };
  });
  device.queue.submit([encoder.finish()]);
  for (const [i, call] of calls.entries()) {
    expect(distance(new Float32Array(await read(device, outs[i]!.out)), expected(call, 50 * i))).toBeLessThan(1e-5);
    const [rows, columns] = [rowsOf({ N: call.n, NQ: call.nq }), unitsOf(call.n)];
    const words = new Uint32Array(await read(device, outs[i]!.high));
    const { high } = selectedPairs(call, gateOf(call, 50 * i + 7));
    const bits = { batch: call.batch, heads: 4, rows, columns, words };
    for (let h = 0; h < 4; h++) {
      const units = Array.from({ length: columns }, (_, unit) => unit).filter((unit) => high(call.batch - 1, h, rows - 1, unit));
      expect(selectedUnits(bits, call.batch - 1, h, rows - 1)).toEqual(units);
    }
  }
});

softwareTest("what was selected can be given back, and its stages are left out", async ({ device }) => {
  const call = CALLS[1]!;
  const [tensors, gate] = [tensorsOf(call, 5), gateOf(call, 12)];
  const operator = await createAttention(device, selectingModule());
  const first = await operator.run({ ...tensors, gate, selected: true }, callOf(call));
  // Other gates and the other parity would select otherwise.
  const [other, turned] = [gateOf(call, 99), { ...callOf(call), params: { parity: 0 } }];
  const all = await operator.run({ ...tensors, gate: other, reuse: first.selected, selected: true }, turned);
  expect(all.out).toEqual(first.out);
  expect(all.selected).toEqual(first.selected);
  const half = await operator.run({ ...tensors, gate: other, reuse: { high: first.selected!["high"] }, selected: true }, turned);
  expect(half.selected!["high"]).toEqual(first.selected!["high"]);
  expect(half.selected!["odd"]).not.toEqual(first.selected!["odd"]);
  const rule = selectedPairs(call, gate);
  const { odd } = selectedPairs({ ...call, parity: 0 }, gate);
  const sees = (b: number, h: number, row: number, unit: number) => odd(b, Math.floor(h / 2), unit) || rule.high(b, h, row, unit);
  expect(distance(half.out, selectingReference(tensors, call, sees))).toBeLessThan(1e-5);
});

softwareTest("keys that came after a selection are taken as selected", async ({ device }) => {
  const operator = await createAttention(device, selectingModule());
  const [before, now]: SelectingCall[] = [
    { batch: 2, n: 130, nq: 3, parity: 0 },
    { batch: 2, n: 263, nq: 3, parity: 0 },
  ];
  const { selected } = await operator.run({ ...tensorsOf(before!, 5), gate: gateOf(before!, 12), selected: true }, callOf(before!));
  const tensors = tensorsOf(now!, 6);
  const arrays = { ...tensors, gate: gateOf(now!, 13), reuse: { odd: selected!["odd"] }, selected: true };
  const later = await operator.run(arrays, callOf(now!));
  for (let b = 0; b < 2; b++) {
    for (let g = 0; g < 2; g++) {
      const known = selectedUnits(selected!["odd"]!, b, g, 0);
      const added = Array.from({ length: unitsOf(263) - unitsOf(130) }, (_, i) => unitsOf(130) + i);
      expect(selectedUnits(later.selected!["odd"]!, b, g, 0)).toEqual([...known, ...added]);
    }
  }
  const rule = selectedPairs(now!, gateOf(now!, 13));
  const sees = (b: number, h: number, row: number, unit: number) =>
    unit >= unitsOf(130) || inBits(selected!["odd"]!, b, Math.floor(h / 2), 0, unit) || rule.high(b, h, row, unit);
  expect(distance(later.out, selectingReference(tensors, now!, sees))).toBeLessThan(1e-5);
});

softwareTest("a selection can be encoded alone, and its buffer be given to a launch as it is", async ({ device }) => {
  const operator = await createAttention(device, selectingModule());
  const call = CALLS[1]!;
  const { q, k, v } = tensorsOf(call, 5);
  const buffers = { q: upload(device, q), k: upload(device, k), gate: upload(device, gateOf(call, 12)) };
  const high = device.createBuffer({ size: 1024 + 4 * 2 * 4 * rowsOf({ N: 70, NQ: 70 }), usage: 0x80 });
  const out = device.createBuffer({ size: 2 * 4 * 70 * 16, usage: STORAGE });
  const part = { buffer: high, offset: 1024 };
  const encoder = device.createCommandEncoder();
  operator.encodeSelection(encoder, { ...buffers, selected: { high: part } }, callOf(call));
  const other = upload(device, gateOf(call, 99));
  operator.encode(encoder, { ...buffers, gate: other, v: upload(device, v), out, reuse: { high: part } }, callOf(call));
  device.queue.submit([encoder.finish()]);
  expect(distance(new Float32Array(await read(device, out)), expected(call, 5))).toBeLessThan(1e-5);
});

softwareTest("gates may be the same for all heads and batch entries", async ({ device }) => {
  const operator = await createAttention(device, selectingModule());
  const call: SelectingCall = { batch: 2, n: 30, nq: 30, parity: 0 };
  const matrix = rowsOf({ N: 30, NQ: 30 }) * unitsOf(30);
  const shared = gateOf(call, 12).slice(0, 2 * matrix);
  const everywhere = new Float32Array(8 * matrix);
  for (let bh = 0; bh < 8; bh++)
    everywhere.set(
      shared.subarray(0, matrix).map((x, i) => (bh % 4 < 2 ? x : shared[matrix + i]!)),
      bh * matrix,
    );
  const tensors = tensorsOf(call, 5);
  const one = await operator.run({ ...tensors, gate: { data: shared, shape: [1, 2, 8, 8] }, selected: true }, callOf(call));
  const all = await operator.run({ ...tensors, gate: everywhere, selected: true }, callOf(call));
  expect(one).toEqual(all);
});

softwareTest("kernels of operators that select are measured and compared like others", async ({ device }) => {
  const [one] = selectingModule().variants;
  const module = selectingModule({ variants: [one!, { ...one!, name: "f32-again", wgsl: `// The same.\n${one!.wgsl}` }] });
  const call: SelectingCall = { batch: 1, n: 30, nq: 30, parity: 0 };
  const request = { ...callOf(call), rounds: 1, profile: "software" } as const;
  const { timings } = await tuneAttention(device, module, {}, { ...request, arrays: { gate: gateOf(call, 3) } });
  expect(timings.map(({ skipped }) => skipped)).toEqual([undefined, undefined]);
  const bits: SelectedBits = { batch: 1, heads: 2, rows: 1, columns: unitsOf(30), words: new Uint32Array(2).fill(1) };
  const reused = await tuneAttention(device, module, {}, { ...request, arrays: { gate: gateOf(call, 3), reuse: { odd: bits } } });
  expect(reused.timings).toHaveLength(2);
  await expect(tuneAttention(device, module, {}, request)).rejects.toThrow("ATTN5205: gate");
});
