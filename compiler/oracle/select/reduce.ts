import { OracleError } from "../program.js";
import { addsExactly, UNIT, type Arithmetic } from "./arithmetic.js";
import { divideError, expError } from "./elementwise.js";
import { forEachPlace, joined, origin, without, zeros, type At, type Axis, type AxisName, type Tensor, type Unit } from "./tensor.js";
import { inside, isCandidate, isEmpty, type Positions } from "./units.js";

export type Fold = "sum" | "mean" | "min" | "max" | "first" | "last";

/** Terms of one result: how many, and what they are. */
interface Terms {
  readonly count: number;
  readonly value: (way: number, i: number) => number;
  readonly slack: (i: number) => number;
}

/** One number of many. `over` is what a mean divides by; without terms it is 0. */
function folded(how: Fold, { count, value }: Terms, over: number, way: number, { round, sum }: Arithmetic): number {
  if (count === 0) return 0;
  const term = (i: number): number => value(way, i);
  switch (how) {
    case "sum":
      return sum(count, term);
    case "mean":
      return round(sum(count, term) / over);
    case "first":
      return term(0);
    case "last":
      return term(count - 1);
  }
  let best = term(0);
  for (let i = 1; i < count; i++) best = how === "min" ? Math.min(best, term(i)) : Math.max(best, term(i));
  return best;
}

/** Sums: one rounding of each term, where float32 does not add them exactly. */
function foldedSlack(how: Fold, { count, value, slack }: Terms, over: number, result: number): number {
  if (count === 0) return 0;
  if (how === "first") return slack(0);
  if (how === "last") return slack(count - 1);
  let total = 0;
  let most = 0;
  let magnitude = 0;
  for (let i = 0; i < count; i++) {
    total += slack(i);
    most = Math.max(most, slack(i));
    magnitude += Math.abs(value(0, i));
  }
  if (how === "min" || how === "max") return most;
  const added = total + (addsExactly(count, (i) => value(0, i)) ? 0 : UNIT * magnitude);
  return how === "sum" ? added : added / over + divideError(over, result);
}

/** The result that stands at each place of `axes`, folded from terms. */
function foldTensor(
  axes: Tensor["axes"],
  ways: readonly Arithmetic[],
  how: Fold,
  termsAt: (at: At) => Terms & { readonly over?: number },
): Tensor {
  const made = zeros(axes, ways);
  forEachPlace(axes, (at) => {
    const place = made.place(at);
    const terms = termsAt(at);
    const over = terms.over ?? terms.count;
    ways.forEach((arithmetic, way) => (made.ways[way]![place] = folded(how, terms, over, way, arithmetic)));
    if (ways.length > 1) made.slack[place] = foldedSlack(how, terms, over, made.ways[0]![place]!);
  });
  return made;
}

/** Terms that are places of one tensor. */
function termsOf(tensor: Tensor, places: readonly number[]): Terms {
  return {
    count: places.length,
    value: (way, i) => tensor.ways[way]![places[i]!]!,
    slack: (i) => tensor.slack[places[i]!]!,
  };
}

/** Along one axis every unit of `to` takes what lies in it of the units that are there. */
export function regroup(how: Fold, tensor: Tensor, name: AxisName, to: Axis, ways: readonly Arithmetic[]): Tensor {
  const axis = tensor.axes[name];
  if (axis === undefined) throw new OracleError(`nothing along ${name}`);
  const members = to.map((unit) => inside(axis, unit));
  return foldTensor({ ...tensor.axes, [name]: to }, ways, how, (at) =>
    termsOf(
      tensor,
      members[at[name]]!.map((i) => tensor.place({ ...at, [name]: i })),
    ),
  );
}

/** Sum over dim of a * b. */
export function dot(a: Tensor, b: Tensor, ways: readonly Arithmetic[]): Tensor {
  const axes = joined(a.axes, b.axes);
  const { dim } = axes;
  if (dim === undefined || a.axes.dim === undefined || b.axes.dim === undefined) throw new OracleError("dot takes vectors");
  return foldTensor(without(axes, "dim"), ways, "sum", (at) => {
    // Vectors lie at neighbouring places.
    const [startA, startB] = [a.place({ ...at, dim: 0 }), b.place({ ...at, dim: 0 })];
    return {
      count: dim.length,
      value: (way, i) => a.ways[way]![startA + i]! * b.ways[way]![startB + i]!,
      slack: (i) => Math.abs(a.ways[0]![startA + i]!) * b.slack[startB + i]! + Math.abs(b.ways[0]![startB + i]!) * a.slack[startA + i]!,
    };
  });
}

/** Whether a pair of a row and a column takes part: nothing without both axes is left out. */
export function takesPart(positions: Positions, axes: Tensor["axes"], at: At): boolean {
  const columns = axes.k === undefined ? undefined : axes.k[at.k];
  const row: Unit | undefined = axes.q?.[at.q];
  if (row !== undefined && isEmpty(row)) return false;
  return columns === undefined || isCandidate(positions, row, columns);
}

/** Reduces a whole axis. Pairs that no query may look at take no part; a mean divides by the length of the axis all the same. */
export function reduce(
  how: "sum" | "mean" | "min" | "max",
  tensor: Tensor,
  name: AxisName,
  positions: Positions,
  ways: readonly Arithmetic[],
): Tensor {
  const axis = tensor.axes[name];
  if (axis === undefined) throw new OracleError(`nothing along ${name}`);
  return foldTensor(without(tensor.axes, name), ways, how, (at) => {
    const places = axis.map((_, i) => ({ ...at, [name]: i }));
    const taking = name === "dim" ? places : places.filter((place) => takesPart(positions, tensor.axes, place));
    return {
      ...termsOf(
        tensor,
        taking.map((place) => tensor.place(place)),
      ),
      over: axis.length,
    };
  });
}

