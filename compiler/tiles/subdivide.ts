import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { overPlaces, queryRows } from "../mask/layout/places.js";
import type { TilePlan } from "./plan.js";
import { area, MOST_LOOKED, rectangles, SPLIT } from "./rectangles.js";
import type { Rectangles } from "./rectangles.js";
import type { Rectangle } from "./residual.js";

/** Exact numbers of a part of the plane of queries and keys, in tiles and in pairs that are looked at. */
export interface TileSums {
  readonly full: number;
  readonly partial: number;
  readonly empty: number;
  readonly pairs: number;
}

/** Neighbouring tiles of one query tile: full ones together, a partial one alone. */
export interface TileRun {
  readonly class: "full" | "partial";
  /** Key tiles `[first, end)`. */
  readonly first: number;
  readonly end: number;
  /** Pairs that are looked at. */
  readonly pairs: number;
}

/** How much a count has cost. */
export interface Work {
  /** Rectangles that the analysis was asked about. */
  readonly asked: number;
  /** Rectangles that were the same as an earlier one. */
  readonly reused: number;
  /** Pairs that were looked at one by one. */
  readonly looked: number;
}

/** The tiles of one head of one batch entry. */
export interface TilePlane {
  readonly rows: number;
  readonly columns: number;
  /** Sums over all tiles. */
  readonly sums: () => TileSums;
  /** The tiles of one query tile that hold a pair, in rising order. */
  readonly row: (qTile: number, see: (run: TileRun) => void) => void;
  readonly work: () => Work;
}

export interface PlaneOptions {
  readonly head: number;
  readonly batch?: number | undefined;
  readonly blockQ: number;
  readonly blockK: number;
  /** Called with the share of the plane that is done. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/**
 * Plans the tiles of a head by dividing the plane from large squares down to tiles: a square that the analysis calls empty or
 * full is done, and so is one of which the mask leaves the same as of an earlier one of its size. What is still unsure at a few
 * thousand pairs is looked at. So the work follows the number of different pieces that the border of a pattern is made of.
 * All figures are exact. `plan` is that of the module.
 */
export function tilePlane(module: MaskModule, plan: TilePlan, env: MaskEnv, options: PlaneOptions): TilePlane {
  const plane = new Plane(module, plan, env, options);
  return {
    rows: plane.rows,
    columns: plane.columns,
    sums: () => plane.sums(),
    row: (qTile, see) => plane.row(qTile, see),
    work: () => ({ asked: plane.asked, reused: plane.reused, looked: plane.looked }),
  };
}

/** Rectangles of each kind that are remembered: some hundred megabytes at most. */
const MOST_REMEMBERED = 2 ** 19;

/** A rectangle of tiles, ends exclusive. */
interface Tiles {
  readonly r0: number;
  readonly r1: number;
  readonly c0: number;
  readonly c1: number;
}

class Plane {
  asked = 0;
  reused = 0;
  looked = 0;
  readonly rows: number;
  readonly columns: number;
  private readonly mask: Rectangles;
  private readonly queries: { readonly first: number; readonly end: number };
  private readonly tileSums = new Map<string, TileSums>();
  private readonly pairSums = new Map<string, number>();
  private done = 0;

  constructor(
    module: MaskModule,
    plan: TilePlan,
    private readonly env: MaskEnv,
    private readonly options: PlaneOptions,
  ) {
    this.queries = queryRows(module, env);
    this.rows = Math.ceil((this.queries.end - this.queries.first) / options.blockQ);
    this.columns = Math.ceil(env.N / options.blockK);
    this.mask = rectangles(overPlaces(module), plan, env, { batch: options.batch ?? 0, head: options.head });
  }

  sums(): TileSums {
    this.done = 0;
    return this.ofTiles({ r0: 0, r1: this.rows, c0: 0, c1: this.columns }, sideFor(Math.max(this.rows, this.columns)));
  }

  row(qTile: number, see: (run: TileRun) => void): void {
    const runs = new RowRuns(see);
    const visit = (c0: number, c1: number, side: number): void => {
      const at = this.positions({ r0: qTile, r1: qTile + 1, c0, c1 });
      const known = this.ask(at);
      if (known.kind === "full") runs.add("full", c0, c1, area(at));
      else if (known.kind === "unsure" && c1 - c0 === 1) {
        const pairs = this.pairsOf(at, known.key);
        if (pairs > 0) runs.add(pairs === area(at) ? "full" : "partial", c0, c1, pairs);
      } else if (known.kind === "unsure") {
        for (let c = c0; c < c1; c += side / SPLIT) visit(c, Math.min(c + side / SPLIT, c1), side / SPLIT);
      }
    };
    visit(0, this.columns, sideFor(this.columns));
    runs.flush();
  }

