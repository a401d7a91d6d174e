import { expect } from "vitest";
import { AttnError, createAttention, type AttentionCall, type AttentionModule, type InputSpec } from "../../../runtime/index.js";
import { openDevice } from "../../../runtime/device/open.js";
import { softwareTest } from "../../device/software.js";
import { denseModule, noise, variant } from "./fixture.js";

const N = 6;
const TENSORS = { q: noise(4 * N * 8, 1), k: noise(2 * N * 8, 2), v: noise(2 * N * 4, 3) };

/** What an action fails with: code and field. */
async function failure(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof AttnError)) throw error;
    for (const text of [error.expected, error.found, error.remedy]) {
      expect(text).not.toBe("");
      expect(error.message).toContain(text);
    }
    return `${error.code} ${error.field}`;
  }
  return "no failure";
}

function runFailure(device: GPUDevice, module: AttentionModule, arrays: Record<string, unknown>, call: AttentionCall): Promise<string> {
  return failure(async () => {
    const operator = await createAttention(device, module);
    await operator.run({ ...TENSORS, ...arrays } as typeof TENSORS, call);
  });
}

softwareTest("what a device lacks is named", async ({ device }) => {
  const fails = (module: AttentionModule, shape = {}, options = {}) => failure(() => createAttention(device, module, shape, options));
  const with1 = (overrides: Parameters<typeof variant>[0]) => denseModule({ variants: [variant(overrides)] });
  const codes = [
    await fails(with1({ features: ["shader-f16"] })),
    await fails(with1({ workgroupBytes: 1 << 30 })),
    await fails(with1({ threads: 100_000 })),
    await fails(denseModule(), { headDim: 9 }),
    await fails(denseModule(), {}, { variant: "other" }),
    await fails(with1({ wgsl: "@compute @workgroup_size(1)\nfn main() { let a: i32 = 1.5; }" })),
    await fails(denseModule(), { heads: 3, kvHeads: 2 }),
    await fails(denseModule({ fixed: { heads: 8 } })),
    await fails(denseModule({ fixed: { kvHeads: 8 } })),
    await fails(denseModule(), { heads: 0 }),
  ];
  expect(codes).toEqual([
    "ATTN5101 device.features",
    "ATTN5102 device.limits.maxComputeWorkgroupStorageSize",
    "ATTN5102 device.limits.maxComputeInvocationsPerWorkgroup",
    "ATTN5103 headDim",
    "ATTN5103 variant",
    "ATTN5104 shader",
    "ATTN5201 kvHeads",
    "ATTN5201 heads",
    "ATTN5201 kvHeads",
    "ATTN5201 heads",
  ]);
});

softwareTest("a shader's error carries place and text", async ({ device }) => {
  const module = denseModule({ variants: [variant({ wgsl: "@compute @workgroup_size(1)\nfn main() { let b: i32 = 2.5; }" })] });
  await expect(createAttention(device, module)).rejects.toThrow(/found 2:\d+: .*(i32|f32|float)/);
});

softwareTest("lengths, parameters and launch variables are checked", async ({ device }) => {
  const fails = (overrides: Partial<AttentionModule>, call: AttentionCall) => runFailure(device, denseModule(overrides), {}, call);
  const grid = { length: { kind: "extents", extents: ["t", 3], extra: 2 }, params: [{ name: "t", min: 1 }], uniforms: [] } as const;
  const layered: Partial<AttentionModule> = { uses: ["layer"], fixed: { layers: 4 } };
  const phased: Partial<AttentionModule> = { uses: ["phase"], phases: ["prefill", "decode"] };
  const codes = [
    await fails({}, { length: 0 }),
    await fails({}, { length: 1.5 }),
    await fails({}, {}),
    await fails({}, { length: 4, queryLength: 4 }),
    await fails({}, { keyLength: 4, queryLength: 5 }),
    await fails({ maxLength: 5 }, { length: N }),
    await fails({ length: { kind: "any", extents: [], extra: 7 } }, { length: N }),
    await fails(grid, { length: N, params: { t: 2 } }),
    await fails(grid, { length: N }),
    await fails({}, { length: N, batch: -1 }),
    await fails({}, { length: N, params: { window: NaN } }),
    await fails({}, { length: N, params: { window: 1.5 } }),
    await fails({}, { length: N, params: { window: 0 } }),
    await fails({}, { length: N, params: { widow: 1 } }),
    await fails({}, { length: N, scale: NaN }),
    await fails({}, { length: N, scale: 1e39 }),
    await fails({}, undefined as never),
    await fails(layered, { length: N }),
    await fails(layered, { length: N, layer: 4 }),
    await fails(layered, { length: N, layer: 1, layers: 5 }),
    await fails(phased, { length: N }),
    await fails(phased, { length: N, phase: "train" }),
    await fails({ scalars: { count: 1, evaluate: () => [2 ** 40] } }, { length: N }),
  ];
  expect(codes).toEqual([
    "ATTN5202 length",
    "ATTN5202 length",
    "ATTN5202 keyLength",
    "ATTN5202 length",
    "ATTN5202 queryLength",
    "ATTN5202 keyLength",
    "ATTN5202 keyLength",
    "ATTN5202 keyLength",
    "ATTN5203 params.t",
    "ATTN5201 batch",
    "ATTN5203 params.window",
    "ATTN5203 params.window",
    "ATTN5203 params.window",
    "ATTN5203 params.widow",
    "ATTN5203 scale",
    "ATTN5203 scale",
    "ATTN5212 call",
    "ATTN5204 layer",
    "ATTN5204 layer",
    "ATTN5204 layers",
    "ATTN5204 phase",
    "ATTN5204 phase",
    "ATTN5203 params",
  ]);
  expect(await fails(layered, { length: N, layer: 3 })).toBe("no failure");
  expect(await fails(phased, { length: N, phase: "decode" })).toBe("no failure");
  expect(await fails({ ...grid, uniforms: denseModule().uniforms.slice(0, -1) }, { length: N + 2, params: { t: 2 } })).toBe("ATTN5208 q");
});

