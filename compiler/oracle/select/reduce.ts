import { OracleError } from "../program.js";
import { addsExactly, flushOf, UNIT, type Arithmetic } from "./arithmetic.js";
import { divideError, expError } from "./elementwise.js";
import { forEachPlace, joined, origin, without, zeros, type At, type Axis, type AxisName, type Tensor, type Unit } from "./tensor.js";
import { inside, isCandidate, isEmpty, type Positions } from "./units.js";

export type Fold = "sum" | "mean" | "min" | "max" | "first" | "last";

/** Terms of one result, computed in each way. */
interface Terms {
  readonly ways: readonly Float64Array[];
  /** What single roundings have done to each; not asked where nothing but the exact way is computed. */
  readonly slack: () => Float64Array;
}

/** One number of many. `over` is what a mean divides by; without terms it is 0. */
function folded(how: Fold, terms: Float64Array, over: number, { round, sum }: Arithmetic): number {
  if (terms.length === 0) return 0;
  switch (how) {
    case "sum":
      return sum(terms);
    case "mean":
      return round(sum(terms) / over);
    case "first":
      return terms[0]!;
    case "last":
      return terms[terms.length - 1]!;
    case "min":
      return terms.reduce((least, term) => Math.min(least, term));
    case "max":
      return terms.reduce((greatest, term) => Math.max(greatest, term));
  }
}

/** Sums: one rounding of each term, where float32 does not add them exactly. */
function foldedSlack(how: Fold, terms: Float64Array, slack: Float64Array, over: number, result: number): number {
  if (terms.length === 0) return 0;
  if (how === "first") return slack[0]!;
  if (how === "last") return slack[slack.length - 1]!;
  let total = 0;
  let most = 0;
  let magnitude = 0;
  for (let i = 0; i < terms.length; i++) {
    total += slack[i]!;
    most = Math.max(most, slack[i]!);
    magnitude += Math.abs(terms[i]!);
  }
  if (how === "min" || how === "max") return most;
  const added = total + (addsExactly(terms) ? 0 : UNIT * magnitude);
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
    const exact = terms.ways[0]!;
    const over = terms.over ?? exact.length;
    ways.forEach((arithmetic, way) => (made.ways[way]![place] = folded(how, terms.ways[way]!, over, arithmetic)));
    const found = made.ways[0]![place]!;
    if (ways.length > 1) made.slack[place] = foldedSlack(how, exact, terms.slack(), over, found) + flushOf(found);
  });
  return made;
}

/** Numbers that stand at places. */
function taken(numbers: Float64Array, places: readonly number[]): Float64Array {
  const made = new Float64Array(places.length);
  for (let i = 0; i < made.length; i++) made[i] = numbers[places[i]!]!;
  return made;
}

/** Terms that are places of one tensor. */
function termsOf(tensor: Tensor, places: readonly number[]): Terms {
  return { ways: tensor.ways.map((numbers) => taken(numbers, places)), slack: () => taken(tensor.slack, places) };
}

/** Along one axis every unit of `to` takes what lies in it of the units that are there. */
export function regroup(how: Fold, tensor: Tensor, name: AxisName, to: Axis, ways: readonly Arithmetic[]): Tensor {
  const axis = tensor.axes[name];
  if (axis === undefined) throw new OracleError(`nothing along ${name}`);
  const members = to.map((unit) => inside(axis, unit));
  return foldTensor({ ...tensor.axes, [name]: to }, ways, how, (at) => termsOf(tensor, tensor.placesAlong(name, members[at[name]]!, at)));
}

/** Sum over dim of a * b. */
export function dot(a: Tensor, b: Tensor, ways: readonly Arithmetic[]): Tensor {
  const axes = joined(a.axes, b.axes);
  const { dim } = axes;
  if (dim === undefined || a.axes.dim === undefined || b.axes.dim === undefined) throw new OracleError("dot takes vectors");
  // Filled anew for each place.
  const products = ways.map(() => new Float64Array(dim.length));
  const slack = new Float64Array(dim.length);
  return foldTensor(without(axes, "dim"), ways, "sum", (at) => {
    // Vectors lie at neighbouring places, and this is their first element.
    const [startA, startB] = [a.place(at), b.place(at)];
    products.forEach((to, way) => multiply(to, a.ways[way]!, startA, b.ways[way]!, startB));
    return { ways: products, slack: () => multiplySlack(slack, a, startA, b, startB) };
  });
}

function multiply(to: Float64Array, a: Float64Array, startA: number, b: Float64Array, startB: number): void {
  for (let i = 0; i < to.length; i++) to[i] = a[startA + i]! * b[startB + i]!;
}

