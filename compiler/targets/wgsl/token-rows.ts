import type { TileProgram } from "../../program/ir.js";
import type { IntExpr } from "../../mask/ir.js";
import { some } from "../../mask/walk.js";
import { BASELINE_LIMITS, workgroupBytes } from "../../schedule/schedule.js";
import type { Schedule } from "../../schedule/schedule.js";
import { printInt } from "../print/expressions.js";
import { wgsl } from "./dialect.js";
import { placeCount } from "./tile-place.js";

/**
 * Where the rows of tensors lie that tiles are made of, as texts: the one seam between a row of a tile and
 * a row of a tensor of a head. Without a layout and lists they are the same.
 */
export interface TokenRows {
  /** Whether workgroup memory is kept for the rows of a tile's keys, see {@link keyRowBytes}. */
  readonly keepsKeys: boolean;
  /** Functions that the other texts call. */
  readonly functions: string;
  /** Whether there is a query at a row, and where; held within the tensor if there is none. */
  readonly hasQuery: (row: string) => string;
  readonly query: (row: string) => string;
  readonly heldQuery: (row: string) => string;
  /** The position of the query at a row of the tile, and the row by which the mask's bits are asked from there on. */
  readonly position: (own: string) => string;
  readonly maskRow: (own: string) => string;
  /** Where the part of a row of the tensor goes that is merged with others, in programs that keep parts. */
  readonly slot?: ((row: string) => string) | undefined;
  /** Of walks over all keys. */
  readonly keys: KeyRows;
}

/** Where the keys of a walk are: a tile is made of the places from `first` to `last`, and there are `count` places. */
export interface KeyRows {
  readonly first: string;
  readonly last: string;
  readonly count: string;
  /** Whether the rows of a tile's keys are found once for all threads. */
  readonly kept: boolean;
  /** Where the key at a place is, and its value; held within the tensor past the last. */
  readonly key: (place: string) => string;
  readonly heldKey: (place: string) => string;
  /** The bits of the mask from a query and a place on. */
  readonly looksAt: (query: string, place: string) => string;
}

const allKeys = {
  first: "k0",
  last: "k1",
  count: "u.keys",
  looksAt: (query: string, place: string) => `looks_at(${query}, ${place}, h, kvh, b)`,
};

/** Rows of a tile are neighbours. */
const neighbours = { position: (own: string) => `q0 + ${own}`, maskRow: (own: string) => `q0 + ${own}` };

const asTheyAre: TokenRows = {
  ...neighbours,
  keepsKeys: false,
  functions: "",
  hasQuery: (row) => `${row} < u.queries`,
  query: (row) => row,
  heldQuery: (row) => `min(${row}, u.queries - 1)`,
  keys: {
    ...allKeys,
    kept: false,
    key: (place) => place,
    heldKey: (place) => `min(${place}, u.keys - 1)`,
  },
};

/** The keys of a list: its count, and behind it the keys themselves, rising. */
export function listedKeys(list: string, kept: boolean): KeyRows {
  return {
    first: "place",
    last: "last_place",
    count: "places",
    kept,
    key: (place) => `listed_key(list, ${place})`,
    heldKey: (place) => `listed_key(list, min(${place}, places - 1))`,
    looksAt: (query, place) => `looks_at_in_${list}(${query}, ${place}, list, places, h, kvh, b)`,
  };
}

/**
 * Bytes of workgroup memory for where the keys of a tile are, found once for all threads: in the grid layout
 * of threads, in which each of them reads every value. 0 where there is no room left, and threads look them up.
 */
export function keyRowBytes({ tokens, module, body }: TileProgram, schedule: Schedule): number {
  const bytes = schedule.tileK * 4;
  const fits = workgroupBytes(schedule, module.shape) + bytes <= BASELINE_LIMITS.workgroupBytes;
  const looksUp = tokens?.k !== undefined || body.some((stmt) => stmt.op === "keyTiles" && stmt.list !== undefined);
  return looksUp && schedule.layout === "grid" && fits ? bytes : 0;
}

/** The rows of a program: a layout's are those of the tokens at places. */
export function tokenRows(program: TileProgram, schedule: Schedule): TokenRows {
  const { q, k } = program.tokens ?? {};
  const keepsKeys = keyRowBytes(program, schedule) > 0;
  const queries = q === undefined ? {} : placedQueries(program, q, q === k ? "token_row" : "query_token");
  const keys = k === undefined ? asTheyAre.keys : placedKeys(k, keepsKeys);
  const functions = [
    ...(k === undefined ? [] : [tokenFunction("token_row", k)]),
    ...(q === undefined || q === k ? [] : [tokenFunction("query_token", q)]),
    queries.functions ?? "",
  ];
  return { ...asTheyAre, ...queries, functions: functions.join(""), keepsKeys, keys };
}

/** Of an order of the caller there may be one for each batch entry and head; other tables are the same for all. */
const isByHead = (token: IntExpr): boolean => some(token, (node) => node.kind === "load" && node.byHead === true);

const tokenFunction = (name: string, token: IntExpr): string => `// The position of the token at a place.
fn ${name}(k: i32${isByHead(token) ? ", h: i32, b: i32" : ""}) -> i32 {
${!isByHead(token) && some(token, (node) => node.kind === "load") ? "  let b = 0;\n" : ""}  return ${printInt(token, wgsl)};
}

`;

function placedQueries({ module }: TileProgram, token: IntExpr, function_: string): Partial<TokenRows> {
  const [names, params] = isByHead(token) ? [", h, b", ", h: i32, b: i32"] : ["", ""];
  const query = (row: string): string => `query_row(${row}${names})`;
  return {
    functions: `// The query of the call at a place; negative where there is none.
fn query_row(place: i32${params}) -> i32 {
  return select(-1, ${function_}(place${names}) - u.offset, place < ${placeCount(module)});
}
`,
    hasQuery: (row) => `${query(row)} >= 0`,
    query,
    heldQuery: (row) => `max(${query(row)}, 0)`,
  };
}

function placedKeys(token: IntExpr, kept: boolean): KeyRows {
  const names = isByHead(token) ? ", h, b" : "";
  return {
    ...allKeys,
    kept,
    key: (place) => `token_row(${place}${names})`,
    heldKey: (place) => `token_row(min(${place}, u.keys - 1)${names})`,
  };
}
