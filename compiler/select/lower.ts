import type { MaskModule } from "../mask/ir.js";
import type { OfClusters, Selection, SelectionHeads, SelectionItem, Tensor as TensorNode, TensorAxes } from "../mask/selection.js";
import { lastCentroids } from "../mask/centroids.js";
import { ofCall } from "../mask/windows.js";
import { rememberedQueries } from "../mask/reuse.js";
import { tensorChildren, tensorsOf } from "../mask/selection-walk.js";
import { arrange } from "./arrange.js";
import { candidate, columnCount, COLUMN, DIM, HEAD, ROW, rowCount } from "./axes.js";
import { lowerCentroids } from "./centroids.js";
import { readBeyondCandidates, readElementwise } from "./candidates-only.js";
import { lowerClusterOrder } from "./cluster-order.js";
import { fuse } from "./fuse.js";
import { lowerGuard, withSkips, type Guard } from "./guard.js";
import { ALWAYS, shape, ZERO } from "./int.js";
import type { Bits, Cond, Int, Real, SelectionProgram, Stage, Tensor } from "./ir.js";
import { partRules } from "./part-rules.js";
import { isOfPlaces } from "./place-units.js";
import { servesHeads } from "./places.js";
import { withServes } from "./reads.js";
import { placeInScratch } from "./scratch.js";
import { lowerFlag, lowerOrder, lowerSelection } from "./selections.js";
import { shareOf } from "./share.js";
import { cursorKey, headFor, isStored, valueOf } from "./values.js";
import type { Cursor, ValueContext } from "./values.js";

/** The selection program of a module: undefined where its mask learns nothing from the tensors of a call. */
export function lowerSelections(reading: MaskModule): SelectionProgram | undefined {
  const module = ofCall(reading);
  const selections = module.selections ?? [];
  if (selections.length === 0) return undefined;
  const lowering = new Lowering(module, selections);
  const remembered = rememberedQueries(module);
  const guards = new Map<string, Guard>();
  const chosen = selections.map((each) => {
    const guard = each.kind === "selection" ? guardOf(lowering, each, remembered.get(each.name)) : undefined;
    const bits = lowerItem(lowering, each, guard);
    lowering.addMatrix(bits);
    if (guard !== undefined) {
      guards.set(each.name, guard);
      guard.remember();
    }
    const reusable = each.kind === "selection" && each.reuse !== undefined;
    return { bits, reusable, ...(guard === undefined ? {} : { with: guard.queries.name }) };
  });
  const matrices = [
    ...chosen,
    ...[...guards].map(([name, { queries }]) => ({ bits: queries, reusable: true, with: name })),
    ...lastCentroids(module).map((each) => ({ bits: lowerCentroids(lowering, each), reusable: false })),
  ];
  const names = matrices.map(({ bits }) => bits.name);
  const arranged = fuse(arrange(withSkips(withServes(lowering.stages, names), guards), module.space));
  const scratch = placeInScratch(arranged);
  return {
    module,
    stages: withServes(arranged, names),
    matrices,
    scratch,
    parts: partRules(arranged),
  };
}

const guardOf = (lowering: Lowering, selection: Selection, queries: string | undefined): Guard | undefined =>
  selection.reuse?.kind === "while" ? lowerGuard(lowering, selection, selection.reuse.cosine, queries!) : undefined;

function lowerItem(lowering: Lowering, item: SelectionItem, guard: Guard | undefined): Bits {
  switch (item.kind) {
    case "flag":
      return lowerFlag(lowering, item);
    case "order":
      return item.by === "clusters" ? lowerClusterOrder(lowering, item) : lowerOrder(lowering, item);
    case "selection":
      return lowerSelection(lowering, item, guard);
  }
}

/** Numbers of one stage, by node and place: a node that is used twice is the same object. */
type Numbers = Map<TensorNode, Map<string, Real>>;

/** Collects the stages of one program. What is stored is stored once for a node. */
export class Lowering implements ValueContext {
  readonly stages: Stage[] = [];
  private readonly matrices = new Map<string, Bits>();
  private readonly wanted = new Map<TensorNode, Cond>();
  private readonly tensors = new Map<TensorNode, Tensor>();
  private readonly made = new Map<TensorNode, unknown>();
  private readonly keyed = new Map<string, Tensor>();
  private readonly uses = new Map<TensorNode, number>();
  private readonly whole: ReadonlySet<TensorNode>;
  private numbers: Numbers = new Map();
  private loops = 0;

