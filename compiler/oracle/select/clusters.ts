import { OracleError } from "../program.js";
import { nextStamp } from "../values.js";
import type { Place } from "../scope.js";
import { allWays, type Arithmetic } from "./arithmetic.js";
import { binaryTensor, constantTensor } from "./elementwise.js";
import { keep, type KeepRule } from "./keep.js";
import { floatInput } from "./float-input.js";
import { dot, reduce, regroup } from "./reduce.js";
import { sceneOf, type ClusterText, type OracleTensors, type Scene } from "./scene.js";
import type { SelectedHead } from "./select.js";
import { build, forEachPlace, Tensor, zeros, type Axis, type Unit } from "./tensor.js";
import { elements, positionsOf } from "./units.js";

/** Of a clustering of queries or of keys: a step of its k-means. */
export interface Step {
  readonly axis: "q" | "k";
  readonly count: number;
  readonly from?: ClusterText["from"];
  /** How often centroids were made anew before. */
  readonly step: number;
}

/** The cluster of each query of the call, or of each key, for a batch entry and head. */
export type Assigned = (b: number, h: number) => readonly number[];

/** By what a step is known among the selections of a call. */
export const stepKey = ({ axis, count, step, from }: Step): string => `clusters ${axis} ${count} ${step} ${from?.name ?? ""}`;

/** The steps of a k-means, the first one around tokens; none of clusters that the caller says. */
export const stepsOf = (axis: "q" | "k", { count, updates, ids, from }: ClusterText): readonly Step[] =>
  ids !== undefined ? [] : Array.from({ length: updates + 1 }, (_, step) => ({ axis, count, step, from }));

/** By what clusters are known: those of the last step, or an input's. */
export const clustersKey = (axis: "q" | "k", { count, updates, from, input }: ClusterText): string =>
  input === undefined ? stepKey({ axis, count, step: updates, from }) : `clusters ${axis} ${count} ${input}`;

/** The clusters that a unit of a selection counts in, as units of positions. */
export function clusterUnits(axis: "q" | "k", text: ClusterText, place: Place, { point, positions }: Scene): Axis {
  return membersOf(clustersOf(axis, text, place)(point.b, point.h), text.count, axis === "q" ? positions.first : 0);
}

/** The cluster of each token: behind the last one for such as are in none. */
export function clustersOf(axis: "q" | "k", text: ClusterText, place: Place): Assigned {
  const { ids, count } = text;
  if (ids === undefined) {
    const assigned = place.selected.entries.get(clustersKey(axis, text))?.assigned;
    if (assigned === undefined) throw new OracleError("clusters are read before they are made");
    return assigned;
  }
  const { heads, kvHeads, N, NQ } = place.launch;
  return (b, h) => {
    const point = { b, h, kvh: Math.floor(h / (heads / kvHeads)), q: 0, k: 0, head: nextStamp(), row: nextStamp() };
    const { first } = positionsOf(place, point);
    const own = axis === "q" ? { first, length: NQ } : { first: 0, length: N };
    const numbers = Array.from({ length: own.length }, (_, i) => ids(point, own.first + i));
    return numbers.map((number) => (number >= 0 && number < count ? number : count));
  };
}

/** The positions of each cluster, rising. */
function membersOf(clusters: readonly number[], count: number, first: number): Axis {
  const members: number[][] = Array.from({ length: count }, () => []);
  // What is no number of a cluster is in none.
  clusters.forEach((cluster, i) => members[cluster]?.push(first + i));
  return members.map((positions): Unit => ({
    start: positions[0] ?? 0,
    end: (positions.at(-1) ?? -1) + 1,
    tile: { positions, lastPlace: 0 },
  }));
}

const ONE: KeepRule = { rule: "top", amount: 1, onTop: false };

/**
 * The step of a k-means for one batch entry and head: for each token the centroid c that is nearest to its vector x, which is
 * the one with the greatest x . c - c . c / 2. `before` are the clusters of the step before, whose means are the centroids.
 */
export function assign(
  { axis, count, step, from }: Step,
  place: Place,
  tensors: OracleTensors,
  { b, h }: { readonly b: number; readonly h: number },
  before: readonly Assigned[],
  checked: boolean,
): SelectedHead {
  const ways = checked ? allWays : allWays.slice(0, 1);
  const tokens = vectors(axis, place, tensors, b, h, ways);
  const length = tokens.axes.k!.length;
  let centroids = from === undefined ? seeds(tokens, count, ways) : floatInput(from.input, place, sceneOf(place, tensors, b, h, ways));
  for (let i = 0; i < step; i++) centroids = means(tokens, before[i]!(b, h), centroids, ways);
  const rows = new Tensor({ q: tokens.axes.k!, dim: tokens.axes.dim! }, tokens.ways, tokens.slack);
  const norms = reduce("sum", binaryTensor("*", centroids, centroids, ways), "dim", positionsOf(place, { b, h, kvh: 0 }), ways);
  const scores = binaryTensor("-", dot(rows, centroids, ways), binaryTensor("*", norms, constantTensor(0.5, ways), ways), ways);
  const kept = new Uint8Array(length * count);
  const [exact] = scores.ways as [Float64Array];
  for (let token = 0; token < length; token++) {
    const row = Array.from(exact.subarray(token * count, (token + 1) * count), (score) => ({ score, forced: false }));
    kept[token * count + keep(row, ONE).indexOf(true)] = 1;
  }
  const all = new Uint8Array(length * count);
  return {
    ...{ rows: length, columns: count, candidates: all.fill(1), forced: new Uint8Array(length * count), kept },
    ...{ scores: scores.ways, slack: scores.slack, rule: ONE, scope: "row" },
  };
}

/** The queries or keys of a head as vectors along `k`. */
function vectors(axis: "q" | "k", { launch }: Place, tensors: OracleTensors, b: number, h: number, ways: readonly Arithmetic[]): Tensor {
  const { heads, kvHeads, N, NQ } = launch;
  const { headDim } = tensors;
  const kvh = Math.floor(h / (heads / kvHeads));
  const [data, start, length] = axis === "q" ? [tensors.q, (b * heads + h) * NQ, NQ] : [tensors.k, (b * kvHeads + kvh) * N, N];
  return build(
    { k: elements(length), dim: elements(headDim) },
    ways,
    (_, at) => data[(start + at.k) * headDim + at.dim]!,
    () => 0,
  );
}

/** The vectors of tokens that are spread evenly. */
function seeds(tokens: Tensor, count: number, ways: readonly Arithmetic[]): Tensor {
  const length = tokens.axes.k!.length;
  return build(
    { k: elements(count), dim: tokens.axes.dim! },
    ways,
    (way, at) => tokens.get(way, { ...at, k: Math.floor((at.k * length) / count) }),
    () => 0,
  );
}

/** The means of clusters; of an empty one the centroid that it has. */
function means(tokens: Tensor, clusters: readonly number[], centroids: Tensor, ways: readonly Arithmetic[]): Tensor {
  const members = membersOf(clusters, centroids.axes.k!.length, 0);
  const found = regroup("mean", tokens, "k", members, ways);
  const made = zeros(centroids.axes, ways);
  forEachPlace(centroids.axes, (at) => {
    const from = members[at.k]!.tile!.positions.length === 0 ? centroids : found;
    const place = made.place(at);
    ways.forEach((_, way) => (made.ways[way]![place] = from.get(way, at)));
    made.slack[place] = from.slackAt(at);
  });
  return made;
}
