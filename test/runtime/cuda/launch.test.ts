import { expect } from "vitest";
import type { CudaDevice } from "../../../runtime/cuda/device.js";
import { createCudaAttention, type CudaTensors } from "../../../runtime/cuda/operator.js";
import { denseReference, distance, noise } from "../launch/fixture.js";
import { emulatedTest, useEmulatedGpu } from "./emulated.js";
import { copyCudaModule, denseCudaModule } from "./fixture.js";

useEmulatedGpu();

const N = 6;
const BYTES = { q: 4 * N * 32, k: 2 * N * 32, v: 2 * N * 16, out: 4 * N * 16, lse: 4 * N * 4 };

/** Memory for a call of length 6, of 64 bytes more than it needs. */
const tensorsFor = (device: CudaDevice) => {
  const made = Object.entries(BYTES).map(([name, bytes]) => [name, device.allocate(bytes + 64)] as const);
  return Object.fromEntries(made) as Record<keyof typeof BYTES, bigint>;
};

emulatedTest("pointers in, results in place", async (device) => {
  const operator = await createCudaAttention(device, denseCudaModule());
  const data = { q: noise(4 * N * 8, 1), k: noise(2 * N * 8, 2), v: noise(2 * N * 4, 3) };
  const tensors = tensorsFor(device);
  for (const [name, values] of Object.entries(data)) device.upload(tensors[name as keyof typeof data], values);

  operator.launch({ ...tensors, lse: undefined }, { length: N });
  operator.launch({ ...tensors, out: { pointer: tensors.out, bytes: BYTES.out } }, { length: N, scale: 0.5 });
  const [out, lse] = [new Float32Array(BYTES.out / 4), new Float32Array(BYTES.lse / 4)];
  device.download(out, tensors.out);
  device.download(lse, tensors.lse);
  const expected = denseReference(data, { ...operator.shape, batch: 1, n: N, nq: N, window: 1e6, scale: 0.5 });
  expect(distance(out, expected.out)).toBeLessThan(1e-5);
  expect(distance(lse, expected.lse)).toBeLessThan(1e-5);
});

const refusals: readonly [what: string, wrong: (good: Record<string, bigint>) => object, message: string][] = [
  [
    "nothing",
    () => ({ q: undefined }),
    "ATTN5307: q: expected the address of device memory, as a bigint, or { pointer, bytes }, found nothing.",
  ],
  ["a number", () => ({ q: 4096 }), "found number. Pass device pointers to `launch`, or arrays to `run`."],
  ["an array", () => ({ q: new Float32Array(192) }), "found an array."],
  ["null", () => ({ out: 0n }), "ATTN5307: out: expected the address of device memory, as a bigint, or { pointer, bytes }, found 0n."],
  ["a misaligned tensor", ({ k }) => ({ k: k! + 4n }), "ATTN5307: k: expected an address at a multiple of 16 bytes, found 0x"],
  ["a misaligned lse", ({ lse }) => ({ lse: lse! + 2n }), "ATTN5307: lse: expected an address at a multiple of 4 bytes, found 0x"],
  ["memory of the host", () => ({ v: 4096n }), "ATTN5307: v: expected memory that the CUDA driver knows, found 0x1000."],
  ["too little behind it", ({ v }) => ({ v: v! + 80n }), "ATTN5208: v: expected [1, 2, 6, 4]: at least 192 bytes, found 176 bytes."],
  [
    "a part too short",
    ({ v }) => ({ v: { pointer: v, bytes: 64 } }),
    "ATTN5208: v: expected [1, 2, 6, 4]: at least 192 bytes, found 64 bytes.",
  ],
  [
    "out over q",
    ({ q }) => ({ out: q! + 64n }),
    "ATTN5307: out: expected memory of its own, as the kernel writes it, found memory that `q` uses too.",
  ],
  ["lse over out", ({ out }) => ({ lse: out! + 16n }), "found memory that `lse` uses too."],
  ["an unknown input", () => ({ inputs: { doc: { pointer: 0n, shape: [6] } } }), "ATTN5205: doc: expected no inputs"],
];

