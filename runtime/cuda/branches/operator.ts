import {
  callOf,
  checkBranchedNames,
  checkLse,
  floatTensors,
  inputsOf,
  selectionInputs,
  type FloatTensor,
} from "../../launch/branches/inputs.js";
import type { BranchedArrays, BranchedOutput } from "../../launch/branches/run.js";
import {
  resolveCall,
  resolveShape,
  type AttentionCall,
  type AttentionShape,
  type ResolvedCall,
  type ResolvedShape,
} from "../../launch/call.js";
import { AttnError } from "../../launch/errors.js";
import { DTYPE_BYTES } from "../../launch/host-tensors.js";
import { needsArchitectureOnly } from "../choose.js";
import type { CudaDevice, CudaFunction, CudaStream, DevicePointer } from "../device.js";
import { shapedInput, type CudaInput } from "../inputs.js";
import { streamMemory } from "../memory.js";
import type { CudaDtype } from "../module.js";
import { createCudaAttention, destroyedError, type CudaAttention, type CudaAttentionOptions, type CudaTensors } from "../operator.js";
import { pointerBytes } from "../parameters.js";
import { loadProgram } from "../program.js";
import { checkOverlap, deviceRange, TENSOR_ALIGNMENT, type DeviceRange } from "../pointers.js";
import type { CudaSelectionTensors } from "../selection.js";
import { locateTensors, type LocatedTensors, type TensorName } from "../tensors.js";
import { CUDA_MIX_THREADS, type CudaBranchedModule } from "./module.js";
import { runBranchedOnCuda } from "./run.js";

/** One attention with branches on one CUDA device. Made by {@link createCudaBranchedAttention}. */
export interface CudaBranchedAttention<Output extends BranchedOutput = BranchedOutput> {
  readonly device: CudaDevice;
  readonly module: CudaBranchedModule;
  readonly shape: ResolvedShape;
  readonly dtype: CudaDtype;
  /** The operators of the branches, in the order of the module. */
  readonly operators: readonly CudaAttention[];
  /**
   * Puts a launch into a stream: each branch, into memory of the operator, then the kernel that mixes their outputs into
   * `out` (and `lse`, where the output has one). Gates and pooled tensors are among the inputs, with their whole shapes.
   * Otherwise as for one attention. Throws an {@link AttnError} that names the field before `out` and `lse` are written.
   */
  launch(tensors: CudaTensors, call: AttentionCall, stream?: CudaStream): void;
  /**
   * Puts the selections of all branches into a stream, and neither their attentions nor the mix: what they choose goes to
   * `tensors.selected`. Of the inputs, those that selections do not read may be left out. For layers that only choose, and
   * for timing. Throws as {@link launch}.
   */
  select(tensors: Omit<CudaTensors, "v" | "out" | "lse">, call: AttentionCall, stream?: CudaStream): void;
  /** Runs on plain arrays: uploads, launches, waits and reads back. Rejects with an {@link AttnError}. */
  run(arrays: BranchedArrays, call: AttentionCall): Promise<Output>;
  /** Frees the operator's own memory, once what was launched has ended. */
  destroy(): void;
}

interface Parts {
  readonly device: CudaDevice;
  readonly module: CudaBranchedModule;
  readonly shape: ResolvedShape;
  readonly dtype: CudaDtype;
  readonly operators: readonly CudaAttention[];
  readonly mix: CudaFunction;
}

/** Where what the branches compute is in the operator's memory, in bytes. */
interface Places {
  readonly outs: readonly number[];
  /** Of the branches that are weighed by it, in the order of the module's `weighs`. */
  readonly lses: readonly number[];
  readonly bytes: number;
}

function layOut({ branches, mix }: CudaBranchedModule, dtype: CudaDtype, { batch, heads, nq, valueDim }: ResolvedCall): Places {
  const rows = batch * heads * nq;
  let bytes = 0;
  const take = (size: number): number => {
    const at = bytes;
    bytes += Math.ceil(size / 256) * 256;
    return at;
  };
  const outs = branches.map(() => take(rows * valueDim * DTYPE_BYTES[dtype]));
  return { outs, lses: mix.weighs.map(() => take(rows * 4)), bytes };
}

