import { diagnostic } from "../diagnostics/report.js";
import type { InputValue, MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { reuseRules } from "../mask/reuse.js";
import { oracleSelections, selectionBits } from "../oracle/oracle.js";
import type { SelectedBits } from "../../runtime/launch/selection/lists.js";
import type { VerifyInput } from "../../runtime/verify/inputs.js";
import type { QueriesAndKeys } from "./call-tensors.js";
import { openExecutor } from "./executor.js";
import type { DeviceChoice } from "./flags.js";
import type { Operator } from "./operators.js";
import { bitsValue } from "./selections.js";
import { EXIT, Stop } from "./stop.js";
import { oracleOf } from "./verify-kernel.js";

/** A call whose selections are wanted. */
export interface ChoiceRequest {
  readonly operator: Operator;
  readonly env: MaskEnv;
  readonly phase?: string | undefined;
  readonly scale?: number | undefined;
  readonly inputs: Readonly<Record<string, VerifyInput>>;
  readonly tensors: QueriesAndKeys;
  readonly reuse: Readonly<Record<string, SelectedBits>>;
  /** Made by the slow selector in float64 where there is none. */
  readonly device?: DeviceChoice | undefined;
}

/** What the selections of an operator choose for tensors that are given, by their names. */
export async function chooseSelections(request: ChoiceRequest): Promise<Readonly<Record<string, SelectedBits>>> {
  const { reuse, env } = request;
  const { module } = request.operator;
  const { selections = [] } = module;
  if (selections.length === 0) return {};
  const rules = reuseRules(module)?.({ ...callEnv(env), h: 0, kvh: 0 });
  const absent = selections.find(({ name }, i) => rules?.[i] === "given" && reuse[name] === undefined);
  if (absent !== undefined) throw new Stop([diagnostic("ATTN6216", undefined, { name: module.name, selection: absent.name })], EXIT.usage);
  return request.device === undefined ? chosenByOracle(request) : chosenOnDevice(request, request.device);
}

function callEnv({ N, NQ, layer = 0, layers = 0, step = 0, steps = 0, phase = 0, params = {} }: MaskEnv) {
  return { N, NQ, layer, layers, step, steps, phase, params };
}

function chosenByOracle({ operator, env, phase, scale, inputs, tensors, reuse }: ChoiceRequest): Readonly<Record<string, SelectedBits>> {
  const { module, file, settings } = operator;
  const { N, NQ, heads, kvHeads, layer, layers, step, steps, params } = env;
  const { q, k, headDim, batch } = tensors;
  const launch = { ...{ N, NQ, heads, kvHeads, layer, layers, step, steps, phase, inputs }, params: { ...settings.params, ...params } };
  const made = oracleSelections(oracleOf(file), module.name, { ...launch, tensors: { headDim, q: q.data, k: k.data, scale } }, false);
  return Object.fromEntries(
    (module.selections ?? []).map(({ name }) => {
      const item = made.get(name);
      if (reuse[name] !== undefined) return [name, reuse[name]];
      if (item === undefined) throw new Error(`the oracle makes no selection ${name}`);
      return [name, selectionBits(item, { batch, heads, kvHeads })];
    }),
  );
}

async function chosenOnDevice(request: ChoiceRequest, device: DeviceChoice): Promise<Readonly<Record<string, SelectedBits>>> {
  const { env, phase, scale, inputs, tensors, reuse } = request;
  const { module } = request.operator;
  const { q, k, batch, heads, kvHeads, queries, keys } = tensors;
  const executor = await openExecutor(device);
  const kernel = await executor.load(module);
  const { valueDim } = module.shape;
  const rows = batch * heads * queries;
  const arrays = { q: q.data, k: k.data, v: new Float32Array(batch * kvHeads * keys * valueDim), out: new Float32Array(rows * valueDim) };
  const { layer, layers, step, steps, params = {} } = env;
  const call = { ...{ batch, heads, kvHeads, queries, keys, layer, layers, step, steps, phase, scale, inputs, params }, reuse };
  const { selected = {} } = await kernel.run({ ...arrays, lse: new Float32Array(rows) }, call);
  kernel.destroy();
  return selected;
}

/** Selections as inputs of the mask's evaluator. */
export function selectedInputs(selected: Readonly<Record<string, SelectedBits>>): Readonly<Record<string, InputValue>> {
  return Object.fromEntries(Object.entries(selected).map(([name, bits]) => [name, bitsValue(bits)]));
}

/** Refuses a mask that depends on tensors where neither they are given nor what was selected. */
export function requireTensors({ name, selections = [] }: MaskModule, inputs: readonly string[] | undefined): void {
  const names = selections.map((each) => each.name);
  if (names.length === 0 || names.some((each) => inputs?.some((input) => input.startsWith(`${each}=`)))) return;
  const options = `--q q.npy --k k.npy, or what was selected: ${names.map((each) => `--input ${each}=FILE`).join(" ")}`;
  throw new Stop([diagnostic("ATTN6214", undefined, { name, what: names.join(", "), options })], EXIT.usage);
}
