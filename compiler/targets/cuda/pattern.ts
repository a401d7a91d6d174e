import type { BoolExpr, IntExpr, MaskModule } from "../../mask/ir.js";
import * as m from "../../mask/make.js";
import { children, some } from "../../mask/walk.js";
import type { MaskNode } from "../../mask/walk.js";
import { planTiles } from "../../tiles/plan.js";
import { keyWalks } from "../../tiles/walks.js";
import type { KeyWalk } from "../../tiles/walks.js";
import * as t from "../../tiles/expr.js";
import type { TileCond } from "../../tiles/expr.js";
import type { Order } from "../../tiles/row-lengths.js";
import { printBool, printInt } from "../print/expressions.js";
import { indent } from "../print/indent.js";
import { ScalarPrinter } from "../print/scalars.js";
import type { SharedValue } from "../print/scalars.js";
import { cpp } from "./dialect.js";
import { printHelpers } from "./helpers.js";

/**
 * Whether all query heads of a kv head see the same pairs, as far as the compiler can tell: then their
 * queries stand side by side in a tile, and each key that is loaded serves all of them.
 */
export function packsHeads(module: MaskModule): boolean {
  // Selections of a kv head are the same for its group; of the caller's inputs only the call says how many heads they have.
  const shared = new Set((module.selections ?? []).flatMap(({ name, heads }) => (heads === "query" ? [] : [name])));
  const byHead = (node: MaskNode): boolean =>
    node.kind === "scalar" || (node.kind === "bit" && !shared.has(node.input)) || (node.kind === "var" && node.name === "h");
  return module.layout === undefined && !some(module.mask, byHead);
}

/** Nodes of a mask up to which it is written out for every pair of a thread; longer ones stay in a loop. */
const MOST_UNROLLED = 24;

const size = (node: MaskNode): number => children(node).reduce((sum, child) => sum + size(child), 1);

/**
 * What is particular to a pattern, as C++: `Place` says which rows a block computes and answers for
 * pairs; `KeyTiles` goes through the key tiles of a tile of queries.
 */
export function printPattern(module: MaskModule, order: Order, packs: boolean = packsHeads(module)): string {
  const walks = keyWalks(module);
  const lists = walks.filter(isGathered);
  const rest = walks.find((each) => each.list === undefined);
  const walk = printKeyTiles(rest, lists);
  const mask = rest?.mask ?? m.bool(false);
  const masks = [mask, ...lists.map((each) => each.mask)];
  const looks = `// Whether the query at position (or place) q looks at the key at k.
__device__ __forceinline__ bool ${lists.length === 0 ? "looks" : "looks_all"}(int q, int k) const {
  return k < u.keys && ${printBool(mask, cpp)};
}${lists.map((each, i) => `\n\n${printListedLooks(each, i)}`).join("")}`;
  const place = printPlace(module, order, lists, packs);
  return `${printPatternStruct(module, masks, looks, looks + walk + place, lists.length > 0)}
${place}

${walk}
`;
}

/** `Pattern`, with what answers for pairs (`looks`, of these masks) and the functions that this and `used` call. */
export function printPatternStruct(module: MaskModule, masks: readonly BoolExpr[], looks: string, used: string, listed = false): string {
  const helpers = printHelpers(module, used);
  return `// Masks with up to ${MOST_UNROLLED} operations are written out for each pair of a thread.
[[maybe_unused]] constexpr int MASK_UNROLL = ${Math.max(...masks.map(size)) <= MOST_UNROLLED && !listed ? 32 : 1};

struct Pattern {
  const Uniforms& u;
  const unsigned int* aux;
  // Query head, kv head and batch entry.
  int h;
  int kvh;
  int b;

${indent(helpers === "" ? looks : `${helpers}\n\n${looks}`)}
};
`;
}

/** No tile has more keys. */
const MOST_TILE_KEYS = 256;

type Gathered = KeyWalk & { readonly list: string };

const isGathered = (walk: KeyWalk): walk is Gathered => walk.list !== undefined;

/** Of the keys of a list those that no earlier walk has served. */
const printListedLooks = (
  { mask }: Gathered,
  i: number,
): string => `// Whether it looks at the key at k, which is in list ${i}, for its sake.
__device__ __forceinline__ bool looks_${i}(int q, int k) const {
  return ${printBool(mask, cpp)};
}`;

