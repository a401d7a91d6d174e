import { diagnostic } from "../../diagnostics/report.js";
import type { AttentionModel, Curve, LayoutModel } from "../../semantics/model.js";
import type { MaskModule, Space } from "../ir.js";
import type { OfPlaces } from "../selection.js";
import type { Order } from "../layout/order.js";
import { gilbertOrder } from "../layout/gilbert.js";
import { mortonOrder } from "../layout/morton.js";
import { byGivenOrders } from "../layout/given.js";
import { permute } from "../layout/permute.js";
import { byResidues } from "../layout/residues.js";
import { tileOrder } from "../layout/tiles.js";
import { segmentsLength } from "../space.js";
import type { Frame, Lowering } from "./lower.js";
import { constantOf } from "./value.js";

/** Puts the tokens of a module in another order. */
export interface Reorder {
  readonly apply: (module: MaskModule) => MaskModule;
  /** Whose places are not positions then. */
  readonly places: { readonly q: OfPlaces | undefined; readonly k: OfPlaces | undefined };
}

const allPlaces: Reorder["places"] = { q: "places", k: "places" };

/** What a `layout` clause asks for, its numbers worked out and checked. */
export function reorderOf({ layout }: AttentionModel, space: Space, frame: Frame, lowering: Lowering): Reorder | undefined {
  if (layout === undefined) return undefined;
  if (layout.kind === "permute") {
    const orders = { q: layout.q?.input.name, k: layout.k?.input.name };
    const of = (name: string | undefined): OfPlaces | undefined => (name === undefined ? undefined : `order ${name}`);
    return { apply: (module) => byGivenOrders(module, orders), places: { q: of(orders.q), k: of(orders.k) } };
  }
  if (layout.kind === "residues") {
    const modulus = constantOf(lowering.lower(layout.modulus, frame)) ?? 0;
    const rule = `from 1 to ${MOST_RESIDUES}`;
    if (modulus < 1 || modulus > MOST_RESIDUES) {
      lowering.add(diagnostic("ATTN3001", layout.modulus.span, { what: "the number of residues", rule, found: modulus }));
      return undefined;
    }
    // Of one residue there is one class, in the order there is.
    return modulus === 1 ? undefined : { apply: (module) => byResidues(module, modulus), places: allPlaces };
  }
  const order = orderOf(layout, space, frame, lowering);
  return order && { apply: (module) => permute(module, order), places: allPlaces };
}

/** A period of that many classes is longer than sequences mostly are. */
const MOST_RESIDUES = 4096;

function orderOf(
  layout: Extract<LayoutModel, { kind: "tiles" | "curve" }>,
  space: Space,
  frame: Frame,
  lowering: Lowering,
): Order | undefined {
  const extents = space.axes.map((axis) => axis.extent as number);
  if (layout.kind === "tiles") {
    const sizes = layout.sizes.map((typed, i) => {
      const size = constantOf(lowering.lower(typed, frame)) ?? 0;
      const what = `the size of a tile on axis \`${space.axes[i]!.name}\``;
      if (size < 1) lowering.add(diagnostic("ATTN3001", typed.span, { what, rule: "at least 1", found: size }));
      return Math.max(1, size);
    });
    return tileOrder(extents, sizes);
  }
  const problems = curveProblems(layout.curve, space);
  for (const params of problems) lowering.add(diagnostic("ATTN3001", layout.span, params));
  if (problems.length > 0) return undefined;
  return layout.curve === "morton" ? mortonOrder(extents) : gilbertOrder(layout.curve, extents, segmentsLength(space));
}

/** What keeps a curve from filling a grid. */
function curveProblems(curve: Curve, { axes }: Space): readonly { readonly what: string; readonly rule: string; readonly found: number }[] {
  const under = `under \`curve(${curve})\``;
  if (curve !== "morton" && axes.length !== 2 && axes.length !== 3) {
    return [{ what: `the number of axes ${under}`, rule: "2 or 3", found: axes.length }];
  }
  if (curve === "gilbert") return [];
  const first = axes[0]!;
  return axes.flatMap(({ name, extent }) => {
    const what = `the extent of axis \`${name}\` ${under}`;
    const found = extent as number;
    if (!Number.isInteger(Math.log2(found))) return [{ what, rule: "a power of two", found }];
    return curve === "hilbert" && extent !== first.extent ? [{ what, rule: `that of \`${first.name}\`, ${first.extent}`, found }] : [];
  });
}
