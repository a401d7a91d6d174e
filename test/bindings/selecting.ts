import { launchModule } from "../../compiler/driver/launch.js";
import type { CompiledOperator } from "../../compiler/bindings/typescript.js";
import { moduleOfText } from "../targets/library-modules.js";

/** Operators whose masks learn from the tensors of a call, and what the compiler makes of them. */

const compiledText = (text: string): CompiledOperator => {
  const mask = moduleOfText(text);
  return { mask, launch: launchModule(mask, [], { profiles: ["software"] }) };
};

export const BLOCK = 8;
export const KEPT = 3;

/** Each query picks key blocks by their mean keys, its own among them. */
export const moba = compiledText(`
/// Each query picks key blocks by their mean key.
attention moba(block = ${BLOCK}, n = ${KEPT}) {
  space  seq causal
  shape  heads: 4, kv_heads: 2, dim: 8
  select b {
    unit  q: token, k: block(block)
    score dot(q, mean(k))
    keep  top(n)
    force current
  }
  attend b
}`);

/** Layer 2 chooses keys, the layers after it reuse the choice. */
export const layered = compiledText(`
attention layered(n = 12) {
  space  seq causal
  shape  heads: 4, kv_heads: 2, dim: 8
  select top_tokens {
    unit  k: token
    score sum(dot(q.last(1), k), over: q)
    group sum over kvh
    keep  top(n)
    force last(1)
    at    layer in [2]
    reuse later layers
  }
  attend top_tokens
}`);

/** Scores by the caller choose blocks, again at every fourth step. */
export const gated = compiledText(`
attention gated(n = 2) {
  space  seq causal
  shape  heads: 4, kv_heads: 2, dim: 8
  input  gate : scores(${BLOCK}, ${BLOCK})
  select b {
    unit  q: block(${BLOCK}), k: block(${BLOCK})
    score gate
    keep  top(n)
    force current
    reuse every 4 steps
  }
  attend b
}`);