/**
 * Places of the keys of lists stand behind those of all keys, and of the last tile of them: so one number says which
 * key, and of which walk. Those of a list begin at a multiple of 16.
 */
function printLists(lists: readonly Gathered[]): { readonly members: string; readonly fill: string; readonly functions: string } {
  if (lists.length === 0) return { members: "", fill: "", functions: "" };
  // The list that begins last is asked first.
  const byPlace = (of: (i: number) => string, all: string): string =>
    lists.reduce((rest, _, i) => `place >= first_place_${i} ? ${of(i)} : (${rest})`, all);
  return {
    members: lists
      .map(
        ({ list }, i) =>
          `  // Where the list ${list} is, how many keys it has, and the first of their places.\n  int list_${i};\n  int listed_${i};\n  int first_place_${i};\n`,
      )
      .join(""),
    fill: lists
      .map(({ list }, i) => {
        const before = i === 0 ? "u.keys" : `first_place_${i - 1} + listed_${i - 1}`;
        return `    list_${i} = list_${list}(b, h);\n    listed_${i} = static_cast<int>(aux[list_${i}]);\n    first_place_${i} = (${before} + ${MOST_TILE_KEYS + 15}) & -16;\n`;
      })
      .join(""),
    functions: `
  // The key at a place of a list, held within it.
  __device__ __forceinline__ int listed_key(int list, int listed, int i) const {
    return static_cast<int>(aux[list + 1 + min(i, listed - 1)]);
  }
  __device__ __forceinline__ int key_at(int place) const {
    return ${byPlace((i) => `listed_key(list_${i}, listed_${i}, place - first_place_${i})`, "min(place, u.keys - 1)")};
  }
  // Whether there is a key at a place, and whether a query looks at it there.
  __device__ __forceinline__ bool has_key(int place) const {
    return ${byPlace((i) => `place < first_place_${i} + listed_${i}`, "place < u.keys")};
  }
  __device__ __forceinline__ bool looks(int q, int place) const {
    if (place < first_place_0) return looks_all(q, place);
    return has_key(place) && (${byPlace((i) => `looks_${i}(q, key_at(place))`, "false")});
  }
`,
  };
}

/** The rows of a block: which queries they are, and at which positions. */
function printPlace(module: MaskModule, order: Order, lists: readonly Gathered[], packs: boolean): string {
  const { members, fill, functions } = printLists(lists);
  const { q, k } = module.layout?.tokens ?? {};
  const heads = packs ? "u.kv_heads" : "u.heads";
  const tile = order === "last first" ? "u.tiles - 1 - id % u.tiles" : "id % u.tiles";
  const places = module.space.kind === "self" ? "u.keys" : "u.queries";
  const [offset, count] = q === undefined ? ["u.offset + ", packs ? "u.queries * pack" : "u.queries"] : ["", places];
  const queryToken = q === k ? "token_row" : "query_token";
  const token = [
    ...(k === undefined ? [] : [printToken("token_row", k)]),
    ...(q === undefined || q === k ? [] : [printToken(queryToken, q)]),
  ].join("");
  const query = q === undefined ? (packs ? "(first_row + row) / pack" : "first_row + row") : `${queryToken}(first_row + row) - u.offset`;
  const exists =
    q === undefined ? `first_row + row < ${count}` : `first_row + row < ${places} && ${queryToken}(first_row + row) >= u.offset`;
  const head = packs ? "kvh * pack + (first_row + row) % pack" : "h";
  return `struct Place : Pattern {
  // Query heads whose rows stand side by side, and the first row of the tile.
  int pack;
  int first_row;
  // Positions (or places) of the tile's queries, both ends included.
  int q0;
  int q1;
${members}
  // Tiles of queries of a launch.
  __device__ __forceinline__ static int count(const Uniforms& u) { return u.tiles * ${heads} * u.batch; }

  // Tiles of a head one after another, the ${order}: those are the longest.
  __device__ __forceinline__ Place(const Uniforms& uniforms, const unsigned int* words, int id, int tile_q)
      : Pattern{uniforms, words, 0, 0, 0} {
    pack = ${packs ? "u.heads / u.kv_heads" : "1"};
    first_row = (${tile}) * tile_q;
    const int head = (id / u.tiles) % ${heads};
    b = id / u.tiles / ${heads};
    kvh = ${packs ? "head" : "head / (u.heads / u.kv_heads)"};
    h = ${packs ? "head * pack" : "head"};
    q0 = ${offset}first_row${packs ? " / pack" : ""};
    q1 = ${offset}(min(first_row + tile_q, ${count}) - 1)${packs ? " / pack" : ""};
${fill}  }
${token}
  // Whether the tile holds a query of the call.
  __device__ __forceinline__ bool any_query() const {
${indent(anyQuery(module), 2)}
  }
  __device__ __forceinline__ bool has_query(int row) const { return ${exists}; }

  // The row of the queries' tensor that a row of the tile is, ${packs ? "" : "and "}its position in the mask.
  __device__ __forceinline__ long long query_row(int row) const {
    return static_cast<long long>(b * u.heads + ${head}) * u.queries + ${query};
  }
  __device__ __forceinline__ int position(int row) const { return ${q === undefined ? `u.offset + ${query}` : "first_row + row"}; }

${lists.length === 0 ? "  __device__ __forceinline__ bool has_key(int k) const { return k < u.keys; }\n" : functions.replace(/^\n/, "")}
  // The row of the tensors of keys and values that a key is, held within them past the last.
  __device__ __forceinline__ long long key_row(int k) const {
    const int held = ${lists.length === 0 ? "min(k, u.keys - 1)" : "key_at(k)"};
    return static_cast<long long>(b * u.kv_heads + kvh) * u.keys + ${k === undefined ? "held" : "token_row(held)"};
  }
};`;
}

