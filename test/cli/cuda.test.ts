import { expect, test } from "vitest";
import { findOperators } from "../../compiler/cli/operators.js";
import { cudaModule } from "../../compiler/driver/cuda-launch.js";
import { DTYPES } from "../../compiler/mask/ir.js";
import { readNpy, writeNpy } from "../../runtime/tensor/npy.js";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { noise } from "../runtime/launch/fixture.js";
import { emulatedTest, useEmulatedGpu } from "../runtime/cuda/emulated.js";
import { withEnvironment } from "../runtime/cuda/environment.js";
import { attnc, folderWith, json, PACKED, TWO } from "./attnc.js";

useEmulatedGpu();

const [HEADS, KV_HEADS, N, DIM] = [4, 2, 70, 32];
const tensor = (heads: number, seed: number): Uint8Array =>
  writeNpy({ dtype: "f32", shape: [1, heads, N, DIM], data: noise(heads * N * DIM, seed) });
const folder = folderWith({
  "two.attn": TWO,
  "packed.attn": PACKED,
  "q.npy": tensor(HEADS, 1),
  "k.npy": tensor(KV_HEADS, 2),
  "v.npy": tensor(KV_HEADS, 3),
  "ids.npy": writeNpy({ dtype: "i32", shape: [1, N], data: Int32Array.from({ length: N }, (_, i) => Math.floor(i / 23)) }),
});

const TENSORS = ["--q", "q.npy", "--k", "k.npy", "--v", "v.npy"];
const out = (name: string): Float32Array => {
  const { tensor } = readNpy(readFileSync(join(folder, name)));
  return tensor!.data as Float32Array;
};
const apart = (a: Float32Array, b: Float32Array): number => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);

interface Report {
  readonly device: string;
  readonly results: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly cases: readonly object[];
    readonly error?: { code: string };
  }[];
}

/** Every kernel that an operator has for a head dim of 32, by its name and dtype. */
const kernels = DTYPES.flatMap((dtype) => {
  const { operators } = findOperators([join(folder, "two.attn")], { dtype, headDim: 32 });
  return cudaModule(operators[0]!.module).cuda.kernels.map(({ name }) => [name, dtype] as const);
});

test("there are kernels for tensor cores and for others", () => {
  expect(kernels.map(([name]) => name)).toEqual(expect.arrayContaining(["cores-f32", "cores-bf16", "mma-f16", "mma-bf16"]));
});

