import type { TileProgram } from "../../program/ir.js";
import { some } from "../../mask/walk.js";
import { BASELINE_LIMITS, workgroupBytes } from "../../schedule/schedule.js";
import type { Schedule } from "../../schedule/schedule.js";
import { printInt } from "../print/expressions.js";
import { wgsl } from "./dialect.js";

/**
 * Where the rows of tensors lie that tiles are made of, as texts: the one seam between a row of a tile and
 * a row of a tensor of a head. Without a layout they are the same.
 */
export interface TokenRows {
  /** Whether the rows of a tile's keys are kept in workgroup memory, see {@link keyRowBytes}. */
  readonly keepsKeys: boolean;
  /** Functions that the other texts call. */
  readonly functions: string;
  /** Whether there is a query at a row, and where; held within the tensor if there is none. */
  readonly hasQuery: (row: string) => string;
  readonly query: (row: string) => string;
  readonly heldQuery: (row: string) => string;
  /** Where the key at a row is, and its value; held within the tensor past the last. */
  readonly key: (row: string) => string;
  readonly heldKey: (row: string) => string;
}

const asTheyAre: TokenRows = {
  keepsKeys: false,
  functions: "",
  hasQuery: (row) => `${row} < u.queries`,
  query: (row) => row,
  heldQuery: (row) => `min(${row}, u.queries - 1)`,
  key: (row) => row,
  heldKey: (row) => `min(${row}, u.keys - 1)`,
};

/**
 * Bytes of workgroup memory for where the keys of a tile are, found once for all threads: in the grid layout
 * of threads, in which each of them reads every value. 0 where there is no room left, and threads look them up.
 */
export function keyRowBytes({ token, module }: TileProgram, schedule: Schedule): number {
  const bytes = schedule.tileK * 4;
  const fits = workgroupBytes(schedule, module.shape) + bytes <= BASELINE_LIMITS.workgroupBytes;
  return token !== undefined && schedule.layout === "grid" && fits ? bytes : 0;
}

/** The rows of a program: a layout's are those of the tokens at places. */
export function tokenRows(program: TileProgram, schedule: Schedule): TokenRows {
  const { token } = program;
  if (token === undefined) return asTheyAre;
  // Tables of a layout are the same for all batch entries.
  const b = some(token, (node) => node.kind === "load") ? "  let b = 0;\n" : "";
  return {
    keepsKeys: keyRowBytes(program, schedule) > 0,
    functions: `// The position of the token at a place.
fn token_row(k: i32) -> i32 {
${b}  return ${printInt(token, wgsl)};
}

// The query of the call at a place; negative where there is none.
fn query_row(place: i32) -> i32 {
  return select(-1, token_row(place) - u.offset, place < u.keys);
}
`,
    hasQuery: (row) => `query_row(${row}) >= 0`,
    query: (row) => `query_row(${row})`,
    heldQuery: (row) => `max(query_row(${row}), 0)`,
    key: (row) => `token_row(${row})`,
    heldKey: (row) => `token_row(min(${row}, u.keys - 1))`,
  };
}