/** The position of the token at a place: tables of a layout are the same for all batch entries, orders of the caller are not. */
function printToken(name: string, token: IntExpr): string {
  const shared = some(token, (node) => node.kind === "load" && node.byHead !== true);
  return `
  // The position of the token at a place.
  __device__ __forceinline__ int ${name}(int k) const {
    ${shared ? "const int b = 0;\n    " : ""}return ${printInt(token, cpp)};
  }
`;
}

function anyQuery(module: MaskModule): string {
  const { queries } = planTiles(module);
  if (queries === undefined) return "return true;";
  const scalars = new ScalarPrinter(cpp, [queries]);
  const text = scalars.print(queries);
  return [...scalars.outer.map(declaration), `return ${text};`].join("\n");
}

function printKeyTiles(all: KeyWalk | undefined, lists: readonly Gathered[]): string {
  const plan = all ?? nothing;
  const bounds = plan.ranges.map(({ lo, hi }) => [t.max(lo, t.int(0)), t.min(hi, t.variable("N"))] as const);
  const scalars = new ScalarPrinter(cpp, [...bounds.flat(), plan.may, plan.must, ...lists.flatMap((list) => [list.may, list.must])]);
  const ends = bounds.map(([lo, hi]) => [scalars.print(lo), scalars.print(hi)] as const);
  const may = conditionIn(scalars, plan.may);
  const must = conditionIn(scalars, plan.must);
  const ranges = plan.ranges.length;
  scalars.leaveKeyTile();
  const gathered = lists.map((list, i) => printGathered(scalars, list, i, ranges + i)).join("");
  const { outer } = scalars;
  const count = ranges + lists.length;
  const members = outer.map(({ name, type }) => `int ${name};`.replace("int", type));
  const fill = outer.map(({ name, text }) => `${name} = ${text};`);
  const chain = (what: "first" | "end"): string =>
    [
      ...ends.map((_, i) => `${what}_${i}`),
      ...lists.map((_, i) => (what === "first" ? "0" : `(listed_${i} + TILE_K - 1) / TILE_K`)),
    ].reduceRight((rest, text, i) => (i === count - 1 ? text : `range == ${i} ? ${text} : (${rest})`), "0");
  const firstPlace = lists.reduceRight((rest, _, i) => `range == ${ranges + i} ? first_place_${i} : (${rest})`, "0");
  const visited = ends
    .slice(0, -1)
    .map((_, i) => `(range > ${i} && first_${i} <= tile && tile < end_${i})`)
    .join(" || ");
  const spans = plan.spans;
  const atTile = spans.reduce((rest, span) => `(tile % ${span} == 0 ? ${span} : ${rest})`, "1");
  const widest = lists.length > 0 && spans.length > 0 ? `range >= ${ranges} ? 1 : ${atTile}` : atTile;
  const narrower = spans.reduceRight((rest, width, i) => `(span == ${width} ? ${spans[i - 1] ?? 1} : ${rest})`, "1");
  return `// How far the walk over the key tiles of a tile of queries has come: data, that one thread may hand to another.
struct Walk {
  int range;
  int tile;
  int span;
  // Whether some pair of the present tile is not looked at.
  bool masked;
${indent([...ends.map((_, i) => `int first_${i};\nint end_${i};`), ...members].join("\n"))}
};

// The key tiles of a tile of queries: those of each range in rising order, none twice, empty ones left out.
template <int TILE_K>
struct KeyTiles : Place, Walk {
  __device__ __forceinline__ KeyTiles(const Place& place, const Walk& walk) : Place(place), Walk(walk) {}
  __device__ inline explicit KeyTiles(const Place& place) : Place(place), Walk{} {
${indent([...fill, ...ends.flatMap(([lo, hi], i) => [`first_${i} = ${lo};`, `end_${i} = ${hi};`, tilesOf(i)])].join("\n"), 2)}
    tile = ${ranges === 0 ? "0" : "first_0"};
    span = span_at();
    find();
  }

  __device__ __forceinline__ bool more() const { return range < ${count}; }
  __device__ __forceinline__ bool full() const { return more() && !masked; }
  __device__ __forceinline__ bool partial() const { return more() && masked; }
  __device__ __forceinline__ int first_key() const { return ${lists.length === 0 ? "" : `(${firstPlace}) + `}tile * TILE_K; }
  __device__ __forceinline__ void next() {
    tile += 1;
    span = span_at();
    find();
  }

 private:
  __device__ __forceinline__ int first() const { return ${chain("first")}; }
  __device__ __forceinline__ int end() const { return ${chain("end")}; }
  // The widest block of tiles that begins here: empty blocks are passed over as a whole.
  __device__ __forceinline__ int span_at() const { return ${widest}; }

  // Moves to the first tile from the present one on that is looked at.
  __device__ inline void find() {
    while (more()) {
      if (tile >= end()) {
        range += 1;
        tile = first();
        span = span_at();
        continue;
      }
${gathered}      const int k0 = tile * TILE_K;
      const int k1 = min(k0 + span * TILE_K, u.keys) - 1;
${indent(may.lines.join("\n"), 3)}
      if (!(${may.text})${visited === "" ? "" : ` || (span == 1 && (${visited}))`}) {
        tile += span;
        span = span_at();
        continue;
      }
      if (span > 1) {
        span = ${narrower};
        continue;
      }
${indent(must.lines.join("\n"), 3)}
      masked = u.keys < k0 + TILE_K || !(${must.text});
      return;
    }
  }
};`.replace(/^\s*\n(?=\n)/gm, "");
}

