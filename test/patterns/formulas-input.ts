import type { OracleInput } from "../../compiler/oracle/oracle.js";
import { anyOf, bit, bitsOf, div, documents, id, idsOf, listed, type Formula, type Sizes } from "./formula.js";
import type { Random } from "../../runtime/verify/random.js";

const perBatch =
  (make: (sizes: Sizes, random: Random) => number[]) =>
  (sizes: Sizes, random: Random): OracleInput =>
    idsOf(Array.from({ length: sizes.batch }, () => make(sizes, random)));

const docs = perBatch((sizes, random) => documents(sizes.N, random));
/** The places of the tokens in a random order. */
const order = perBatch(({ N }, random) =>
  Array.from({ length: N }, (_, token) => ({ token, key: random.unit() }))
    .sort((a, b) => a.key - b.key)
    .map(({ token }) => token),
);
const flags = perBatch((sizes, random) => anyOf(sizes.N, [0, 0, 1], random));

function listOf(sizes: Sizes, heads: number, count: number, low: number, high: number, random: Random): OracleInput {
  const data = new Int32Array(sizes.batch * heads * count).fill(-2147483648);
  for (let row = 0; row < sizes.batch * heads; row++) {
    const values = new Set(Array.from({ length: random.integer(0, count) }, () => random.integer(low, high)));
    data.set(
      [...values].sort((a, b) => a - b),
      row * count,
    );
  }
  return { kind: "list", shape: [sizes.batch, heads, count], data };
}

function csrOf(sizes: Sizes, heads: number, rows: number, columns: number, random: Random): OracleInput {
  const list = (): number[] => Array.from({ length: columns }, (_, c) => c).filter(() => random.chance(0.3));
  const make = <T>(count: number, item: () => T): T[] => Array.from({ length: count }, item);
  return { kind: "csr", lists: make(sizes.batch, () => make(heads, () => make(rows, list))) };
}

const common = { batch: 2, heads: 4, kvHeads: 2 };

