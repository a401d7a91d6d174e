import type { ColumnAxis, OfClusters, RowAxis, SelectionHeads } from "./selection.js";

/** An axis of a tensor or of a selection. */
interface Axis {
  readonly of?: RowAxis["of"] | Extract<ColumnAxis, { readonly kind: "keys" }>["of"];
}

/** The text by which the clusters of an axis are known; undefined where its units are none. */
export function clustersOf(axis: Axis | ColumnAxis | undefined): OfClusters | undefined {
  const of = axis !== undefined && "of" in axis ? axis.of : undefined;
  return of?.startsWith("clusters of ") === true ? (of as OfClusters) : undefined;
}

/** Whether the units of an axis are clusters. */
export const isOfClusters = (axis: Axis | ColumnAxis | undefined): boolean => clustersOf(axis) !== undefined;

/** Of which tokens clusters are made. */
export const clusteredTokens = (of: OfClusters): "q" | "k" => (of.startsWith("clusters of q") ? "q" : "k");

/** The input of ids that says the clusters, and how many there are; undefined where they are made. */
export function givenIds(of: OfClusters): { readonly input: string; readonly count: number } | undefined {
  const [, count, input] = /^clusters of [qk], (\d+) by ids (.+)$/.exec(of) ?? [];
  return input === undefined ? undefined : { input, count: Number(count) };
}

/** Which heads have the same clusters: all have those that the caller says. */
export function headsOfClusters(of: OfClusters): SelectionHeads {
  if (givenIds(of) !== undefined) return "one";
  return clusteredTokens(of) === "q" ? "query" : "kv";
}
