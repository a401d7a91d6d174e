import { OracleError } from "./program.js";

/** A pair, and what belongs to it. The stamps change when a head or a row is entered, for {@link kept}: see {@link nextStamp}. */
export interface Point {
  b: number;
  h: number;
  kvh: number;
  q: number;
  k: number;
  head: number;
  row: number;
}

let stamps = 0;
/** A stamp that no other head or row has had: several walks may ask one term in turn. */
export const nextStamp = (): number => ++stamps;

export type Value = number | boolean | string;

/** How a value is written: decides what `/` means. */
export type Kind = "int" | "float" | "bool" | "phase";

/** What a value changes with. */
export const changes = { never: 0, head: 1, query: 2, key: 4 } as const;

/** An expression as a function of the pair. */
export interface Term {
  readonly kind: Kind;
  readonly with: number;
  readonly at: (point: Point) => Value;
}

export function constant(value: Value, kind: Kind): Term {
  return { kind, with: changes.never, at: () => value };
}

/** A term computed from others; not more often than they change. */
export function derived(kind: Kind, parts: readonly Term[], at: (point: Point) => Value): Term {
  return { kind, with: changesOf(parts), at: kept(parts, at) };
}

function changesOf(parts: readonly Term[]): number {
  return parts.reduce((all, part) => all | part.with, 0);
}

/** Keeps the last value of what no key changes: rows are walked key by key. */
export function kept<T>(parts: readonly Term[], at: (point: Point) => T): (point: Point) => T {
  const all = changesOf(parts);
  if ((all & changes.key) !== 0) return at;
  let stamp = -1;
  let value: T;
  return (point) => {
    const now = (all & changes.query) !== 0 ? point.row : (all & changes.head) !== 0 ? point.head : 0;
    if (now !== stamp) {
      value = at(point);
      stamp = now;
    }
    return value;
  };
}

/** As a function to numbers; booleans have no place where this is asked. */
export function numberOf(term: Term): (point: Point) => number {
  if (term.kind !== "int" && term.kind !== "float") throw new OracleError(`a number was expected, not a ${term.kind}`);
  return term.at as (point: Point) => number;
}

export function truthOf(term: Term): (point: Point) => boolean {
  if (term.kind !== "bool") throw new OracleError(`a boolean was expected, not a ${term.kind}`);
  return term.at as (point: Point) => boolean;
}

/** The value of a term that no pair changes. */
export function fixed(term: Term): number {
  if (term.with !== changes.never) throw new OracleError("a constant was expected");
  return numberOf(term)({ b: 0, h: 0, kvh: 0, q: 0, k: 0, head: 0, row: 0 });
}

/** Remainder that is never negative; the divisor is positive. */
export function remainder(a: number, b: number): number {
  const r = a % b;
  return r < 0 ? r + b : r;
}

/** Division that rounds down, exact for integers up to 2^53. */
export function quotient(a: number, b: number): number {
  return (a - remainder(a, b)) / b;
}
