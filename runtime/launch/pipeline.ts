import { AttnError } from "./errors.js";

/** Pipelines of a device by the text of their shader: operators made from one module share them. */
const PIPELINES = new WeakMap<GPUDevice, Map<string, Promise<GPUComputePipeline>>>();

async function shaderMessages(module: GPUShaderModule): Promise<string[]> {
  // Not every host implements it.
  const info = await module.getCompilationInfo?.().catch(() => undefined);
  return (info?.messages ?? []).filter((m) => m.type === "error").map((m) => `${m.lineNum}:${m.linePos}: ${m.message.trim()}`);
}

async function compile(device: GPUDevice, label: string, code: string, layout: GPUPipelineLayout | "auto"): Promise<GPUComputePipeline> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label, code });
  const scope = device.popErrorScope();
  const pipeline = device.createComputePipelineAsync({ label, layout, compute: { module, entryPoint: "main" } });
  try {
    return await pipeline;
  } catch (cause) {
    const messages = await shaderMessages(module);
    const error = await scope.catch(() => null);
    const reason = messages.length > 0 ? messages.join("; ") : (error ?? (cause as Error)).message;
    throw new AttnError("ATTN5104", {
      field: "shader",
      expected: `${label} to compile on this device`,
      found: reason,
      remedy: "Choose another kernel with `variant`, or update browser and driver. If the text was generated and not edited, report it.",
      cause,
    });
  } finally {
    await scope.catch(() => null);
  }
}

/**
 * The compute pipeline of a shader with entry point `main`, compiled once for each device and text.
 * Rejects with ATTN5104 and the compiler's messages (`line:column: text`).
 */
export function compilePipeline(
  device: GPUDevice,
  label: string,
  code: string,
  layout: (() => GPUPipelineLayout) | "auto",
): Promise<GPUComputePipeline> {
  let known = PIPELINES.get(device);
  if (known === undefined) PIPELINES.set(device, (known = new Map()));
  let pipeline = known.get(code);
  if (pipeline === undefined) {
    pipeline = compile(device, label, code, layout === "auto" ? "auto" : layout());
    known.set(code, pipeline);
    // A failure may pass (a lost device, memory): the next call tries again.
    pipeline.catch(() => known.delete(code));
  }
  return pipeline;
}
