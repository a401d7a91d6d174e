import type { MaskModule } from "../../mask/ir.js";
import { children, some } from "../../mask/walk.js";
import type { MaskNode } from "../../mask/walk.js";
import { planTiles } from "../../tiles/plan.js";
import type { TilePlan } from "../../tiles/plan.js";
import * as t from "../../tiles/expr.js";
import type { TileCond } from "../../tiles/expr.js";
import type { Order } from "../../tiles/row-lengths.js";
import { printBool, printInt } from "../print/expressions.js";
import { ScalarPrinter } from "../print/scalars.js";
import type { SharedValue } from "../print/scalars.js";
import { cpp } from "./dialect.js";
import { printHelpers } from "./helpers.js";

/**
 * Whether all query heads of a kv head see the same pairs, as far as the compiler can tell: then their
 * queries stand side by side in a tile, and each key that is loaded serves all of them.
 */
export function packsHeads(module: MaskModule): boolean {
  const byHead = (node: MaskNode): boolean => node.kind === "scalar" || node.kind === "bit" || (node.kind === "var" && node.name === "h");
  return module.layout === undefined && !some(module.mask, byHead);
}

/** Nodes of a mask up to which it is written out for every pair of a thread; longer ones stay in a loop. */
const MOST_UNROLLED = 24;

const size = (node: MaskNode): number => children(node).reduce((sum, child) => sum + size(child), 1);

/**
 * What is particular to a pattern, as C++: `Place` says which rows a block computes and answers for
 * pairs; `KeyTiles` goes through the key tiles of a tile of queries.
 */
export function printPattern(module: MaskModule, order: Order): string {
  const plan = planTiles(module);
  const walk = printKeyTiles(plan);
  const mask = (module.layout ?? module).mask;
  const looks = `// Whether the query at position (or place) q looks at the key at k.
__device__ __forceinline__ bool looks(int q, int k) const {
  return k < u.keys && ${printBool(mask, cpp)};
}`;
  const place = printPlace(module, order);
  const helpers = printHelpers(module, looks + walk + place);
  return `// Masks with up to ${MOST_UNROLLED} operations are written out for each pair of a thread.
[[maybe_unused]] constexpr int MASK_UNROLL = ${size(mask) <= MOST_UNROLLED ? 32 : 1};

struct Pattern {
  const Uniforms& u;
  const unsigned int* aux;
  // Query head, kv head and batch entry.
  int h;
  int kvh;
  int b;

${indent(helpers === "" ? looks : `${helpers}\n\n${looks}`)}
};

${place}

${walk}
`;
}

/** The rows of a block: which queries they are, and at which positions. */
function printPlace(module: MaskModule, order: Order): string {
  const packs = packsHeads(module);
  const { layout } = module;
  const heads = packs ? "u.kv_heads" : "u.heads";
  const tile = order === "last first" ? "u.tiles - 1 - id % u.tiles" : "id % u.tiles";
  const [offset, count] = layout === undefined ? ["u.offset + ", packs ? "u.queries * pack" : "u.queries"] : ["", "u.keys"];
  // Tables of a layout are the same for all batch entries.
  const token =
    layout === undefined
      ? ""
      : `
  // The position of the token at a place.
  __device__ __forceinline__ int token_row(int k) const {
    ${some(layout.token, (node) => node.kind === "load") ? "const int b = 0;\n    " : ""}return ${printInt(layout.token, cpp)};
  }
`;
  const query = layout === undefined ? (packs ? "(first_row + row) / pack" : "first_row + row") : "token_row(first_row + row) - u.offset";
  const exists = layout === undefined ? `first_row + row < ${count}` : "first_row + row < u.keys && token_row(first_row + row) >= u.offset";
  const head = packs ? "kvh * pack + (first_row + row) % pack" : "h";
  return `struct Place : Pattern {
  // Query heads whose rows stand side by side, and the first row of the tile.
  int pack;
  int first_row;
  // Positions (or places) of the tile's queries, both ends included.
  int q0;
  int q1;

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
  }
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
  __device__ __forceinline__ int position(int row) const { return ${layout === undefined ? `u.offset + ${query}` : "first_row + row"}; }

  // The row of the tensors of keys and values that a key is, held within them past the last.
  __device__ __forceinline__ long long key_row(int k) const {
    const int held = min(k, u.keys - 1);
    return static_cast<long long>(b * u.kv_heads + kvh) * u.keys + ${layout === undefined ? "held" : "token_row(held)"};
  }
};`;
}

function anyQuery(module: MaskModule): string {
  const { queries } = planTiles(module);
  if (queries === undefined) return "return true;";
  const scalars = new ScalarPrinter(cpp, [queries]);
  const text = scalars.print(queries);
  return [...scalars.outer.map(declaration), `return ${text};`].join("\n");
}

function printKeyTiles(plan: TilePlan): string {
  const bounds = plan.ranges.map(({ lo, hi }) => [t.max(lo, t.int(0)), t.min(hi, t.variable("N"))] as const);
  const scalars = new ScalarPrinter(cpp, [...bounds.flat(), plan.may, plan.must]);
  const ends = bounds.map(([lo, hi]) => [scalars.print(lo), scalars.print(hi)] as const);
  const may = conditionIn(scalars, plan.may);
  const must = conditionIn(scalars, plan.must);
  const { outer } = scalars;
  const count = plan.ranges.length;
  const members = outer.map(({ name, type }) => `int ${name};`.replace("int", type));
  const fill = outer.map(({ name, text }) => `${name} = ${text};`);
  const chain = (what: "first" | "end"): string =>
    count === 0 ? "0" : ends.slice(1).reduce((rest, _, i) => `range == ${i + 1} ? ${what}_${i + 1} : (${rest})`, `${what}_0`);
  const visited = ends
    .slice(0, -1)
    .map((_, i) => `(range > ${i} && first_${i} <= tile && tile < end_${i})`)
    .join(" || ");
  const spans = plan.spans;
  const widest = spans.reduce((rest, span) => `(tile % ${span} == 0 ? ${span} : ${rest})`, "1");
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
    tile = ${count === 0 ? "0" : "first_0"};
    span = span_at();
    find();
  }

  __device__ __forceinline__ bool more() const { return range < ${count}; }
  __device__ __forceinline__ bool full() const { return more() && !masked; }
  __device__ __forceinline__ bool partial() const { return more() && masked; }
  __device__ __forceinline__ int first_key() const { return tile * TILE_K; }
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
      const int k0 = tile * TILE_K;
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

/** Rounded out to tiles; a range without keys would get one. */
const tilesOf = (i: number): string =>
  `end_${i} = first_${i} < end_${i} ? (end_${i} + TILE_K - 1) / TILE_K : 0;\nfirst_${i} = first_${i} / TILE_K;`;

function conditionIn(scalars: ScalarPrinter, cond: TileCond): { readonly lines: readonly string[]; readonly text: string } {
  const text = scalars.print(cond);
  return { lines: scalars.inner.splice(0).map(declaration), text };
}

const declaration = ({ name, type, text }: SharedValue): string => `const ${type} ${name} = ${text};`;

export const indent = (text: string, depth = 1): string => text.replace(/^(?=.)/gm, "  ".repeat(depth));
