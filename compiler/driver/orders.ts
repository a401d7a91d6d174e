import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import type { Selection } from "../mask/selection.js";
import { keyOrder, mostChosen } from "../tiles/key-order.js";
import type { TileSize } from "../tiles/cost.js";
import type { OrdersReport } from "../tiles/report.js";
import { expectedPairs, mostOf } from "../../runtime/launch/key-order/expected.js";

/**
 * What both orders of pairs are expected to cost on WebGPU where each query chooses blocks of keys of its own, as a launch
 * asks it before it makes lists: in tiles of a head. Undefined where there is but one order.
 */
export function expectedOrders(module: MaskModule, env: MaskEnv, { tileQ, tileK }: TileSize): OrdersReport | undefined {
  const order = module.shape.dtype === "bf16" ? undefined : keyOrder(module);
  if (order === undefined) return undefined;
  const { selection, unit, grouped } = order;
  const chosen = module.selections!.find((each): each is Selection => each.name === selection)!;
  const { N, NQ, heads, kvHeads } = env;
  const self = module.space.kind === "self";
  const most = mostOf(Math.ceil(N / unit), mostChosen(chosen));
  const tile = { tileQ, tileK, heads: 1 };
  const pairs = expectedPairs({
    ...{ keyTile: tile, queryTile: tile, queries: NQ, keys: N, offset: self ? N - NQ : 0, causal: self && module.space.causal },
    ...{ unit, most, group: grouped && chosen.heads !== "query" ? heads / kvHeads : 1 },
  });
  const tiles = (count: number): number => Math.ceil(count / (tileQ * tileK));
  return {
    ...{ selection, unit, most },
    ...{ tileQ, tileK, queryOrder: tiles(pairs.queries), keyOrder: tiles(pairs.keys) },
    expected: pairs.keys < pairs.queries ? "keys" : "queries",
  };
}