  /** The sums over a square of `side` tiles, cut off at the ends of the sequences. */
  private ofTiles(tiles: Tiles, side: number): TileSums {
    const at = this.positions(tiles);
    const count = (tiles.r1 - tiles.r0) * (tiles.c1 - tiles.c0);
    const known = this.ask(at);
    if (known.kind === "empty") return this.finished(count, { full: 0, partial: 0, empty: count, pairs: 0 });
    if (known.kind === "full") return this.finished(count, { full: count, partial: 0, empty: 0, pairs: area(at) });
    if (count === 1) return this.finished(1, classified(this.pairsOf(at, known.key), area(at)));
    // What a rectangle of tiles holds does not depend on where it stands, only on its size and on what is left of the mask.
    const same = this.reuse(this.tileSums, known.key);
    if (same) return this.finished(count, same);
    const part = side / SPLIT;
    let sums: TileSums = { full: 0, partial: 0, empty: 0, pairs: 0 };
    for (let r0 = tiles.r0; r0 < tiles.r1; r0 += part) {
      for (let c0 = tiles.c0; c0 < tiles.c1; c0 += part) {
        const inner = { r0, r1: Math.min(r0 + part, tiles.r1), c0, c1: Math.min(c0 + part, tiles.c1) };
        sums = plus(sums, this.ofTiles(inner, part));
      }
    }
    remember(this.tileSums, known.key, sums);
    return sums;
  }

  /** Pairs of a rectangle that the analysis is unsure of. */
  private pairsOf(at: Rectangle, key: string | undefined): number {
    const same = this.reuse(this.pairSums, key);
    if (same !== undefined) return same;
    const pairs = area(at) <= MOST_LOOKED ? this.look(at) : this.divide(at);
    remember(this.pairSums, key, pairs);
    return pairs;
  }

  private reuse<T>(known: ReadonlyMap<string, T>, key: string | undefined): T | undefined {
    const same = key === undefined ? undefined : known.get(key);
    if (same !== undefined) this.reused++;
    return same;
  }

  private divide(at: Rectangle): number {
    const [rows, columns] = [Math.ceil((at.q1 - at.q0 + 1) / SPLIT), Math.ceil((at.k1 - at.k0 + 1) / SPLIT)];
    let pairs = 0;
    for (let q0 = at.q0; q0 <= at.q1; q0 += rows) {
      for (let k0 = at.k0; k0 <= at.k1; k0 += columns) {
        const part = { q0, q1: Math.min(q0 + rows - 1, at.q1), k0, k1: Math.min(k0 + columns - 1, at.k1) };
        const known = this.ask(part);
        if (known.kind === "full") pairs += area(part);
        else if (known.kind === "unsure") pairs += this.pairsOf(part, known.key);
      }
    }
    return pairs;
  }

  private look(at: Rectangle): number {
    const { looks } = this.mask;
    let pairs = 0;
    for (let q = at.q0; q <= at.q1; q++) for (let k = at.k0; k <= at.k1; k++) if (looks(q, k)) pairs++;
    this.looked += area(at);
    return pairs;
  }

  private ask(at: Rectangle): ReturnType<Rectangles["judge"]> {
    this.asked++;
    return this.mask.judge(at);
  }

  private positions({ r0, r1, c0, c1 }: Tiles): Rectangle {
    const { blockQ, blockK } = this.options;
    const { first, end } = this.queries;
    return {
      q0: first + r0 * blockQ,
      q1: Math.min(first + r1 * blockQ, end) - 1,
      k0: c0 * blockK,
      k1: Math.min(c1 * blockK, this.env.N) - 1,
    };
  }

  private finished(tiles: number, sums: TileSums): TileSums {
    this.done += tiles;
    this.options.onProgress?.(Math.min(this.done / (this.rows * this.columns), 1));
    return sums;
  }
}

/** The runs of a row as they are found, neighbouring full ones joined. */
class RowRuns {
  private full: { readonly first: number; readonly end: number; readonly pairs: number } | undefined;

  constructor(private readonly see: (run: TileRun) => void) {}

  add(kind: "full" | "partial", first: number, end: number, pairs: number): void {
    if (kind === "full" && this.full?.end === first) {
      this.full = { first: this.full.first, end, pairs: this.full.pairs + pairs };
      return;
    }
    this.flush();
    if (kind === "full") this.full = { first, end, pairs };
    else this.see({ class: "partial", first, end, pairs });
  }

  flush(): void {
    if (this.full) this.see({ class: "full", ...this.full });
    this.full = undefined;
  }
}

function remember<T>(known: Map<string, T>, key: string | undefined, found: T): void {
  if (key !== undefined && known.size < MOST_REMEMBERED) known.set(key, found);
}

/** The least side of a square that holds so many tiles and divides down to one. */
function sideFor(tiles: number): number {
  let side = 1;
  while (side < tiles) side *= SPLIT;
  return side;
}

function classified(pairs: number, of: number): TileSums {
  return { full: pairs === of ? 1 : 0, partial: pairs > 0 && pairs < of ? 1 : 0, empty: pairs === 0 ? 1 : 0, pairs };
}

function plus(x: TileSums, y: TileSums): TileSums {
  return { full: x.full + y.full, partial: x.partial + y.partial, empty: x.empty + y.empty, pairs: x.pairs + y.pairs };
}
