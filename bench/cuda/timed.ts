import { oracleMask } from "../../compiler/oracle/oracle.js";
import type { MaskPredicate, OracleProgram } from "../../compiler/oracle/oracle.js";
import { toMaskInput } from "../../compiler/cli/input-forms.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { groupCosts, idealCost, tileCost } from "../../compiler/tiles/cost.js";
import { planTiles } from "../../compiler/tiles/plan.js";
import type { CudaKernel } from "../../runtime/cuda/module.js";
import type { VerifyInput } from "../../runtime/verify/inputs.js";
import { random } from "../../runtime/verify/random.js";
import { randomBlock } from "./settings.js";
import type { PythonMask, TimedPattern } from "./settings.js";

export const HEADS = 16;
export const TIMED_DIM = 128;
/** Rows whose output is compared with float64. */
const SAMPLED = 8;

/** A row of the table, before it is measured. */
export interface TimedRow {
  readonly label: string;
  readonly part: TimedPattern["part"];
  /** The stem of its sources. */
  readonly stem: string;
  readonly length: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly causal: boolean;
  readonly mask: PythonMask;
  readonly inputs: Readonly<Record<string, PythonMask>>;
  readonly arguments: Readonly<Record<string, number>>;
  /** Pairs of all heads. */
  readonly pairs: number;
  /** By the names of kernels: what their tiles come to, over all heads, and how many times as many a dense mask has. */
  readonly tiles: Readonly<Record<string, TileBound>>;
  /** The keys of some rows, by the oracle: `[first, end)`, rising. */
  readonly sampled: readonly { readonly head: number; readonly query: number; readonly runs: readonly (readonly [number, number])[] }[];
}

export interface TileBound {
  readonly tileQ: number;
  readonly tileK: number;
  readonly full: number;
  readonly partial: number;
  /** Against a dense mask, causal in a causal space. */
  readonly speedup: number;
}

/** Everything about a row that needs no device: exact counts, and sampled rows by the oracle. */
export function timedRow(
  pattern: TimedPattern,
  length: number,
  module: MaskModule,
  program: OracleProgram,
  kernels: readonly CudaKernel[],
  stem: string,
): TimedRow {
  const kvHeads = pattern.kvHeads ?? HEADS;
  const call = pattern.call?.(length) ?? {};
  const { layer, ...params } = call;
  const python = pattern.inputs?.(length) ?? {};
  const inputs = Object.fromEntries(Object.entries(python).map(([name, made]) => [name, inputOf(made, length)]));
  const lengths = { N: length, NQ: length };
  const forms = Object.fromEntries(
    module.inputs.map((spec) => [spec.name, toMaskInput(spec, inputs[spec.name]!, { ...lengths, space: "self" })]),
  );
  const env: MaskEnv = { ...lengths, heads: HEADS, kvHeads, layer, layers: 2, step: 0, steps: 1, params, inputs: forms };
  const shape = { ...module.shape, heads: HEADS, kvHeads, headDim: TIMED_DIM, valueDim: TIMED_DIM, dtype: "bf16", batch: 1 } as const;
  const plan = planTiles(module);
  let pairs = 0;
  const tiles: Record<string, TileBound> = {};
  for (const kernel of kernels) {
    const groups = groupCosts(module, plan, env, kernel);
    const { full, partial, bound } = tileCost(module, env, shape, kernel, groups);
    pairs = idealCost(module, env, shape, groups).pairs;
    tiles[kernel.name] = { tileQ: kernel.tileQ, tileK: kernel.tileK, full, partial, speedup: bound.causal ?? bound.dense };
  }
  const oracle = oracleMask(program, module.name, {
    ...{ ...lengths, heads: HEADS, kvHeads, layer, layers: 2, inputs },
    params: { ...pattern.params(length), ...params },
  });
  return {
    ...{ label: pattern.label, part: pattern.part, stem, length, heads: HEADS, kvHeads, causal: module.space.causal },
    ...{ mask: pattern.mask(length), inputs: python, arguments: call, pairs, tiles },
    sampled: sampleRows(oracle, length),
  };
}

function sampleRows(mask: MaskPredicate, length: number): TimedRow["sampled"] {
  const source = random(length);
  return Array.from({ length: SAMPLED }, (_, i) => {
    const head = source.integer(0, HEADS - 1);
    const query = i === 0 ? length - 1 : i === 1 ? 0 : source.integer(0, length - 1);
    return { head, query, runs: runsOf(length, (k) => mask(0, head, query, k)) };
  });
}

function runsOf(length: number, seen: (k: number) => boolean): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (let k = 0; k < length; k++) {
    if (!seen(k)) continue;
    const last = runs.at(-1);
    if (last?.[1] === k) last[1] = k + 1;
    else runs.push([k, k + 1]);
  }
  return runs;
}

/** The twin of what masks.py makes of the same description. */
function inputOf(made: PythonMask, length: number): VerifyInput {
  if (made.kind === "documents") {
    const lengths = made["lengths"] as readonly number[];
    return {
      kind: "ids",
      shape: [1, length],
      data: Int32Array.from(lengths.flatMap((count, id) => Array.from({ length: count }, () => id))),
    };
  }
  const { block, share, seed } = made as unknown as { block: number; share: number; seed: number };
  const blocks = length / block;
  const data = new Uint8Array(HEADS * blocks * blocks);
  for (let h = 0; h < HEADS; h++) {
    for (let r = 0; r < blocks; r++) {
      for (let c = 0; c <= r; c++) data[(h * blocks + r) * blocks + c] = randomBlock(h, r, c, { share, seed }) ? 1 : 0;
    }
  }
  return { kind: "bits", shape: [1, HEADS, blocks, blocks], data };
}
