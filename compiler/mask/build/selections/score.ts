import type { SelectModel } from "../../../semantics/tensors/model.js";
import type { Span } from "../../../source/file.js";
import type { ColumnAxis, Tensor } from "../../selection.js";
import { axesOf, describeColumns, describeRows, holdsAll, inUnits, keys, reportUnits, sameColumns, sameKind } from "../tensors/axes.js";
import { lowerTensor, reportMultiple, type TensorFrame, type UnitSizes } from "../tensors/lower.js";

/** The score of a selection, joined over the heads that share it, in its units: what is finer is added up. */
export function scoreOf(select: SelectModel, units: UnitSizes, at: TensorFrame): Tensor {
  const { span } = select.score;
  const shared = joined(lowerTensor(select.score, at), select.group, at);
  return inColumns(inRows(shared, units, span, at), units, span, at);
}

function joined(score: Tensor, group: SelectModel["group"], at: TensorFrame): Tensor {
  const { heads } = score.axes;
  if (group === undefined || heads === "one" || heads === group.over) return score;
  const { op, over } = group;
  return at.make.node({ kind: "heads", op, a: score, axes: axesOf({ ...score.axes, heads: over }) });
}

function inRows(score: Tensor, units: UnitSizes, span: Span, at: TensorFrame): Tensor {
  const { rows } = score.axes;
  if (rows === undefined) return score;
  if (units.q === undefined) return at.make.reduce("sum", "rows", score);
  const wanted = inUnits(units.q, units.of.q);
  if (rows.last !== undefined) reportUnits(describeRows(rows), describeRows(wanted), span, at.lowering.add);
  else if (wanted.unit < rows.unit || !sameKind(rows, wanted)) reportUnits(describeRows(rows), describeRows(wanted), span, at.lowering.add);
  else if (wanted.unit % rows.unit !== 0) reportMultiple(describeRows(wanted), wanted.unit, rows.unit, span, at);
  return at.make.poolRows("sum", score, wanted);
}

function inColumns(score: Tensor, units: UnitSizes, span: Span, at: TensorFrame): Tensor {
  const { columns } = score.axes;
  if (columns === undefined) return score;
  const wanted: ColumnAxis =
    units.k === undefined ? { kind: "offsets", unit: units.diag! } : { ...keys(units.k), ...inUnits(units.k, units.of.k) };
  const finer = holdsAll(columns) && columns.unit <= wanted.unit && sameKind(columns, wanted);
  if (!finer) reportUnits(describeColumns(columns), describeColumns(wanted), span, at.lowering.add);
  else if (wanted.unit % columns.unit !== 0) reportMultiple(describeColumns(wanted), wanted.unit, columns.unit, span, at);
  return sameColumns(columns, wanted) ? score : at.make.poolColumns("sum", score, wanted);
}
