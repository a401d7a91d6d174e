import { OracleError } from "../program.js";
import { flushOf, type Arithmetic } from "./arithmetic.js";

/** Positions (or distances) from `start` up to but not with `end`, those that exist. */
export interface Unit {
  readonly start: number;
  readonly end: number;
  /** Of a tile: the positions in it, rising, of which `start` is the least and `end` is behind the greatest; and its last place. */
  readonly tile?: { readonly positions: readonly number[]; readonly lastPlace: number } | undefined;
}

/** The positions of a unit. */
export const positionsIn = ({ start, end, tile }: Unit): readonly number[] =>
  tile?.positions ?? Array.from({ length: end - start }, (_, i) => start + i);

/** What lies along an axis: units of positions, of distances, or the elements of a vector. */
export type Axis = readonly Unit[];

export const axisNames = ["q", "k", "diag", "dim"] as const;
export type AxisName = (typeof axisNames)[number];
export type Axes = Readonly<Partial<Record<AxisName, Axis>>>;

/** An index on each axis; what a tensor does not have is not looked at. */
export type At = Record<AxisName, number>;

export const origin = (): At => ({ q: 0, k: 0, diag: 0, dim: 0 });

/**
 * Numbers with named axes, of one batch entry and head. Each is there once for every way of computing it, the exact
 * one first, and with the slack that single roundings give it: a first-order bound.
 */
export class Tensor {
  private readonly strides: At;

  constructor(
    readonly axes: Axes,
    readonly ways: readonly Float64Array[],
    readonly slack: Float64Array,
  ) {
    const strides = origin();
    let size = 1;
    for (const name of axisNames.toReversed()) {
      const axis = axes[name];
      if (axis === undefined) continue;
      strides[name] = size;
      size *= axis.length;
    }
    this.strides = strides;
  }

  place(at: At): number {
    const { q, k, diag, dim } = this.strides;
    return at.q * q + at.k * k + at.diag * diag + at.dim * dim;
  }

  /** The places at these indices of one axis. */
  placesAlong(name: AxisName, indices: readonly number[], at: At): readonly number[] {
    const stride = this.strides[name];
    const first = this.place(at) - at[name] * stride;
    return indices.map((i) => first + i * stride);
  }

  /** The number at a place, computed one way. */
  get(way: number, at: At): number {
    return this.ways[way]![this.place(at)]!;
  }

  slackAt(at: At): number {
    return this.slack[this.place(at)]!;
  }

  /** Twice the greatest difference between the ways here and the slack: how far from the truth another computation may be. */
  bandAt(at: At): number {
    return bandOf(this, this.place(at));
  }

  has(name: AxisName): boolean {
    return this.axes[name] !== undefined;
  }
}

function bandOf(tensor: Tensor, place: number): number {
  const [first, ...others] = tensor.ways;
  const difference = others.reduce((most, values) => Math.max(most, distance(values[place]!, first![place]!)), 0);
  return 2 * (difference + tensor.slack[place]!);
}

/** Infinity where only one is NaN. */
export function distance(a: number, b: number): number {
  if (Object.is(a, b) || a === b) return 0;
  const difference = Math.abs(a - b);
  return Number.isNaN(difference) ? Infinity : difference;
}

/**
 * A tensor by what stands at each place.
 * @param value the number in one way of computing.
 * @param slack its slack, given the exact number; not asked where nothing but the exact way is computed.
 */
export function build(
  axes: Axes,
  ways: readonly Arithmetic[],
  value: (way: number, at: At) => number,
  slack: (at: At, exact: number) => number,
): Tensor {
  const made = zeros(axes, ways);
  forEachPlace(axes, (at) => {
    const place = made.place(at);
    ways.forEach((_, way) => (made.ways[way]![place] = value(way, at)));
    const exact = made.ways[0]![place]!;
    if (ways.length > 1) made.slack[place] = slack(at, exact) + flushOf(exact);
  });
  return made;
}

export function zeros(axes: Axes, ways: readonly Arithmetic[]): Tensor {
  const size = axisNames.reduce((product, name) => product * (axes[name]?.length ?? 1), 1);
  return new Tensor(
    axes,
    ways.map(() => new Float64Array(size)),
    new Float64Array(size),
  );
}

/** Visits all places, the last axis fastest. The same object is handed out each time. */
export function forEachPlace(axes: Axes, visit: (at: At) => void): void {
  const at = origin();
  const count = (name: AxisName): number => axes[name]?.length ?? 1;
  for (at.q = 0; at.q < count("q"); at.q++)
    for (at.k = 0; at.k < count("k"); at.k++)
      for (at.diag = 0; at.diag < count("diag"); at.diag++) for (at.dim = 0; at.dim < count("dim"); at.dim++) visit(at);
}

/** The axes of a result that has those of all its parts. */
export function joined(...parts: readonly Axes[]): Axes {
  const all: Partial<Record<AxisName, Axis>> = {};
  for (const axes of parts) {
    for (const name of axisNames) {
      const axis = axes[name];
      if (axis === undefined) continue;
      if (all[name] !== undefined && !sameAxis(all[name], axis)) throw new OracleError(`units of ${name} that differ do not mix`);
      all[name] = axis;
    }
  }
  return all;
}

export function without(axes: Axes, name: AxisName): Axes {
  return Object.fromEntries(Object.entries(axes).filter(([each]) => each !== name));
}

export function sameAxis(a: Axis, b: Axis): boolean {
  return a.length === b.length && a.every((unit, i) => sameUnit(unit, b[i]!));
}

function sameUnit(a: Unit, b: Unit): boolean {
  if (a.start !== b.start || a.end !== b.end || (a.tile === undefined) !== (b.tile === undefined)) return false;
  return a.tile === undefined || a.tile.positions.every((position, i) => position === b.tile!.positions[i]);
}
