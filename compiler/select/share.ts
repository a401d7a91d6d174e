import { intOp } from "./int.js";
import type { Int, MapStage, Real, Tensor } from "./ir.js";
import { realChildren } from "./walk.js";

/**
 * A workgroup for each element pays where its loops are long and where neighbouring threads would not read neighbouring
 * numbers: loops over rows are left to threads beside one another, one for each column or dim.
 */
export function shareOf(to: Tensor, value: Real): MapStage["share"] {
  const trips = longestLoop(value);
  const single = to.columns === undefined && to.dim === undefined;
  return trips >= (single ? 128 : 1024) ? "group" : "thread";
}

/** Lengths that stand for those of a launch, to tell long loops from short ones. */
const typical = {
  ...{ batch: 1, heads: 8, kvHeads: 8, headDim: 64, N: 4096, NQ: 1024 },
  ...{ firstBatch: 0, partBatch: 1, firstKvHead: 0, partKvHeads: 8, firstQuery: 0, endQuery: 1024, stripQueries: 1024 },
} as const;

function longestLoop(value: Real): number {
  const own = value.kind === "loop" ? guess(value.to) - guess(value.from) : 0;
  return Math.max(own, ...realChildren(value).map(longestLoop));
}

/** A number of a typical launch; of names the first index: loops start there or end a unit further. */
export function guess(a: Int): number {
  switch (a.kind) {
    case "int":
      return a.value;
    case "shape":
      return typical[a.name];
    case "name":
    case "mask":
    case "token":
    case "id":
    case "whole":
      return 0;
    default:
      return intOp(a.kind, guess(a.a), guess(a.b));
  }
}