/** Tensors of several heads, put together place by place. */
export function reduceHeads(how: "sum" | "mean" | "max", parts: readonly Tensor[], ways: readonly Arithmetic[]): Tensor {
  const [first] = parts;
  return foldTensor(first!.axes, ways, how, (at) => {
    const place = first!.place(at);
    return { count: parts.length, value: (way, i) => parts[i]!.ways[way]![place]!, slack: (i) => parts[i]!.slack[place]! };
  });
}

/** Sums of [queries, keys], both one by one, along the diagonals q - k: each unit of distances takes its pairs. */
export function diagonals(how: "sum" | "mean", tensor: Tensor, to: Axis, ways: readonly Arithmetic[]): Tensor {
  const { q, k } = tensor.axes;
  if (q === undefined || k === undefined) throw new OracleError("diagonals need queries and keys");
  return foldTensor({ diag: to }, ways, how, (at) => {
    const unit = to[at.diag]!;
    const places: number[] = [];
    q.forEach((row, i) => {
      for (let distance = unit.start; distance < unit.end; distance++) {
        const key = row.start - distance;
        if (key >= 0 && key < k.length) places.push(tensor.place({ ...origin(), q: i, k: key }));
      }
    });
    return { ...termsOf(tensor, places), over: q.length };
  });
}

/** The columns around each one that exist; a mean divides by `size` all the same. */
export function smooth(how: "mean" | "max", tensor: Tensor, size: number, ways: readonly Arithmetic[]): Tensor {
  const name: AxisName = tensor.has("diag") ? "diag" : "k";
  const axis = tensor.axes[name];
  if (axis === undefined) throw new OracleError("smoothing goes along the keys");
  return foldTensor(tensor.axes, ways, how, (at) => {
    const places: number[] = [];
    for (let i = at[name] - Math.floor((size - 1) / 2); i <= at[name] + Math.floor(size / 2); i++)
      if (i >= 0 && i < axis.length) places.push(tensor.place({ ...at, [name]: i }));
    return { ...termsOf(tensor, places), over: size };
  });
}

/** Each unit of `to` takes, from `lead` columns before its first one on, as many columns as there are weights. */
export function weighted(tensor: Tensor, to: Axis, weights: readonly number[], lead: number, ways: readonly Arithmetic[]): Tensor {
  const axis = tensor.axes.k;
  if (axis === undefined) throw new OracleError("fold goes along the keys");
  return foldTensor({ ...tensor.axes, k: to }, ways, "sum", (at) => {
    const first = Math.round(to[at.k]!.start / strideOf(axis)) - lead;
    const taken = weights.map((weight, j) => ({ weight, column: first + j })).filter(({ column }) => column >= 0 && column < axis.length);
    const places = taken.map(({ column }) => tensor.place({ ...at, k: column }));
    return {
      count: places.length,
      value: (way, i) => tensor.ways[way]![places[i]!]! * taken[i]!.weight,
      slack: (i) => tensor.slack[places[i]!]! * Math.abs(taken[i]!.weight),
    };
  });
}

function strideOf(axis: Axis): number {
  return axis.length > 1 ? axis[1]!.start - axis[0]!.start : 1;
}

/**
 * Along the columns: exp(a - greatest) / sum of the columns that take part, 0 for others. An error of a score moves
 * its own share and, through the sum, that of the others.
 */
export function softmax(tensor: Tensor, where: Tensor | undefined, positions: Positions, ways: readonly Arithmetic[]): Tensor {
  const name: AxisName = tensor.has("diag") ? "diag" : "k";
  const axis = tensor.axes[name];
  if (axis === undefined) throw new OracleError("softmax goes along the keys");
  const axes = where === undefined ? tensor.axes : joined(tensor.axes, where.axes);
  const result = zeros(axes, ways);
  for (let q = 0; q < (axes.q?.length ?? 1); q++) {
    const at = { ...origin(), q };
    const places = axis
      .map((_, i) => ({ ...at, [name]: i }))
      .filter((each) => takesPart(positions, axes, each) && (where === undefined || where.get(0, each) !== 0));
    if (places.length === 0) continue;
    ways.forEach(({ round, sum }, way) => {
      const scores = places.map((place) => tensor.get(way, place));
      const greatest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
      const weights = scores.map((score) => round(Math.exp(round(score - greatest))));
      const total = sum(weights.length, (i) => weights[i]!);
      places.forEach((place, i) => (result.ways[way]![result.place(place)] = round(weights[i]! / total)));
    });
    if (ways.length === 1) continue;
    const scores = places.map((place) => tensor.get(0, place));
    const greatest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
    // What each exponential is wrong by, relative to itself: its score, the difference to the greatest, the function.
    const wrong = places.map((place, i) => {
      const x = scores[i]! - greatest;
      return tensor.slackAt(place) + UNIT * Math.abs(x) + expError(x);
    });
    const shares = places.map((place) => result.get(0, place));
    const all = shares.reduce((sum, share, i) => sum + share * wrong[i]!, 0) + UNIT;
    places.forEach((place, i) => (result.slack[result.place(place)] = shares[i]! * (wrong[i]! + all + 5 * UNIT)));
  }
  return result;
}
