import type { MaskModule } from "../../mask/ir.js";
import type { TileProgram } from "../../program/ir.js";

/** How many places queries have: in a self space those of all keys. */
export const placeCount = ({ space }: MaskModule): string => (space.kind === "self" ? "u.keys" : "u.queries");

/** From the number `id` of a query tile: its head and batch entry, its first row and its positions. */
export function tilePlace(program: TileProgram): string {
  const { order, tileQ, tokens, module } = program;
  // With an order of queries rows are places, which are counted from the first on.
  const [first, count] = tokens?.q === undefined ? ["u.offset + ", "u.queries"] : ["", placeCount(module)];
  const tile = order === "last first" ? "u.tiles - 1 - id % u.tiles" : "id % u.tiles";
  return `// Tiles of a head one after another, the ${order}: those are the longest.
let first_row = (${tile}) * ${tileQ};
let h = (id / u.tiles) % u.heads;
let b = id / u.tiles / u.heads;
let kvh = h / (u.heads / u.kv_heads);
let q0 = ${first}first_row;
let q1 = ${first}min(first_row + ${tileQ}, ${count}) - 1;`;
}
