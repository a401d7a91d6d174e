import { headEvaluator } from "../mask/evaluate.js";
import type { BitsValue, MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { queryOffset } from "../tiles/plan.js";
import type { AttentionCall } from "../../runtime/launch/call.js";
import type { PairOrder } from "../../runtime/launch/key-order/plan.js";
import { denseAttention } from "../../runtime/reference/dense.js";
import { roundedTo } from "../../runtime/reference/formats.js";
import { random } from "../../runtime/verify/random.js";
import { sampleRows } from "../../runtime/verify/rows.js";

/** What is timed: an operator with its sizes, and data for it. */
export interface TimedProblem {
  readonly module: MaskModule;
  readonly env: MaskEnv;
  readonly batch: number;
  readonly q: Float32Array<ArrayBuffer>;
  readonly k: Float32Array<ArrayBuffer>;
  readonly v: Float32Array<ArrayBuffer>;
  /** Which go first on a GPU, where queries choose blocks of keys. */
  readonly order?: PairOrder | undefined;
}

/** An operator with its tensors on a device. */
export interface Timed {
  readonly tiles: { readonly tileQ: number; readonly tileK: number };
  /** Milliseconds of one run. */
  time(): Promise<number>;
  /** Milliseconds of what comes before the kernel, alone; absent where nothing is selected. */
  readonly timeSelection?: (() => Promise<number>) | undefined;
  /** The output of the last run, and what was selected in it. */
  result(): Promise<TimedResult>;
}

export interface TimedResult {
  readonly out: Float32Array;
  /** Bits by the names of selections. */
  readonly selected: Readonly<Record<string, BitsValue>>;
}

/** Random data for an operator, such that its dtype holds them. */
export function timedProblem(module: MaskModule, env: MaskEnv, batch: number): TimedProblem {
  const { heads, kvHeads, headDim, valueDim, dtype } = module.shape;
  const source = random(1);
  const fill = (count: number): Float32Array<ArrayBuffer> =>
    roundedTo(
      dtype,
      Float32Array.from({ length: count }, () => source.normal()),
    ) as Float32Array<ArrayBuffer>;
  return {
    module,
    env,
    batch,
    q: fill(batch * heads * env.NQ * headDim),
    k: fill(batch * kvHeads * env.N * headDim),
    v: fill(batch * kvHeads * env.N * valueDim),
  };
}

export function timedCall({ module, env, batch }: TimedProblem): AttentionCall {
  const { params, layer, layers, step, steps, phase } = env;
  const known = module.params.length > 0 ? params : {};
  return { batch, queryLength: env.NQ, keyLength: env.N, params: known, layer, layers, step, steps, phase };
}

/** Greatest error of an output on a sample of rows, against float64. */
export function outputError({ module, env: bare, batch, q, k, v }: TimedProblem, { out, selected }: TimedResult): number {
  const { headDim, valueDim } = module.shape;
  const { heads, kvHeads, N, NQ } = bare;
  const env = { ...bare, inputs: { ...bare.inputs, ...selected } };
  const evaluators = Array.from({ length: batch * heads }, (_, i) => headEvaluator(module, env, Math.floor(i / heads), i % heads));
  const problem = {
    ...{ batch, heads, kvHeads, headDim, valueDim, q, k, v },
    queries: NQ,
    keys: N,
    firstPosition: queryOffset(module, env),
    mask: (b: number, h: number, query: number, key: number) => evaluators[b * heads + h]!(query, key),
  };
  const rows = sampleRows(problem, 64, random(2));
  const dense = denseAttention(problem, rows);
  let most = 0;
  rows.forEach((row, i) => {
    const at = ((row.batch * heads + row.head) * NQ + row.query) * valueDim;
    for (let d = 0; d < valueDim; d++) most = Math.max(most, Math.abs(out[at + d]! - dense.out[i * valueDim + d]!));
  });
  return most;
}
