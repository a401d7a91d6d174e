import type { MaskModule } from "./ir.js";
import { clustersOf, givenIds, headsOfClusters } from "./clusters.js";
import { clustersIn, moduleSelectionExpressions, realsOf, realSlots, unitMasks, walkModuleTensors } from "./selection-walk.js";
import type { ColumnAxis, RowAxis, SelectionItem, Tensor, TensorAxes } from "./selection.js";
import { some, type MaskNode } from "./walk.js";
import { ofCall } from "./windows.js";

/** What is structurally wrong with the selections of a module, in words. */
export function verifySelections(reading: MaskModule): readonly string[] {
  const module = ofCall(reading);
  const selections = module.selections ?? [];
  const problems: string[] = [];
  const names = [...module.inputs, ...(module.floatInputs ?? []), ...selections].map(({ name }) => name);
  if (new Set(names).size !== names.length) problems.push("an input or selection is declared twice");
  walkModuleTensors(module, (tensor) => {
    const wrong = verifyTensor(tensor, module);
    if (wrong !== undefined) problems.push(`a tensor ${tensor.kind}: ${wrong}`);
  });
  const earlier = new Set<string>();
  for (const item of selections) {
    problems.push(...verifyItem(item, module, earlier).map((problem) => `${item.name}: ${problem}`));
    earlier.add(item.name);
    if (item.kind === "selection" && item.assigns !== undefined) earlier.add(item.assigns);
  }
  const reals = realSlots(selections);
  for (const slot of reals) if (module.scalars[slot]?.as !== "f32") problems.push(`scalar ${slot} is read as a float and is none`);
  module.scalars.forEach(({ as }, slot) => {
    if (as === "f32" && !reals.has(slot)) problems.push(`scalar ${slot} is a float and nothing reads it as one`);
  });
  return problems;
}

function verifyItem(item: SelectionItem, module: MaskModule, earlier: ReadonlySet<string>): readonly string[] {
  const problems: string[] = [];
  for (const of of clustersIn(item)) {
    const given = givenIds(of);
    if (given === undefined && !earlier.has(of)) problems.push(`${of} are not made before it`);
    if (given !== undefined && !module.inputs.some(({ name, kind }) => kind === "ids" && name === given.input))
      problems.push(`${given.input} is not an ids input`);
  }
  if (item.kind === "order" && item.by === "clusters") {
    if (item.heads !== headsOfClusters(item.of)) problems.push(`${item.of} are not those of ${item.heads} heads`);
    return problems;
  }
  const { axes } = item.kind === "flag" ? item.value : item.score;
  if (axes.dim) problems.push("its tensor has dim");
  if (!serves(axes.heads, item.heads)) problems.push(`its tensor has ${axes.heads} heads, it has ${item.heads}`);
  if (item.kind === "order") {
    const { rows, columns } = axes;
    if (rows !== undefined || (columns !== undefined && !sameColumns(columns, { kind: "keys", unit: 1, stride: 1 })))
      problems.push("its score is not of single keys");
    if (!isSize(item.segment)) problems.push(`a size is ${item.segment}`);
    return problems;
  }
  if (item.kind === "flag") {
    if (axes.rows !== undefined || axes.columns !== undefined) problems.push("a flag has rows or columns");
    return problems;
  }
  if (axes.rows !== undefined && (item.rows === undefined || !sameRows(axes.rows, item.rows))) problems.push("other rows than its score");
  const { columns } = item;
  const own: ColumnAxis =
    columns.kind === "keys" ? { ...columns, kind: "keys", stride: columns.unit } : { kind: columns.kind, unit: columns.unit };
  for (const [axis, name] of [
    [item.rows, item.numbered?.rows],
    [columns, item.numbered?.columns],
  ] as const) {
    const order = (module.selections ?? []).find((each) => each.name === name);
    if (name === undefined) continue;
    if (order?.kind !== "order" || order.by !== "clusters" || order.holds !== "clusters" || order.of !== clustersOf(axis))
      problems.push(`${name} does not hold its clusters`);
  }
  if (axes.columns !== undefined && !sameColumns(axes.columns, own)) problems.push("other columns than its score");
  if (columns.kind === "offsets" && !(module.space.kind === "self" && module.space.causal))
    problems.push("offsets in a space that is not causal");
  if (columns.kind === "offsets" && item.rows !== undefined) problems.push("offsets with rows");
  for (const size of [item.rows?.unit, columns.unit, item.snap])
    if (size !== undefined && !isSize(size)) problems.push(`a size is ${size}`);
  if (realsOf(item).some((real) => real.kind === "number" && Number.isNaN(real.value))) problems.push("NaN");
  if (
    item.reuse?.kind === "while" &&
    (item.rows === undefined || item.rows.of !== undefined || item.snap !== undefined || item.keep.scope === "head")
  )
    problems.push("rows stay that are not chosen one by one");
  const masks = unitMasks(item);
  for (const expr of moduleSelectionExpressions({ selections: [item] })) {
    const pair = masks.some((mask) => mask === expr);
    const reads = (node: MaskNode): boolean => node.kind === "load" || (node.kind === "bit" && !(pair && earlier.has(node.input)));
    if (some(expr, reads)) problems.push(pair ? "its units are asked for more than is selected before" : "an amount reads data");
    if (!pair && some(expr, (node) => node.kind === "var" && ["q", "k", "b"].includes(node.name)))
      problems.push("an amount differs in a head");
  }
  return problems;
}

