import { diagnostic } from "../../diagnostics/report.js";
import type { AttentionModel, Curve, LayoutModel, OrderModel } from "../../semantics/model.js";
import type { Typed } from "../../semantics/typed.js";
import type { MaskModule, Space } from "../ir.js";
import type { OfPlaces, SelectionItem } from "../selection.js";
import type { Order } from "../layout/order.js";
import { gilbertOrder } from "../layout/gilbert.js";
import { mortonOrder } from "../layout/morton.js";
import { byGivenOrders } from "../layout/given.js";
import { orderedTokens } from "../layout/orders.js";
import { permute } from "../layout/permute.js";
import { byResidues } from "../layout/residues.js";
import { tileOrder } from "../layout/tiles.js";
import { segmentsLength } from "../space.js";
import type { Frame, Lowering } from "./lower.js";
import type { Selections } from "./selections/selections.js";
import { constantOf } from "./value.js";

/** Puts the tokens of a module in another order. */
export interface Reorder {
  readonly apply: (module: MaskModule) => MaskModule;
  /** Whose places are not positions then. */
  readonly places: { readonly q: OfPlaces | undefined; readonly k: OfPlaces | undefined };
  /** Adds the orders that are made of the tensors of a call: before all that reads them. */
  readonly make?: ((selections: Selections, frame: Frame) => void) | undefined;
}

const allPlaces: Reorder["places"] = { q: "places", k: "places" };

/** What a `layout` clause asks for, its numbers worked out and checked. */
export function reorderOf({ layout }: AttentionModel, space: Space, frame: Frame, lowering: Lowering): Reorder | undefined {
  if (layout === undefined) return undefined;
  if (layout.kind === "permute") {
    return byOrders(layout, frame, lowering);
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

function byOrders({ q, k }: Extract<LayoutModel, { kind: "permute" }>, frame: Frame, lowering: Lowering): Reorder {
  const of = (order: OrderModel | undefined): OfPlaces | undefined => {
    if (order?.kind === "input") return `order ${order.input.name}`;
    return order && (order.kind === "sort" ? "order by score" : `order by ${order.clusters.by.kind}`);
  };
  const nameOf = (order: OrderModel | undefined, axis: "q" | "k", module: MaskModule): string | undefined =>
    order && (order.kind === "input" ? order.input.name : positionsOf(axis, module));
  const segment = k?.kind === "sort" ? segmentOf(k.segment, frame, lowering) : undefined;
  const make: Reorder["make"] = (selections, at) => {
    if (q?.kind === "clusters") selections.byClusters("q", q.clusters, at);
    if (k?.kind === "clusters") selections.byClusters("k", k.clusters, at);
    if (k?.kind === "sort") selections.sorted(k.score, segment!, at);
  };
  return {
    apply: (module) => byGivenOrders(module, { q: nameOf(q, "q", module), k: nameOf(k, "k", module) }),
    places: { q: of(q), k: of(k) },
    make,
  };
}

/** The name of the order of queries or keys that is made of the tensors of a call. */
function positionsOf(axis: "q" | "k", { selections = [] }: MaskModule): string {
  const isPositions = (item: SelectionItem): boolean =>
    item.kind === "order" && orderedTokens(item) === axis && (item.by === "score" || item.holds === "positions");
  return selections.find(isPositions)!.name;
}

/** Keys of a segment: a workgroup sorts them, and writes the least and the greatest of each 32 of them. */
function segmentOf(segment: Typed, frame: Frame, lowering: Lowering): number {
  const found = constantOf(lowering.lower(segment, frame)) ?? 0;
  if (found >= 32 && found <= MOST_SORTED && found % 32 === 0) return found;
  const rule = `a multiple of 32 from 32 to ${MOST_SORTED}`;
  lowering.add(diagnostic("ATTN3001", segment.span, { what: "`segment` of `sort`", rule, found }));
  return 32;
}

/** Two words for each fit in what every device has of workgroup memory. */
const MOST_SORTED = 1024;

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
