import type { Stmt } from "../../program/ir.js";
import { elementType } from "./family.js";
import type { Instance } from "./family.js";
import { indent } from "../print/indent.js";

/** The type of a tile: a struct by its name, with its template's sizes after the dims. */
export function tileType(tile: string, { problem: { dtype, headDim, valueDim } }: Instance, sizes: readonly number[]): string {
  return `${tile}<${[elementType[dtype], headDim, valueDim, ...sizes].join(", ")}>`;
}

/** The body of a kernel whose block computes one tile of queries: the tile, of this type, and the statements put to it. */
export function printTileBody(tile: string, { program, schedule }: Instance): string {
  return `extern __shared__ __align__(1024) unsigned char shared_memory[];
const Place place(u, aux, blockIdx.x, ${schedule.tileQ});
${tile} tile(u, query, key, value, output, lse, place, shared_memory);
if (!place.any_query()) return;
${printStatements(program.body)}`;
}

/**
 * The statements of a tile program as calls of a tile's operations, which each family of kernels has
 * under the same names: it decides where operands are and who owns what.
 */
export function printStatements(body: readonly Stmt[]): string {
  // The tiles of all walks go through one loop.
  const first = body.find(({ op }) => op === "keyTiles");
  return body
    .filter((stmt) => stmt.op !== "keyTiles" || stmt === first)
    .map((stmt) => (stmt.op === "keyTiles" ? printKeyTiles(stmt) : operation(stmt)))
    .join("\n");
}

/**
 * Tiles without and with a mask have loops of their own, so that the former hold nothing of it. Which
 * pairs are looked at is found before the scores are there: it needs registers that they take later.
 */
function printKeyTiles({ body }: Extract<Stmt, { op: "keyTiles" }>): string {
  const step = (masked: boolean): string => {
    const work = body.flatMap((stmt) => (stmt.op === "when" ? (masked ? stmt.body : []) : [stmt]));
    const look = work.some(({ op }) => op === "mask") ? ["tile.look();"] : [];
    return indent([...look, ...work.map(operation), "tile.next();"].join("\n"), 2);
  };
  return `while (tile.more()) {
  while (tile.full()) {
${step(false)}
  }
  while (tile.partial()) {
${step(true)}
  }
}`;
}

const loads = { Q: "load_query", K: "load_keys", V: "load_values" } as const;
const fills = { m: "fill_max", l: "fill_sum", O: "fill_output" } as const;

/** A statement as the call of an operation. */
export function operation(stmt: Stmt): string {
  switch (stmt.op) {
    case "load":
      return `tile.${loads[stmt.to]}();`;
    case "fill":
      if (stmt.to === "n" || stmt.to === "a") break;
      return `tile.${fills[stmt.to]}(${stmt.value === 0 ? "0.0f" : `${stmt.value}f`});`;
    case "dot":
      return "tile.dot();";
    case "mask":
      return "tile.mask();";
    case "rowMax":
      return "tile.row_max();";
    case "exp2":
      return stmt.to === "a" ? "tile.rescale_factor();" : "tile.exponentials();";
    case "copy":
      return "tile.keep_max();";
    case "scale":
      return stmt.to === "l" ? "tile.scale_sum();" : "tile.scale_output();";
    case "addRowSum":
      return "tile.add_row_sum();";
    case "accumulate":
      return "tile.accumulate();";
    case "normalize":
      return "tile.normalize();";
    case "store":
      return "tile.store_output();";
    case "storePart":
      return "tile.store_part(slots);";
    case "storeLse":
      return "tile.store_lse();";
  }
  throw new Error(`${stmt.op} where kernels have no place for it`);
}
