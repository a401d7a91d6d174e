/** A program with every clause and every form of each, for tests that need one. */
export const everyClause = `// A comment before everything.
import { a_shape, s2 } from "std"
import { local_one } from "./other.attn"

/// A piece with parameters.
/// Its second line.
pattern piece(sink = 4, window: runtime = 1020) {
  attend k < sink | q - k < window
}

pattern bare { attend all }

attention clauses(block = 64, ratio = 0.5, tiny = 1e-3) {
  space  grid(t: 30, y: ?, x: block) + text(256) + image(32) causal
  shape  heads: 32, kv_heads: 8, dim: 128, value_dim: 64, dtype: f16
  phase  prefill, decode
  input  doc : ids
  input  ck, cv : pooled(32, 16)
  table  alpha, beta = json("heads.json")
  let    d = q / block - k / block
  probe  p = softmax(dot(q.last(64), k) * scale)
  pool   kmin, kmax = min(k, 16), max(k, 16)
  select pages {
    unit  q: token, k: page(64), diag: block(2)
    score max(sum(max(q * kmin, q * kmax), over: dim), over: subpage)
    group sum over kvh
    keep  top(64) min 16 max 4 * block over head
    among pages & q - k > 4
    force first(1) + last(2)
    snap  block(64)
    at    layer in [0, 13]
    reuse every 4 steps
    reuse later layers
    reuse while cosine(q) >= 0.9
    reuse from pages
  }
  branch cmp { attend end(k) <= q from ck, cv }
  assign best { a_shape, piece, s2 }
  assign prefill {
    when kvh < 2 & !(layer == 0) -> all
    when layer % 2 != 0 -> none
    else -> pages
  }
  attend doc[q] == doc[k] | bits[q, k] | near(x, window: 7, dilation: 2)
         & d >= -1
  score  s + (1 if d > 0 else 2 if d == 0 else 3) * -d.x
  normalize softmax(sink: alpha[h])
  output g[0] * cmp + g[1] * o
  emit   lse, colsum
  layout tiles(2, 8, 8), shared_prefix, kv(int4)
  rope   by slot
  require rows nonempty
  require evictable
  cache  keep all if h < 2 else first(4) + last(block)
}

cache policy(heavy = 0.1) {
  state  acc[h, slot] = 0
  budget (heavy + 0.1) * N0
  on attend { acc += sum(p, over: q); keep += 1 }
  on prefill_end {
    retain kept
  }
  on full { evict lowest(acc) except last(0.1 * N0) }
}

attention decoding {
  space seq causal; phase decode; cache use policy(heavy: 0.2); attend levels(1: top_p(0.4), 2: "x")
}
`;