for (const [what, wrong, message] of refusals) {
  emulatedTest(`${what} is refused`, async (device) => {
    const operator = await createCudaAttention(device, denseCudaModule());
    const good = tensorsFor(device);
    expect(() => operator.launch({ ...good, ...wrong(good) } as CudaTensors, { length: N })).toThrow(message);
  });
}

emulatedTest("inputs need a shape that fits the call, and memory for it", async (device) => {
  const operator = await createCudaAttention(device, copyCudaModule({ inputs: [{ kind: "ids", name: "doc", axis: "k" }] }));
  const tensors = tensorsFor(device);
  const doc = device.allocate(4 * N);
  const launch = (input: object): void =>
    operator.launch({ ...tensors, inputs: { doc: input as never } }, { length: N, params: { words: 1 } });
  launch({ pointer: doc, shape: [N] });
  expect(() => launch({ pointer: doc })).toThrow(
    "ATTN5212: doc: expected { pointer, shape }, with the shape as an array of whole numbers, found no shape.",
  );
  expect(() => launch({ pointer: doc, shape: [N + 1] })).toThrow(
    "ATTN5206: doc: expected [batch, 6] with batch 1; leading axes may be left out, found [7].",
  );
  expect(() => launch({ pointer: device.allocate(16), shape: [N] })).toThrow(
    "ATTN5208: doc: expected 6 words of 4 bytes: at least 24 bytes, found 16 bytes.",
  );
});

emulatedTest("launches in different streams fill words of their own", async (device) => {
  const operator = await createCudaAttention(device, copyCudaModule({ inputs: [{ kind: "ids", name: "doc", axis: "k" }] }));
  const tensors = tensorsFor(device);
  const allocated: bigint[] = [];
  const launches: bigint[] = [];
  const watched: CudaDevice = {
    ...device,
    allocate: (bytes) => allocated[allocated.push(device.allocate(bytes)) - 1]!,
    // The fourth pointer of the kernel is that of its words.
    launch(kernel, launch) {
      if (kernel.symbol === "copy_words") launches.push(new BigUint64Array(launch.parameters[4]!.slice().buffer)[0]!);
      device.launch(kernel, launch);
    },
  };
  const doc = device.allocate(4 * N);
  device.upload(doc, new Int32Array(N));
  const other = await createCudaAttention(watched, operator.module);
  for (const stream of [0n, 1n, 0n])
    other.launch({ ...tensors, inputs: { doc: { pointer: doc, shape: [N] } } }, { length: N, params: { words: 1 } }, stream);
  expect(launches[0]).not.toBe(launches[1]);
  expect(launches[2]).toBe(launches[0]);
  other.destroy();
});

emulatedTest("a destroyed operator is refused, and frees what it made", async (device) => {
  const live = new Set<bigint>();
  const watched: CudaDevice = {
    ...device,
    allocate(bytes) {
      const pointer = device.allocate(bytes);
      live.add(pointer);
      return pointer;
    },
    free(pointer) {
      live.delete(pointer);
      device.free(pointer);
    },
  };
  const module = copyCudaModule({
    inputs: [{ kind: "ids", name: "doc", axis: "k" }],
    scalars: { count: 1, evaluate: ({ h }) => [h] },
    layout: "gilbert",
    orders: [{ name: "0order", curve: "gilbert", extents: [2, 3], behind: 0, of: "position" }],
  });
  const operator = await createCudaAttention(watched, module);
  const tensors = { q: noise(4 * N * 8, 1), k: noise(2 * N * 8, 2), v: noise(2 * N * 4, 3), doc: new Int32Array(N) };
  await operator.run(tensors, { length: N, params: { words: 1 } });
  expect(live.size).toBeGreaterThan(0);
  operator.destroy();
  operator.destroy();
  expect([...live]).toEqual([]);
  await expect(operator.run(tensors, { length: N, params: { words: 1 } })).rejects.toThrow(
    "ATTN5107: operator: expected an operator in use, found copy, destroyed.",
  );
});
