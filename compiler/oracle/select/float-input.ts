import { OracleError } from "../program.js";
import type { Meaning, Place } from "../scope.js";
import { roundingOf } from "./arithmetic.js";
import type { Scene } from "./scene.js";
import { build, type Tensor } from "./tensor.js";
import { elements, keyUnits, queryUnits, windows } from "./units.js";

type FloatType = "scores" | "channels" | "weights" | "centroids" | "pooled";

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
    centroids: () => ({ k: elements(n), dim: elements(tensors.headDim) }),
    pooled: () => ({ k: windows(positions, n, m), dim: elements(tensors.headDim) }),
  }[type as FloatType]();
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
        centroids: () => [at.k, at.dim] as const,
        pooled: () => [at.k, at.dim] as const,
      }[type as FloatType]();
      return ways[way]!.round(value.data[start + first * (shape.length > 1 ? shape[1]! : 0) + second]!);
    },
    (_, exact) => roundingOf(exact),
  );
}