  constructor(
    readonly module: MaskModule,
    selections: readonly SelectionItem[],
  ) {
    this.whole = readBeyondCandidates(selections);
    for (const each of selections) tensorsOf(each).forEach((root) => this.countUses(root));
  }

  readonly value = (node: TensorNode, cursor: Cursor): Real => {
    const at = restrict(cursor, node.axes);
    let known = this.numbers.get(node);
    if (!known) this.numbers.set(node, (known = new Map()));
    const key = cursorKey(at);
    let value = known.get(key);
    if (!value) known.set(key, (value = isStored(node) ? this.loadOf(this.store(node), at) : valueOf(this, node, at)));
    return value;
  };

  /** A number that is read several times: stored, unless reading it costs no more. */
  scoreOf(node: TensorNode, at: Cursor): Real {
    return node.kind === "input" || isStored(node) ? this.value(node, at) : this.loadOf(this.store(node), at);
  }

  /** Of a score that nothing else reads only the elements are read for which `wanted` holds. */
  narrow(score: TensorNode, wanted: Cond): void {
    for (const node of readElementwise(score, (each) => this.uses.get(each) === 1)) {
      if (servesHeads(wanted, node.axes.heads)) this.wanted.set(node, wanted);
    }
  }

  /** The matrix of a selection, flag or order that is lowered. */
  readonly matrix = (name: string): Bits | undefined => this.matrices.get(name);

  addMatrix(bits: Bits): void {
    this.matrices.set(bits.name, bits);
  }

  readonly table = (name: string, heads: SelectionHeads, extents: { readonly rows?: Int; readonly columns: Int }, value: Real): Tensor =>
    this.fill({ name, base: ZERO, heads, ...extents, dim: undefined }, value);

  readonly assignment = (of: OfClusters): Bits => {
    const found = (this.module.selections ?? []).find((each) => each.kind === "selection" && each.assigns === of);
    return this.matrices.get(found!.name)!;
  };

  /** A matrix of bits that only stages read. */
  bits(name: string, of: Omit<Bits, "name" | "base">): Bits {
    return { ...of, name, base: ZERO };
  }

  readonly map = (name: string, axes: TensorAxes, value: Real): Tensor => this.fill(this.tensor(name, axes), value);

  add(stage: Stage): void {
    this.stages.push(stage);
  }

  readonly loadOf = (from: Tensor, at: Cursor): Real => ({
    kind: "load",
    from,
    at: {
      head: headFor(at, from.heads),
      ...(from.rows === undefined ? {} : { row: at.row! }),
      ...(from.columns === undefined ? {} : { column: at.column! }),
      ...(from.dim === undefined ? {} : { dim: at.dim! }),
    },
  });

  readonly fresh = (): string => {
    const name = `i${this.loops++}`;
    // Of the names that come up this one is a type of WGSL.
    return name === "i32" ? this.fresh() : name;
  };

  readonly onceFor = (key: string, make: () => Tensor): Tensor => {
    let tensor = this.keyed.get(key);
    if (!tensor) this.keyed.set(key, (tensor = this.stage(make)));
    return tensor;
  };

  readonly once = <T>(node: TensorNode, make: () => T): T => {
    if (!this.made.has(node)) this.made.set(node, this.stage(make));
    return this.made.get(node) as T;
  };

  /** Builds a stage: numbers of others are not its own. */
  stage<T>(make: () => T, numbers: Numbers = new Map()): T {
    const outer = this.numbers;
    this.numbers = numbers;
    const made = make();
    this.numbers = outer;
    return made;
  }

  private countUses(node: TensorNode): void {
    const uses = (this.uses.get(node) ?? 0) + 1;
    this.uses.set(node, uses);
    if (uses === 1) for (const child of tensorChildren(node)) this.countUses(child);
  }

  private tensor(name: string, axes: TensorAxes): Tensor {
    const { space } = this.module;
    const rows = axes.rows === undefined ? undefined : rowCount(space, axes.rows);
    const columns = axes.columns === undefined ? undefined : columnCount(axes.columns);
    const dim = axes.dim ? shape("headDim") : undefined;
    const rowUnit = axes.rows?.last === undefined && !isOfPlaces(axes.rows) ? axes.rows?.unit : undefined;
    return { name, base: ZERO, heads: axes.heads, rows, rowUnit, columns, dim };
  }

