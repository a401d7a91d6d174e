import type { BoolExpr, HostExpr, IntExpr, KeyWindows, MaskModule } from "../ir.js";
import * as m from "../make.js";
import { mapBits } from "../map-bits.js";
import { bitOfPair } from "../selection-bits.js";
import { simplifyModule } from "../simplify.js";
import { mapHost, mapLeaves } from "../walk.js";

/**
 * A module whose `k` counts windows, from one built over the space of the call: queries are numbered from 0, as in a
 * cross space, and what the mask asks of positions is asked through the number of the call's keys, a parameter. Selections
 * stay those of the call; of a window the bit of its block is read.
 */
export function overWindows(module: MaskModule, { n, stride, tokens }: Omit<KeyWindows, "space">): MaskModule {
  const { space } = module;
  const keys = m.param(tokens);
  const position = space.kind === "self" ? m.add(m.q, m.sub(keys, m.variable("NQ"))) : m.q;
  const replace = (leaf: IntExpr): IntExpr => {
    if (leaf.kind !== "var") return leaf;
    return leaf.name === "q" ? position : leaf.name === "N" ? keys : leaf;
  };
  const inHost = (leaf: HostExpr): HostExpr => (leaf.kind === "var" && leaf.name === "N" ? { kind: "param", name: tokens } : leaf);
  const selected = new Map((module.selections ?? []).map((item) => [item.name, bitOfPair(item, space, stride)]));
  const read = mapBits(module.mask, (bit): BoolExpr => selected.get(bit.input) ?? bit);
  const doc = "The number of keys of the call, of which each of the pooled ones stands for a window.";
  return simplifyModule({
    ...module,
    windows: { n, stride, tokens, space },
    space: { kind: "cross", causal: false, axes: [], segments: [] },
    params: [...module.params, { name: tokens, min: 1, doc }],
    scalars: module.scalars.map((scalar) => ({ ...scalar, expr: mapHost(scalar.expr, inHost) })),
    mask: mapLeaves(read, replace),
  });
}