function multiplySlack(to: Float64Array, a: Tensor, startA: number, b: Tensor, startB: number): Float64Array {
  const [exactA, exactB] = [a.ways[0]!, b.ways[0]!];
  for (let i = 0; i < to.length; i++)
    to[i] = Math.abs(exactA[startA + i]!) * b.slack[startB + i]! + Math.abs(exactB[startB + i]!) * a.slack[startA + i]!;
  return to;
}

/** Whether a pair of a row and a column takes part: nothing without both axes is left out. */
export function takesPart(positions: Positions, axes: Tensor["axes"], at: At): boolean {
  const columns = axes.k === undefined ? undefined : axes.k[at.k];
  const row: Unit | undefined = axes.q?.[at.q];
  if (row !== undefined && isEmpty(row)) return false;
  return columns === undefined || isCandidate(positions, row, columns);
}

/** The indices along an axis that take part where the others are as given: elements of vectors always do. */
function takingPart(positions: Positions, axes: Tensor["axes"], name: AxisName, at: At): readonly number[] {
  const each: At = { ...at };
  const taking: number[] = [];
  for (let i = 0; i < axes[name]!.length; i++) {
    each[name] = i;
    if (name === "dim" || takesPart(positions, axes, each)) taking.push(i);
  }
  return taking;
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
    const taking = takingPart(positions, tensor.axes, name, at);
    return { ...termsOf(tensor, tensor.placesAlong(name, taking, at)), over: axis.length };
  });
}

/** Tensors of several heads, put together place by place. */
export function reduceHeads(how: "sum" | "mean" | "max", parts: readonly Tensor[], ways: readonly Arithmetic[]): Tensor {
  const [first] = parts;
  return foldTensor(first!.axes, ways, how, (at) => {
    const place = first!.place(at);
    return {
      ways: ways.map((_, way) => Float64Array.from(parts, (part) => part.ways[way]![place]!)),
      slack: () => Float64Array.from(parts, (part) => part.slack[place]!),
    };
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

/** Each unit of `to` takes, from `lead` columns before its first one on, as many columns as there are weights: one every `stride` keys. */
export function weighted(
  tensor: Tensor,
  to: Axis,
  weights: readonly number[],
  { lead, stride }: { readonly lead: number; readonly stride: number },
  ways: readonly Arithmetic[],
): Tensor {
  const axis = tensor.axes.k;
  if (axis === undefined) throw new OracleError("fold goes along the keys");
  return foldTensor({ ...tensor.axes, k: to }, ways, "sum", (at) => {
    const first = Math.round(to[at.k]!.start / stride) - lead;
    const there = weights.map((weight, j) => ({ weight, column: first + j })).filter(({ column }) => column >= 0 && column < axis.length);
    const { ways: numbers, slack } = termsOf(
      tensor,
      there.map(({ column }) => tensor.place({ ...at, k: column })),
    );
    return {
      ways: numbers.map((each) => each.map((number, i) => number * there[i]!.weight)),
      slack: () => slack().map((each, i) => each * Math.abs(there[i]!.weight)),
    };
  });
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
    const allowed = where && where.placesAlong(name, [...axis.keys()], at);
    const taking = takingPart(positions, axes, name, at).filter((i) => allowed === undefined || where!.ways[0]![allowed[i]!] !== 0);
    if (taking.length === 0) continue;
    const [from, to] = [tensor.placesAlong(name, taking, at), result.placesAlong(name, taking, at)];
    ways.forEach(({ round, sum }, way) => {
      const scores = taken(tensor.ways[way]!, from);
      const greatest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
      const weights = scores.map((score) => round(Math.exp(round(score - greatest))));
      const total = sum(weights);
      to.forEach((place, i) => (result.ways[way]![place] = round(weights[i]! / total)));
    });
    if (ways.length === 1) continue;
    const scores = taken(tensor.ways[0]!, from);
    const greatest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
    // What each exponential is wrong by, relative to itself: its score, the difference to the greatest, the function.
    const wrong = taken(tensor.slack, from).map((slack, i) => {
      const x = scores[i]! - greatest;
      return slack + UNIT * Math.abs(x) + expError(x);
    });
    const shares = taken(result.ways[0]!, to);
    const all = shares.reduce((sum, share, i) => sum + share * wrong[i]!, 0) + UNIT;
    to.forEach((place, i) => (result.slack[place] = shares[i]! * (wrong[i]! + all + 5 * UNIT) + flushOf(shares[i]!)));
  }
  return result;
}
