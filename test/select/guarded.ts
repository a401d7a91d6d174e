import { moduleOfText } from "../targets/library-modules.js";
import type { MaskModule } from "../../compiler/mask/ir.js";

/** Tokens of a unit of queries and keys. */
export const UNIT = 4;

/** Rows of blocks that stay while their mean queries are alike: for each head, for those of a group, or for all heads together. */
export function guarded(group: "" | "kvh" | "heads", cosine = 0.6): MaskModule {
  return moduleOfText(`
/// Blocks by their mean keys, chosen anew where the mean query has turned.
attention guarded(least = ${cosine}) {
  space  seq causal
  shape  heads: 4, kv_heads: 2, dim: 8
  select best {
    unit  q: block(${UNIT}), k: block(${UNIT})
    score dot(mean(q), mean(k))
    ${group === "" ? "" : `group sum over ${group}`}
    keep  top(2)
    force current
    reuse while cosine(q) >= least
  }
  attend best
}`);
}
