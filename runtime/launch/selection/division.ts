import { AttnError } from "../errors.js";
import type { AttentionModule, CallPart, SelectionSpec } from "../module.js";
import { partSizes } from "./matrices.js";
import { firstPart, partRuns, undivided, type CallShape, type Division } from "./parts.js";

/** Bytes that parts of a divided call are made to need: enough to keep a device busy. */
const TARGET_BYTES = 2 ** 26;

/** The most bytes that intermediate results may take, and what to do where that is too few. */
export interface ScratchLimit {
  readonly bytes: number;
  readonly name: string;
  readonly remedy: string;
}

type Dividable = Pick<AttentionModule, "space"> & { readonly selection: SelectionSpec };

const bytesOf = ({ selection }: Dividable, shape: CallShape, division: Division): number =>
  selection.sizes({ ...shape, ...firstPart(division, shape) })[selection.scratch]! * 4;

const divisors = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => n - i).filter((each) => n % each === 0);

/**
 * How a call is divided so that what its selections compute on their way fits: not at all where it fits whole, else into
 * parts of at most {@link TARGET_BYTES}, or of the limit where these are too few for the smallest. Throws ATTN5218 where even
 * that does not fit.
 */
export function divideCall(module: Dividable, shape: CallShape, limit: ScratchLimit): Division {
  const whole = undivided(module.space, module.selection.parts, shape);
  if (bytesOf(module, shape, whole) <= limit.bytes) return whole;
  const found = fewest(module, shape, Math.min(TARGET_BYTES, limit.bytes)) ?? fewest(module, shape, limit.bytes);
  if (found !== undefined) return found;
  const { heads, unit } = module.selection.parts;
  const least = { batch: 1, kvHeads: heads ? 1 : shape.kvHeads, queries: unit ?? whole.queries };
  const counted = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;
  const queries = counted(Math.min(least.queries, shape.NQ), "query", "queries");
  const queryHeads = counted((least.kvHeads * shape.heads) / shape.kvHeads, "head", "heads");
  throw new AttnError("ATTN5218", {
    field: "the selections' intermediate results",
    expected: `at most ${limit.bytes} bytes (${limit.name})`,
    found: `${bytesOf(module, shape, least)} bytes for ${queries} of ${queryHeads}, the least that can be computed at a time`,
    remedy: limit.remedy,
  });
}

/** The fewest parts that need at most so many bytes each; of equally many those with the most heads. */
function fewest(module: Dividable, shape: CallShape, bytes: number): Division | undefined {
  const { parts } = module.selection;
  const { queries } = undivided(module.space, parts, shape);
  const heads = parts.heads ? divisors(shape.kvHeads).slice(1) : [];
  const slices = [
    ...divisors(shape.batch).map((batch) => ({ batch, kvHeads: shape.kvHeads })),
    ...heads.map((kvHeads) => ({ batch: 1, kvHeads })),
  ];
  let best: { readonly division: Division; readonly count: number } | undefined;
  for (const slice of slices) {
    const longest = longestStrip(queries, parts.unit, (strip) => bytesOf(module, shape, { ...slice, queries: strip }) <= bytes);
    if (longest === undefined) continue;
    const strips = Math.ceil(queries / longest);
    const count = (shape.batch / slice.batch) * (shape.kvHeads / slice.kvHeads) * strips;
    const { unit = queries } = parts;
    // As many strips of much the same length.
    if (best === undefined || count < best.count) {
      best = { division: { ...slice, queries: Math.ceil(queries / unit / strips) * unit }, count };
    }
  }
  return best?.division;
}

/** The longest strip that fits, all queries or a multiple of the unit: longer ones need more. */
function longestStrip(queries: number, unit: number | undefined, fits: (queries: number) => boolean): number | undefined {
  if (fits(queries)) return queries;
  if (unit === undefined || !fits(unit)) return undefined;
  let [low, high] = [1, queries / unit];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle * unit)) low = middle;
    else high = middle;
  }
  return low * unit;
}

/** What a launch runs for one part of a call, with the numbers of the part. */
export interface SizedRun<S> {
  readonly stages: readonly S[];
  readonly sizes: readonly number[];
}

/** What a launch runs for the parts of a call, in order. Throws ATTN5210 and ATTN5218. */
export function sizedRuns<S extends { readonly strips?: number | undefined }>(
  module: Dividable,
  stages: readonly S[],
  shape: CallShape,
  limit: ScratchLimit,
): readonly SizedRun<S>[] {
  const { space, selection } = module;
  const division = divideCall(module, shape, limit);
  const sizes = new Map<CallPart, readonly number[]>();
  return partRuns(stages, { space, rules: selection.parts, shape, division }).map((run) => {
    const known = sizes.get(run.part) ?? partSizes(selection, shape, run.part);
    sizes.set(run.part, known);
    return { stages: run.stages, sizes: known };
  });
}
