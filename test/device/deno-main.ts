/**
 * Runs in Deno: `deno-main.ts JOB INPUT OUTPUT`. Imports the module JOB, calls its `job(device, input)`
 * with a device that has every feature of the adapter that kernels use, and writes the result.
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fromTypedJson, toTypedJson } from "./typed-json.js";

const [jobUrl, inputPath, outputPath] = process.argv.slice(2) as [string, string, string];
const adapter = await navigator.gpu.requestAdapter();
if (adapter === null) throw new Error("Deno finds no WebGPU adapter");
const features: GPUFeatureName[] = ["shader-f16", "subgroups", "timestamp-query"];
const { limits } = adapter;
const device = await adapter.requestDevice({
  requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
  requiredLimits: {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
  },
});
const { job } = (await import(jobUrl)) as { job: (device: GPUDevice, input: unknown) => Promise<unknown> };
const result = await job(device, fromTypedJson(readFileSync(inputPath, "utf8")));
writeFileSync(outputPath, toTypedJson({ adapter: adapter.info.description, result }));
process.exit(0);
