import { create, globals } from "webgpu";
import { expect, test } from "vitest";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { wgslVariants } from "../../compiler/targets/wgsl/operator.js";
import type { VerifyCase } from "../../runtime/verify/cases.js";
import { denoTest, runInDeno } from "../device/deno.js";
import { softwareTest } from "../device/software.js";
import { attention, moduleOf } from "../semantics/compile.js";
import { libraryModule, libraryModules } from "../targets/library-modules.js";
import { job as check } from "./check-kernels.js";
import type { KernelAnswer, KernelTask } from "./check-kernels.js";
import { headDimTask, wrongDims } from "./head-dim-tasks.js";
import { emulateMatrices } from "./matrix-emulation.js";
import { randomTasks, wrongMasks } from "./random-tasks.js";

/** Compilers take seconds for each of these kernels, whose emulation they write out. */
const TIMEOUT = 480_000;
const THREADS = 64;
const F32 = { name: "gpu-32x32-grid-8x8-matrices-8x8x8-f32", product: { m: 8, n: 8, k: 8, component: "f32", result: "f32" } } as const;
const F16 = { name: "gpu-32x32-grid-8x8-matrices-8x8x8-f16", product: { m: 8, n: 8, k: 8, component: "f16", result: "f32" } } as const;
const LARGE = {
  name: "gpu-32x32-grid-8x8-matrices-16x16x16-f16",
  product: { m: 16, n: 16, k: 16, component: "f16", result: "f32" },
} as const;

/** Kernels for matrix units of all shapes, those of whole tiles and those of parts. */
function matrixTexts(module: MaskModule, dims: readonly number[]): readonly string[] {
  const pairs = dims.map((dim) => ({ headDim: dim, valueDim: dim }));
  const kernels = wgslVariants(module, pairs, { profiles: ["gpu"], all: true }).map(({ variant }) => variant);
  return kernels.filter(({ matrices }) => matrices !== undefined).flatMap(({ wgsl, split }) => [wgsl, split!.parts]);
}

test("Dawn takes the kernels for matrix units", { timeout: TIMEOUT }, async () => {
  Object.assign(globalThis, globals);
  // Its null backend needs no hardware, and compiles no further than to what a driver would be given.
  const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  const features = ["chromium-experimental-subgroup-matrix" as GPUFeatureName, "subgroups", "shader-f16"] as const;
  const device = await (await gpu.requestAdapter())!.requestDevice({ requiredFeatures: [...features] });
  const texts = [
    ...libraryModules().flatMap((module) => matrixTexts(module, [64])),
    ...(["f32", "f16"] as const).flatMap((dtype) =>
      matrixTexts(libraryModule("windows.attn", "sliding_window", { shape: { dtype } }).module, [16, 32, 64, 80, 96, 128, 256]),
    ),
  ];
  expect(texts.length).toBeGreaterThan(100);
  const problems: string[] = [];
  for (const text of texts) {
    // Subgroups fill the workgroup, and those of the null backend have up to 128 threads.
    const code = text.replace(`@workgroup_size(${THREADS})`, "@workgroup_size(128)");
    const module = device.createShaderModule({ code });
    for (const { message, lineNum } of (await module.getCompilationInfo()).messages)
      problems.push(`${text.split("\n")[0]}: ${lineNum}: ${message}`);
    await device.createComputePipelineAsync({ layout: "auto", compute: { module } }).catch((error: Error) => problems.push(error.message));
  }
  device.destroy();
  expect(problems).toEqual([]);
});

type Kind = typeof F32 | typeof F16 | typeof LARGE;

/** Matrices are emulated, with subgroups of several sizes: some of them more than a product has matrices. */
const emulated = (task: KernelTask, { product }: Kind, lanes: number): KernelTask => ({
  ...task,
  edits: emulateMatrices(product, THREADS, lanes),
  withoutUnits: true,
});

const dimTask = (dtype: "f32" | "f16", kind: Kind, lanes: number, headDim: number, valueDim = headDim): KernelTask =>
  emulated(headDimTask(headDim, valueDim, `${dtype}-${kind.name}`), kind, lanes);

/** Random masks, every second of them with rows in parts. */
function maskTasks(dtype: "f32" | "f16", kinds: readonly Kind[], masks: number): readonly KernelTask[] {
  const plan = { seed: 31, masks, cases: 12, maxLength: 100, variants: kinds.map(({ name }) => `${dtype}-${name}`) };
  return randomTasks(plan).map((task, i) => ({
    ...emulated(task, kinds[i % kinds.length]!, [16, 32, 64][i % 3]!),
    ...(i % 2 === 1 ? { split: { busy: 64, leastShare: 1 } } : {}),
  }));
}

/** Tokens of a grid in tiles: rows of tensors are looked up, and no tile size divides the grid but on one axis. */
function layoutTask(): KernelTask {
  const clauses = "attend near(t, window: 2, causal: true) & near(x, window: 6)\nshape heads: 2, dim: 32\nlayout tiles(2, 4, 4)";
  const module = moduleOf(attention(clauses, { space: "grid(t: 3, y: 7, x: 12) causal" }));
  const base = { data: "normal", batch: 1, heads: 2, kvHeads: 2, keys: 3 * 7 * 12, launch: {}, params: {} } as const;
  const cases: readonly VerifyCase[] = [
    { ...base, name: "all queries", seed: 1, queries: base.keys },
    { ...base, name: "fewer queries", seed: 2, queries: 61 },
  ];
  return emulated({ module, variant: `f32-${F32.name}`, cases }, F32, 32);
}

softwareTest(
  "matrix units of f32, emulated: kernels agree with dense attention",
  async ({ device }) => {
    const dims = [dimTask("f32", F32, 16, 32), dimTask("f32", F32, 32, 64), dimTask("f32", F32, 64, 128), dimTask("f32", F32, 32, 96, 20)];
    expect(wrongDims(dims, await check(device, dims))).toEqual([]);
    const masks = maskTasks("f32", [F32], 2);
    expect(wrongMasks(masks, await check(device, masks))).toEqual([]);
    expect(await check(device, [layoutTask()])).toEqual([[]]);
  },
  TIMEOUT,
);

denoTest(
  "matrix units of f16, emulated: kernels agree with dense attention",
  async () => {
    const run = async (tasks: readonly KernelTask[]): Promise<KernelAnswer[]> =>
      (await runInDeno(new URL("./check-kernels.ts", import.meta.url), tasks, TIMEOUT / 2)) as KernelAnswer[];
    const dims = [dimTask("f16", F32, 32, 64), dimTask("f16", F16, 16, 64), dimTask("f16", LARGE, 8, 96, 20)];
    expect(wrongDims(dims, await run(dims))).toEqual([]);
    const masks = maskTasks("f16", [F16, LARGE], 2);
    expect(wrongMasks(masks, await run(masks))).toEqual([]);
  },
  TIMEOUT,
);
