import type { OracleInput } from "../../compiler/oracle/oracle.js";
import { random, type Random } from "../../runtime/verify/random.js";

/** A library pattern told a second time: its rule in TypeScript, from the source and not from the .attn file. */
export interface Formula {
  readonly pattern: string;
  readonly params?: Readonly<Record<string, number>>;
  /** Numbers of keys; a grid has one. */
  readonly lengths?: readonly number[];
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly batch?: number;
  readonly launches?: readonly Launch[];
  readonly inputs?: (sizes: Sizes, random: Random) => Readonly<Record<string, OracleInput>>;
  /** Whether the pair belongs to the mask, causality included. */
  readonly rule: (at: Pair) => boolean;
}

export interface Launch {
  readonly layer?: number;
  readonly layers?: number;
}

export interface Sizes {
  readonly N: number;
  readonly NQ: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly batch: number;
}

export interface Pair extends Sizes, Launch {
  readonly b: number;
  readonly h: number;
  readonly kvh: number;
  /** Position of the query. */
  readonly i: number;
  /** Position of the key. */
  readonly j: number;
  readonly inputs: Readonly<Record<string, OracleInput>>;
}

export const seeded = (...parts: number[]): Random => random(parts.reduce((sum, part) => sum * 31 + part, 1));

// ------------------------------------------------------------------- inputs

export function idsOf(values: readonly (readonly number[])[]): OracleInput {
  return { kind: "ids", shape: [values.length, values[0]!.length], data: Int32Array.from(values.flat()) };
}

export function bitsOf(shape: readonly [number, number, number, number], bit: () => boolean): OracleInput {
  const data = new Uint8Array(shape.reduce((product, size) => product * size, 1));
  return { kind: "bits", shape, data: data.map(() => (bit() ? 1 : 0)) };
}

export function id(input: OracleInput | undefined, b: number, token: number): number {
  if (input?.kind !== "ids") throw new Error("no ids");
  const [batch, length] = input.shape;
  return input.data[Math.min(b, batch - 1) * length + token]!;
}

export function bit(input: OracleInput | undefined, b: number, h: number, row: number, column: number): boolean {
  if (input?.kind !== "bits") throw new Error("no bits");
  const [batch, heads, rows, columns] = input.shape;
  return input.data[((Math.min(b, batch - 1) * heads + Math.min(h, heads - 1)) * rows + row) * columns + column] === 1;
}

export function listed(input: OracleInput | undefined, b: number, h: number): ReadonlySet<number> {
  if (input?.kind !== "list") throw new Error("no list");
  const [batch, heads, length] = input.shape;
  const start = (Math.min(b, batch - 1) * heads + Math.min(h, heads - 1)) * length;
  return new Set(Array.from({ length }, (_, i) => input.data[start + i]!));
}

/** Documents of random lengths in a row, numbered from 0. */
export function documents(length: number, random: Random): number[] {
  const ids = [0];
  while (ids.length < length) ids.push(random.chance(0.08) ? ids.at(-1)! + 1 : ids.at(-1)!);
  return ids;
}

export const anyOf = (length: number, values: readonly number[], random: Random): number[] =>
  Array.from({ length }, () => random.pick(values));

// ------------------------------------------------------------ coordinates

/** Row-major coordinates of a position, the last one fastest. */
export function place(position: number, extents: readonly number[]): number[] {
  const at: number[] = [];
  let rest = position;
  for (const extent of [...extents].reverse()) {
    at.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return at;
}

export const volume = (extents: readonly number[]): number => extents.reduce((product, extent) => product * extent, 1);

export const div = (a: number, b: number): number => Math.floor(a / b);

/**
 * NATTEN's rule for one axis, in its integer arithmetic: window W, stride S, dilation D, axis of length L.
 */
export function natten(i: number, k: number, L: number, W: number, S = 1, D = 1, causal = false): boolean {
  const g = i % D;
  if (k % D !== g) return false;
  const length = div(L, D) + (1 - div(g + (D - (L % D)), D));
  const [at, key] = [div(i, D), div(k, D)];
  const left = div(W, 2);
  const right = div(W, 2) + ((W % 2) - 1);
  if (causal) {
    const leader = Math.min(div(at, S) * S + S - 1, length - 1);
    return key >= Math.max(leader - left - right, 0) && key < Math.min(at + 1, length);
  }
  const leader = Math.min(div(at, S) * S + div(S, 2), length - 1);
  const start = Math.max(leader - left, 0) + (leader + right >= length ? length - right - leader - 1 : 0);
  return key >= start && key < start + W;
}