softwareTest("arrays and inputs are checked", async ({ device }) => {
  const columns: InputSpec = { kind: "columns", name: "cols" };
  const fails = (inputs: InputSpec[], arrays: Record<string, unknown>) =>
    runFailure(device, denseModule({ inputs }), arrays, { length: N });
  const csr: InputSpec = { kind: "csr", name: "lists", n: 2, m: 2 };
  const ids: InputSpec = { kind: "ids", name: "doc", axis: "k" };
  const bits: InputSpec = { kind: "bits", name: "map", rows: "q", columns: "k" };
  const codes = [
    await failure(async () => (await createAttention(device, denseModule())).run(undefined as never, { length: N })),
    await fails([], { q: TENSORS.q.slice(1) }),
    await fails([], { q: [...TENSORS.q] }),
    await fails([], { q: new Uint16Array(TENSORS.q.length) }),
    await fails([], { extra: [1] }),
    await fails([columns], {}),
    await fails([columns], { cols: [1] }),
    await fails([columns], { cols: { data: [N], shape: [1] } }),
    await fails([columns], { cols: { data: [0.5], shape: [1] } }),
    await fails([columns], { cols: { data: [1, 2, 3], shape: [3, 1] } }),
    await fails([columns], { cols: { data: [1, 2], shape: [4] } }),
    await fails([columns], { cols: "1, 2" }),
    await fails([ids], { doc: [1, 2] }),
    await fails([ids], { doc: [1, 2, 3, 4, 5, 2 ** 31] }),
    await fails([csr], { lists: { offsets: [0, 1, 0, 1], indices: [0] } }),
    await fails([csr], { lists: { offsets: [0, 1, 1, 2], indices: [0] } }),
    await fails([csr], { lists: { offsets: [0, 1, 1, 1], indices: [3] } }),
    await fails([csr], { lists: [0, 1] }),
    await fails([bits], { map: new Uint8Array(N * N - 1) }),
    await fails([bits], { map: new Uint8Array(N * N).fill(2) }),
    await fails([bits], { map: new Uint32Array(5) }),
  ];
  expect(codes).toEqual([
    "ATTN5212 tensors",
    "ATTN5208 q",
    "ATTN5212 q",
    "ATTN5212 q",
    "ATTN5205 extra",
    "ATTN5205 cols",
    "ATTN5206 cols",
    "ATTN5207 cols[0]",
    "ATTN5207 cols[0]",
    "ATTN5206 cols",
    "ATTN5206 cols",
    "ATTN5212 cols",
    "ATTN5206 doc",
    "ATTN5207 doc[5]",
    "ATTN5207 lists.offsets[2]",
    "ATTN5207 lists.offsets[3]",
    "ATTN5207 lists.indices[0]",
    "ATTN5212 lists.offsets",
    "ATTN5206 map",
    "ATTN5207 map[0]",
    "ATTN5206 map",
  ]);
});

softwareTest("buffers are checked", async ({ device }) => {
  const operator = await createAttention(device, denseModule());
  const make = (bytes: number, usage = 0x80) => device.createBuffer({ size: bytes, usage });
  const good = { q: make(4 * N * 32), k: make(2 * N * 32), v: make(2 * N * 16), out: make(4 * N * 16) };
  const fails = (buffers: Record<string, unknown>, call: AttentionCall = { length: N }) =>
    failure(() => operator.encode(device.createCommandEncoder(), { ...good, ...buffers } as typeof good, call));
  expect([
    await fails({}),
    await fails({ q: make(4 * N * 32 - 4) }),
    await fails({ q: make(4 * N * 32, 0x8) }),
    await fails({ q: TENSORS.q }),
    await fails({ q: undefined }),
    await fails({ lse: make(4) }),
    await fails({ k: { buffer: good.q, offset: 100 } }),
    await fails({ k: { buffer: good.q, offset: 256, size: 1 << 20 } }),
    await fails({ out: good.q }),
    await fails({ doc: good.q }),
    await fails({}, { length: N, batch: 2 ** 29 }),
  ]).toEqual([
    "no failure",
    "ATTN5208 q",
    "ATTN5209 q",
    "ATTN5212 q",
    "ATTN5212 q",
    "ATTN5208 lse",
    "ATTN5208 k.offset",
    "ATTN5208 k.size",
    "ATTN5212 out",
    "ATTN5205 doc",
    "ATTN5210 q",
  ]);
  operator.destroy();
  expect(await fails({})).toBe("ATTN5107 operator");
});

softwareTest("after the device is lost every call says so", async () => {
  const { device } = await openDevice("software");
  const operator = await createAttention(device, denseModule());
  device.destroy();
  await device.lost;
  expect(await failure(() => operator.run(TENSORS, { length: N }))).toBe("ATTN5105 device");
  expect(await failure(() => createAttention(device, denseModule()))).toBe("ATTN5105 device");
});

softwareTest("a device lost during a run rejects the run", async () => {
  const { device } = await openDevice("software");
  const operator = await createAttention(device, denseModule());
  const running = failure(() => operator.run(TENSORS, { length: N }));
  device.destroy();
  expect(await running).toBe("ATTN5105 device");
});