/** What a branch is given beside q, k and v. */
type BranchInputs = Pick<CudaTensors, "inputs" | "selected" | "reuse">;

/** A launch that was checked, as far as it concerns the whole. */
interface Plan {
  readonly call: ResolvedCall;
  readonly located: LocatedTensors;
  /** Gates and pooled tensors that are needed and have elements. */
  readonly ranges: Readonly<Record<string, DeviceRange>>;
  readonly inputsAt: (branch: number) => BranchInputs;
}

/** The records that name something. */
const named = (records: Readonly<Record<string, object | undefined>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(records).filter(([, record]) => Object.values(record ?? {}).some((value) => value !== undefined)));

/** Where a gate or a pooled tensor is. Throws ATTN5206 for another shape than that of the call, ATTN5208, ATTN5212 and ATTN5307. */
function locateFloats(device: CudaDevice, { name, shape }: FloatTensor, bytes: number, given: CudaInput): DeviceRange | undefined {
  const { ref, extent } = shapedInput(name, given);
  const elements = shape.reduce((a, b) => a * b, 1);
  if (extent.elements !== elements || (extent.shape !== undefined && extent.shape.join() !== shape.join())) {
    throw new AttnError("ATTN5206", {
      field: name,
      expected: `[${shape.join(", ")}]`,
      found: extent.shape === undefined ? `${extent.elements} elements` : `[${extent.shape.join(", ")}]`,
      remedy: "Check heads, dimensions and lengths of the call.",
    });
  }
  // The pointer of what has no elements need not point to anything.
  if (elements === 0) return undefined;
  return deviceRange(name, ref, elements * bytes, TENSOR_ALIGNMENT, `[${shape.join(", ")}]`, device);
}

/** The struct that a mix takes first. */
function mixUniforms(rows: number, width: number, writesLse: boolean, empty: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(24));
  bytes.setBigInt64(0, BigInt(rows) * BigInt(width), true);
  bytes.setInt32(8, width, true);
  bytes.setInt32(12, writesLse ? 1 : 0, true);
  bytes.setUint32(16, empty, true);
  return new Uint8Array(bytes.buffer);
}

