import { OracleError } from "../program.js";
import type { Meaning, Place } from "../scope.js";
import { roundingOf } from "./arithmetic.js";
import { clusterUnits } from "./clusters.js";
import type { Scene, UnitSizes } from "./scene.js";
import { build, type Axis, type Tensor } from "./tensor.js";
import { elements, keyUnits, queryUnits, windows } from "./units.js";

/** The queries of the call at these positions, as vectors. */
export function queryVectors(axis: Axis, place: Place, { tensors, positions, point, ways }: Scene): Tensor {
  const { headDim, q } = tensors;
  const { heads, NQ } = place.launch;
  const start = (point.b * heads + point.h) * NQ;
  return build(
    { q: axis, dim: elements(headDim) },
    ways,
    (_, at) => q[(start + axis[at.q]!.start - positions.first) * headDim + at.dim]!,
    () => 0,
  );
}

/** The units of a selection along queries or keys. */
export function unitsAlong(axis: "q" | "k", units: UnitSizes, place: Place, scene: Scene): Axis {
  const clusters = units.clusters?.[axis];
  if (clusters !== undefined) return clusterUnits(axis, clusters, place, scene);
  const size = units[axis] ?? 1;
  const tile = units.tiles?.includes(axis);
  const { positions } = scene;
  return axis === "q" ? queryUnits(positions, size, tile) : keyUnits(positions, size, tile);
}

/** All keys of the head, as vectors. */
export function keyVectors(place: Place, { tensors, positions, point, ways }: Scene): Tensor {
  const { headDim, k } = tensors;
  const { kvHeads, N } = place.launch;
  const start = (point.b * kvHeads + point.kvh) * N;
  return build(
    { k: keyUnits(positions, 1), dim: elements(headDim) },
    ways,
    (_, at) => k[(start + at.k) * headDim + at.dim]!,
    () => 0,
  );
}

/** An input of floats: its own head, that of its kv head, or the only one. */
export function floatInput(meaning: Extract<Meaning, { kind: "input" }>, place: Place, scene: Scene): Tensor {
  const { value, type, sizes, axis } = meaning;
  if (value.kind !== "floats") throw new OracleError("floats were expected");
  const { positions, point, tensors, ways } = scene;
  const { heads, kvHeads } = place.launch;
  const [n, m] = sizes as [number, number];
  const axes = {
    scores: () => ({ q: queryUnits(positions, n), k: keyUnits(positions, m) }),
    channels: () => ({ dim: elements(tensors.headDim) }),
    weights: () => (axis === "q" ? { q: queryUnits(positions, 1) } : { k: keyUnits(positions, 1) }),
    pooled: () => ({ k: windows(positions, n, m), dim: elements(tensors.headDim) }),
  }[type as "scores" | "channels" | "weights" | "pooled"]();
  const [batch, own] = value.shape as readonly [number, number];
  const head = own === 1 ? 0 : own === heads ? point.h : own === kvHeads ? point.kvh : undefined;
  if (head === undefined) throw new OracleError(`an input has ${own} heads`);
  const size = value.shape.slice(2).reduce((product, length) => product * length, 1);
  const start = ((batch === 1 ? 0 : point.b) * own + head) * size;
  const shape = value.shape.slice(2);
  return build(
    axes,
    ways,
    (way, at) => {
      const [first, second] = {
        scores: () => [at.q, at.k] as const,
        channels: () => [0, at.dim] as const,
        weights: () => [0, axis === "q" ? at.q : at.k] as const,
        pooled: () => [at.k, at.dim] as const,
      }[type as "scores" | "channels" | "weights" | "pooled"]();
      return ways[way]!.round(value.data[start + first * (shape.length > 1 ? shape[1]! : 0) + second]!);
    },
    (_, exact) => roundingOf(exact),
  );
}