test("a source has the kernels that are picked, and no others", () => {
  const { module } = findOperators([join(folder, "two.attn")], { dtype: "f16", headDim: 32 }).operators[0]!;
  const names: string[] = [];
  const { cuda } = cudaModule(module, [], { pick: (all) => all.filter(({ name }) => names.push(name) > 0 && name === "mma-f16") });
  expect(names).toEqual(["wgmma-f16", "mma-f16", "cores-f16"]);
  expect(cuda.kernels.map(({ name }) => name)).toEqual(["mma-f16"]);
  expect([...cuda.source.matchAll(/__global__ void __launch_bounds__\(ATTNC_HAS_(\w+)/g)].map(([, family]) => family)).toEqual(["MMA"]);
});

for (const [kernel, dtype] of kernels) {
  emulatedTest(`verify --kernel ${kernel}`, async () => {
    const sizes = ["--quick", "--seq", "70", "--heads", "2", "--head-dim", "32", "--dtype", dtype];
    const flags = ["--device", "cuda", ...sizes, "--kernel", kernel, "--format", "json"];
    const result = await attnc(folder, "verify", "two.attn", "packed.attn", ...flags);
    const { device, results } = json(result) as Report;
    expect(device).toBe("emulated sm_90 (CUDA, sm_90)");
    expect(results.map(({ name, ok }) => [name, ok])).toEqual([
      ["sliding", true],
      ["dense", true],
      ["packed", true],
    ]);
    expect(result.code).toBe(0);
  });
}

emulatedTest("run gives what the interpreter gives, in every dtype", async () => {
  const input = ["packed.attn", ...TENSORS, "--input", "doc=ids.npy", "--set", "reach=30"];
  for (const dtype of ["f32", "f16", "bf16"]) {
    const run = (device: string) =>
      attnc(folder, "run", ...input, "--device", device, "--dtype", dtype, "--out", `${device}.npy`, "--lse", `${device}.lse.npy`);
    const [ours, theirs] = [await run("cuda"), await run("interpreter")];
    expect([ours.code, theirs.code], ours.stderr).toEqual([0, 0]);
    expect(ours.stderr).toContain("ran packed on emulated sm_90 (CUDA, sm_90)");
    // Values are below 1: the output is within two roundings of the weights and of itself.
    expect(apart(out("cuda.npy"), out("interpreter.npy"))).toBeLessThan({ f32: 1e-5, f16: 2 ** -9, bf16: 2 ** -6 }[dtype]!);
    // Inputs are rounded on the device only.
    if (dtype === "f32") expect(apart(out("cuda.lse.npy"), out("interpreter.lse.npy"))).toBeLessThan(1e-5);
  }
});

emulatedTest("bench times a kernel beside the dense one", async () => {
  const flags = [
    "--device",
    "cuda",
    "--seq",
    "64",
    "--heads",
    "2",
    "--head-dim",
    "32",
    "--runs",
    "2",
    "--dtype",
    "bf16",
    "--format",
    "json",
  ];
  const result = await attnc(folder, "bench", "two.attn#sliding", ...flags);
  expect(result.code, result.stderr).toBe(0);
  const { version, device, dtype, milliseconds, denseMilliseconds, maxAbs, tiles } = json(result) as Record<string, number | string>;
  expect({ version, device, dtype }).toEqual({ version: 1, device: "emulated sm_90 (CUDA, sm_90)", dtype: "bf16" });
  expect(milliseconds).toBeGreaterThan(0);
  expect(denseMilliseconds).toBeGreaterThan(0);
  expect(maxAbs).toBeLessThan(0.05);
  expect(tiles).toBeGreaterThan(0);
});

emulatedTest("a kernel that is not there is named with those that are", async () => {
  const result = await attnc(
    folder,
    "verify",
    "two.attn#dense",
    "--device",
    "cuda",
    "--quick",
    "--kernel",
    "cores-f64",
    "--format",
    "json",
  );
  expect((json(result) as Report).results).toMatchObject([{ name: "dense", ok: false, error: { code: "ATTN5103" } }]);
  expect(result.stdout).toContain("kernel: expected one of cores-f32, found cores-f64");
  expect(result.code).toBe(1);
});

test("without a driver the message says what is missing, and nothing else is tried", async () => {
  await withEnvironment({ ATTNC_CUDA_DRIVER: "/nowhere/libcuda.so.1" }, async () => {
    const result = await attnc(folder, "verify", "two.attn", "--device", "cuda", "--quick");
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(
      "error ATTN5301: device: expected the CUDA driver that ATTNC_CUDA_DRIVER names, found /nowhere/libcuda.so.1",
    );
    expect(result.stderr).toContain("Building, pictures, cost and the other devices work without it.");
  });
});

test("a dtype that WebGPU does not have is refused there, and interpreted", async () => {
  const build = await attnc(folder, "build", "two.attn", "--target", "wgsl", "--dtype", "bf16", "--out", "made");
  expect(build.code).toBe(1);
  expect(build.stderr).toContain("error ATTN4004: sliding is of dtype bf16, and WebGPU has none");
  const tune = await attnc(folder, "tune", "two.attn", "--device", "software", "--dtype", "bf16");
  expect(tune.stderr).toContain("ATTN4004");
  const verify = await attnc(folder, "verify", "two.attn", "--device", "interpreter", "--quick", "--dtype", "bf16", "--head-dim", "8");
  expect(verify.code, verify.stderr).toBe(0);
  expect((await attnc(folder, "build", "two.attn", "--target", "wgsl", "--dtype", "bf16", "--emit", "tiles")).code).toBe(0);
});
