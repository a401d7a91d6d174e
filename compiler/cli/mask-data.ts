import { compileMask } from "../mask/compile.js";
import { withLayout } from "../mask/layout/placed.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { headKey, planTiles, queryOffset } from "../tiles/plan.js";
import { tilePlane } from "../tiles/subdivide.js";
import { writeNpy } from "../../runtime/tensor/npy.js";

/** Called with the number of rows that are done, and of all. */
type OnRow = (done: number, total: number) => void;

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
  const runsOf = keyRuns(module, env, head);
  let pairs = 0;
  yield `"rows":[`;
  for (let row = 0; row < env.NQ; row++) {
    const runs = runsOf(row);
    for (const [start, end] of runs) pairs += end - start;
    yield (row === 0 ? "" : ",") + JSON.stringify(runs);
    onRow(row + 1);
  }
  yield `],"pairs":${pairs}}`;
}

/** Keys that are decided together where the mask is the same for all of them. */
const STRETCH = 64;

/** Runs of keys `[start, end)` that the query of a row looks at. */
function keyRuns(module: MaskModule, env: MaskEnv, head: number): (row: number) => readonly (readonly [number, number])[] {
  // In the order of positions, whatever order a kernel takes them in.
  const positions = { ...module, layout: undefined };
  const plane = tilePlane(positions, planTiles(positions), withLayout(module, env), { head, blockQ: 1, blockK: STRETCH });
  const looks = compileMask(module, env, 0, head);
  const offset = queryOffset(module, env);
  return (row) => {
    const runs: [number, number][] = [];
    const add = (start: number, end: number): void => {
      const last = runs[runs.length - 1];
      if (last && last[1] === start) last[1] = end;
      else runs.push([start, end]);
    };
    plane.row(row, (run) => {
      const [start, end] = [run.first * STRETCH, Math.min(run.end * STRETCH, env.N)];
      if (run.class === "full") add(start, end);
      else for (let k = start; k < end; k++) if (looks(offset + row, k)) add(k, k + 1);
    });
    return runs;
  };
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
    const looks = compileMask(module, env, 0, head);
    for (let row = 0; row < NQ; row++) {
      const at = i * size + row * N;
      for (let k = 0; k < N; k++) data[at + k] = looks(offset + row, k) ? 1 : 0;
      onRow(i * NQ + row + 1, heads.length * NQ);
    }
  }
  return writeNpy({ dtype: "bool", shape: [heads.length, NQ, N], data });
}
