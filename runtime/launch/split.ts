import { KERNEL_BINDINGS } from "./bind-layout.js";
import type { ResolvedCall } from "./call.js";
import { foldWorkgroups } from "./dispatch.js";
import { AttnError } from "./errors.js";
import { USAGE_STORAGE } from "./gpu-flags.js";
import { compileKernel, type Kernel } from "./kernel.js";
import type { KernelVariant } from "./module.js";

/** How rows are cut into parts. */
export interface SplitOptions {
  /** Workgroups that keep the device busy: with fewer query tiles, long rows are cut. 256 by default. */
  readonly busy?: number | undefined;
  /** Key tiles that a part has at least; 8 by default. */
  readonly leastShare?: number | undefined;
}

/** Throws ATTN5212 where the numbers of the options are none to cut by. */
export function checkSplit(options: SplitOptions): void {
  for (const [name, standard] of [
    ["busy", BUSY],
    ["leastShare", LEAST_SHARE],
  ] as const) {
    const value = options[name] ?? standard;
    if (Number.isInteger(value) && value >= 1 && value <= MOST) continue;
    throw new AttnError("ATTN5212", {
      field: `split.${name}`,
      expected: `a whole number from 1 to ${MOST}`,
      found: String(value),
      remedy: `Leave it out for ${standard}.`,
    });
  }
}

/** What a launch in parts needs. */
export interface Split {
  /** Parts there is room for. */
  readonly slots: number;
  /** Parts that the longest rows are cut for: their number stays below twice this one. */
  readonly busy: number;
  readonly leastShare: number;
  readonly planBytes: number;
  readonly scratchBytes: number;
}

const BUSY = 256;
const LEAST_SHARE = 8;
/** No device has use for more workgroups at a time, and no sequence more tiles. */
const MOST = 1 << 20;

/**
 * Whether and how a call is computed in parts: where it has too few query tiles to keep a device busy,
 * and where the compiler says that some rows are much longer than others. The plan's kernel makes no
 * more than twice the greater of `busy` and a quarter of the tiles with queries: room for these, a part of
 * a tile each, is less than the output has or next to nothing. With a layout, `tiles` are of all places,
 * and most may be without a query.
 */
export function splitOf(
  variant: KernelVariant,
  call: ResolvedCall,
  tiles: number,
  uneven: boolean,
  options: SplitOptions,
  limits: Pick<GPUSupportedLimits, "maxStorageBufferBindingSize" | "maxBufferSize">,
): Split | undefined {
  const { busy = BUSY, leastShare = LEAST_SHARE } = options;
  const heads = call.heads * call.batch;
  const working = Math.min(tiles, call.nq) * heads;
  if (working === 0 || Math.ceil(call.n / variant.tileK) <= leastShare || (working >= busy && !uneven)) return undefined;
  const most = Math.max(busy, Math.ceil(working / 4));
  const slots = 2 * most;
  const planBytes = 4 * (2 + 2 * (tiles * heads + slots));
  const scratchBytes = 4 * slots * variant.tileQ * (variant.valueDim + 4);
  const room = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  return scratchBytes > room || planBytes > room ? undefined : { slots, busy: most, leastShare, planBytes, scratchBytes };
}

type Name = "plan" | "parts" | "merge";

/** Bindings of the three kernels; `parts` has the plan and the results of parts behind those of every kernel. */
const SPLIT_BINDINGS: Record<Name, readonly GPUBufferBindingType[]> = {
  plan: ["uniform", "read-only-storage", "storage"],
  parts: [...KERNEL_BINDINGS, "read-only-storage", "storage"],
  merge: ["uniform", "read-only-storage", "read-only-storage", "read-only-storage", "storage", "storage"],
};

/** Storage buffers that a launch in parts binds at a time. */
const PARTS_STORAGE_BUFFERS = SPLIT_BINDINGS.parts.length - 1;

/** The compiled kernels of launches in parts. */
export type SplitPipelines = Record<Name, Kernel>;

/** Undefined where the variant has none, or the device binds too few buffers. */
export async function splitPipelines(device: GPUDevice, label: string, variant: KernelVariant): Promise<SplitPipelines | undefined> {
  const texts = variant.split;
  if (texts === undefined || device.limits.maxStorageBuffersPerShaderStage < PARTS_STORAGE_BUFFERS) return undefined;
  const kernel = (name: Name): Promise<Kernel> => compileKernel(device, label, name, SPLIT_BINDINGS[name], texts[name]);
  const [plan, parts, merge] = await Promise.all([kernel("plan"), kernel("parts"), kernel("merge")]);
  return { plan, parts, merge };
}

/** Plan and results of parts: an operator's own, used by its launches one after another. */
export class SplitBuffers {
  private plan: GPUBuffer | undefined;
  private scratch: GPUBuffer | undefined;

  constructor(
    private readonly device: GPUDevice,
    private readonly label: string,
  ) {}

  /** Buffers of at least these sizes. Outgrown ones are left to the collector: commands already encoded may use them. */
  for({ planBytes, scratchBytes }: Split): { readonly plan: GPUBuffer; readonly scratch: GPUBuffer } {
    const create = (name: string, size: number): GPUBuffer =>
      this.device.createBuffer({ label: `${this.label} ${name}`, size, usage: USAGE_STORAGE });
    if (this.plan === undefined || this.plan.size < planBytes) this.plan = create("plan", planBytes);
    if (this.scratch === undefined || this.scratch.size < scratchBytes) this.scratch = create("parts", scratchBytes);
    return { plan: this.plan, scratch: this.scratch };
  }

  destroy(): void {
    this.plan?.destroy();
    this.scratch?.destroy();
  }
}

/** The bindings of the kernel of whole tiles, in its order. */
export interface WholeBindings {
  readonly uniforms: GPUBufferBinding;
  readonly q: GPUBufferBinding;
  readonly k: GPUBufferBinding;
  readonly v: GPUBufferBinding;
  readonly aux: GPUBufferBinding;
  readonly out: GPUBufferBinding;
  readonly lse: GPUBufferBinding;
}

/** Dispatches plan, parts and merge in a pass, in which each sees what the one before it wrote. */
export function dispatchSplit(
  device: GPUDevice,
  pass: GPUComputePassEncoder,
  kernels: SplitPipelines,
  bindings: WholeBindings,
  buffers: { readonly plan: GPUBuffer; readonly scratch: GPUBuffer },
  split: Split,
  total: number,
): void {
  const { uniforms, q, k, v, aux, out, lse } = bindings;
  const plan = { buffer: buffers.plan, size: split.planBytes };
  const scratch = { buffer: buffers.scratch, size: split.scratchBytes };
  const dispatch = ({ pipeline, layout }: Kernel, resources: readonly GPUBufferBinding[], groups: number): void => {
    const entries = [uniforms, ...resources].map((resource, binding) => ({ binding, resource }));
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ label: "attnc split", layout, entries }));
    pass.dispatchWorkgroups(...foldWorkgroups(groups, device));
  };
  dispatch(kernels.plan, [aux, plan], 1);
  dispatch(kernels.parts, [q, k, v, aux, out, lse, plan, scratch], split.slots + total);
  dispatch(kernels.merge, [aux, plan, scratch, out, lse], split.slots);
}
