import { afterEach, beforeEach, expect, vi } from "vitest";
import { runtimeDiagnostic } from "../../compiler/cli/runtime-error.js";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.js";
import { openDevice, type DeviceName } from "../../runtime/device/open.js";
import { AttnError } from "../../runtime/launch/errors.js";
import { createAttention } from "../../runtime/launch/operator.js";
import { tuneAttention } from "../../runtime/launch/tune/tune.js";
import type { AttentionCall } from "../../runtime/launch/call.js";
import type { BranchedModule } from "../../runtime/launch/branches/module.js";
import { createBranchedAttention } from "../../runtime/launch/branches/operator.js";
import { emptyPart, mergeAttention } from "../../runtime/launch/merge/merge.js";
import type { AttentionOptions } from "../../runtime/launch/operator.js";
import type { AttentionModule } from "../../runtime/launch/module.js";
import { denseModule, variant } from "../runtime/launch/fixture.js";
import { SELECTION, selectingModule } from "../runtime/launch/selection-fixture.js";
import { cudaFailures } from "./cuda-failures.js";
import { fakeBuffer, fakeDevice, type FakeOptions } from "./fake-device.js";
import { renderedGoldens } from "./goldens.js";

/** What the package `webgpu` does in a golden. */
const dawn = vi.hoisted(() => ({ adapter: null as object | null, broken: false }));

vi.mock("webgpu", () => {
  if (dawn.broken) throw new Error("cannot open the shared library libdawn.so");
  return { globals: {}, create: () => ({ requestAdapter: () => Promise.resolve(dawn.adapter) }) };
});

vi.mock("../../runtime/device/swiftshader.js", () => ({
  embeddedDriverFits: () => true,
  unpackEmbeddedDriver: () => Promise.reject(new Error("Cannot find package '@sparticuz/chromium'")),
}));

// The messages name the machine.
const { platform, arch } = process;
const setMachine = (machine: { platform: string; arch: string }): void => {
  for (const [name, value] of Object.entries(machine)) Object.defineProperty(process, name, { value });
};
beforeEach(() => setMachine({ platform: "linux", arch: "x64" }));
afterEach(() => setMachine({ platform, arch }));

/** Vitest puts an error of its own around what a mocked package throws; people see the package's. */
function unwrapped(error: unknown): never {
  if (!(error instanceof AttnError)) throw error;
  const thrown = (error.cause as Error).cause as Error;
  throw new AttnError(error.code, { ...error, found: error.found.replace(/\[vitest\].*/, thrown.message) });
}

const N = 6;
const ARRAYS = { q: new Float32Array(4 * N * 8), k: new Float32Array(2 * N * 8), v: new Float32Array(2 * N * 4) };

function open(name: string, adapter: object | null = null, broken = false): Promise<unknown> {
  Object.assign(dawn, { adapter, broken });
  return openDevice(name as DeviceName);
}

async function run(
  module: AttentionModule,
  call: AttentionCall,
  arrays: object = {},
  device: FakeOptions = {},
  options: AttentionOptions = {},
): Promise<unknown> {
  const operator = await createAttention(fakeDevice(device), module, {}, options);
  return operator.run({ ...ARRAYS, ...arrays }, call);
}

/** Of {@link selectingModule}: two units of queries, two of keys. */
const GATES = new Float32Array(4);
const HIGH = { batch: 1, heads: 4, rows: 2, columns: 2, words: new Uint32Array(8) };

const BUFFERS = { q: 4 * N * 32, k: 2 * N * 32, v: 2 * N * 16, out: 4 * N * 16 };

async function encode(buffers: object, call: AttentionCall = { length: N }, device: FakeOptions = {}): Promise<void> {
  const made = fakeDevice(device);
  const operator = await createAttention(made, denseModule());
  const good = Object.fromEntries(Object.entries(BUFFERS).map(([name, size]) => [name, fakeBuffer(size)]));
  operator.encode(made.createCommandEncoder(), { ...good, ...buffers } as never, call);
}

/** An attention with one branch, whose output is mixed by gates. */
async function encodeBranched(buffers: object): Promise<void> {
  const made = fakeDevice();
  const module: BranchedModule = {
    name: "gated",
    call: denseModule({ variants: [] }),
    branches: [{ name: "o", module: denseModule() }],
    gates: [],
    mix: { wgsl: "", weighs: [], lse: false },
  };
  const operator = await createBranchedAttention(made, module);
  const good = Object.fromEntries(Object.entries(BUFFERS).map(([name, size]) => [name, fakeBuffer(size)]));
  operator.encode(made.createCommandEncoder(), { ...good, ...buffers } as never, { length: N });
}

const oneKernel = (overrides: Parameters<typeof variant>[0]): AttentionModule => denseModule({ variants: [variant(overrides)] });
const twoKernels = denseModule({ variants: [variant(), variant({ name: "f32-simd", profile: "simd" })] });
const refusing = {
  info: { description: "Radeon" },
  limits: {},
  features: new Set(),
  requestDevice: () => Promise.reject(new Error("out of memory")),
};

const TOGETHER = SELECTION.matrices.map((matrix) => (matrix.name === "high" ? { ...matrix, with: "odd" } : matrix));

