import { clusteredTokens } from "../mask/clusters.js";
import type { ClusterOrder } from "../mask/selection.js";
import { SUMMARY_TOKENS } from "../tiles/expr.js";
import { COLUMN, firstQuery, ROW } from "./axes.js";
import { clustersBySlot, headOfClusters, tokensBySlot } from "./clusters.js";
import { add, ceilDiv, div, int, lt, max, min, mod, mul, named, ONE, shape, sub, whole, ZERO } from "./int.js";
import type { Bits, Int, Real, Tensor } from "./ir.js";
import type { Lowering } from "./lower.js";
import { choose, float, loop, number } from "./reals.js";

/**
 * Adds the stages that make the order of tokens by their clusters: slots are its places, behind the tokens before the call
 * where it is one of the queries of a self space.
 */
export function lowerClusterOrder(lowering: Lowering, order: ClusterOrder): Bits {
  const { name, heads } = order;
  const places = placeCount(lowering, order);
  const groups = ceilDiv(places, int(SUMMARY_TOKENS));
  const to: Bits = { name, heads, rows: add(places, mul(groups, int(2))), columns: int(32) };
  const [byPlace, ends] = [placeTable(lowering, order, places), int(2)];
  const summary = lowering.stage(() =>
    lowering.table(`ends of ${name}`, heads, { columns: mul(groups, ends) }, endOf(lowering, order, byPlace, places)),
  );
  const at = (from: Tensor, column: Int): Real => ({ kind: "load", from, at: { head: headOfClusters(order.of), column } });
  const value = choose(lt(ROW, places), at(byPlace, min(ROW, sub(places, ONE))), at(summary, max(sub(ROW, places), ZERO)));
  lowering.add({ kind: "words", name: `write ${name}`, to, value, whole: true, serves: [] });
  return to;
}

/** In a self space places of queries are those of all positions. */
const placeCount = ({ module: { space } }: Lowering, { of }: ClusterOrder): Int =>
  shape(clusteredTokens(of) === "q" && space.kind === "cross" ? "NQ" : "N");

/** What the order holds, by place. */
function placeTable(lowering: Lowering, { name, heads, of, holds }: ClusterOrder, places: Int): Tensor {
  const from = holds === "clusters" ? clustersBySlot(lowering, of) : tokensBySlot(lowering, of);
  const { space } = lowering.module;
  if (clusteredTokens(of) === "k" || space.kind === "cross") return from;
  const before = firstQuery(space);
  const at = { head: headOfClusters(of), column: max(sub(COLUMN, before), ZERO) };
  const found: Real = { kind: "load", from, at };
  const value =
    holds === "clusters"
      ? choose(lt(COLUMN, before), number(0), found)
      : choose(lt(COLUMN, before), float(COLUMN), float(add(before, whole(found))));
  return lowering.table(`places of ${name}`, heads, { columns: places }, value);
}

/** The least and the greatest of each group of places, one after the other. */
function endOf(lowering: Lowering, { of }: ClusterOrder, byPlace: Tensor, places: Int): Real {
  const i = named(lowering.fresh());
  const from = mul(div(COLUMN, int(2)), int(SUMMARY_TOKENS));
  const end = (op: "min" | "max"): Real =>
    loop(op, i.name, from, min(add(from, int(SUMMARY_TOKENS)), places), {
      kind: "load",
      from: byPlace,
      at: { head: headOfClusters(of), column: i },
    });
  return choose(lt(mod(COLUMN, int(2)), ONE), end("min"), end("max"));
}
