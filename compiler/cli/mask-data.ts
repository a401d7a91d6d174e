import { headEvaluator } from "../mask/evaluate.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { headKey, queryOffset } from "../tiles/plan.js";
import { writeNpy } from "../../runtime/tensor/npy.js";

/** Called with the number of rows that are done, and of all. */
type OnRow = (done: number, total: number) => void;

/** The heads in groups that the mask cannot tell apart, each in rising order. */
export function headGroups(module: MaskModule, env: MaskEnv, heads: readonly number[]): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>();
  for (const head of heads) {
    const key = headKey(module, env, head);
    const group = groups.get(key);
    if (group) group.push(head);
    else groups.set(key, [head]);
  }
  return [...groups.values()];
}

/**
 * `{version, name, q, k, heads: [{head, pairs, rows: [[[start, end), …] per query]}]}` in pieces: a whole mask may be
 * longer than a string can be.
 */
export function* maskJson(module: MaskModule, env: MaskEnv, heads: readonly number[], onRow: OnRow): Generator<string> {
  yield `{"version":1,"name":${JSON.stringify(module.name)},"q":${env.NQ},"k":${env.N},"heads":[`;
  const offset = queryOffset(module, env);
  for (const [i, head] of heads.entries()) {
    const looks = headEvaluator(module, env, 0, head);
    let pairs = 0;
    yield `${i === 0 ? "" : ","}{"head":${head},"rows":[`;
    for (let row = 0; row < env.NQ; row++) {
      const runs = keyRuns(looks, offset + row, env.N);
      for (const [start, end] of runs) pairs += end - start;
      yield (row === 0 ? "" : ",") + JSON.stringify(runs);
      onRow(i * env.NQ + row + 1, heads.length * env.NQ);
    }
    yield `],"pairs":${pairs}}`;
  }
  yield "]}\n";
}

/** Runs of keys `[start, end)` that a query looks at. */
function keyRuns(looks: (q: number, k: number) => boolean, q: number, keys: number): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (let k = 0; k < keys; k++) {
    if (!looks(q, k)) continue;
    const last = runs[runs.length - 1];
    if (last && last[1] === k) last[1] = k + 1;
    else runs.push([k, k + 1]);
  }
  return runs;
}

/** Most bytes of an .npy mask. */
export const MOST_NPY_BYTES = 2 ** 30;

/** Booleans `[heads, queries, keys]`. */
export function maskNpy(module: MaskModule, env: MaskEnv, heads: readonly number[], onRow: OnRow): Uint8Array {
  const { NQ, N } = env;
  const data = new Uint8Array(heads.length * NQ * N);
  const offset = queryOffset(module, env);
  for (const [i, head] of heads.entries()) {
    const looks = headEvaluator(module, env, 0, head);
    for (let row = 0; row < NQ; row++) {
      const at = (i * NQ + row) * N;
      for (let k = 0; k < N; k++) data[at + k] = looks(offset + row, k) ? 1 : 0;
      onRow(i * NQ + row + 1, heads.length * NQ);
    }
  }
  return writeNpy({ dtype: "bool", shape: [heads.length, NQ, N], data });
}
