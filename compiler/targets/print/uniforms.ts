import type { HostExpr, Input, MaskModule } from "../../mask/ir.js";
import { moduleSelectionExpressions } from "../../mask/selection-walk.js";
import { orderedTokens } from "../../mask/layout/orders.js";
import type { Order } from "../../mask/selection.js";
import { hostChildren, some } from "../../mask/walk.js";
import { gatheredLists } from "../../tiles/walks.js";
import type { InputField, LaunchVariable, ListField, UniformField, UniformSource } from "../../../runtime/launch/module.js";
import { uniformName } from "./names.js";

const shapeNames = ["batch", "heads", "kvHeads", "NQ", "N", "offset", "tiles"] as const;
const splitFields = [
  ["slots", "slots"],
  ["busy", "busy"],
  ["least_share", "leastShare"],
] as const;
export const launchVariables: readonly LaunchVariable[] = ["layer", "layers", "step", "steps", "phase"];

/** The uniform words of an operator in the order of its struct; the launcher fills them by their sources. */
export function uniformFields(module: MaskModule): readonly UniformField[] {
  const int = (name: string, source: UniformSource): UniformField => ({ name, type: "i32", source });
  const fields: UniformField[] = shapeNames.map((name) => int(uniformName(name), { kind: "shape", name }));
  fields.push({ name: "scale", type: "f32", source: { kind: "scale" } }, int("write_lse", { kind: "writeLse" }));
  for (const [name, field] of splitFields) fields.push(int(name, { kind: "split", field }));
  for (const name of launchVariables) {
    if (some(module.mask, (n) => n.kind === "var" && n.name === name)) fields.push(int(name, { kind: "launch", name }));
  }
  for (const { name } of module.params) {
    if (some(module.mask, (n) => n.kind === "param" && n.name === name))
      fields.push(int(uniformName(name, "param"), { kind: "param", name }));
  }
  if (module.scalars.length > 0) fields.push(int("scalars", { kind: "scalars" }));
  const lists = gatheredLists(module);
  for (const input of loadedInputs(module)) {
    const listFields = lists.includes(input.name) ? LIST_FIELDS : [];
    for (const field of [...fieldsOf(input), ...listFields]) {
      fields.push(int(uniformName(input.name, "input", field), { kind: "input", input: input.name, field }));
    }
  }
  return fields;
}

/** An input, or the matrix of an order that is made of the tensors of a call: of as many places, whose numbers may never fall. */
export type LoadedInput = Input | MadeOrder;

export interface MadeOrder {
  readonly kind: "made";
  readonly name: string;
  readonly places: "NQ" | "N";
  readonly rising: boolean;
}

const madeOrder = (order: Order, { kind }: MaskModule["space"]): MadeOrder => ({
  kind: "made",
  name: order.name,
  places: kind === "cross" && orderedTokens(order) === "q" ? "NQ" : "N",
  rising: order.by === "clusters" && order.holds === "clusters",
});

/**
 * The inputs of the caller, the tables of the layout, which kernels read as ids, and the bits of selections, which lie
 * in the aux buffer as the caller's do.
 */
export function loadedInputs(module: MaskModule): readonly LoadedInput[] {
  return [
    ...module.inputs,
    ...(module.orders ?? []).map(({ name }): Input => ({ kind: "ids", name, axis: "k" })),
    ...(module.selections ?? []).map((item): LoadedInput =>
      item.kind === "order" ? madeOrder(item, module.space) : { kind: "blocks", name: item.name, n: 1, m: 1 },
    ),
  ];
}

const idFields: readonly InputField[] = ["base", "batchStride", "length", "summary", "summaryBatchStride"];
const orderFields: readonly InputField[] = [...idFields, "headCount", "headStride", "summaryHeadStride"];
/** Its matrix has a row of one word for each place, and behind these the summary. */
const madeFields: readonly InputField[] = ["base", "batchStride", "headCount", "headStride"];
/** What a kernel must know of what it loads. */
export function fieldsOf(input: LoadedInput): readonly InputField[] {
  if (input.kind === "made") return madeFields;
  // An order has an axis of heads.
  return input.kind !== "ids" ? bitFields : input.order === true ? orderFields : idFields;
}

/** Where the list is that an input's row of bits is made into. */
const LIST_FIELDS: readonly ListField[] = ["list", "listBatchStride", "listStride"];
export const bitFields: readonly InputField[] = ["base", "batchStride", "headCount", "headStride", "rowStride", "rows", "columns"];

/** The launch variables that the mask, its host scalars or its selections depend on: a caller must give them. */
export function usedLaunchVariables(module: MaskModule): readonly LaunchVariable[] {
  const expressions = [module.mask, ...moduleSelectionExpressions(module)];
  const steps = (module.selections ?? []).some((item) => item.kind === "selection" && item.reuse?.kind === "every");
  return launchVariables.filter(
    (name) =>
      (name === "step" && steps) ||
      expressions.some((expr) => some(expr, (n) => n.kind === "var" && n.name === name)) ||
      module.scalars.some((s) => hostMentions(s.expr, name)),
  );
}

function hostMentions(e: HostExpr, name: LaunchVariable): boolean {
  return (e.kind === "var" && e.name === name) || hostChildren(e).some((child) => hostMentions(child, name));
}
