import type { MaskModule } from "../mask/ir.js";
import { bandsInTile, type TileBands } from "../tiles/in-tile.js";
import { rowLengths } from "../tiles/row-lengths.js";
import { keyOrder } from "../tiles/key-order.js";
import { planTiles } from "../tiles/plan.js";
import { keyWalks, needsMask } from "../tiles/walks.js";
import type { KeyWalk } from "../tiles/walks.js";
import { LEAST_MAXIMUM } from "./ir.js";
import type { Stmt, TileProgram } from "./ir.js";

/**
 * Lowers a mask to its tile program: one pass over the key tiles with an online softmax in base 2
 * (Milakov and Gimelshein 2018; the division is put off to the end as in FlashAttention-2). `analysed` is a module with
 * the same mask whose analysis is there already.
 */
export function lower(
  module: MaskModule,
  tiles: { readonly tileQ: number; readonly tileK: number },
  analysed: MaskModule = module,
): TileProgram {
  const plan = planTiles(analysed);
  return {
    module,
    tokens: module.layout?.tokens,
    queries: plan.queries,
    ...tiles,
    order: rowLengths(module, plan).order,
    body: [
      ...start,
      ...keyWalks(analysed).map((walk) => overWalk(analysed, walk, tiles.tileK)),
      { op: "normalize", to: "O", by: "l" },
      { op: "store", from: "O" },
      { op: "storeLse", max: "m", sum: "l" },
    ],
  };
}

const start: readonly Stmt[] = [
  { op: "load", to: "Q" },
  { op: "fill", to: "m", value: LEAST_MAXIMUM },
  { op: "fill", to: "l", value: 0 },
  { op: "fill", to: "O", value: 0 },
];

const keepPart: readonly Stmt[] = [
  { op: "normalize", to: "O", by: "l" },
  { op: "storePart", from: "O", max: "m", sum: "l" },
];

/** The programs of a launch in key order: each leaves parts, and a query is merged from all of its own. */
export interface KeyOrderPrograms {
  /** A tile for so many of the queries that chose a block. */
  readonly chosen: TileProgram;
  /** What no selection is needed for, a tile for so many neighbouring queries; absent where that is nothing. */
  readonly rest?: TileProgram | undefined;
}

/** Lowers a mask to the programs of its key order; undefined where it has none. */
export function lowerKeyOrder(
  module: MaskModule,
  tiles: { readonly tileQ: number; readonly tileK: number },
  analysed: MaskModule = module,
): KeyOrderPrograms | undefined {
  const order = keyOrder(analysed);
  if (order === undefined) return undefined;
  const { selection, unit, chosen, rest } = order;
  const walk = { ...overWalk(analysed, chosen, tiles.tileK, unit), chosen: true };
  const program: TileProgram = { module, chosen: { selection, unit }, ...tiles, order: "first first", body: [...start, walk, ...keepPart] };
  if (rest === undefined) return { chosen: program };
  const others = lower({ ...module, mask: rest.mask }, tiles, rest);
  return { chosen: program, rest: { ...others, body: [...others.body.filter(({ op }) => !ENDS.has(op)), ...keepPart] } };
}

/** As {@link lowerKeyOrder}; undefined too where blocks fill less than half a tile and leave most of its work undone. */
export function fullKeyOrder(...of: Parameters<typeof lowerKeyOrder>): KeyOrderPrograms | undefined {
  const programs = lowerKeyOrder(...of);
  return programs !== undefined && 2 * programs.chosen.chosen!.unit >= programs.chosen.tileK ? programs : undefined;
}

const ENDS: ReadonlySet<Stmt["op"]> = new Set<Stmt["op"]>(["normalize", "store", "storeLse"]);

/** The pass over the tiles of a walk; `unit` keys at a time where it is over the blocks that queries chose. */
function overWalk(module: MaskModule, walk: KeyWalk, tileK: number, unit?: number): Extract<Stmt, { op: "keyTiles" }> {
  return {
    op: "keyTiles",
    ranges: walk.ranges,
    spans: walk.spans,
    may: walk.may,
    ...(walk.list === undefined ? {} : { list: walk.list }),
    body: [
      { op: "load", to: "K" },
      { op: "dot", to: "S", a: "Q", b: "K" },
      {
        op: "when",
        cond: needsMask(walk, tileK, unit === undefined ? undefined : "block"),
        body: [{ op: "mask", tile: "S", looks: walk.mask, ...bandsOf(module, walk, tileK, unit) }],
      },
      { op: "rowMax", to: "n", from: "m", tile: "S" },
      { op: "exp2", to: "a", x: "m", y: "n" },
      { op: "exp2", to: "P", x: "S", y: "n" },
      { op: "copy", to: "m", from: "n" },
      { op: "scale", to: "l", by: "a" },
      { op: "addRowSum", to: "l", tile: "P" },
      { op: "scale", to: "O", by: "a" },
      { op: "load", to: "V" },
      { op: "accumulate", to: "O", a: "P", b: "V" },
    ],
  };
}

/**
 * The mask of a walk as bands, for all tiles or for those of this size; keys of a list, and blocks that tiles do not fill, lie
 * anywhere. With `unit` its rows are no neighbours: bands of some tiles only are none there.
 */
function bandsOf(module: MaskModule, { mask, bands, list }: KeyWalk, tileK: number, unit?: number): Partial<TileBands> {
  if (list !== undefined || (unit !== undefined && unit % tileK !== 0)) return {};
  const found: Partial<TileBands> = bands === undefined ? (bandsInTile(module, mask, tileK) ?? {}) : { bands };
  return unit !== undefined && found.where !== undefined ? {} : found;
}
