import type { BoolExpr, IntExpr } from "../../mask/ir.js";
import { keyOf, walk } from "../../mask/walk.js";
import type { MaskNode } from "../../mask/walk.js";
import type { KeyBand } from "../../tiles/ranges.js";
import { printBool, printInt } from "../print/expressions.js";
import { isCondition, oneSidedParts } from "../print/one-sided.js";
import type { OneSided } from "../print/one-sided.js";
import { wgsl } from "./dialect.js";

/** Key columns of a thread whose pairs with all its rows fit into one 32-bit word. */
export const columnsPerWord = (rows: number, columns: number): number => Math.min(Math.floor(32 / rows), columns);

/**
 * Which pairs a walk looks at, also as bands of keys for each query, `where` these hold; `list` where its keys are those of
 * one, `chosen` where its rows are the queries that chose a block.
 */
export interface Looks {
  readonly looks: BoolExpr;
  readonly bands?: readonly KeyBand[] | undefined;
  readonly where?: BoolExpr | undefined;
  readonly list?: string | undefined;
  readonly chosen?: boolean | undefined;
}

/** What the functions of programs of chosen blocks are told beside their places. */
const CHOSEN_PARAMETERS = "entries: i32, items: i32, key_end: i32, ";

/** The position of the query at a row of the tile that has the `items` from `entries` on; that of the last one past them. */
export const chosenPosition = (row: string): string => `u.offset + chosen_query(entries, min(${row}, items - 1))`;

/** What answers for the pairs of a walk: bands, a mask for each pair, or both where only some tiles have bands. */
export function printLooks(looks: Looks, rows: number, perWord: number, keepsRows: boolean): string {
  const { bands, where } = looks;
  const pairByPair = (): string => printMaskFunction(looks, rows, perWord, keepsRows);
  if (bands === undefined) return pairByPair();
  const functions = bands.map(printBandFunction).join("\n");
  if (where === undefined) return functions;
  return `${functions}
// Whether the mask of the tile from key k on is its bands.
fn has_bands(k: i32, h: i32, kvh: i32, b: i32) -> bool {
  return ${printBool(where, wgsl)};
}

${pairByPair()}`;
}

/** The band of a query in the tile from key k on, as a function: the keys from x on and before y, which are keys of the sequence. */
function printBandFunction({ lo, hi }: KeyBand, i: number): string {
  const { lines, named } = sharedConditions([lo, hi]);
  const end = (e: IntExpr): string => printInt(e, { ...wgsl, named });
  return `fn band_${i}(q: i32, k: i32, h: i32, kvh: i32, b: i32) -> vec2<i32> {
${[...lines, `return vec2<i32>(${end(lo)}, min(${end(hi)}, u.keys));`].map((line) => `  ${line}`).join("\n")}
}
`;
}

/** What both ends of a band are chosen by, once: reading a bit is most of the work. */
function sharedConditions(ends: readonly IntExpr[]): { readonly lines: readonly string[]; readonly named: ReadonlyMap<MaskNode, string> } {
  const found = new Map<string, { readonly cond: BoolExpr; readonly nodes: MaskNode[] }>();
  for (const end of ends) {
    walk(end, (node) => {
      if (node.kind !== "select") return;
      const key = keyOf(node.cond);
      const known = found.get(key) ?? { cond: node.cond, nodes: [] };
      known.nodes.push(node.cond);
      found.set(key, known);
    });
  }
  const shared = [...found.values()].filter(({ nodes }) => nodes.length > 1);
  const named = new Map(shared.flatMap(({ nodes }, i) => nodes.map((node) => [node, `chosen_${i}`] as const)));
  return { lines: shared.map(({ cond }, i) => `let chosen_${i} = ${printBool(cond, wgsl)};`), named };
}

/**
 * The mask as a function of a thread's first query and place: one bit per pair, in loops that stay rolled, so the text of
 * the mask stands in the kernel once. What depends on one side alone is computed once for all pairs of a query or of a
 * place; with `keepsRows`, for devices that have memory for it, on both sides, else on the one that costs more.
 */
function printMaskFunction({ looks, list, chosen = false }: Looks, rows: number, perWord: number, keepsRows: boolean): string {
  const of = list === undefined ? "" : `_in_${list}`;
  const [place, parameters] = list === undefined ? ["k", chosen ? CHOSEN_PARAMETERS : ""] : ["place", "list: i32, places: i32, "];
  const firstQuery = chosen ? "first_row" : "first_q";
  const sides = oneSidedParts(looks);
  const within = list === undefined ? `k < ${chosen ? "key_end" : "u.keys"}` : "place < places";
  const pair = `${within} && ${printBool(looks, { ...wgsl, named: sides.named })}`;
  const found = `found |= select(0u, 1u, ${pair}) << u32(c * ${rows} + r);`;
  const ofQuery = [`let q = ${chosen ? chosenPosition("first_row + r") : "first_q + r"};`];
  const ofKey = [`let ${place} = first_${place} + c;`, ...(list === undefined ? [] : ["let k = listed_key(list, place);"])];
  const eachRow = (body: readonly string[]): readonly string[] => loop("r", rows, body);
  const eachPlace = (body: readonly string[]): readonly string[] => loop("c", perWord, body);
  const queries = sides.query.map(declared);
  const keys = sides.key.map(declared);
  const kept = keepsRows && sides.query.length > 0;
  const body = kept
    ? [
        ...sides.query.map(({ name, type }) => `var ${name}_rows: array<${type === "int" ? "i32" : "bool"}, ${rows}>;`),
        ...eachRow([...ofQuery, ...sides.query.map(({ name, node }) => `${name}_rows[r] = ${printNode(node)};`)]),
        ...eachPlace([
          ...ofKey,
          ...keys,
          ...eachRow([...ofQuery, ...sides.query.map(({ name }) => `let ${name} = ${name}_rows[r];`), found]),
        ]),
      ]
    : sides.cost.query > sides.cost.key
      ? eachRow([...ofQuery, ...queries, ...eachPlace([...ofKey, ...keys, found])])
      : eachPlace([...ofKey, ...keys, ...eachRow([...ofQuery, ...queries, found])]);
  const lines = ["var found = 0u;", ...sides.neither.map(declared), ...body, "return found;"];
  return `// One bit for each pair of ${rows} queries and ${perWord} keys.
fn looks_at${of}(${firstQuery}: i32, first_${place}: i32, ${parameters}h: i32, kvh: i32, b: i32) -> u32 {
${lines.map((line) => `  ${line}`).join("\n")}
}
`;
}

const loop = (name: string, count: number, body: readonly string[]): readonly string[] => [
  `for (var ${name} = 0; ${name} < ${count}; ${name}++) {`,
  ...body.map((line) => `  ${line}`),
  "}",
];

const declared = ({ name, node }: OneSided): string => `let ${name} = ${printNode(node)};`;

const printNode = (node: MaskNode): string => (isCondition(node) ? printBool(node, wgsl) : printInt(node, wgsl));