  private fill(to: Tensor, value: Real): Tensor {
    this.add({ kind: "map", name: to.name, to, value, share: shareOf(to, value), serves: [] });
    return to;
  }

  readonly stored = (node: TensorNode): Tensor => this.store(node);

  private store(node: TensorNode): Tensor {
    const known = this.tensors.get(node);
    if (known) return known;
    const dot = this.dotOf(node);
    const tensor = this.tensor(dot === undefined ? node.kind : "dot", node.axes);
    // A sum over strips reads what it has so far.
    this.tensors.set(node, tensor);
    if (dot !== undefined) return this.dot(node, dot, tensor);
    return this.fill(
      tensor,
      this.stage(() => valueOf(this, node, cursorOf(node.axes))),
    );
  }

  /** The product from which a node is computed element by element, where nothing else reads it: they are one stage. */
  private dotOf(node: TensorNode): Extract<TensorNode, { kind: "dot" }> | undefined {
    if (node.kind === "dot") return node.axes.columns === undefined ? undefined : node;
    if (isStored(node) || node.kind === "softmax") return undefined;
    const children = tensorChildren(node).filter((child) => child.kind !== "number" && child.kind !== "scale" && !isOfCentroid(child));
    const [only] = children;
    if (children.length !== 1 || only === undefined || this.uses.get(only) !== 1) return undefined;
    const dot = this.dotOf(only);
    return dot !== undefined && JSON.stringify(dot.axes) === JSON.stringify(node.axes) ? dot : undefined;
  }

  private dot(node: TensorNode, dot: Extract<TensorNode, { kind: "dot" }>, to: Tensor): Tensor {
    const at = cursorOf(node.axes);
    const [rows, columns] = dot.a.axes.columns === undefined && dot.b.axes.rows === undefined ? [dot.a, dot.b] : [dot.b, dot.a];
    const a = this.stage(() => this.value(rows, { ...at, column: undefined, dim: DIM }));
    const b = this.stage(() => this.value(columns, { ...at, row: undefined, dim: DIM }));
    const product: Real = { kind: "product" };
    const numbers: Numbers = new Map([[dot, new Map([[cursorKey(at), product]])]]);
    const value = node === dot ? product : this.stage(() => valueOf(this, node, at), numbers);
    // Which tiles of places are candidates does not rise along the axes.
    const everywhere = this.whole.has(node) || isOfPlaces(node.axes.rows) || isOfPlaces(node.axes.columns);
    const among = everywhere ? ALWAYS : candidate(this.module.space, node.axes.rows, node.axes.columns, ROW, COLUMN);
    const only = among.kind === "bool" ? {} : { only: among };
    const wanted = this.wanted.get(node);
    this.add({
      kind: "dot",
      name: "dot",
      to,
      a,
      b,
      value,
      ...only,
      ...(wanted === undefined ? {} : { wanted }),
      tileRows: to.rows === undefined ? 1 : 64,
      serves: [],
    });
    return to;
  }
}

/** One number for each centroid, beside the products of tokens and centroids. */
const isOfCentroid = ({ axes: { rows, columns, dim } }: TensorNode): boolean => rows === undefined && columns?.kind === "centroids" && !dim;

/** Without the axes that a tensor lacks: it is the same along them. */
function restrict(at: Cursor, axes: TensorAxes): Cursor {
  return {
    heads: axes.heads,
    head: headFor(at, axes.heads),
    ...(axes.rows === undefined ? {} : { row: at.row }),
    ...(axes.columns === undefined ? {} : { column: at.column }),
    ...(axes.dim ? { dim: at.dim } : {}),
  };
}

/** The element of a stage that fills a tensor of such axes. */
export function cursorOf(axes: TensorAxes): Cursor {
  return {
    heads: axes.heads,
    head: HEAD,
    ...(axes.rows === undefined ? {} : { row: ROW }),
    ...(axes.columns === undefined ? {} : { column: COLUMN }),
    ...(axes.dim ? { dim: DIM } : {}),
  };
}
