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

/** Most characters of a head's rows that are kept for the heads that have the same. */
const MOST_KEPT = 2 ** 27;

/**
 * `{version, name, q, k, heads: [{head, pairs, rows: [[[start, end), …] per query]}]}` in pieces: a whole mask may be
 * longer than a string can be.
 */
export function* maskJson(module: MaskModule, env: MaskEnv, heads: readonly number[], onRow: OnRow): Generator<string> {
  yield `{"version":1,"name":${JSON.stringify(module.name)},"q":${env.NQ},"k":${env.N},"heads":[`;
  const known = new Map<string, readonly string[]>();
  for (const [i, head] of heads.entries()) {
    const key = headKey(module, env, head);
    yield `${i === 0 ? "" : ","}{"head":${head},`;
    const kept = known.get(key);
    if (kept) yield* kept;
    else {
      const pieces: string[] = [];
      let length = 0;
      for (const piece of headJson(module, env, head, (row) => onRow(i * env.NQ + row, heads.length * env.NQ))) {
        yield piece;
        length += piece.length;
        if (length <= MOST_KEPT) pieces.push(piece);
      }
      if (length <= MOST_KEPT) known.set(key, pieces);
    }
  }
  yield "]}\n";
}

/** The fields of a head but its number, and the brace that closes it. */
function* headJson(module: MaskModule, env: MaskEnv, head: number, onRow: (done: number) => void): Generator<string> {
  const looks = headEvaluator(module, env, 0, head);
  const offset = queryOffset(module, env);
  let pairs = 0;
  yield `"rows":[`;
  for (let row = 0; row < env.NQ; row++) {
    const runs = keyRuns(looks, offset + row, env.N);
    for (const [start, end] of runs) pairs += end - start;
    yield (row === 0 ? "" : ",") + JSON.stringify(runs);
    onRow(row + 1);
  }
  yield `],"pairs":${pairs}}`;
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
  const size = NQ * N;
  const data = new Uint8Array(heads.length * size);
  const offset = queryOffset(module, env);
  const known = new Map<string, number>();
  for (const [i, head] of heads.entries()) {
    const key = headKey(module, env, head);
    const same = known.get(key);
    if (same !== undefined) {
      data.copyWithin(i * size, same * size, (same + 1) * size);
      continue;
    }
    known.set(key, i);
    const looks = headEvaluator(module, env, 0, head);
    for (let row = 0; row < NQ; row++) {
      const at = i * size + row * N;
      for (let k = 0; k < N; k++) data[at + k] = looks(offset + row, k) ? 1 : 0;
      onRow(i * NQ + row + 1, heads.length * NQ);
    }
  }
  return writeNpy({ dtype: "bool", shape: [heads.length, NQ, N], data });
}