const isSize = (size: number): boolean => Number.isInteger(size) && size >= 1;

/** Whether numbers for some heads do for others: one for all, a kv head's for its group. */
function serves(from: TensorAxes["heads"], to: TensorAxes["heads"]): boolean {
  return from === to || from === "one" || to === "query";
}

const sameRows = (a: RowAxis, b: RowAxis): boolean => a.unit === b.unit && a.last === b.last && a.of === b.of;

function sameColumns(a: ColumnAxis, b: ColumnAxis): boolean {
  if (a.kind !== "keys" || b.kind !== "keys") return a.kind === b.kind && a.unit === b.unit;
  return a.unit === b.unit && a.stride === b.stride && a.whole === b.whole && a.of === b.of;
}

/** Whether a value with the axes `of` may stand where `axes` are. */
function lies(of: TensorAxes, axes: TensorAxes): boolean {
  return (
    serves(of.heads, axes.heads) &&
    (of.rows === undefined || (axes.rows !== undefined && sameRows(of.rows, axes.rows))) &&
    (of.columns === undefined || (axes.columns !== undefined && sameColumns(of.columns, axes.columns))) &&
    (!of.dim || axes.dim)
  );
}

function verifyTensor(tensor: Tensor, module: MaskModule): string | undefined {
  const { axes } = tensor;
  switch (tensor.kind) {
    case "number":
      return Number.isNaN(tensor.value) ? "NaN" : undefined;
    case "scalar":
      return module.scalars[tensor.slot] === undefined ? `scalar ${tensor.slot} is not declared` : undefined;
    case "scale":
    case "view":
      return undefined;
    case "seeds":
    case "update":
      if (axes.columns?.kind !== "centroids" || axes.rows !== undefined || !axes.dim) return "other axes than centroids have";
      return tensor.kind === "seeds" || lies(tensor.a.axes, axes) ? undefined : "other axes than those before it";
    case "input":
      return (module.floatInputs ?? []).some(({ name }) => name === tensor.name) ? undefined : `${tensor.name} is not declared`;
    case "position":
    case "size":
      return (axes.rows === undefined) === (axes.columns === undefined) ? "it has not one axis" : undefined;
    case "pool":
      return verifyPool(tensor);
    case "dot": {
      const { a, b } = tensor;
      if (!a.axes.dim || !b.axes.dim || axes.dim) return "a side has no dim";
      if (a.axes.columns !== undefined || b.axes.rows !== undefined) return "sides are crossed";
      return lies({ ...a.axes, dim: false }, axes) && lies({ ...b.axes, dim: false }, axes) ? undefined : "other axes than its sides";
    }
    case "reduce": {
      const { a, over } = tensor;
      if (over === "dim" ? !a.axes.dim : a.axes[over] === undefined) return `nothing to reduce over ${over}`;
      const rest = over === "dim" ? { ...a.axes, dim: false } : { ...a.axes, [over]: undefined };
      return lies(rest, axes) && lies(axes, rest) ? undefined : "other axes than are left";
    }
    case "heads":
      return serves(axes.heads, tensor.a.axes.heads) && axes.heads !== tensor.a.axes.heads ? undefined : "it does not join heads";
    case "diagonals": {
      const { rows, columns } = tensor.a.axes;
      if (rows?.unit !== 1 || columns?.kind !== "keys" || columns.unit !== 1) return "not of single queries and keys";
      return axes.columns?.kind === "offsets" && axes.rows === undefined ? undefined : "not to distances";
    }
    case "fold": {
      const from = tensor.a.axes.columns;
      const to = axes.columns;
      if (from?.kind !== "keys" || to?.kind !== "keys") return "not of keys";
      return to.unit === to.stride && to.unit % from.stride === 0 ? undefined : "units that do not fit";
    }
    case "softmax":
      if (axes.columns?.kind !== "keys" || axes.dim) return "not over keys";
      return lies(tensor.a.axes, axes) && (tensor.where === undefined || lies(tensor.where.axes, axes)) ? undefined : "other axes";
    case "choose":
      return [tensor.cond, tensor.a, tensor.b].every((each) => lies(each.axes, axes)) ? undefined : "other axes than its parts";
    default:
      return ("b" in tensor ? [tensor.a, tensor.b] : [tensor.a]).every((each) => lies(each.axes, axes))
        ? undefined
        : "other axes than its parts";
  }
}

function verifyPool({ axes, a, over }: Extract<Tensor, { readonly kind: "pool" }>): string | undefined {
  const [from, to] = [a.axes[over], axes[over]];
  if (from === undefined || to === undefined) return `nothing to pool over ${over}`;
  if (to.unit % from.unit !== 0) return "units that do not fit";
  if ("last" in from && from.last !== undefined) return "the last queries have no blocks";
  if ("whole" in from && from.whole === true) return "windows that do not hold all keys";
  const strides = [from, to].map((axis) => ("stride" in axis ? axis.stride : axis.unit));
  return strides[0] === from.unit && strides[1]! % from.unit === 0 ? undefined : "windows that do not fit";
}
