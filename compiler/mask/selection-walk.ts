import type { BoolExpr, IntExpr, MaskModule } from "./ir.js";
import { clustersOf } from "./clusters.js";
import type { ColumnAxis, OfClusters, RealValue, RowAxis, Selection, SelectionItem, Tensor } from "./selection.js";
import { some, type MaskNode } from "./walk.js";

/** The tensors directly below, in reading order. */
export function tensorChildren(tensor: Tensor): readonly Tensor[] {
  switch (tensor.kind) {
    case "number":
    case "scalar":
    case "scale":
    case "view":
    case "input":
    case "seeds":
    case "position":
    case "size":
      return [];
    case "choose":
      return [tensor.cond, tensor.a, tensor.b];
    case "softmax":
      return tensor.where === undefined ? [tensor.a] : [tensor.a, tensor.where];
    default:
      return "b" in tensor ? [tensor.a, tensor.b] : [tensor.a];
  }
}

/** Calls `see` once for each tensor that is reached, what it is computed from first. */
export function walkTensors(roots: readonly Tensor[], see: (tensor: Tensor) => void): void {
  const seen = new Set<Tensor>();
  const visit = (tensor: Tensor): void => {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    tensorChildren(tensor).forEach(visit);
    see(tensor);
  };
  roots.forEach(visit);
}

/** What a selection or flag ranks or tests; nothing of an order by clusters. */
export function tensorsOf(item: SelectionItem): readonly Tensor[] {
  if (item.kind === "flag") return [item.value];
  return item.kind === "order" && item.by === "clusters" ? [] : [item.score];
}

/** The tensors of all selections, each once, what they are computed from first. */
export function walkModuleTensors(module: Pick<MaskModule, "selections">, see: (tensor: Tensor) => void): void {
  walkTensors((module.selections ?? []).flatMap(tensorsOf), see);
}

/** The integer and boolean expressions of a selection: amounts, what is forced, where and when it is made. */
export function selectionExpressions(item: SelectionItem): readonly (IntExpr | BoolExpr)[] {
  if (item.kind !== "selection") return [];
  const { keep, among, force, when, reuse } = item;
  return [
    keep.rule.kind === "top" ? keep.rule.n : undefined,
    keep.least,
    keep.most,
    among,
    force?.pairs,
    force?.first,
    force?.last,
    force?.local,
    when,
    reuse?.kind === "every" ? reuse.steps : reuse?.kind === "layers" ? reuse.at : undefined,
  ].filter((each) => each !== undefined);
}

/** The masks of a selection: what its units are asked for. */
export function unitMasks(item: SelectionItem): readonly BoolExpr[] {
  return item.kind !== "selection" ? [] : [item.among, item.force?.pairs].filter((each) => each !== undefined);
}

/** The clusters that the units of a selection or flag are made of, directly or in what it ranks, and those of an order. */
export function clustersIn(item: SelectionItem): ReadonlySet<OfClusters> {
  const found = new Set<OfClusters>();
  const add = (axis: RowAxis | ColumnAxis | Selection["rows"] | Selection["columns"] | undefined): void => {
    const of = clustersOf(axis);
    if (of !== undefined) found.add(of);
  };
  if (item.kind === "selection") [item.rows, item.columns].forEach(add);
  if (item.kind === "order" && item.by === "clusters") found.add(item.of);
  walkTensors(tensorsOf(item), (tensor) => {
    if (tensor.kind === "update") found.add(tensor.by);
    [tensor.axes.rows, tensor.axes.columns].forEach(add);
  });
  return found;
}

/** Whether a mask reads bits of this name. */
export const readsBits = (mask: MaskNode, name: string): boolean => some(mask, (node) => node.kind === "bit" && node.input === name);

/** Whether a selection is made from another: from its bits, or of the clusters that it makes. */
export function readsSelection(item: SelectionItem, other: SelectionItem): boolean {
  if (other.kind === "selection" && other.assigns !== undefined && clustersIn(item).has(other.assigns)) return true;
  return unitMasks(item).some((mask) => readsBits(mask, other.name));
}

/** The expressions of all selections of a module. */
export function moduleSelectionExpressions(module: Pick<MaskModule, "selections">): readonly (IntExpr | BoolExpr)[] {
  return (module.selections ?? []).flatMap(selectionExpressions);
}

