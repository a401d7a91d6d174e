import type { ConstantBuffers } from "../constant-buffers.js";
import { foldWorkgroups } from "../dispatch.js";
import { MODE_READ, USAGE_COPY_DST, USAGE_COPY_SRC, USAGE_INDIRECT, USAGE_MAP_READ, USAGE_STORAGE } from "../gpu-flags.js";
import { GrowingBuffer } from "../growing-buffer.js";
import { compileKernel, type Kernel } from "../kernel.js";
import type { KernelVariant } from "../module.js";
import type { WholeBindings } from "../split.js";
import { keyOrderWords } from "./fields.js";
import { CHOOSE_WGSL, COUNT_WGSL, FILL_WGSL, PARTS_OF_ROWS_WGSL } from "./list-kernels.js";
import type { KeyOrderPlan } from "./plan.js";

type KeyOrderKernel = "parts" | "count" | "choose" | "fill" | "chosen" | "rest" | "merge";

const LIST_BINDINGS: readonly GPUBufferBindingType[] = ["uniform", "read-only-storage", "storage"];
const TILE_BINDINGS: readonly GPUBufferBindingType[] = [
  "uniform",
  ...Array.from({ length: 5 }, () => "read-only-storage" as const),
  "storage",
  "uniform",
];

const KEY_ORDER_BINDINGS: Record<KeyOrderKernel, readonly GPUBufferBindingType[]> = {
  parts: LIST_BINDINGS,
  count: LIST_BINDINGS,
  choose: [...LIST_BINDINGS, "storage"],
  fill: LIST_BINDINGS,
  chosen: TILE_BINDINGS,
  rest: TILE_BINDINGS,
  merge: ["uniform", "read-only-storage", "read-only-storage", "storage", "storage", "uniform"],
};

/** The compiled kernels of launches in key order; `rest` where each query has a part without the selection. */
export type KeyOrderPipelines = Readonly<Record<Exclude<KeyOrderKernel, "rest">, Kernel>> & { readonly rest?: Kernel };

/** Undefined where the variant has none. */
export async function keyOrderPipelines(device: GPUDevice, label: string, variant: KernelVariant): Promise<KeyOrderPipelines | undefined> {
  const texts = variant.keyOrder;
  if (texts === undefined) return undefined;
  const kernel = (name: KeyOrderKernel, text: string): Promise<Kernel> =>
    compileKernel(device, label, name, KEY_ORDER_BINDINGS[name], text);
  const [parts, count, choose, fill, chosen, merge, rest] = await Promise.all([
    kernel("parts", PARTS_OF_ROWS_WGSL),
    kernel("count", COUNT_WGSL),
    kernel("choose", CHOOSE_WGSL),
    kernel("fill", FILL_WGSL),
    kernel("chosen", texts.chosen),
    kernel("merge", texts.merge),
    texts.rest === undefined ? undefined : kernel("rest", texts.rest),
  ]);
  return { parts, count, choose, fill, chosen, merge, ...(rest === undefined ? {} : { rest }) };
}

/** Lists and parts: an operator's own, used by its launches one after another. */
export class KeyOrderBuffers {
  private readonly lists: GrowingBuffer;
  private readonly scratch: GrowingBuffer;
  /** The workgroups of query order: none where keys go first. */
  private readonly whole: GPUBuffer;

  constructor(
    private readonly device: GPUDevice,
    label: string,
  ) {
    this.lists = new GrowingBuffer(device, `${label} lists`, USAGE_STORAGE | USAGE_COPY_SRC);
    this.scratch = new GrowingBuffer(device, `${label} parts`, USAGE_STORAGE);
    this.whole = device.createBuffer({ label: `${label} workgroups`, size: 16, usage: USAGE_STORAGE | USAGE_INDIRECT });
  }

  for({ listsBytes, scratchBytes }: KeyOrderPlan): { readonly lists: GPUBuffer; readonly scratch: GPUBuffer; readonly whole: GPUBuffer } {
    return { lists: this.lists.atLeast(listsBytes), scratch: this.scratch.atLeast(scratchBytes), whole: this.whole };
  }

  /** Whether the last launch that was submitted and may have taken key order did. */
  async keysFirst(): Promise<boolean> {
    const read = this.device.createBuffer({ label: "attnc order", size: 4, usage: USAGE_MAP_READ | USAGE_COPY_DST });
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.lists.atLeast(4), 0, read, 0, 4);
    this.device.queue.submit([encoder.finish()]);
    await read.mapAsync(MODE_READ);
    const [word] = new Uint32Array(read.getMappedRange());
    read.destroy();
    return word === 1;
  }

  destroy(): void {
    this.lists.destroy();
    this.scratch.destroy();
    this.whole.destroy();
  }
}

/** The kernel of query order, bound. */
export interface BoundKernel {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
}

/** What an operator keeps for its launches in key order. */
export interface KeyOrderResources {
  readonly kernels: KeyOrderPipelines;
  readonly buffers: ReturnType<KeyOrderBuffers["for"]>;
  /** For uniforms. */
  readonly constants: ConstantBuffers;
}

/**
 * Dispatches both orders in a pass: the lists and the choice, the kernel of query order with as many workgroups as the
 * choice says, and slice by slice the tiles of chosen blocks, what is left and the sum of both, which leave at once where
 * queries go first; a head has so many query `tiles`. Each sees what the one before it wrote.
 */
export function dispatchKeyOrder(
  device: GPUDevice,
  pass: GPUComputePassEncoder,
  { kernels, buffers, constants }: KeyOrderResources,
  bindings: WholeBindings,
  { fields, slices, valueDim }: KeyOrderPlan,
  whole: BoundKernel,
  tiles: number,
): void {
  const { uniforms, q, k, v, aux, out, lse } = bindings;
  const lists = { buffer: buffers.lists };
  const scratch = { buffer: buffers.scratch };
  const dispatch = ({ pipeline, layout }: Kernel, resources: readonly GPUBufferBinding[], groups: readonly number[]): void => {
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ label: "attnc key order", layout, entries }));
    pass.dispatchWorkgroups(...(groups as [number, number?, number?]));
  };
  const all = { buffer: constants.get(keyOrderWords(fields)) };
  const words = foldWorkgroups(fields.totalHeads * fields.bitsRowStride, device);
  dispatch(kernels.parts, [all, aux, lists], foldWorkgroups(fields.totalHeads, device));
  dispatch(kernels.count, [all, aux, lists], words);
  dispatch(kernels.choose, [all, aux, lists, { buffer: buffers.whole }], [1]);
  dispatch(kernels.fill, [all, aux, lists], words);
  pass.setPipeline(whole.pipeline);
  pass.setBindGroup(0, whole.group);
  pass.dispatchWorkgroupsIndirect(buffers.whole, 0);
  for (const slice of slices) {
    const order = { buffer: constants.get(keyOrderWords({ ...fields, ...slice })) };
    const tile = [uniforms, q, k, v, aux, lists, scratch, order];
    const heads = slice.sliceHeads * fields.group;
    if (kernels.rest !== undefined) dispatch(kernels.rest, tile, foldWorkgroups(tiles * heads, device));
    dispatch(kernels.chosen, tile, [...foldWorkgroups(fields.mostTiles, device), slice.sliceHeads]);
    const values = heads * fields.rows * (valueDim / 4);
    dispatch(kernels.merge, [uniforms, lists, scratch, out, lse, order], foldWorkgroups(Math.ceil(values / 64), device));
  }
}
