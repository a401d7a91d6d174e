import type { BoolExpr } from "../../mask/ir.js";
import { printBool } from "../print/expressions.js";
import { wgsl } from "./dialect.js";

/** Key columns of a thread whose pairs with all its rows fit into one 32-bit word. */
export const columnsPerWord = (rows: number, columns: number): number => Math.min(Math.floor(32 / rows), columns);

/**
 * The mask as a function of a thread's first query and key: one bit per pair, columns outermost.
 * Its loops stay rolled, so the text of the mask stands in the kernel once.
 */
export function printMaskFunction(looks: BoolExpr, rows: number, perWord: number): string {
  return `fn looks(q: i32, k: i32, h: i32, kvh: i32, b: i32) -> bool {
  return k < u.keys && ${printBool(looks, wgsl)};
}

// One bit for each pair of ${rows} queries and ${perWord} keys.
fn looks_at(first_q: i32, first_k: i32, h: i32, kvh: i32, b: i32) -> u32 {
  var found = 0u;
  for (var c = 0; c < ${perWord}; c++) {
    for (var r = 0; r < ${rows}; r++) {
      found |= select(0u, 1u, looks(first_q + r, first_k + c, h, kvh, b)) << u32(c * ${rows} + r);
    }
  }
  return found;
}
`;
}
