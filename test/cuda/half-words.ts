import { Float16Array } from "@petamoriken/float16";

export type HalfFormat = "f16" | "bf16";

/** Bits of numbers that the format holds exactly. */
export function encode(format: HalfFormat, numbers: readonly number[]): Uint16Array {
  if (format === "f16") return new Uint16Array(Float16Array.from(numbers).buffer as ArrayBuffer);
  return Uint16Array.from(new Uint32Array(Float32Array.from(numbers).buffer), (bits) => bits >>> 16);
}

export function decode(format: HalfFormat, bits: Uint16Array): number[] {
  if (format === "f16") return [...new Float16Array(bits.slice().buffer)];
  return [...new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer)];
}

/** Whole numbers from -4 to 4, the same for the same seed: products of them are exact in every format. */
export function smallIntegers(count: number, seed: number): number[] {
  let state = seed * 2654435761 + 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * 9) - 4;
  });
}

/** Rows of a [m, n] product of [m, k] with, as `b` says it, [n, k] or [k, n]. */
export function product(a: readonly number[], b: readonly number[], m: number, n: number, k: number, transposed: boolean): number[] {
  return Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let x = 0; x < k; x++) sum += a[i * k + x]! * (transposed ? b[x * n + j]! : b[j * k + x]!);
    return sum;
  });
}

/** The first place at which a matrix with `n` columns is not as expected, in words; "" where there is none. */
export function firstDifference(found: readonly number[], expected: readonly number[], n: number): string {
  const at = expected.findIndex((x, i) => !Object.is(x + 0, found[i]! + 0));
  return at < 0 ? "" : `[${Math.floor(at / n)}, ${at % n}] is ${found[at]}, not ${expected[at]}`;
}
