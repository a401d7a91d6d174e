import type { IntExpr } from "../ir.js";
import * as m from "../make.js";
import { simplifyInt } from "../simplify.js";
import type { Order } from "./order.js";

const product = (numbers: readonly number[]): number => numbers.reduce((x, y) => x * y, 1);

/**
 * The grid cut into blocks of `sizes`, one size for each axis: block by block in row-major order, and row-major
 * inside of each. The last block of an axis is as short as the grid leaves it.
 */
export function tileOrder(extents: readonly number[], sizes: readonly number[]): Order {
  return {
    name: `tiles(${sizes.join(", ")})`,
    coordinates: (place) => new Blocks(extents, sizes).coordinates(place).map(simplifyInt),
  };
}

class Blocks {
  private readonly sizes: readonly number[];

  constructor(
    private readonly extents: readonly number[],
    sizes: readonly number[],
  ) {
    this.sizes = sizes.map((size, i) => Math.min(size, extents[i]!));
  }

  coordinates(place: IntExpr): readonly IntExpr[] {
    return this.from(0, [], place);
  }

  /**
   * The coordinates of a place in a part of the grid that is, on each axis before `axis`, one block of the given
   * length, and on the others all of it. In the block they count from its start.
   */
  private from(axis: number, lengths: readonly number[], place: IntExpr): readonly IntExpr[] {
    const extent = this.extents[axis];
    if (extent === undefined) return lengths.map((_, i) => this.within(place, lengths, i));
    const size = this.sizes[axis]!;
    const places = product(lengths) * size * product(this.extents.slice(axis + 1));
    const inBlock = m.mod(place, m.int(places));
    const whole = this.from(axis + 1, [...lengths, size], inBlock);
    // The short block has formulas of its own, so that every divisor is a constant.
    const short = extent % size === 0 ? whole : this.from(axis + 1, [...lengths, extent % size], inBlock);
    const isWhole = m.lt(place, m.int(Math.floor(extent / size) * places));
    const start = m.mul(m.div(place, m.int(places)), m.int(size));
    return whole.map((coordinate, i) => {
      const chosen = m.select(isWhole, coordinate, short[i]!);
      return i === axis ? m.add(start, chosen) : chosen;
    });
  }

  /** The coordinate of a place within a block that is row-major. */
  private within(place: IntExpr, lengths: readonly number[], axis: number): IntExpr {
    const along = m.div(place, m.int(product(lengths.slice(axis + 1))));
    // Outside of a short block its formulas are bounded too, for the sake of the analysis of tiles.
    const isLargest = axis === 0 && lengths.every((length, i) => length === this.sizes[i]);
    return isLargest ? along : m.mod(along, m.int(lengths[axis]!));
  }
}
