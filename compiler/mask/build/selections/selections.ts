import { diagnostic } from "../../../diagnostics/report.js";
import type { ClustersModel, SelectModel, SelectUnits, TensorLet, TensorTyped, UnitModel } from "../../../semantics/tensors/model.js";
import type { Typed } from "../../../semantics/typed.js";
import type { BoolExpr } from "../../ir.js";
import { headsOfClusters } from "../../clusters.js";
import { mapBits } from "../../map-bits.js";
import { bitOfPair } from "../../selection-bits.js";
import { differsByHead } from "../../selection.js";
import type { OfClusters, Selection, SelectionHeads, SelectionItem, Tensor, Flag } from "../../selection.js";
import type { Frame, Lowering } from "../lower.js";
import { lowerTensor, reportMultiple, size, type TensorFrame, type UnitSizes } from "../tensors/lower.js";
import { axesOf, describeColumns, inUnits, keys, reportUnits, sameColumns, type UnitOf } from "../tensors/axes.js";
import { TensorMaker } from "../tensors/make.js";
import { TensorTable } from "../tensors/table.js";
import type { BoolValue } from "../value.js";
import { Amounts } from "./amounts.js";
import { assignments, clusterCount, givenClusters } from "./clusters.js";
import { scoreOf } from "./score.js";
import { checkFlag, checkWindows } from "./windows.js";

/** What a mask learns from the tensors of a call while it is lowered. Names are given when all of the mask is known. */
export class Selections {
  private readonly make: TensorMaker;
  private readonly items: { readonly item: SelectionItem; readonly base: string }[] = [];
  /** Where each stands in `items`, by all that it says. */
  private readonly known = new Map<string, number>();
  /** Clusters that the layout orders tokens by: the name so far of what holds those of places. */
  private readonly ordered = new Map<OfClusters, string>();
  private readonly table = new TensorTable();
  private readonly named = new WeakMap<Frame, Map<TensorLet, Tensor>>();
  /** Whether what is lowered is the mask itself, and not what units of a selection are asked. */
  private inMask = true;

  constructor(private readonly lowering: Lowering) {
    this.make = new TensorMaker(this.table, lowering.add);
  }

  /** A selection, or what its `min` keeps, as a mask term. */
  selected(typed: Extract<Typed, { readonly kind: "selected" }>, frame: Frame): BoolValue {
    const { select, least } = typed;
    const selection = this.selection(select, frame);
    const { windowsRead } = this.lowering.around;
    if (windowsRead !== undefined && this.inMask) checkWindows(selection, select.name, typed.span, windowsRead, this.lowering.add);
    const base = this.baseName(least ? `${select.name}_min` : select.name, frame);
    return { type: "bool", ir: this.bit(least ? leastOf(selection) : selection, base, least), span: typed.span };
  }

  /** A boolean of a head that comes from tensors. */
  flag(typed: Extract<Typed, { readonly kind: "flag" }>, frame: Frame): BoolValue {
    const { windowsRead } = this.lowering.around;
    if (windowsRead !== undefined) checkFlag(typed.name, typed.span, windowsRead, this.lowering.add);
    const value = lowerTensor(typed.tensor, this.tensorFrame(frame));
    const flag: Flag = { kind: "flag", name: "", heads: value.axes.heads, value };
    return { type: "bool", ir: this.bit(flag, this.baseName(typed.name, frame), false), span: typed.span };
  }

  /**
   * The selections under names of their own, which none of `taken` has, in the order of their first use; `rename` gives
   * a mask these names.
   */
  finish(taken: Iterable<string>): { readonly selections: readonly SelectionItem[]; readonly rename: (mask: BoolExpr) => BoolExpr } {
    const used = new Set(taken);
    const names = new Map<string, string>();
    const nameOf = (name: string): string => names.get(name) ?? name;
    const rename = (mask: BoolExpr): BoolExpr =>
      mapBits(
        mask,
        (bit) => ({ ...bit, input: nameOf(bit.input) }),
        (load) => ({ ...load, input: nameOf(load.input) }),
      );
    const selections = this.items.map(({ item, base }) => {
      let name = base;
      for (let i = 2; used.has(name); i++) name = `${base}_${i}`;
      used.add(name);
      names.set(item.name, name);
      if (item.kind !== "selection") return { ...item, name };
      return { ...item, name, ...renamedMasks(item, rename), ...renamedOrders(item, nameOf) };
    });
    return { selections, rename };
  }

