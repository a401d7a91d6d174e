import type { IntExpr, KeyWindows, MaskModule } from "../ir.js";
import * as m from "../make.js";
import { simplifyModule } from "../simplify.js";
import { mapLeaves } from "../walk.js";

/**
 * A module whose `k` counts windows, from one built over the space of the call: queries are numbered from 0, as in a
 * cross space, and what the mask asks of positions is asked through the number of the call's keys, a parameter.
 */
export function overWindows(module: MaskModule, { n, stride, tokens }: Omit<KeyWindows, "space">): MaskModule {
  const keys = m.param(tokens);
  const position = module.space.kind === "self" ? m.add(m.q, m.sub(keys, m.variable("NQ"))) : m.q;
  const replace = (leaf: IntExpr): IntExpr => {
    if (leaf.kind !== "var") return leaf;
    return leaf.name === "q" ? position : leaf.name === "N" ? keys : leaf;
  };
  const doc = "The number of keys of the call, of which each of the pooled ones stands for a window.";
  return simplifyModule({
    ...module,
    windows: { n, stride, tokens, space: module.space.kind },
    space: { kind: "cross", causal: false, axes: [], segments: [] },
    params: [...module.params, { name: tokens, min: 1, doc }],
    mask: mapLeaves(module.mask, replace),
  });
}
