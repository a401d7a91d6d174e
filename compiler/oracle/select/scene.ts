import type { Expr } from "../../syntax/ast.js";
import type { Meaning, Place } from "../scope.js";
import { nextStamp, type Point } from "../values.js";
import type { Arithmetic } from "./arithmetic.js";
import type { Tensor } from "./tensor.js";
import { positionsOf, type Positions } from "./units.js";

/** The tensors of a call that selections read. Arrays may be longer than what is used. */
export interface OracleTensors {
  readonly headDim: number;
  /** `[batch, heads, NQ, headDim]` */
  readonly q: ArrayLike<number>;
  /** `[batch, kvHeads, N, headDim]` */
  readonly k: ArrayLike<number>;
  /** 1 / sqrt(headDim) where it is not given. */
  readonly scale?: number | undefined;
}

/** The sizes of a selection's units; 1 is a token. */
export interface UnitSizes {
  readonly q?: number | undefined;
  readonly k?: number | undefined;
  readonly diag?: number | undefined;
  /** Which of them are tiles. */
  readonly tiles?: readonly ("q" | "k")[] | undefined;
  /** Which of them are clusters: their matrices are of single tokens. */
  readonly clusters?: Readonly<Partial<Record<"q" | "k", ClusterText>>> | undefined;
}

/** `cluster(count, iters: updates, from: …)`, or `cluster(count, ids: …)` */
export interface ClusterText {
  readonly count: number;
  readonly updates: number;
  /** The input that has the first centroids. */
  readonly from?: { readonly name: string; readonly input: Extract<Meaning, { kind: "input" }> } | undefined;
  /** The cluster of the token at a position, as the caller says it. */
  readonly ids?: ((point: Point, position: number) => number) | undefined;
  /** The name of that input. */
  readonly input?: string | undefined;
}

/** Where a tensor expression is evaluated: for one batch entry and head of a call. */
export interface Scene {
  readonly point: Point;
  readonly tensors: OracleTensors;
  readonly positions: Positions;
  readonly ways: readonly Arithmetic[];
  /** What names of tensors stand for, once it is known. */
  readonly known: Map<Expr, Tensor>;
}

export function sceneOf(place: Place, tensors: OracleTensors, b: number, h: number, ways: readonly Arithmetic[]): Scene {
  const { launch } = place;
  const kvh = Math.floor(h / (launch.heads / launch.kvHeads));
  const point: Point = { b, h, kvh, q: 0, k: 0, head: nextStamp(), row: nextStamp() };
  return { point, tensors, positions: positionsOf(place, point), ways, known: new Map() };
}
