import type { Arithmetic } from "./arithmetic.js";
import { binaryTensor, chooseTensor, compareTensors, constantTensor, unary } from "./elementwise.js";
import { reduce } from "./reduce.js";
import type { Tensor } from "./tensor.js";
import type { Positions } from "./units.js";

/**
 * Each vector in whole numbers from -m to m, m = 2^(bits - 1) - 1: its greatest element becomes m or -m, the others go
 * to the nearest number, and all are scaled back. Vectors of zeros are left.
 */
export function lowBit(x: Tensor, bits: number, positions: Positions, ways: readonly Arithmetic[]): Tensor {
  const numbers = constantTensor(2 ** (bits - 1) - 1, ways);
  const step = binaryTensor("/", reduce("max", unary("abs", x, ways), "dim", positions, ways), numbers, ways);
  const scaled = binaryTensor("*", unary("round", binaryTensor("/", x, step, ways), ways), step, ways);
  return chooseTensor(compareTensors(">", step, constantTensor(0, ways), ways), scaled, x, ways);
}