/** For each code an action that fails with it. */
const actions: Readonly<Record<string, () => unknown>> = {
  ATTN5001: () => open("auto", null, true).catch(unwrapped),
  ATTN5002: () => open("webgpu", { info: { description: "llvmpipe (LLVM 19)" } }),
  ATTN5003: () => open("software"),
  ATTN5004: () => open("gpu"),
  ATTN5005: () => open("webgpu", refusing),
  ATTN5101: () => createAttention(fakeDevice(), oneKernel({ name: "f16-gpu", features: ["shader-f16"] })),
  ATTN5102: () => createAttention(fakeDevice(), oneKernel({ workgroupBytes: 20000 })),
  ATTN5103: () => createAttention(fakeDevice(), denseModule(), { headDim: 128 }),
  ATTN5104: () => createAttention(fakeDevice({ shaderError: "cannot convert value of type 'f32' to type 'i32'" }), denseModule()),
  ATTN5105: () =>
    createAttention(fakeDevice({ lost: { reason: "destroyed", message: "Device was destroyed." } as GPUDeviceLostInfo }), denseModule()),
  ATTN5106: () => run(denseModule(), { length: N }, {}, { runError: "Out of memory" }),
  ATTN5107: async () => {
    const operator = await createAttention(fakeDevice(), denseModule());
    operator.destroy();
    await operator.run(ARRAYS, { length: N });
  },
  ATTN5108: () => tuneAttention(fakeDevice({ results: [1, 1, 1, 2] }), twoKernels, {}, { length: N }),
  ATTN5109: () =>
    createAttention(fakeDevice(), denseModule(), {}, { tuned: { get: () => Promise.reject(new Error("access is denied")), set: () => 0 } }),
  ATTN5201: () => createAttention(fakeDevice(), denseModule(), { heads: 6, kvHeads: 4 }),
  ATTN5202: () => run(denseModule(), { keyLength: 4, queryLength: 6 }),
  ATTN5203: () => run(denseModule(), { length: N, params: { window: 0 } }),
  ATTN5204: () => run(denseModule({ uses: ["layer"] }), { length: N }),
  ATTN5205: () => run(denseModule({ inputs: [{ kind: "ids", name: "doc", axis: "k" }] }), { length: N }),
  ATTN5206: () => run(denseModule({ inputs: [{ kind: "ids", name: "doc", axis: "k" }] }), { length: N }, { doc: [0, 0, 1] }),
  ATTN5207: () =>
    run(denseModule({ inputs: [{ kind: "columns", name: "sinks" }] }), { length: N }, { sinks: { data: [0, N], shape: [2] } }),
  ATTN5208: () => run(denseModule(), { length: N }, { q: new Float32Array(7) }),
  ATTN5209: () => encode({ q: fakeBuffer(BUFFERS.q, 0x8) }),
  ATTN5210: () => encode({ q: fakeBuffer(2 ** 30) }, { length: N, batch: 2 ** 18 }),
  ATTN5211: () => encode({}, { length: N, batch: 1 }, { limits: { maxComputeWorkgroupsPerDimension: 1 } }),
  ATTN5212: () => run(denseModule(), { length: N }, { q: [1, 2, 3] }),
  ATTN5230: () => encodeBranched({ lse: fakeBuffer(4 * N * 4) }),
  ATTN5231: () => mergeAttention(emptyPart(2, 4), emptyPart(3, 4)),
  ATTN5213: () => run(selectingModule(), { length: N }, { gate: new Float32Array(16).fill(NaN, 9) }),
  ATTN5214: () => run(selectingModule(), { length: N }, { gate: GATES, reuse: { low: HIGH } }),
  ATTN5215: () => run(selectingModule(), { length: N }, { gate: GATES, reuse: { high: { ...HIGH, heads: 2 } } }),
  ATTN5216: () => run(selectingModule(), { length: N }, { gate: GATES, reuse: { high: { ...HIGH, words: new Uint32Array(8).fill(4) } } }),
  ATTN5217: () => run(selectingModule({}, { reuse: () => ["made", "given"] }), { length: N }, { gate: GATES }),
  ATTN5218: () => run(selectingModule(), { length: N }, { gate: GATES }, {}, { selectionBytes: 16 }),
  ATTN5219: () => run(selectingModule(), { length: N }, { gate: GATES }, {}, { selectionBytes: -1 }),
  ATTN5220: () =>
    run(denseModule({ inputs: [{ kind: "ids", name: "by_use", axis: "k", order: true }] }), { length: N }, { by_use: new Int32Array(N) }),
  ATTN5225: () => run(selectingModule({}, { matrices: TOGETHER }), { length: N }, { gate: GATES, reuse: { high: HIGH } }),
  ...cudaFailures,
};

renderedGoldens("5", async ({ code }): Promise<readonly Diagnostic[]> => {
  expect(Object.keys(actions), `no action of this file fails with ${code}`).toContain(code);
  let thrown: unknown;
  try {
    await actions[code]!();
  } catch (error) {
    thrown = error;
  }
  const diagnostic = runtimeDiagnostic(thrown);
  if (!diagnostic) throw thrown ?? new Error(`the action for ${code} went through`);
  return [diagnostic];
});
