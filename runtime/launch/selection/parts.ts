import type { AttentionModule, CallPart, PartRules, SizeEnv } from "../module.js";

/** Lengths and counts of a call, whole. */
export type CallShape = Omit<SizeEnv, keyof CallPart>;

/** Batch entries, kv heads and queries that parts of a call have: divisors of those of the call, and a multiple of the unit. */
export interface Division {
  readonly batch: number;
  readonly kvHeads: number;
  readonly queries: number;
}

type Space = AttentionModule["space"];

/** The position of the first query. */
const start = (space: Space, { N, NQ }: CallShape): number => (space === "self" ? N - NQ : 0);

/** Queries of one strip that holds those of the whole call, whose first one may stand inside of a unit. */
function wholeStrip(space: Space, { unit = 1 }: PartRules, shape: CallShape): number {
  const first = start(space, shape);
  return (Math.ceil((first + shape.NQ) / unit) - Math.floor(first / unit)) * unit;
}

/** The division into one part. */
export function undivided(space: Space, rules: PartRules, shape: CallShape): Division {
  return { batch: shape.batch, kvHeads: shape.kvHeads, queries: wholeStrip(space, rules, shape) };
}

/** What sizes of a whole call depend on. */
export const wholeEnv = (space: Space, rules: PartRules, shape: CallShape): SizeEnv => ({
  ...shape,
  ...firstPart(undivided(space, rules, shape), shape),
});

/** The first part of a division, with all of its rows. */
export function firstPart({ batch, kvHeads, queries }: Division, { NQ }: CallShape): CallPart {
  return {
    ...{ firstBatch: 0, partBatch: batch, firstKvHead: 0, partKvHeads: kvHeads },
    ...{ firstQuery: 0, endQuery: NQ, stripQueries: queries },
  };
}

/** The queries of each strip, from the first up to but without the end. */
function strips(space: Space, { unit = 1 }: PartRules, shape: CallShape, queries: number): readonly (readonly [number, number])[] {
  const first = start(space, shape);
  const found: [number, number][] = [];
  for (let end = Math.floor(first / unit) * unit; end < first + shape.NQ;) {
    const from = Math.max(end, first);
    end += queries;
    found.push([from - first, Math.min(end, first + shape.NQ) - first]);
  }
  return found;
}

/** Stages that are run one after another for one part of a call. */
export interface PartRun<S> {
  readonly part: CallPart;
  readonly stages: readonly S[];
}

/**
 * What a launch runs, in order: for each part of batch entries and heads all stages, and those of a loop for each of its
 * strips.
 */
export function partRuns<S extends { readonly strips?: number | undefined }>(
  stages: readonly S[],
  { space, rules, shape, division }: { space: Space; rules: PartRules; shape: CallShape; division: Division },
): readonly PartRun<S>[] {
  const rows = strips(space, rules, shape, division.queries);
  const loops = loopsOf(stages, rows.length === 1);
  const runs: PartRun<S>[] = [];
  for (let firstBatch = 0; firstBatch < shape.batch; firstBatch += division.batch) {
    for (let firstKvHead = 0; firstKvHead < shape.kvHeads; firstKvHead += division.kvHeads) {
      const part = { ...firstPart(division, shape), firstBatch, firstKvHead };
      for (const { strips, stages } of loops) {
        if (strips === undefined) runs.push({ part, stages });
        else for (const [firstQuery, endQuery] of rows) runs.push({ part: { ...part, firstQuery, endQuery }, stages });
      }
    }
  }
  return runs;
}

/** Neighbours of one loop, or of none; all together where loops have one strip. */
function loopsOf<S extends { readonly strips?: number | undefined }>(
  stages: readonly S[],
  together: boolean,
): readonly { readonly strips: number | undefined; readonly stages: S[] }[] {
  const loops: { strips: number | undefined; stages: S[] }[] = [];
  for (const stage of stages) {
    const strips = together ? undefined : stage.strips;
    const last = loops[loops.length - 1];
    if (last !== undefined && last.strips === strips) last.stages.push(stage);
    else loops.push({ strips, stages: [stage] });
  }
  return loops;
}
