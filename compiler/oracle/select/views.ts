import type { Place } from "../scope.js";
import { clusterUnits } from "./clusters.js";
import type { Scene, UnitSizes } from "./scene.js";
import { build, type Axis, type Tensor } from "./tensor.js";
import { elements, keyUnits, queryUnits } from "./units.js";

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