export const inputFormulas: readonly Formula[] = [
  {
    pattern: "windows.attn#global_sliding_window",
    params: { radius: 5 },
    ...common,
    inputs: (sizes, random) => ({ global: flags(sizes, random) }),
    rule: ({ i, j, b, inputs }) => Math.abs(i - j) <= 5 || id(inputs["global"], b, i) > 0 || id(inputs["global"], b, j) > 0,
  },
  {
    pattern: "groups.attn#group_causal",
    ...common,
    inputs: (sizes, random) => ({ set: docs(sizes, random) }),
    // The keys up to the end of the query's group.
    rule: ({ i, j, b, N, inputs }) => {
      let end = i;
      while (end + 1 < N && id(inputs["set"], b, end + 1) === id(inputs["set"], b, i)) end++;
      return j <= end;
    },
  },
  {
    pattern: "documents.attn#packed_documents",
    ...common,
    inputs: (sizes, random) => ({ doc: docs(sizes, random) }),
    rule: ({ i, j, b, inputs }) => j <= i && id(inputs["doc"], b, i) === id(inputs["doc"], b, j),
  },
  {
    pattern: "documents.attn#packed_documents_full",
    ...common,
    inputs: (sizes, random) => ({ doc: docs(sizes, random) }),
    rule: ({ i, j, b, inputs }) => id(inputs["doc"], b, i) === id(inputs["doc"], b, j),
  },
  {
    pattern: "documents.attn#shared_question",
    ...common,
    inputs: (sizes, random) => ({ part: docs(sizes, random) }),
    rule: ({ i, j, b, inputs }) => {
      const [mine, its] = [id(inputs["part"], b, i), id(inputs["part"], b, j)];
      return j <= i && (its === 0 || its === mine);
    },
  },
  {
    pattern: "documents.attn#shared_prefix_documents",
    ...common,
    inputs: (sizes, random) => {
      const doc = Array.from({ length: sizes.batch }, () => documents(sizes.N, random));
      // Every document continues an earlier one, or none.
      const parents = doc.map(() => Array.from({ length: sizes.N }, (_, d) => random.integer(-1, d - 1)));
      return { doc: idsOf(doc), parent: idsOf(doc.map((ids, b) => ids.map((d) => parents[b]![d]!))) };
    },
    rule: ({ i, j, b, inputs }) => {
      const its = id(inputs["doc"], b, j);
      return j <= i && (id(inputs["doc"], b, i) === its || id(inputs["parent"], b, i) === its);
    },
  },
  {
    pattern: "documents.attn#item_sets",
    ...common,
    inputs: (sizes, random) => ({ item: docs(sizes, random) }),
    rule: ({ i, j, b, inputs }) => j === i || (j < i && id(inputs["item"], b, i) !== id(inputs["item"], b, j)),
  },
  {
    pattern: "token_types.attn#no_visual_pairs",
    ...common,
    inputs: (sizes, random) => ({ visual: flags(sizes, random) }),
    rule: ({ i, j, b, inputs }) => j <= i && (id(inputs["visual"], b, i) === 0 || id(inputs["visual"], b, j) === 0),
  },
  {
    pattern: "token_types.attn#meta_tokens",
    ...common,
    inputs: (sizes, random) => ({ meta: flags(sizes, random) }),
    rule: ({ i, j, b, inputs }) => j <= i && id(inputs["meta"], b, i) === 1 && id(inputs["meta"], b, j) === 1,
  },
  {
    pattern: "token_types.attn#isolated_regions",
    ...common,
    inputs: (sizes, random) => ({ region: perBatch(({ N }) => anyOf(N, [0, 1, 2], random))(sizes, random) }),
    rule: ({ i, j, b, inputs }) => {
      const pair = [id(inputs["region"], b, i), id(inputs["region"], b, j)].sort().join();
      return ["0,0", "0,1", "0,2", "1,1", "2,2"].includes(pair);
    },
  },
  {
    pattern: "token_types.attn#region_cross",
    ...common,
    inputs: (sizes, random) => ({
      region: perBatch(({ NQ }) => anyOf(NQ, [0, 1, 2], random))(sizes, random),
      subject: perBatch(({ N }) => anyOf(N, [0, 1, 2], random))(sizes, random),
    }),
    rule: ({ i, j, b, inputs }) => {
      const subject = id(inputs["subject"], b, j);
      return subject === 0 || id(inputs["region"], b, i) === subject;
    },
  },
  {
    pattern: "caller_maps.attn#vertical_slash",
    ...common,
    inputs: (sizes, random) => ({
      cols: listOf(sizes, sizes.heads, 6, 0, sizes.N - 1, random),
      diags: listOf(sizes, 1, 9, -4, sizes.N - 1, random),
    }),
    rule: ({ i, j, b, h, inputs }) => j <= i && (listed(inputs["cols"], b, h).has(j) || listed(inputs["diags"], b, h).has(i - j)),
  },
  {
    pattern: "caller_maps.attn#block_sparse",
    ...common,
    lengths: [200, 129],
    inputs: (sizes, random) => ({
      map: bitsOf([sizes.batch, sizes.kvHeads, Math.ceil(sizes.N / 64), Math.ceil(sizes.N / 64)], () => random.chance(0.5)),
    }),
    rule: ({ i, j, b, h, inputs }) => j <= i && bit(inputs["map"], b, div(h, 2), div(i, 64), div(j, 64)),
  },
  {
    pattern: "caller_maps.attn#block_lists",
    ...common,
    lengths: [200, 129],
    inputs: (sizes, random) => ({ lists: csrOf(sizes, sizes.kvHeads, Math.ceil(sizes.N / 64), Math.ceil(sizes.N / 64), random) }),
    rule: ({ i, j, b, h, inputs }) => {
      const { lists } = inputs["lists"] as Extract<OracleInput, { kind: "csr" }>;
      return j <= i && Array.from(lists[b]![div(h, 2)]![div(i, 64)]!).includes(div(j, 64));
    },
  },
  {
    pattern: "caller_maps.attn#graph_edges",
    ...common,
    inputs: (sizes, random) => ({ edges: csrOf(sizes, 1, sizes.N, sizes.N, random) }),
    rule: ({ i, j, b, inputs }) => {
      const { lists } = inputs["edges"] as Extract<OracleInput, { kind: "csr" }>;
      return Array.from(lists[b]![0]![i]!).includes(j);
    },
  },
  {
    pattern: "caller_maps.attn#pair_bits",
    ...common,
    inputs: (sizes, random) => ({ allowed: bitsOf([sizes.batch, sizes.heads, sizes.NQ, sizes.N], () => random.chance(0.4)) }),
    rule: ({ i, j, b, h, N, NQ, inputs }) => bit(inputs["allowed"], b, h, i - (N - NQ), j),
  },
  {
    pattern: "caller_maps.attn#medusa_tree",
    params: { nodes: 9 },
    ...common,
    lengths: [40],
    // A random tree: every node has an earlier parent, or hangs on the prefix.
    inputs: ({ N, NQ, batch }, random) => {
      const parent = Array.from({ length: 9 }, (_, node) => random.integer(-1, node - 1));
      const sees = (row: number, column: number): boolean => {
        const [from, to] = [row + N - NQ - (N - 9), column - (N - 9)];
        for (let node = from; node >= 0; node = parent[node]!) if (node === to) return true;
        return false;
      };
      let at = 0;
      return { tree: bitsOf([batch, 1, NQ, N], () => sees(div(at++ % (NQ * N), N), (at - 1) % N)) };
    },
    rule: ({ i, j, b, N, NQ, inputs }) => j <= i && (j < N - 9 || bit(inputs["tree"], b, 0, i - (N - NQ), j)),
  },
  {
    pattern: "chosen_tokens.attn#listed_keys",
    params: { sink: 3, recent: 5 },
    ...common,
    inputs: (sizes, random) => ({ keys: listOf(sizes, sizes.heads, 6, 0, sizes.N - 1, random) }),
    rule: ({ i, j, b, h, inputs }) => j <= i && (j < 3 || i - j < 5 || listed(inputs["keys"], b, h).has(j)),
  },
  {
    pattern: "chosen_tokens.attn#sampled_keys",
    ...common,
    inputs: (sizes, random) => ({ keys: listOf(sizes, 1, 6, 0, sizes.N - 1, random) }),
    rule: ({ j, b, inputs }) => listed(inputs["keys"], b, 0).has(j),
  },
  {
    pattern: "chosen_tokens.attn#chosen_rows",
    ...common,
    inputs: ({ N, NQ, batch }, random) => ({
      place: idsOf(Array.from({ length: batch }, () => Array.from({ length: NQ }, () => random.integer(0, N - 1)))),
    }),
    rule: ({ i, j, b, inputs }) => j <= id(inputs["place"], b, i),
  },
  {
    pattern: "chosen_tokens.attn#sorted_groups",
    params: { group: 8 },
    ...common,
    inputs: (sizes, random) => ({ q_place: order(sizes, random), k_place: order(sizes, random) }),
    rule: ({ i, j, b, inputs }) => div(id(inputs["q_place"], b, i), 8) === div(id(inputs["k_place"], b, j), 8),
  },
  {
    pattern: "chosen_tokens.attn#hashed_groups",
    params: { group: 8 },
    ...common,
    inputs: (sizes, random) => ({
      q_place: order(sizes, random),
      k_place: order(sizes, random),
      sample: listOf(sizes, 1, 4, 0, sizes.N - 1, random),
    }),
    rule: ({ i, j, b, inputs }) =>
      div(id(inputs["q_place"], b, i), 8) === div(id(inputs["k_place"], b, j), 8) || listed(inputs["sample"], b, 0).has(j),
  },
];
