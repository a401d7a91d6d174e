import { expect } from "vitest";
import { createAttention } from "../../../runtime/index.js";
import { softwareTest } from "../../device/software.js";
import { denseModule, denseReference, distance, noise, variant } from "./fixture.js";

const SIZES = { heads: 4, kvHeads: 2, headDim: 8, valueDim: 4 };
const STORAGE = 0x80 | 0x4 | 0x8;

function tensors(batch: number, n: number, nq: number, seed = 1, sizes = SIZES) {
  return {
    q: noise(batch * sizes.heads * nq * sizes.headDim, seed),
    k: noise(batch * sizes.kvHeads * n * sizes.headDim, seed + 1),
    v: noise(batch * sizes.kvHeads * n * sizes.valueDim, seed + 2),
  };
}

async function read(device: GPUDevice, buffer: GPUBuffer): Promise<Float32Array> {
  const staging = device.createBuffer({ size: buffer.size, usage: 0x1 | 0x8 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  return new Float32Array(staging.getMappedRange().slice(0));
}

function upload(device: GPUDevice, data: Float32Array<ArrayBuffer>): GPUBuffer {
  const buffer = device.createBuffer({ size: data.byteLength, usage: STORAGE });
  device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

softwareTest("run equals attention in float64, with output and lse", async ({ device }) => {
  const operator = await createAttention(device, denseModule());
  for (const { batch, n, nq, window, scale } of [
    { batch: 1, n: 1, nq: 1, window: 100, scale: undefined },
    { batch: 2, n: 70, nq: 70, window: 7, scale: undefined },
    { batch: 1, n: 50, nq: 33, window: 100, scale: 0.9 },
  ]) {
    const arrays = tensors(batch, n, nq);
    const { out, lse } = await operator.run(arrays, { batch, keyLength: n, queryLength: nq, params: { window }, scale });
    const expected = denseReference(arrays, { ...SIZES, batch, n, nq, window, ...(scale === undefined ? {} : { scale }) });
    expect(distance(out, expected.out)).toBeLessThan(1e-5);
    expect(distance(lse, expected.lse)).toBeLessThan(1e-5);
  }
  operator.destroy();
});

softwareTest("a shape other than the declaration's chooses the kernel compiled for it", async ({ device }) => {
  const module = denseModule({ variants: [variant(), variant({ headDim: 5, valueDim: 7 })] });
  const sizes = { heads: 3, kvHeads: 3, headDim: 5, valueDim: 7 };
  const operator = await createAttention(device, module, sizes);
  const arrays = tensors(1, 9, 9, 5, sizes);
  const { out } = await operator.run(arrays, { length: 9 });
  expect(distance(out, denseReference(arrays, { ...sizes, batch: 1, n: 9, nq: 9, window: 99 }).out)).toBeLessThan(1e-5);
});

softwareTest("calls encoded in a row before one submit each keep their own values", async ({ device }) => {
  const operator = await createAttention(device, denseModule());
  const n = 40;
  const arrays = tensors(1, n, n);
  const [q, k, v] = [upload(device, arrays.q), upload(device, arrays.k), upload(device, arrays.v)];
  const encoder = device.createCommandEncoder();
  const windows = [1, 5, 40];
  const outs = windows.map((window) => {
    const out = device.createBuffer({ size: n * 4 * 4 * 4, usage: STORAGE });
    operator.encode(encoder, { q, k, v, out }, { length: n, params: { window } });
    return out;
  });
  device.queue.submit([encoder.finish()]);
  for (const [i, window] of windows.entries()) {
    const expected = denseReference(arrays, { ...SIZES, batch: 1, n, nq: n, window }).out;
    expect(distance(await read(device, outs[i]!), expected)).toBeLessThan(1e-5);
  }
});

softwareTest("parts of one buffer serve as tensors, and memory around them stays as it was", async ({ device }) => {
  const operator = await createAttention(device, denseModule());
  const n = 20;
  const arrays = tensors(1, n, n);
  const all = new Float32Array(4096).fill(7);
  all.set(arrays.q, 0);
  all.set(arrays.k, 1024);
  all.set(arrays.v, 2048);
  const buffer = upload(device, all);
  const out = upload(device, new Float32Array(1024).fill(7));
  const encoder = device.createCommandEncoder();
  const lse = { buffer: out, offset: 2048 };
  operator.encode(
    encoder,
    { q: buffer, k: { buffer, offset: 4096 }, v: { buffer, offset: 8192 }, out: { buffer: out, size: 1280 }, lse },
    { length: n },
  );
  device.queue.submit([encoder.finish()]);
  const expected = denseReference(arrays, { ...SIZES, batch: 1, n, nq: n, window: 99 });
  const found = await read(device, out);
  expect(distance(found.subarray(0, 320), expected.out)).toBeLessThan(1e-5);
  expect(distance(found.subarray(512, 592), expected.lse)).toBeLessThan(1e-5);
  expect([...found.subarray(320, 512), ...found.subarray(592)].every((value) => value === 7)).toBe(true);
});

softwareTest("workgroups past the limit of one dimension are folded into the second", async ({ device }) => {
  const operator = await createAttention(device, denseModule());
  const batch = 16500;
  const arrays = tensors(batch, 1, 1);
  const { out } = await operator.run(arrays, { batch, length: 1 });
  // One key: each row is the value of its kv head.
  const wrong = out.findIndex((value, i) => Math.abs(value - arrays.v[Math.floor(i / 8) * 4 + (i % 4)]!) > 1e-6);
  expect(wrong).toBe(-1);
});