function makeOperator({ device, module, shape, dtype, operators, mix }: Parts): CudaBranchedAttention {
  const memory = streamMemory(device);
  let destroyed = false;

  /** Checks all that the whole of a call has to do with; the branches check what they are given themselves. */
  const plan = (tensors: Partial<CudaTensors>, call: AttentionCall, names: readonly TensorName[], needed?: ReadonlySet<string>): Plan => {
    if (destroyed) throw destroyedError(module.name);
    const resolved = resolveCall(module.call, shape, call);
    const inputs = (tensors.inputs ?? {}) as Readonly<Record<string, CudaInput>>;
    const floats = floatTensors(module, resolved);
    const { selected, reuse } = tensors;
    checkBranchedNames(module, floats, { ...inputs, ...named({ selected, reuse }) }, needed);
    const located = locateTensors(device, dtype, resolved, tensors, names);
    const ranges = Object.fromEntries(
      floats.flatMap((each) => {
        if (needed?.has(each.name) === false) return [];
        const range = locateFloats(device, each, each.own ? DTYPE_BYTES[dtype] : 4, inputs[each.name]!);
        return range === undefined ? [] : [[each.name, range] as const];
      }),
    );
    checkOverlap({ ...ranges, ...located }, ["out", "lse"]);
    const inputsAt = (i: number): BranchInputs => {
      const { selected: wanted, reuse: given, ...others } = inputsOf(module, i, { ...inputs, selected, reuse });
      return { inputs: others as CudaTensors["inputs"], ...({ selected: wanted, reuse: given } as CudaSelectionTensors) };
    };
    return { call: resolved, located, ranges, inputsAt };
  };

  const operator: CudaBranchedAttention = {
    device,
    module,
    shape,
    dtype,
    operators,
    launch(tensors, call, stream = 0n) {
      checkLse(module, tensors.lse);
      const { call: resolved, located, ranges, inputsAt } = plan(tensors, call, ["q", "k", "v", "out", "lse"]);
      const places = layOut(module, dtype, resolved);
      const base = memory.get(stream, Math.max(256, places.bytes));
      const at = (place: number): DevicePointer => base + BigInt(place);
      let empty = 0;
      module.branches.forEach((branch, i) => {
        const given = inputsAt(i);
        const made = callOf(branch, call, resolved);
        if (made === undefined) {
          empty |= 1 << i;
          if (given.selected === undefined) return;
        }
        // What it selects is asked for: it is computed with one of the call's keys, and the output not looked at.
        const own = made ?? callOf(branch, call, resolved, 1)!;
        const weighed = module.mix.weighs.indexOf(i);
        const { windows } = branch;
        const keys = windows === undefined || made === undefined ? tensors : { k: ranges[windows.key]!, v: ranges[windows.value]! };
        operators[i]!.launch(
          {
            ...{ q: tensors.q, k: keys.k, v: keys.v, out: at(places.outs[i]!) },
            ...(branch.module.windows === undefined ? {} : { callKeys: tensors.k }),
            lse: weighed < 0 ? undefined : at(places.lses[weighed]!),
            ...given,
          },
          own,
          stream,
        );
      });
      const { batch, heads, nq, valueDim } = resolved;
      const rows = batch * heads * nq;
      const pointers = [
        ...places.outs.map(at),
        ...places.lses.map(at),
        ...module.gates.map(({ name }) => ranges[name]!.pointer),
        located.out!.pointer,
        ...(module.mix.lse ? [located.lse?.pointer ?? 0n] : []),
      ];
      const width = valueDim / 4;
      device.launch(mix, {
        blocks: Math.ceil((rows * width) / CUDA_MIX_THREADS),
        threads: CUDA_MIX_THREADS,
        sharedBytes: 0,
        parameters: [mixUniforms(rows, width, located.lse !== undefined, empty), ...pointers.map(pointerBytes)],
        stream,
      });
    },
    select(tensors, call, stream = 0n) {
      const { call: resolved, inputsAt } = plan(tensors, call, ["q", "k"], selectionInputs(module));
      module.branches.forEach((branch, i) => {
        if (branch.module.selection === undefined) return;
        // Selections read the keys of the call, whose windows are not looked at.
        const callKeys = branch.windows === undefined ? {} : { callKeys: tensors.k };
        operators[i]!.select({ q: tensors.q, k: tensors.k, ...callKeys, ...inputsAt(i) }, callOf(branch, call, resolved, 1)!, stream);
      });
    },
    // A promise even of what fails at once.
    async run(arrays, call) {
      return runBranchedOnCuda(operator, arrays, call);
    },
    destroy() {
      if (destroyed) return;
      destroyed = true;
      for (const each of operators) each.destroy();
      memory.free();
    },
  };
  return operator;
}

/**
 * Makes an operator of a module with branches on a device: an operator for each, and the kernel that mixes them, all from one
 * program. Rejects as `createCudaAttention` does; a kernel that is asked for by name is that of every branch. `Output` is what
 * a run gives back: with an lse where `module.mix.lse` says so.
 */
export async function createCudaBranchedAttention<Output extends BranchedOutput = BranchedOutput>(
  device: CudaDevice,
  module: CudaBranchedModule,
  shape: AttentionShape = {},
  options: CudaAttentionOptions = {},
): Promise<CudaBranchedAttention<Output>> {
  const resolved = resolveShape(module.call, shape);
  const dtype = options.dtype ?? module.call.dtype;
  const modules = module.branches.map((branch) => branch.module);
  // Before the operators ask for it: one of them may need the exact architecture, and they share what is loaded first.
  const program = await loadProgram(device, {
    name: module.name,
    source: module.source,
    architectureOnly: modules.some((branch) => needsArchitectureOnly(branch, device.properties)),
    cubin: options.cubin,
  });
  const operators = await Promise.all(modules.map((branch) => createCudaAttention(device, branch, resolved, { ...options, dtype })));
  const mix = program.function(`${module.mixSymbol}_${dtype}`, 0);
  return makeOperator({ device, module, shape: resolved, dtype, operators, mix }) as CudaBranchedAttention<Output>;
}
