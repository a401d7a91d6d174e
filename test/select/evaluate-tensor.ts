import { evaluateHost } from "../../compiler/mask/evaluate.js";
import type { MaskModule, Space } from "../../compiler/mask/ir.js";
import type { ColumnAxis, RealValue, RowAxis, SelectionHeads, Tensor, TensorAxes } from "../../compiler/mask/selection.js";
import type { SelectionCall } from "../../compiler/select/memory.js";

/**
 * Tensors of the selection IR in float64, straight from its definitions: each axis is the list of the positions that its
 * units hold, and each node asks for all of its elements. Shares nothing with the lowering.
 */
export interface Grid {
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly dim: number;
  at(b: number, head: number, row: number, column: number, dim: number): number;
}

/** Positions of the units of an axis: queries, keys or distances. */
export function rowUnits(space: Space, axis: RowAxis | undefined, { env }: SelectionCall): readonly (readonly number[])[] {
  const first = space.kind === "self" ? env.N - env.NQ : 0;
  const all = Array.from({ length: env.NQ }, (_, i) => first + i);
  if (axis === undefined) return [all];
  if (axis.last !== undefined) return all.slice(-axis.last).map((q) => [q]);
  return grouped(all, (q) => Math.floor(q / axis.unit));
}

export function columnUnits(axis: ColumnAxis | undefined, { env }: SelectionCall): readonly (readonly number[])[] {
  const all = Array.from({ length: env.N }, (_, i) => i);
  if (axis === undefined) return [[]];
  if (axis.kind !== "keys" || (axis.stride === axis.unit && !axis.whole)) return grouped(all, (k) => Math.floor(k / axis.unit));
  const windows: number[][] = [];
  for (let start = 0; start + axis.unit <= env.N; start += axis.stride) windows.push(all.slice(start, start + axis.unit));
  return windows;
}

function grouped(all: readonly number[], of: (position: number) => number): readonly (readonly number[])[] {
  const units = new Map<number, number[]>();
  for (const position of all) units.set(of(position), [...(units.get(of(position)) ?? []), position]);
  return [...units.values()];
}

/** Whether causality allows one of the pairs of a row and a column. */
export function isCandidate(space: Space, columns: ColumnAxis | undefined, queries: readonly number[], units: readonly number[]): boolean {
  if (!space.causal || columns === undefined) return true;
  if (columns.kind === "keys") return queries.some((q) => units.some((k) => k <= q));
  return queries.some((q) => units.some((d) => q - d >= 0));
}

export const headCountOf = (heads: SelectionHeads, { env }: SelectionCall): number =>
  heads === "query" ? env.heads : heads === "kv" ? env.kvHeads : 1;

export function realValueOf(value: RealValue, module: MaskModule, { env }: SelectionCall, h: number): number {
  return Math.fround(value.kind === "number" ? value.value : evaluateHost(module.scalars[value.slot]!.expr, module, env, h));
}

export class TensorEvaluator {
  private readonly grids = new Map<Tensor, Grid>();

  constructor(
    private readonly module: MaskModule,
    private readonly call: SelectionCall,
  ) {}

  grid(node: Tensor): Grid {
    let grid = this.grids.get(node);
    if (!grid) this.grids.set(node, (grid = this.tabulate(node)));
    return grid;
  }

  /** A tensor read where another has more axes: it is the same along those that it lacks. */
  private read(node: Tensor, as: TensorAxes, b: number, head: number, row: number, column: number, dim: number): number {
    const grid = this.grid(node);
    const from = headCountOf(as.heads, this.call);
    const own = Math.floor((head * grid.heads) / from);
    const has = (axis: unknown, index: number): number => (axis === undefined || axis === false ? 0 : index);
    return grid.at(b, own, has(node.axes.rows, row), has(node.axes.columns, column), has(node.axes.dim, dim));
  }