/** Where every key of the walk over all keys is in none of its tiles. */
const nothing = { ranges: [], spans: [], may: t.never, must: t.never };

/** The tiles of a list, in the search for the next tile: what is asked is the rectangle from the first to the last key. */
function printGathered(scalars: ScalarPrinter, { may, must }: Gathered, i: number, range: number): string {
  const asked = conditionIn(scalars, may);
  const whole = conditionIn(scalars, must);
  scalars.leaveKeyTile();
  return `      if (range == ${range}) {
        const int place = tile * TILE_K;
        const int k0 = listed_key(list_${i}, listed_${i}, place);
        const int k1 = listed_key(list_${i}, listed_${i}, place + TILE_K - 1);
${indent(asked.lines.join("\n"), 4)}
        if (!(${asked.text})) {
          tile += 1;
          continue;
        }
${indent(whole.lines.join("\n"), 4)}
        masked = listed_${i} < place + TILE_K || !(${whole.text});
        return;
      }
`;
}

/** Rounded out to tiles; a range without keys would get one. */
const tilesOf = (i: number): string =>
  `end_${i} = first_${i} < end_${i} ? (end_${i} + TILE_K - 1) / TILE_K : 0;\nfirst_${i} = first_${i} / TILE_K;`;

/** A condition as text, with what has to be computed for the key tile before it. */
export function conditionIn(scalars: ScalarPrinter, cond: TileCond): { readonly lines: readonly string[]; readonly text: string } {
  const text = scalars.print(cond);
  return { lines: scalars.inner.splice(0).map(declaration), text };
}

export const declaration = ({ name, type, text }: SharedValue): string => `const ${type} ${name} = ${text};`;
