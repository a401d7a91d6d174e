import type { CallExpr } from "../../syntax/ast.js";
import { evaluate, matchArgs } from "../expressions.js";
import { OracleError } from "../program.js";
import type { Place, TokensOf } from "../scope.js";
import { fixed, type Point } from "../values.js";
import type { Arithmetic } from "./arithmetic.js";
import type { OracleBits } from "./bits.js";
import { evaluateTensor } from "./expressions.js";
import { reduceHeads } from "./reduce.js";
import { sceneOf, type OracleTensors } from "./scene.js";
import { origin } from "./tensor.js";

/** A number for each key, by which keys are sorted. */
export interface SortScores {
  /** In float64, and then in float32 in two orders where that was asked for. */
  readonly scores: readonly Float64Array[];
  /** What single roundings may do to a score, to first order. */
  readonly slack: Float64Array;
}

/** An order of the keys that `sort(SCORE, segment: n)` makes. */
export interface OracleOrder {
  readonly kind: "order";
  readonly name: string;
  readonly segment: number;
  readonly scoresOf: (b: number, h: number) => SortScores;
  /** The position at each place. */
  readonly tokensOf: TokensOf;
}

/** What `sort` says, its score evaluated where keys stand in the order of positions. */
export function sortedOrder(
  expr: CallExpr,
  around: Place,
  tensors: () => OracleTensors,
  ways: readonly Arithmetic[],
): Omit<OracleOrder, "name"> {
  const place: Place = { ...around, orders: undefined };
  const { heads, kvHeads, N } = place.launch;
  const given = matchArgs(expr.args, ["score", "segment"]);
  const segment = fixed(evaluate(given.get("segment")!, place));
  const group = heads / kvHeads;
  // The query heads of a kv head are added up.
  const scoresOf = remembered((b, kvh): SortScores => {
    const own = Array.from({ length: group }, (_, i) => {
      const scene = sceneOf(place, tensors(), b, kvh * group + i, ways);
      return evaluateTensor(given.get("score")!, place, scene);
    });
    const sum = reduceHeads("sum", own, ways);
    if (sum.axes.q !== undefined || sum.axes.dim !== undefined) throw new OracleError("a score of `sort` has keys alone");
    const at = (k: number) => ({ ...origin(), k });
    return {
      scores: ways.map((_, way) => Float64Array.from({ length: N }, (__, k) => sum.get(way, at(k)))),
      slack: Float64Array.from({ length: N }, (_, k) => sum.slackAt(at(k))),
    };
  });
  const tokensOf = remembered((b, kvh) => bySegment(scoresOf(b, kvh).scores[0]!, segment));
  return {
    kind: "order",
    segment,
    scoresOf: (b, h) => scoresOf(b, Math.floor(h / group)),
    tokensOf: ({ b, kvh }) => tokensOf(b, kvh),
  };
}

/** Falling within each segment, NaN last, equal ones by position. */
function bySegment(scores: Float64Array, segment: number): readonly number[] {
  const all: number[] = [];
  for (let first = 0; first < scores.length; first += segment) {
    const own = Array.from({ length: Math.min(segment, scores.length - first) }, (_, i) => first + i);
    const numbers = own.filter((i) => !Number.isNaN(scores[i]));
    all.push(...numbers.sort((i, j) => (scores[i] === scores[j] ? i - j : scores[i]! > scores[j]! ? -1 : 1)));
    all.push(...own.filter((i) => Number.isNaN(scores[i])));
  }
  return all;
}

/** The order that a device made, from the words of its matrix. */
export function givenTokens({ batch, heads, rows, words }: OracleBits, { launch }: Place): TokensOf {
  const own = remembered((b, kvh) => {
    const start = ((batch === 1 ? 0 : b) * heads + (heads === 1 ? 0 : kvh)) * rows;
    return Array.from({ length: launch.N }, (_, place) => words[start + place]!);
  });
  return ({ b, kvh }: Pick<Point, "b" | "kvh">) => own(b, kvh);
}

/** The words of an order's matrix: positions by place, and the least and the greatest of each 32 places. */
export function orderWords(tokens: readonly number[]): readonly number[] {
  const ends: number[] = [];
  for (let first = 0; first < tokens.length; first += 32) {
    const group = tokens.slice(first, first + 32);
    ends.push(Math.min(...group), Math.max(...group));
  }
  return [...tokens, ...ends];
}

function remembered<T>(make: (b: number, kvh: number) => T): (b: number, kvh: number) => T {
  const known = new Map<string, T>();
  return (b, kvh) => {
    const key = `${b}.${kvh}`;
    let value = known.get(key);
    if (value === undefined) known.set(key, (value = make(b, kvh)));
    return value;
  };
}
