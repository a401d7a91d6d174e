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
