/** What decides between the orders before anything is known of the data. */
export interface OrderProblem {
  readonly queries: number;
  readonly keys: number;
  /** The position of the first query. */
  readonly offset: number;
  /** Queries choose among the blocks up to their own. */
  readonly causal: boolean;
  /** Keys of a block, and blocks that a query chooses. */
  readonly unit: number;
  readonly most: number;
  /** Heads that share lists and tiles. */
  readonly group: number;
  /** The tiles of both orders. */
  readonly keyTile: TileSize;
  readonly queryTile: QueryTile;
}

/** Rows of queries, and keys. */
interface TileSize {
  readonly tileQ: number;
  readonly tileK: number;
}

/** A tile of query order: its rows are queries of so many heads. */
export interface QueryTile extends TileSize {
  readonly heads: number;
}

/** Queries of a tile, of each of its heads. */
export const queriesOf = ({ tileQ, heads }: QueryTile): number => Math.max(1, Math.floor(tileQ / heads));

/** Pairs that a tile computes of a block of so many keys. */
export const blockPairs = (unit: number, { tileQ, tileK }: TileSize): number => Math.ceil(unit / tileK) * tileK * tileQ;

/** Where the declaration does not bound what a query chooses, it is taken to be one block in so many. */
const UNBOUNDED = 4;

/** The blocks that a query is taken to choose at most, of so many; `declared` is the bound of the declaration. */
export const mostOf = (columns: number, declared: number | undefined): number =>
  Math.min(columns, declared ?? Math.ceil(columns / UNBOUNDED));

/** What a part costs beside the pairs of its block, in pairs: its query is read, its output written, read and weighed. */
export const PART_COST = 32;

/** Pairs that a head's tiles compute in each order, where all queries choose independently and all blocks alike; a part counts as {@link PART_COST}. */
export interface ExpectedPairs {
  readonly queries: number;
  readonly keys: number;
}

/**
 * What each order is expected to cost. A tile of t queries that choose m of c blocks independently needs
 * `c (1 - (1 - m / c)^t)` of them; in key order a block that any query chose has half a tile on average that is not full.
 * Data whose neighbours choose alike cost less in query order: the launch counts, and this only says whether it is worth it.
 */
export function expectedPairs({ queries, keys, offset, causal, unit, most, group, keyTile, queryTile }: OrderProblem): ExpectedPairs {
  const columns = Math.ceil(keys / unit);
  const step = queriesOf(queryTile);
  let unions = 0;
  let chosen = 0;
  for (let first = 0; first < queries; first += step) {
    const rows = Math.min(step, queries - first);
    const candidates = causal ? Math.min(columns, Math.floor((offset + first + rows - 1) / unit) + 1) : columns;
    const each = Math.min(most, candidates);
    unions += candidates * (1 - (1 - each / candidates) ** rows);
    chosen += each * rows;
  }
  const visited = columns * (1 - (1 - Math.min(1, chosen / (queries * columns))) ** queries);
  const tiles = Math.max((chosen * group) / keyTile.tileQ + visited / 2, visited);
  return {
    queries: (unions * blockPairs(unit, queryTile)) / queryTile.heads,
    keys: (tiles * blockPairs(unit, keyTile)) / group + chosen * PART_COST,
  };
}
