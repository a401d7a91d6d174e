import { expect, test } from "vitest";
import { requirements } from "../../../runtime/index.js";
import { resolveShape } from "../../../runtime/launch/call.js";
import { chooseVariant } from "../../../runtime/launch/variant.js";
import { profileOf } from "../../../runtime/launch/profile.js";
import { denseModule, variant } from "./fixture.js";

const module = denseModule({
  variants: [
    variant({ name: "wide-gpu", profile: "gpu", features: ["shader-f16", "subgroups"], threads: 512 }),
    variant({ name: "half-gpu", profile: "gpu", features: ["shader-f16"], workgroupBytes: 8_000 }),
    variant({ name: "plain-gpu", profile: "gpu", threads: 128, workgroupBytes: 14_000 }),
    variant({ name: "second-gpu", profile: "gpu", threads: 64 }),
    variant({ name: "plain-software", profile: "software", threads: 64 }),
  ],
});

function device(features: string[], limits: Record<string, number> = {}): Pick<GPUDevice, "features" | "limits"> {
  const all = {
    maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    maxStorageBufferBindingSize: 1 << 27,
    maxBufferSize: 1 << 28,
    ...limits,
  };
  return { features: new Set(features), limits: all } as unknown as Pick<GPUDevice, "features" | "limits">;
}

const wide = { maxComputeInvocationsPerWorkgroup: 1024, maxComputeWorkgroupSizeX: 1024 };

test.each([
  ["software", device([]), "plain-software"],
  ["gpu", device([]), "plain-gpu"],
  ["gpu", device(["shader-f16"]), "half-gpu"],
  ["gpu", device(["shader-f16", "subgroups"]), "half-gpu"],
  ["gpu", device(["shader-f16", "subgroups"], wide), "wide-gpu"],
  ["software", device(["shader-f16", "subgroups"], wide), "plain-software"],
  ["simd", device([]), "plain-software"],
  ["gpu", device([], { maxComputeWorkgroupStorageSize: 10_000 }), "second-gpu"],
] as const)("profile %s and a device choose a kernel", (profile, capabilities, expected) => {
  expect(chooseVariant(module, resolveShape(module), capabilities, profile).name).toBe(expected);
});

const product = { m: 8, n: 8, k: 8, component: "f32", result: "f32" } as const;
const withMatrices = denseModule({
  variants: [
    variant({ name: "matrices", profile: "gpu", features: ["subgroups"], threads: 64, matrices: product }),
    variant({ name: "plain", profile: "gpu", threads: 64 }),
  ],
});
const config = { M: 8, N: 8, K: 8, componentType: "f32", resultComponentType: "f32" };

test.each([
  ["the feature and the shape", ["subgroups"], [config], 32, "matrices"],
  ["subgroups as large as the workgroup", ["subgroups"], [config], 64, "matrices"],
  ["no feature", [], [config], 32, "plain"],
  ["no shape", ["subgroups"], [], 32, "plain"],
  ["nothing about shapes", ["subgroups"], undefined, 32, "plain"],
  ["other sums", ["subgroups"], [{ ...config, resultComponentType: "f16" }], 32, "plain"],
  ["other elements", ["subgroups"], [{ ...config, componentType: "f16" }], 32, "plain"],
  ["a larger shape", ["subgroups"], [{ ...config, K: 16 }], 32, "plain"],
  ["subgroups that may be larger than the workgroup", ["subgroups"], [config], 128, "plain"],
  ["no size of subgroups", ["subgroups"], [config], undefined, "plain"],
] as const)("matrix units: a device with %s", (_, features, subgroupMatrixConfigs, subgroupMaxSize, expected) => {
  const info = { subgroupMatrixConfigs, subgroupMaxSize };
  const given = { ...device([...features]), adapterInfo: info } as unknown as GPUDevice;
  expect(chooseVariant(withMatrices, resolveShape(withMatrices), given, "gpu").name).toBe(expected);
  const adapter = { ...device([...features]), info } as unknown as GPUAdapter;
  expect(requirements(withMatrices, adapter).requiredFeatures).toEqual(expected === "matrices" ? ["subgroups"] : []);
});

test("a kernel for matrix units that is asked for by name is refused with what the device has", () => {
  const given = { ...device(["subgroups"]), adapterInfo: { subgroupMatrixConfigs: [{ ...config, K: 16 }] } } as unknown as GPUDevice;
  expect(() => chooseVariant(withMatrices, resolveShape(withMatrices), given, "gpu", "matrices")).toThrow(
    expect.objectContaining({
      code: "ATTN5101",
      expected: "8x8x8 from f32 to f32, for the kernel matrices",
      found: "8x8x16 from f32 to f32",
    }) as Error,
  );
});

test("requirements ask an adapter for all it can give to some kernel, or for the least", () => {
  expect(requirements(module)).toEqual({
    requiredFeatures: [],
    requiredLimits: {
      maxStorageBuffersPerShaderStage: 6,
      maxComputeWorkgroupStorageSize: 0,
      maxComputeInvocationsPerWorkgroup: 64,
      maxComputeWorkgroupSizeX: 64,
    },
  });
  const asked = requirements(module, device(["shader-f16", "timestamp-query"]) as GPUAdapter);
  expect(asked.requiredFeatures).toEqual(["shader-f16"]);
  expect(asked.requiredLimits).toMatchObject({
    maxComputeInvocationsPerWorkgroup: 128,
    maxComputeWorkgroupStorageSize: 14_000,
    maxBufferSize: 1 << 28,
  });
});

test.each([
  [{ vendor: "google", architecture: "swiftshader", description: "SwiftShader driver 5.0.0" }, "software"],
  [{ description: "llvmpipe (LLVM 15.0.6, 256 bits)" }, "simd"],
  [{ description: "Microsoft Basic Render Driver" }, "software"],
  [{ vendor: "nvidia", architecture: "hopper", description: "NVIDIA H200" }, "gpu"],
  [{ vendor: "intel", isFallbackAdapter: true }, "software"],
  [{ description: "Warpath 3000" }, "gpu"],
  [undefined, "gpu"],
] as const)("the profile of %o", (info, expected) => {
  expect(profileOf(info)).toBe(expected);
});
