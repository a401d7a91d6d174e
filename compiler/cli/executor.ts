import { launchModule } from "../driver/launch.js";
import { tuningModule } from "../driver/tuning.js";
import { interpret } from "../program/interpret.js";
import { interpretKeyOrder } from "../program/interpret-key-order.js";
import { lower, lowerKeyOrder } from "../program/lower.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { Dtype, MaskModule } from "../mask/ir.js";
import { ofCall } from "../mask/windows.js";
import type { AttentionModule } from "../../runtime/launch/module.js";
import type { PairOrder } from "../../runtime/launch/key-order/plan.js";
import { createAttention } from "../../runtime/launch/operator.js";
import type { AttentionOperator } from "../../runtime/launch/operator.js";
import type { SelectedBits } from "../../runtime/launch/selection/lists.js";
import { tunedKey } from "../../runtime/launch/tuned.js";
import type { OpenedDevice } from "../../runtime/device/open.js";
import { roundedTo } from "../../runtime/reference/formats.js";
import type { VerifyInput } from "../../runtime/verify/inputs.js";
import { runWithTails } from "../../runtime/verify/gpu.js";
import type { VerifyTensors } from "../../runtime/verify/tensors.js";
import type { DeviceChoice } from "./flags.js";
import { toLaunchInput, toMaskInput } from "./input-forms.js";
import { interpretedSelections } from "./interpreted-selections.js";
import { launchCall } from "./launch-call.js";
import { requireWgslDtype } from "./required.js";
import { selectedOf } from "./selections.js";
import { tunedFile } from "./tuned-file.js";

/** One call, with everything that a kernel or the interpreter needs to know. */
export interface ExecutorCall {
  readonly batch: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly queries: number;
  readonly keys: number;
  readonly params: Readonly<Record<string, number>>;
  readonly layer?: number | undefined;
  readonly layers?: number | undefined;
  readonly step?: number | undefined;
  readonly steps?: number | undefined;
  readonly phase?: string | undefined;
  readonly scale?: number | undefined;
  readonly inputs: Readonly<Record<string, VerifyInput>>;
  /** Selections of earlier calls, in place of new ones. */
  readonly reuse?: Readonly<Record<string, SelectedBits>> | undefined;
}

export interface ExecutorResult {
  readonly out: Float32Array;
  readonly lse: Float32Array;
  /** What the selections chose, by their names, where the module has any. */
  readonly selected?: Readonly<Record<string, SelectedBits>> | undefined;
}

/** A compiled operator on a device; head counts follow each call. */
export interface LoadedOperator {
  /** Queries and keys per tile. */
  readonly tiles: { readonly tileQ: number; readonly tileK: number; readonly packsHeads?: boolean };
  readonly variant: string;
  /** Whether that one is the winner of `attnc tune` on this device. */
  readonly tuned: boolean;
  /** The type to which its weights are rounded before they meet the values; f32 where it is not given. */
  readonly weights?: Dtype | undefined;
  run(tensors: VerifyTensors, call: ExecutorCall): Promise<ExecutorResult>;
  destroy(): void;
}

/** Where operators run: a WebGPU or CUDA device, or the interpreter of tile programs. */
export interface Executor {
  readonly description: string;
  /** Kernels run, not the interpreter. */
  readonly onDevice: boolean;
  readonly gpu?: OpenedDevice | undefined;
  load(module: MaskModule): Promise<LoadedOperator>;
}

/**
 * How an executor is opened: `results` sleeps while the device works, `times` does not; `tuned` false ignores what
 * `attnc tune` found; `kernel` asks for a CUDA kernel by name; `order` is that of pairs, where an operator has more than one.
 */
export interface ExecutorOptions {
  readonly use?: "results" | "times";
  readonly tuned?: boolean | undefined;
  readonly kernel?: string | undefined;
  readonly order?: PairOrder | undefined;
}

/** Opens a device by the name the command line gave it. Rejects with an AttnError where there is none. */
export async function openExecutor(choice: DeviceChoice, options: ExecutorOptions = {}): Promise<Executor> {
  if (choice === "interpreter") return interpreter(options.order);
  if (choice === "cuda") return (await import("./cuda-executor.js")).openCudaExecutor({ kernel: options.kernel, order: options.order });
  if (options.use !== "times") (await import("../../runtime/device/polling.js")).sleepWhileWaiting();
  const { openDevice } = await import("../../runtime/device/open.js");
  const gpu = await openDevice(choice);
  const load = async (module: MaskModule) => loadKernel(gpu, module, kernelFor(gpu, module, options.tuned !== false), options.order);
  return { description: gpu.description, onDevice: true, gpu, load };
}

