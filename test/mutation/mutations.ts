/** A mistake in a kernel's text: what it is, where, and what stands there instead. */
export interface Mutation {
  readonly name: string;
  /** A regular expression; every place that fits is changed. */
  readonly find: string;
  readonly replace: string;
}

const mutation = (name: string, find: string, replace = ""): Mutation => ({ name, find, replace });

/** By operator. Texts are those of kernels for GPUs: one group of four rows, four columns and one group of values per thread. */
export const mutations: Readonly<Record<string, readonly Mutation[]>> = {
  sliding: [
    mutation("a band begins a key early", "\\(q - 79\\), ", "(q - 80), "),
    mutation("a band ends a key early", "min\\(\\(q \\+ 1\\), ", "min(q, "),
    mutation("ends of two rows swapped", "band_0_0\\.y, band_0_1\\.y", "band_0_1.y, band_0_0.y"),
    mutation("a key compared in place of its neighbour", "key_of_1 = vec4<i32>\\((.*) \\+ 1\\)", "key_of_1 = vec4<i32>($1)"),
    mutation("the first key tile skipped", "var tile = first_key / 32;", "var tile = first_key / 32 + 1;"),
    mutation("the last key tile skipped", "\\(end_key \\+ 31\\) / 32", "end_key / 32"),
    mutation("a partial tile taken for full", "PARTIAL, .*\\);", "PARTIAL, u.keys < (k0 + 32));"),
    mutation("a run begins where the one before it began", "^ *run = tile;$"),
    mutation("the last tile of a run lost", "own < tile;", "own < tile - 1;"),
    mutation("runs of two kinds not told apart", "kind != run_kind", "(kind == EMPTY) != (run_kind == EMPTY)"),
    mutation("the kind of a run forgotten", "^ *run_kind = kind;$"),
    mutation("last key of a full tile lost", "j < 32;", "j < 31;"),
    mutation("output not rescaled", "^ *o_\\d_0 \\*= a_0\\.\\w;$"),
    mutation("denominator not rescaled", "^ *l_0 \\*= a_0;$"),
    mutation("maximum not carried on", "n_0 = m_0;", "n_0 = vec4<f32>(-1e30);"),
    mutation("new maximum forgotten", "^ *m_0 = n_0;$"),
    mutation("maximum of one column of threads only", "i < 8; i\\+\\+\\) \\{\\n *n_0", "i < 1; i++) {\n      n_0"),
    mutation("maximum starts at 0", "var m_0 = .*", "var m_0 = vec4<f32>(0.0);"),
    mutation("wrong kv head: remainder for quotient", "h / \\(u\\.heads / u\\.kv_heads\\)", "h % u.kv_heads"),
    mutation("wrong kv head: always the first", "let kvh = .*", "let kvh = 0;"),
    mutation("batch index of keys dropped", "\\(b \\* u\\.kv_heads \\+ kvh\\)", "kvh"),
    mutation("batch index of queries dropped", "\\(b \\* u\\.heads \\+ h\\)", "h"),
    mutation("positions of queries from 0", "u\\.offset \\+ "),
    mutation("last row lost", "( < u\\.queries)\\) \\{(\\s+let row)", "$1 - 1) {$2"),
    mutation("last row of the lse lost", "( < u\\.queries)\\) \\{(\\s+lse)", "$1 - 1) {$2"),
    // Writing beyond the end is not here: whether the next head's own rows come later is a race.
    mutation("last value column not written", "column_thread < 5", "column_thread < 4"),
    mutation("last key of a partial tile lost", "min\\(32, u\\.keys - k0\\)", "min(31, u.keys - k0)"),
    mutation("values past the end read", "min\\(32, u\\.keys - k0\\)", "32"),
    mutation("last key lost", "\\(q \\+ 1\\), u\\.keys\\)", "(q + 1), u.keys - 1)"),
    mutation("scale without log2 e", "u\\.scale", "(u.scale * 0.6931472)"),
    mutation("exp for exp2", "exp2\\(s_", "exp(s_"),
    mutation("not divided by the denominator", "^ *o_\\d_0 \\*= inverse_0\\.\\w;$"),
    mutation("a column missing in the denominator", " \\+ s_3_0;", ";"),
    mutation("the last thread missing in the denominator", "i < 8; i\\+\\+\\) \\{\\n *l_0", "i < 7; i++) {\n    l_0"),
    mutation("value columns swapped in pairs", "min\\(column_thread, 4\\)", "min(column_thread ^ 1, 4)"),
    mutation("weights of another row", "vec4<f32>\\(p_0\\.y\\)", "vec4<f32>(p_0.x)"),
    mutation("query rows turned round wrongly", "vec4<f32>\\(x0\\.y, x1\\.y, x2\\.y, x3\\.y\\)", "vec4<f32>(x0.y, x2.y, x1.y, x3.y)"),
    mutation("lse in base 2", "0\\.6931471805599453 \\* "),
    mutation("lse without the maximum", "\\(m_0\\.(\\w) \\+ log2", "(log2"),
    mutation("lse without the sum", " \\+ log2\\(l_0\\.\\w\\)"),
  ],
  dense: [
    mutation("keys past the end not masked", "\\(u\\.keys < \\(k0 \\+ 32\\)\\)", "(false)"),
    mutation("masked scores count as 0", "const MASKED = .*", "const MASKED = 0.0;"),
  ],
  streaming: [
    mutation("tiles of two ranges visited twice", "visited = visited .*", "visited = false;"),
    mutation("the second range not visited", "range >= ranges;", "range >= 1;"),
  ],
  gaps: [
    mutation("empty rows divided by 0", "let inverse_0 = .*", "let inverse_0 = 1.0 / l_0;"),
    mutation("lse of empty rows is 0", "bitcast<f32>\\(minus_infinity\\)", "0.0"),
    mutation("masked scores weigh as much as the maximum", "var m_0 = .*", "var m_0 = vec4<f32>(MASKED);"),
  ],
  lists: [
    mutation("bits of two key columns swapped", "1u, 2u, 4u, 8u", "16u, 32u, 64u, 128u"),
    mutation("the last tile of a list lost", "\\(places \\+ 31\\) / 32", "places / 32"),
    mutation("the key before the listed one", "aux\\[list \\+ 1 \\+ place\\]", "aux[list + place]"),
    mutation("listed pairs served twice", " \\|\\| !bit_diags\\(b, h, 0, ", " || true || bit_diags(b, h, 0, "),
    mutation("tiles without a pair not skipped", "if \\(.*\\) \\{(\\s+break;\\s+\\}\\s+if \\(span == 1\\))", "if (false) {$1"),
    mutation("a tile behind an empty block lost", "tile \\+= span;", "tile += span + 1;"),
    mutation("the next bit read", "u32\\(column & 31\\)", "u32((column + 1) & 31)"),
    mutation("the next word read", "\\(column >> 5u\\)", "((column + 1) >> 5u)"),
    mutation("diagonals off by one", "\\(u\\.keys - 1\\)", "u.keys"),
    mutation("lists of another head: remainder for quotient", "\\(h \\* u\\.in_cols_headCount / u\\.heads\\)", "(h % u.in_cols_headCount)"),
    mutation("lists of the first head", "\\(h \\* u\\.in_cols_headCount / u\\.heads\\)", "0"),
    mutation("lists of the first batch entry", "b \\* u\\.in_\\w+_batchStride", "0"),
    mutation("the last word not searched", "i <= last >> 5u", "i < (last >> 5u)"),
    mutation("the last column of a search lost", "31u - high", "min(32u - high, 31u)"),
    mutation("any bit taken for all bits", "!= wanted", "== 0u"),
  ],
  documents: [
    mutation("least and greatest id swapped", "first \\* 2 \\+ 0\\]", "first * 2 + 1]"),
    mutation("the last group of ids not looked at", "i <= last; i", "i < last; i"),
    mutation("ids of the first batch entry", "b \\* u\\.in_doc_batchStride", "0"),
    mutation("summary of the first batch entry", "b \\* u\\.in_doc_summaryBatchStride", "0"),
    mutation("id of the next token", "let at = clamp\\(i, ", "let at = clamp(i + 1, "),
  ],
  heads: [
    mutation("scalars of the next head", "u\\.scalars \\+ h", "u.scalars + (h + 1) % u.heads"),
    mutation("scalars of the first head", "u\\.scalars \\+ h", "u.scalars + 0"),
    mutation(
      "halves of a word swapped",
      "pack2x16float\\((\\w+)\\.xy\\), pack2x16float\\(\\w+\\.zw\\)",
      "pack2x16float($1.yx), pack2x16float($1.zw)",
    ),
  ],
};
