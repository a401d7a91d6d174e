/**
 * Runs in Deno: opens the WebGPU device, and answers timing jobs, one JSON line for each, until its input ends.
 * All contestants of a bench run in this one process on this one device.
 */
import { readFileSync, writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { profileOf } from "../../runtime/index.js";
import type { TimingJob } from "../measure/contestant.js";
import { timeInTurns, type Arena } from "../measure/timing.js";
import { loadPeer } from "../peer/load.js";
import { preparePeer, type OnnxRuntime } from "../peer/session.js";
import type { Answer, Setup } from "./protocol.js";

// The answers have stdout for themselves.
console.log = console.error;
console.info = console.error;

const say = (answer: Answer): void => void writeSync(1, `${JSON.stringify(answer)}\n`);
const setup = JSON.parse(process.argv[2] ?? "{}") as Setup;

const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
if (adapter === null) throw new Error("Deno finds no WebGPU adapter");
const { limits } = adapter;
// No subgroups: the peer is wrong where they are as small as 4, and attnc's kernels do not use them.
const wanted: readonly GPUFeatureName[] = ["shader-f16", "timestamp-query"];
const device = await adapter.requestDevice({
  requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
  requiredLimits: {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
  },
});

let peer: Promise<OnnxRuntime> | undefined;
const arena: Arena = {
  device,
  profile: profileOf(adapter.info),
  preparePeer: async (contestant) => {
    if (setup.peer === undefined) throw new Error("onnxruntime-web is not installed");
    peer ??= loadPeer(setup.peer, (path) => readFileSync(path));
    return preparePeer(await peer, device, contestant);
  },
};

const runtime = `Deno ${(globalThis as unknown as { Deno: { version: { deno: string } } }).Deno.version.deno}`;
say({ kind: "ready", adapter: adapter.info.description || adapter.info.device, software: arena.profile !== "gpu", runtime });
for await (const line of createInterface({ input: process.stdin })) {
  const timings = await timeInTurns(arena, JSON.parse(line) as TimingJob, (text) => say({ kind: "progress", text }));
  say({ kind: "done", timings });
}
process.exit(0);