/** The kernel of an operator for a device: the winner of `attnc tune` where there is one and it is wanted, else the best of its profile. */
export interface DeviceKernel {
  readonly compiled: AttentionModule;
  readonly variant: string | undefined;
}

export function kernelFor(gpu: OpenedDevice, module: MaskModule, tuned: boolean): DeviceKernel {
  requireWgslDtype(module);
  const file = tunedFile();
  if (tuned && file.mentions(module)) {
    const compiled = tuningModule(module, gpu.profile);
    const variant = file.get(tunedKey(compiled, module.shape, gpu.device.adapterInfo));
    if (compiled.variants.some(({ name }) => name === variant)) return { compiled, variant };
  }
  return { compiled: launchModule(module, [], { profiles: [gpu.profile] }), variant: undefined };
}

/** The line on stderr that says that a winner is used. */
export const tunedNote = (name: string, variant: string): string =>
  `${name}: the schedule ${variant}, which attnc tune found the fastest here (--no-tuned ignores it)`;

/** A kernel of an operator, to be run with any numbers of heads. */
export async function loadKernel(
  gpu: OpenedDevice,
  module: MaskModule,
  { compiled, variant }: DeviceKernel,
  wanted?: PairOrder,
): Promise<LoadedOperator> {
  const { headDim, valueDim } = module.shape;
  const order = compiled.keyOrder === undefined ? undefined : wanted;
  const operators = new Map<string, Promise<AttentionOperator>>();
  const withHeads = (heads: number, kvHeads: number): Promise<AttentionOperator> => {
    const key = `${heads}/${kvHeads}`;
    let operator = operators.get(key);
    if (!operator)
      operators.set(
        key,
        (operator = createAttention(gpu.device, compiled, { heads, kvHeads, headDim, valueDim }, { profile: gpu.profile, variant, order })),
      );
    return operator;
  };
  const first = await withHeads(module.shape.heads, module.shape.kvHeads);
  return {
    tiles: first.variant,
    variant: first.variant.name,
    tuned: variant !== undefined,
    async run(tensors, call) {
      const operator = await withHeads(call.heads, call.kvHeads);
      const inputs = Object.fromEntries(Object.entries(call.inputs).map(([name, value]) => [name, toLaunchInput(value)]));
      return runWithTails(operator, tensors, inputs, launchCall(call), call.reuse);
    },
    destroy() {
      for (const operator of operators.values()) void operator.then((each) => each.destroy());
    },
  };
}

/** The environment of one call for the mask's own evaluation. */
export function maskEnvOf(module: MaskModule, call: ExecutorCall): MaskEnv {
  const { windows } = module;
  const lengths = {
    N: windows === undefined ? call.keys : call.params[windows.tokens]!,
    NQ: call.queries,
    space: ofCall(module).space.kind,
  };
  const phase = call.phase === undefined ? undefined : module.phases.indexOf(call.phase);
  const inputs = Object.fromEntries(module.inputs.map((spec) => [spec.name, toMaskInput(spec, call.inputs[spec.name]!, lengths)]));
  const { heads, kvHeads, params, layer, layers, step, steps } = call;
  return { N: call.keys, NQ: call.queries, heads, kvHeads, params, layer, layers, step, steps, phase, inputs };
}

const INTERPRETER_TILES = { tileQ: 16, tileK: 16 };

/** Runs the tile program in plain TypeScript: slowly, and everywhere. */
const interpreter = (order: PairOrder = "auto"): Executor => ({
  description: "interpreter (tile program in TypeScript)",
  onDevice: false,
  load(module) {
    const program = lower(module, INTERPRETER_TILES);
    const byKeys = order === "keys" ? lowerKeyOrder(module, INTERPRETER_TILES) : undefined;
    const select = interpretedSelections(module);
    const { headDim, valueDim, dtype } = module.shape;
    return Promise.resolve({
      tiles: program,
      variant: "interpreter",
      tuned: false,
      run(tensors, call) {
        const { batch, scale } = call;
        const bare = maskEnvOf(module, call);
        const bits = select(tensors, call, bare);
        const env = { ...bare, inputs: { ...bare.inputs, ...bits } };
        const interpreted = { env, batch, headDim, valueDim, scale };
        const { out, lse } =
          byKeys === undefined ? interpret(program, tensors, interpreted) : interpretKeyOrder(byKeys, tensors, interpreted);
        const selected = Object.fromEntries(Object.entries(bits).map(([name, value]) => [name, selectedOf(value)]));
        return Promise.resolve({ out: roundedTo(dtype, out), lse, ...(module.selections === undefined ? {} : { selected }) });
      },
      destroy() {},
    });
  },
});
