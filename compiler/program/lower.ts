import type { MaskModule } from "../mask/ir.js";
import { bandsInTile, type TileBands } from "../tiles/in-tile.js";
import { rowLengths } from "../tiles/row-lengths.js";
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
    token: module.layout?.token,
    queries: plan.queries,
    ...tiles,
    order: rowLengths(module, plan).order,
    body: [
      { op: "load", to: "Q" },
      { op: "fill", to: "m", value: LEAST_MAXIMUM },
      { op: "fill", to: "l", value: 0 },
      { op: "fill", to: "O", value: 0 },
      ...keyWalks(analysed).map((walk): Stmt => ({
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
            cond: needsMask(walk, tiles.tileK),
            body: [{ op: "mask", tile: "S", looks: walk.mask, ...bandsOf(analysed, walk, tiles.tileK) }],
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
      })),
      { op: "normalize", to: "O", by: "l" },
      { op: "store", from: "O" },
      { op: "storeLse", max: "m", sum: "l" },
    ],
  };
}

/** The mask of a walk as bands, for all tiles or for those of this size; keys of a list lie anywhere. */
function bandsOf(module: MaskModule, { mask, bands, list }: KeyWalk, tileK: number): Partial<TileBands> {
  if (list !== undefined) return {};
  return bands === undefined ? (bandsInTile(module, mask, tileK) ?? {}) : { bands };
}