  /** The order that keys are sorted to: made before all that reads it. A score of query heads is added up over those of a kv head. */
  sorted(score: TensorTyped, segment: number, frame: Frame): void {
    const found = lowerTensor(score, { ...this.tensorFrame(frame), named: new Map<TensorLet, Tensor>(), inPositions: true });
    const { heads, columns } = found.axes;
    if (columns !== undefined && !sameColumns(columns, keys(1)))
      reportUnits(describeColumns(columns), "keys", score.span, this.lowering.add);
    const shared =
      heads === "query" ? this.make.node({ kind: "heads", op: "sum", a: found, axes: axesOf({ ...found.axes, heads: "kv" }) }) : found;
    this.place((name) => ({ kind: "order", by: "score", name, heads: "kv", score: shared, segment }), "order_k");
  }

  /** The order of queries or keys by their clusters, and the clusters in that order: made before all that reads them. */
  byClusters(axis: "q" | "k", model: ClustersModel, frame: Frame): void {
    const at = this.tensorFrame(frame);
    const count = clusterCount(model, at);
    const of = this.clusters(axis, count, model, at);
    const order = { kind: "order", by: "clusters", heads: headsOfClusters(of), of, count } as const;
    this.place((name) => ({ ...order, name, holds: "positions" }), `order_${axis}`);
    this.ordered.set(
      of,
      this.place((name) => ({ ...order, name, holds: "clusters" }), `order_${axis}_clusters`),
    );
  }

  /** Adds what is made in any case; gives the name that it has so far. */
  private place(make: (name: string) => SelectionItem, base: string): string {
    const name = `?${this.items.length}`;
    this.items.push({ item: make(name), base });
    return name;
  }

  /** The heads of a selection or flag, by the name that it has so far. */
  headsOf(name: string): SelectionHeads | undefined {
    return this.items.find(({ item }) => item.name === name)?.item.heads;
  }

  private selection(select: SelectModel, frame: Frame): Selection {
    const { space } = this.lowering.around;
    const plain = this.tensorFrame(frame);
    const units = this.units(select.units, plain);
    const at: TensorFrame = { ...plain, units };
    if (units.diag !== undefined && !(space.kind === "self" && space.causal)) {
      this.lowering.add(diagnostic("ATTN2330", select.units.diag!.span, { what: "`unit diag`" }));
    }
    const heads: SelectionHeads = select.group?.over ?? "query";
    if (heads === "one" && (differsByHead(units.of.q) || differsByHead(units.of.k))) {
      this.lowering.add(diagnostic("ATTN2344", select.span, {}));
    }
    const amounts = new Amounts(at, heads);
    const inMask = this.inMask;
    this.inMask = false;
    // What it reads of others comes first, so that they stand before it.
    const among = amounts.among(select, units);
    const force = amounts.force(select, units);
    this.inMask = inMask;
    const reuse = amounts.reuse(select);
    // What the caller may give back is read without knowing the clusters.
    const numbered = reuse === undefined ? this.numbered(units.of) : undefined;
    return {
      kind: "selection",
      name: "",
      heads,
      ...(units.q === undefined ? {} : { rows: inUnits(units.q, units.of.q) }),
      columns: units.diag === undefined ? { kind: "keys", ...inUnits(units.k!, units.of.k) } : { kind: "offsets", unit: units.diag },
      score: scoreOf(select, units, at),
      keep: amounts.keep(select.keep),
      ...(among === undefined ? {} : { among }),
      ...(force === undefined ? {} : { force }),
      ...(select.snap === undefined ? {} : { snap: snapOf(select.snap, units, at) }),
      ...(reuse === undefined ? {} : { reuse }),
      ...(numbered === undefined ? {} : { numbered }),
    };
  }

  /** Of the axes by whose clusters the layout orders the tokens: what holds the clusters of places. */
  private numbered(of: UnitSizes["of"]): Selection["numbered"] {
    const [rows, columns] = [of.q, of.k].map((each) => this.ordered.get(each as OfClusters));
    return rows === undefined && columns === undefined ? undefined : { rows, columns };
  }

