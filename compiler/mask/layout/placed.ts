import type { IdsValue, MaskEnv } from "../evaluate.js";
import type { IntExpr, MaskModule } from "../ir.js";
import * as m from "../make.js";
import { some } from "../walk.js";
import { withOrders } from "./orders.js";
import { positions } from "./places.js";

/** The ids by which a mask over positions asks for places. No kernel has them: over places nothing asks. */
const PLACES = "0place";

/** The place of the token at a position, in the layout of the module. */
export const placeOf = (position: IntExpr): IntExpr => m.load(PLACES, position);

/** Whether ids are those of {@link placeOf}. */
export const arePlaces = (input: string): boolean => input === PLACES;

/** The environment of a call with what the expressions of the module's layout and mask read of its order. */
export function withLayout(module: MaskModule, env: MaskEnv): MaskEnv {
  const all = withOrders(module, env);
  const asks = module.layout !== undefined && some(module.mask, (node) => node.kind === "load" && arePlaces(node.input));
  return asks ? { ...all, inputs: { ...all.inputs, [PLACES]: placesOf(positions(module, env)!) } } : all;
}

const inverses = new WeakMap<Int32Array, IdsValue>();

/** The place of each position. */
function placesOf(tokens: Int32Array): IdsValue {
  let value = inverses.get(tokens);
  if (!value) {
    const data = new Int32Array(tokens.length);
    tokens.forEach((token, place) => (data[token] = place));
    inverses.set(tokens, (value = { kind: "ids", batch: 1, length: data.length, data }));
  }
  return value;
}