  private tabulate(node: Tensor): Grid {
    const { axes } = node;
    const heads = headCountOf(axes.heads, this.call);
    const rows = axes.rows === undefined ? 1 : rowUnits(this.module.space, axes.rows, this.call).length;
    const columns = axes.columns === undefined ? 1 : columnUnits(axes.columns, this.call).length;
    const dim = axes.dim ? this.call.headDim : 1;
    const data = new Float64Array(this.call.batch * heads * rows * columns * dim);
    const value = this.definition(node);
    let at = 0;
    for (let b = 0; b < this.call.batch; b++)
      for (let h = 0; h < heads; h++)
        for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) for (let d = 0; d < dim; d++) data[at++] = value(b, h, r, c, d);
    return { heads, rows, columns, dim, at: (b, h, r, c, d) => data[(((b * heads + h) * rows + r) * columns + c) * dim + d]! };
  }

  private definition(node: Tensor): Grid["at"] {
    const { call, module } = this;
    const { env, headDim } = call;
    const { axes } = node;
    const read =
      (a: Tensor): Grid["at"] =>
      (b, h, r, c, d) =>
        this.read(a, axes, b, h, r, c, d);
    const rows = rowUnits(module.space, axes.rows, call);
    const columns = columnUnits(axes.columns, call);
    switch (node.kind) {
      case "number":
        return () => node.value;
      case "scale":
        return () => call.scale ?? 1 / Math.sqrt(headDim);
      case "scalar":
        return (_, h) => realValueOf(node, module, call, h);
      case "view": {
        const first = module.space.kind === "self" ? env.N - env.NQ : 0;
        if (node.of === "k") return (b, h, _, c, d) => call.k[((b * env.kvHeads + h) * env.N + c) * headDim + d]!;
        return (b, h, r, _, d) => call.q[((b * env.heads + h) * env.NQ + rows[r]![0]! - first) * headDim + d]!;
      }
      case "input": {
        const { batch, heads, data } = call.floats![node.name]!;
        const size = data.length / (batch * heads);
        return (b, h, r, c, d) => {
          const entry = (batch === 1 ? 0 : b) * heads + Math.floor((h * heads) / env.heads);
          return data[entry * size + (r * columns.length + c) * (axes.dim ? headDim : 1) + d]!;
        };
      }
      case "position": {
        const units = axes.rows === undefined ? columns : rows;
        const end = (unit: readonly number[]): number => (node.end === "first" ? unit[0]! : unit.at(-1)!);
        return (_b, _h, r, c) => end(units[axes.rows === undefined ? c : r]!);
      }
      case "size":
        return (_b, _h, r, c) => (axes.rows === undefined ? columns[c]! : rows[r]!).length;
      case "neg":
        return (...at) => -read(node.a)(...at);
      case "abs":
      case "exp":
      case "log":
      case "tanh":
      case "sqrt":
        return (...at) => Math[node.kind as "abs"](read(node.a)(...at));
      case "round":
        return (...at) => {
          const x = read(node.a)(...at);
          const tie = Math.abs(x - Math.trunc(x)) === 0.5;
          return tie ? 2 * Math.round(x / 2) : Math.round(x);
        };
      case "choose":
        return (...at) => read(read(node.cond)(...at) !== 0 ? node.a : node.b)(...at);
      case "dot":
        return (b, h, r, c) => {
          let sum = 0;
          for (let d = 0; d < headDim; d++) sum += this.read(node.a, axes, b, h, r, c, d) * this.read(node.b, axes, b, h, r, c, d);
          return sum;
        };
      case "softmax":
        return this.softmax(node);
      case "pool":
        return this.pool(node);
      case "reduce":
        return this.reduce(node);
      case "heads": {
        const from = headCountOf(node.a.axes.heads, call);
        const to = headCountOf(axes.heads, call);
        const group = from / to;
        return (b, h, r, c, d) =>
          reduced(
            node.op,
            Array.from({ length: group }, (_, i) => this.grid(node.a).at(b, h * group + i, r, c, d)),
            group,
          );
      }
      case "diagonals": {
        const queries = rowUnits(module.space, node.a.axes.rows, call);
        return (b, h, _, c) => {
          const values = queries.flatMap(([q], r) =>
            columns[c]!.flatMap((o) => (q! - o >= 0 ? [this.grid(node.a).at(b, h, r, q! - o, 0)] : [])),
          );
          return reduced(node.op, values, queries.length);
        };
      }
      case "smooth":
        return (b, h, r, c, d) => {
          const values: number[] = [];
          for (let i = c - Math.floor((node.size - 1) / 2); i <= c + Math.floor(node.size / 2); i++)
            if (i >= 0 && i < columns.length) values.push(this.grid(node.a).at(b, h, r, i, d));
          return reduced(node.op, values, node.size);
        };
      case "fold": {
        const finer = node.a.axes.columns as Extract<ColumnAxis, { kind: "keys" }>;
        const count = columnUnits(finer, call).length;
        return (b, h, r, c, d) =>
          node.weights.reduce((sum, weight, j) => {
            const i = (c * axes.columns!.unit) / finer.stride + j - node.lead;
            return i >= 0 && i < count ? sum + weight * this.grid(node.a).at(b, h, r, i, d) : sum;
          }, 0);
      }
      case "seeds":
      case "update":
        throw new Error("clusters have a twin of their own");
      default:
        return (...at) => binary(node.kind, read(node.a)(...at), read(node.b)(...at));
    }
  }

  private softmax(node: Extract<Tensor, { kind: "softmax" }>): Grid["at"] {
    const { module, call } = this;
    const rows = rowUnits(module.space, node.axes.rows, call);
    const columns = columnUnits(node.axes.columns, call);
    const value = (b: number, h: number, r: number, c: number): number | undefined => {
      const taken = node.where === undefined || this.read(node.where, node.axes, b, h, r, c, 0) !== 0;
      const among = isCandidate(module.space, node.axes.columns, rows[r]!, columns[c]!);
      return taken && among ? this.read(node.a, node.axes, b, h, r, c, 0) : undefined;
    };
    const sums = new Map<string, { most: number; sum: number }>();
    return (b, h, r, c) => {
      const own = value(b, h, r, c);
      if (own === undefined) return 0;
      const key = `${b} ${h} ${r}`;
      let row = sums.get(key);
      if (!row) {
        const all = columns.flatMap((_, i) => value(b, h, r, i) ?? []);
        const most = Math.max(...all);
        sums.set(key, (row = { most, sum: all.reduce((sum, x) => sum + Math.exp(x - most), 0) }));
      }
      return Math.exp(own - row.most) / row.sum;
    };
  }

  private pool(node: Extract<Tensor, { kind: "pool" }>): Grid["at"] {
    const { module, call } = this;
    const byRow = node.over === "rows";
    const coarse = byRow ? rowUnits(module.space, node.axes.rows, call) : columnUnits(node.axes.columns, call);
    const finer = byRow ? rowUnits(module.space, node.a.axes.rows, call) : columnUnits(node.a.axes.columns, call);
    return (b, h, r, c, d) => {
      const unit = coarse[byRow ? r : c]!;
      // Finer units that start in the unit, and that the axis has.
      const parts = finer.flatMap((each, i) => (each[0]! >= unit[0]! && each[0]! <= unit.at(-1)! ? [i] : []));
      const values = parts.map((i) => (byRow ? this.grid(node.a).at(b, h, i, c, d) : this.grid(node.a).at(b, h, r, i, d)));
      if (node.op === "first") return values[0]!;
      if (node.op === "last") return values.at(-1)!;
      return reduced(node.op, values, values.length);
    };
  }

  private reduce(node: Extract<Tensor, { kind: "reduce" }>): Grid["at"] {
    const { module, call } = this;
    const { axes } = node.a;
    const rows = rowUnits(module.space, axes.rows, call);
    const columns = columnUnits(axes.columns, call);
    const pairs = axes.rows !== undefined && axes.columns !== undefined;
    const among = (r: number, c: number): boolean => !pairs || isCandidate(module.space, axes.columns, rows[r]!, columns[c]!);
    const grid = this.grid(node.a);
    return (b, h, r, c, d) => {
      switch (node.over) {
        case "dim":
          return reduced(
            node.op,
            Array.from({ length: call.headDim }, (_, i) => grid.at(b, h, r, c, i)),
            call.headDim,
          );
        case "rows":
          return reduced(
            node.op,
            rows.flatMap((_, i) => (among(i, c) ? [grid.at(b, h, i, c, d)] : [])),
            rows.length,
          );
        case "columns":
          return reduced(
            node.op,
            columns.flatMap((_, i) => (among(r, i) ? [grid.at(b, h, r, i, d)] : [])),
            columns.length,
          );
      }
    };
  }
}

function reduced(op: "sum" | "mean" | "min" | "max", values: readonly number[], count: number): number {
  if (op === "min" || op === "max") return values.length === 0 ? 0 : Math[op](...values);
  const sum = values.reduce((a, b) => a + b, 0);
  return op === "sum" ? sum : sum / count;
}

function binary(kind: "add" | "sub" | "mul" | "div" | "min" | "max" | "lt" | "le", a: number, b: number): number {
  switch (kind) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "div":
      return a / b;
    case "min":
    case "max":
      return Math[kind](a, b);
    case "lt":
      return Number(a < b);
    case "le":
      return Number(a <= b);
  }
}
