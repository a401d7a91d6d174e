import type { LastCentroids } from "../mask/centroids.js";
import { HEAD, ROW } from "./axes.js";
import { int, mul, named, shape } from "./int.js";
import type { Bits } from "./ir.js";
import type { Lowering } from "./lower.js";

/** Adds the stage that leaves the last centroids of a k-means in a matrix of the launch, a row of words for each. */
export function lowerCentroids(lowering: Lowering, { name, heads, count, tensor }: LastCentroids): Bits {
  const to: Bits = { name, heads, rows: int(count), columns: mul(shape("headDim"), int(32)), numbers: true };
  const value = lowering.stage(() => lowering.value(tensor, { heads, head: HEAD, column: ROW, dim: named("dim") }));
  lowering.add({ kind: "words", name: `give ${name}`, to, value, serves: [] });
  return to;
}