  /** The units of a selection. Those that put tokens into its clusters are met before it. */
  private units(units: SelectUnits, at: TensorFrame): UnitSizes {
    const [q, k, diag] = [units.q, units.k, units.diag].map((unit) => sizeOf(unit, at));
    const of = (axis: "q" | "k", count: number | undefined): UnitOf | undefined => {
      const unit = units[axis];
      if (unit === undefined) return undefined;
      const { clusters } = unit;
      return clusters === undefined ? at.lowering.inTiles(unit.tile, axis, unit.span) : this.clusters(axis, count!, clusters, at);
    };
    return { q, k, diag, of: { q: of("q", q), k: of("k", k) } };
  }

  /** The clusters of a k-means: the selections of its steps, each made once; or those that the caller says. */
  private clusters(axis: "q" | "k", count: number, { by, span }: ClustersModel, at: TensorFrame): OfClusters {
    if (by.kind === "ids") {
      this.lowering.useInput(by.input);
      return givenClusters(axis, count, by.input.name);
    }
    const steps = assignments(axis, count, by, span, at);
    steps.forEach((item, step) => {
      if (this.known.has(item.assigns)) return;
      this.known.set(item.assigns, this.items.length);
      this.items.push({ item: { ...item, name: `?${this.items.length}` }, base: this.baseName(`${axis}_clusters_${step}`, at.frame) });
    });
    return steps.at(-1)!.assigns;
  }

  /** The bit of a pair. What two uses of a pattern say alike is selected once. */
  private bit(item: Selection | Flag, base: string, least: boolean): BoolExpr {
    const said = item.kind === "flag" ? { ...item, value: this.table.key(item.value) } : { ...item, score: this.table.key(item.score) };
    const key = JSON.stringify([base, said, least]);
    let index = this.known.get(key);
    if (index === undefined) {
      index = this.items.length;
      this.known.set(key, index);
      this.items.push({ item: { ...item, name: `?${index}` }, base });
    }
    return bitOfPair(this.items[index]!.item, this.lowering.around.space);
  }

  private baseName(name: string, frame: Frame): string {
    return frame.pattern === undefined ? name : `${frame.pattern}_${name}`;
  }

  private tensorFrame(frame: Frame): TensorFrame {
    let named = this.named.get(frame);
    if (named === undefined) this.named.set(frame, (named = new Map<TensorLet, Tensor>()));
    return { frame, lowering: this.lowering, make: this.make, named };
  }
}

function renamedMasks({ among, force }: Selection, rename: (mask: BoolExpr) => BoolExpr): Pick<Selection, "among" | "force"> {
  return {
    ...(among === undefined ? {} : { among: rename(among) }),
    ...(force?.pairs === undefined ? {} : { force: { ...force, pairs: rename(force.pairs) } }),
  };
}

function renamedOrders({ numbered }: Selection, nameOf: (name: string) => string): Pick<Selection, "numbered"> {
  if (numbered === undefined) return {};
  const [rows, columns] = [numbered.rows, numbered.columns].map((name) => name && nameOf(name));
  return { numbered: { rows, columns } };
}

/** A selection with only what its `min` keeps. */
function leastOf(selection: Selection): Selection {
  const { least, scope } = selection.keep;
  return { ...selection, keep: { rule: { kind: "top", n: least! }, scope } };
}

/** Tokens of a unit, or how many clusters there are. */
function sizeOf(unit: UnitModel | undefined, at: TensorFrame): number | undefined {
  if (unit === undefined) return undefined;
  if (unit.clusters !== undefined) return clusterCount(unit.clusters, at);
  return unit.size === undefined ? 1 : size(unit.size, "the size of a unit", at);
}

/** A size that holds whole units. */
function snapOf(typed: Typed, units: UnitSizes, at: TensorFrame): number {
  const snap = size(typed, "the size of a block", at);
  for (const unit of [units.q, units.k, units.diag]) {
    if (unit !== undefined && snap % unit !== 0) {
      reportMultiple(`the blocks of \`snap\``, snap, unit, typed.span, at);
      break;
    }
  }
  return snap;
}