/** The host scalars that selections read as floats. */
export function realSlots(selections: readonly SelectionItem[]): ReadonlySet<number> {
  const slots = new Set<number>();
  walkTensors(selections.flatMap(tensorsOf), (tensor) => {
    if (tensor.kind === "scalar") slots.add(tensor.slot);
  });
  for (const item of selections) {
    for (const real of item.kind === "selection" ? realsOf(item) : []) if (real.kind === "scalar") slots.add(real.slot);
  }
  return slots;
}

/** The floats of a selection that are known before the data. */
export const realsOf = (item: Selection): readonly RealValue[] => [
  ...present(realOf(item)),
  ...(item.reuse?.kind === "while" ? [item.reuse.cosine] : []),
];

const present = (value: RealValue | undefined): readonly RealValue[] => (value === undefined ? [] : [value]);

/** The float that a rule keeps by. */
function realOf({ keep: { rule } }: Selection): RealValue | undefined {
  switch (rule.kind) {
    case "top":
      return undefined;
    case "mass":
      return rule.p;
    case "threshold":
      return rule.t;
    case "fraction":
      return rule.f;
  }
}

/** What {@link mapSelections} puts in the place of expressions. */
export interface SelectionChange {
  readonly int: (expr: IntExpr) => IntExpr;
  readonly bool: (expr: BoolExpr) => BoolExpr;
  /** The new number of a host scalar that is read as a float. */
  readonly slot: (slot: number) => number;
}

/** Selections with their expressions changed. What was one tensor stays one. */
export function mapSelections(items: readonly SelectionItem[], change: SelectionChange): readonly SelectionItem[] {
  const done = new Map<Tensor, Tensor>();
  const tensor = (each: Tensor): Tensor => {
    let result = done.get(each);
    if (result === undefined) done.set(each, (result = rebuilt(each)));
    return result;
  };
  const rebuilt = (each: Tensor): Tensor => {
    if (each.kind === "scalar") return { ...each, slot: change.slot(each.slot) };
    const below = tensorChildren(each);
    const mapped = below.map(tensor);
    if (mapped.every((child, i) => child === below[i])) return each;
    const next = mapped[Symbol.iterator]();
    const take = (): Tensor => next.next().value!;
    switch (each.kind) {
      case "choose":
        return { ...each, cond: take(), a: take(), b: take() };
      case "softmax":
        return { ...each, a: take(), ...(each.where === undefined ? {} : { where: take() }) };
      default:
        return ("b" in each ? { ...each, a: take(), b: take() } : { ...each, a: take() }) as Tensor;
    }
  };
  const real = (value: RealValue): RealValue => (value.kind === "scalar" ? { kind: "scalar", slot: change.slot(value.slot) } : value);
  return items.map((item) => {
    if (item.kind === "flag") return { ...item, value: tensor(item.value) };
    if (item.kind === "order") return item.by === "clusters" ? item : { ...item, score: tensor(item.score) };
    return mapSelection(item, change, tensor, real);
  });
}

function mapSelection(
  item: Selection,
  change: SelectionChange,
  tensor: (t: Tensor) => Tensor,
  real: (v: RealValue) => RealValue,
): Selection {
  const int = <K extends string>(name: K, value: IntExpr | undefined): { readonly [N in K]?: IntExpr } =>
    (value === undefined ? {} : { [name]: change.int(value) }) as never;
  const { keep, among, force, when, reuse } = item;
  const { rule } = keep;
  const keptBy: Selection["keep"]["rule"] =
    rule.kind === "top"
      ? { kind: "top", n: change.int(rule.n) }
      : rule.kind === "mass"
        ? { kind: "mass", p: real(rule.p) }
        : rule.kind === "threshold"
          ? { kind: "threshold", t: real(rule.t) }
          : { kind: "fraction", f: real(rule.f) };
  return {
    ...item,
    score: tensor(item.score),
    keep: { ...keep, rule: keptBy, ...int("least", keep.least), ...int("most", keep.most) },
    ...(among === undefined ? {} : { among: change.bool(among) }),
    ...(force === undefined
      ? {}
      : {
          force: {
            ...force,
            ...(force.pairs === undefined ? {} : { pairs: change.bool(force.pairs) }),
            ...int("first", force.first),
            ...int("last", force.last),
            ...int("local", force.local),
          },
        }),
    ...(when === undefined ? {} : { when: change.bool(when) }),
    ...(reuse === undefined
      ? {}
      : {
          reuse:
            reuse.kind === "every"
              ? { kind: "every", steps: change.int(reuse.steps) }
              : reuse.kind === "layers"
                ? { kind: "layers", at: change.bool(reuse.at) }
                : { kind: "while", cosine: real(reuse.cosine) },
        }),
  };
}
