import type { SpaceClause } from "../syntax/ast.js";

/** The index space with its numbers filled in. */
export interface OracleSpace {
  readonly kind: "self" | "cross";
  readonly causal: boolean;
  /** Empty for a sequence; the last axis is the fastest. */
  readonly axes: readonly { readonly name: string; readonly extent: number }[];
  /** The name of what stands before the segments. */
  readonly base: "seq" | "grid";
  /** Tokens of the base: the product of the extents, or what the segments leave of N. */
  readonly baseLength: number;
  readonly segments: readonly { readonly name: string; readonly start: number; readonly length: number }[];
}

/**
 * @param evaluate the value of an extent or of a segment's length.
 * @param runtimeExtent the extent of an axis written `?`.
 * @param length the number of keys; undefined to learn it from a grid.
 */
export function readSpace(
  clause: SpaceClause,
  evaluate: (expr: SpaceClause["segments"][0]["args"][0]["value"]) => number,
  runtimeExtent: (axis: string) => number,
  length: number | undefined,
): OracleSpace {
  const grid = clause.base.kind === "grid" ? clause.base.args : [];
  const axes = grid.map((arg) => {
    const name = arg.label!.text;
    return { name, extent: arg.value.kind === "unknown" ? runtimeExtent(name) : evaluate(arg.value) };
  });
  const lengths = clause.segments.map((segment) => ({ name: segment.callee.name, length: evaluate(segment.args[0]!.value) }));
  const extra = lengths.reduce((sum, segment) => sum + segment.length, 0);
  const baseLength = clause.base.kind === "grid" ? axes.reduce((product, axis) => product * axis.extent, 1) : (length ?? extra) - extra;
  let start = baseLength;
  const segments = lengths.map((segment) => {
    const placed = { ...segment, start };
    start += segment.length;
    return placed;
  });
  return {
    kind: clause.causality?.value === "cross" ? "cross" : "self",
    causal: clause.causality?.value === "causal",
    axes,
    base: clause.base.kind,
    baseLength,
    segments,
  };
}
