import type { BufferPart } from "../buffers.js";
import type { ConstantBuffers } from "../constant-buffers.js";
import { foldWorkgroups } from "../dispatch.js";
import type { InputLayout } from "../input-layout.js";
import type { AttentionModule, InputSpec } from "../module.js";
import { compilePipeline } from "../pipeline.js";
import { PREPARE_CSR_WGSL } from "./csr.js";
import { PREPARE_IDS_WGSL } from "./ids.js";
import { PREPARE_KEY_LISTS_WGSL } from "./key-lists.js";
import { PREPARE_LISTS_WGSL } from "./lists.js";
import { clearedWords, passParams, PREPARE_THREADS, sourceWords } from "./pass.js";
import { PREPARE_WORDS_WGSL } from "./words.js";

const PREPARE_SHADERS: Readonly<Record<InputSpec["kind"] | "key list", string>> = {
  ids: PREPARE_IDS_WGSL,
  bits: PREPARE_WORDS_WGSL,
  blocks: PREPARE_WORDS_WGSL,
  columns: PREPARE_LISTS_WGSL,
  diagonals: PREPARE_LISTS_WGSL,
  csr: PREPARE_CSR_WGSL,
  "key list": PREPARE_KEY_LISTS_WGSL,
};

/** The buffers of one input. */
export interface InputParts {
  readonly words: BufferPart;
  /** For csr. */
  readonly indices?: BufferPart | undefined;
}

/** Pipelines that convert inputs, by kind. */
export type PreparePipelines = ReadonlyMap<InputSpec["kind"] | "key list", GPUComputePipeline>;

/** Compiles what the inputs of a module need. Rejects with ATTN5104. */
export async function preparePipelines(device: GPUDevice, module: AttentionModule): Promise<PreparePipelines> {
  const kinds = new Set<keyof typeof PREPARE_SHADERS>(module.inputs.map((input) => input.kind));
  if (module.lists !== undefined) kinds.add("key list");
  const pipelines = [...kinds].map(
    async (kind) => [kind, await compilePipeline(device, `attnc prepare ${kind}`, PREPARE_SHADERS[kind], "auto")] as const,
  );
  return new Map(await Promise.all(pipelines));
}

/**
 * Encodes the conversion of one input into its place in the aux buffer: see the shaders. `keys` is the
 * N of the call. Lists without entries only clear their rows.
 */
export function encodePrepare(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  pipelines: PreparePipelines,
  constants: ConstantBuffers,
  aux: GPUBuffer,
  layout: InputLayout,
  parts: InputParts,
  keys: number,
): void {
  const { spec, fields } = layout;
  const cleared = clearedWords(layout);
  if (cleared > 0) encoder.clearBuffer(aux, fields.base * 4, cleared * 4);
  const params = passParams(layout, keys, Math.floor((parts.indices?.size ?? 0) / 4));
  if (params[0] === 0 || (parts.indices !== undefined && parts.indices.size < 4)) return;
  const words = new Int32Array(8);
  words.set(params);
  const pipeline = pipelines.get(spec.kind)!;
  const entries: GPUBindGroupEntry[] = [
    { binding: 0, resource: { buffer: constants.get(words) } },
    { binding: 1, resource: { buffer: parts.words.buffer, offset: parts.words.offset, size: sourceWords(layout) * 4 } },
    { binding: 2, resource: { buffer: aux } },
  ];
  if (parts.indices !== undefined) {
    const { buffer, offset, size } = parts.indices;
    entries.push({ binding: 3, resource: { buffer, offset, size: Math.floor(size / 4) * 4 } });
  }
  const pass = encoder.beginComputePass({ label: `attnc prepare ${spec.name}` });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ label: spec.name, layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(...foldWorkgroups(Math.ceil(params[0]! / PREPARE_THREADS), device));
  pass.end();
}
