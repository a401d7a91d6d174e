import type { Span } from "../../../source/file.js";
import type { Diagnostic } from "../../../diagnostics/diagnostic.js";
import type { ColumnAxis, PoolOp, RowAxis, Tensor, TensorAxes, TensorBinary, TensorUnary } from "../../selection.js";
import { axesOf, joinAxes, noAxes, sameRows } from "./axes.js";
import type { TensorTable } from "./table.js";

/** Constructors of tensors: they work out axes, and report operands that do not go together. */
export class TensorMaker {
  constructor(
    private readonly table: TensorTable,
    readonly add: (diagnostic: Diagnostic) => void,
  ) {}

  node(tensor: Tensor): Tensor {
    return this.table.make(tensor);
  }

  number(value: number): Tensor {
    return this.table.make({ kind: "number", value, axes: noAxes });
  }

  unary(kind: TensorUnary, a: Tensor): Tensor {
    return this.table.make({ kind, a, axes: a.axes });
  }

  binary(kind: TensorBinary, a: Tensor, b: Tensor, span: Span): Tensor {
    return this.table.make({ kind, a, b, axes: joinAxes(a.axes, b.axes, span, this.add) });
  }

  choose(cond: Tensor, a: Tensor, b: Tensor, span: Span): Tensor {
    const axes = joinAxes(cond.axes, joinAxes(a.axes, b.axes, span, this.add), span, this.add);
    return this.table.make({ kind: "choose", cond, a, b, axes });
  }

  /** Rows in units of `rows`; the tensor itself where they are already. */
  poolRows(op: PoolOp, a: Tensor, rows: RowAxis): Tensor {
    if (sameRows(a.axes.rows!, rows)) return a;
    return this.table.make({ kind: "pool", op, over: "rows", a, axes: axesOf({ ...a.axes, rows }) });
  }

  poolColumns(op: PoolOp, a: Tensor, columns: ColumnAxis): Tensor {
    return this.table.make({ kind: "pool", op, over: "columns", a, axes: axesOf({ ...a.axes, columns }) });
  }

  reduce(op: "sum" | "mean" | "min" | "max", over: "rows" | "columns" | "dim", a: Tensor): Tensor {
    const axes: TensorAxes = over === "dim" ? { ...a.axes, dim: false } : { ...a.axes, [over]: undefined };
    return this.table.make({ kind: "reduce", op, over, a, axes: axesOf(axes) });
  }

  dot(a: Tensor, b: Tensor, span: Span): Tensor {
    const axes = joinAxes(a.axes, b.axes, span, this.add);
    const [rows, columns] = a.axes.columns === undefined ? [a, b] : [b, a];
    const crossed = rows.axes.rows !== undefined && rows.axes.columns === undefined && columns.axes.columns !== undefined;
    // A product of two sides only is what `dot` computes; others are sums over elements.
    if (!crossed || columns.axes.rows !== undefined) return this.reduce("sum", "dim", this.binary("mul", a, b, span));
    return this.table.make({ kind: "dot", a: rows, b: columns, axes: axesOf({ ...axes, dim: false }) });
  }

  softmax(a: Tensor, where: Tensor | undefined, span: Span): Tensor {
    if (where === undefined) return this.table.make({ kind: "softmax", a, axes: a.axes });
    return this.table.make({ kind: "softmax", a, where, axes: joinAxes(a.axes, where.axes, span, this.add) });
  }
}
