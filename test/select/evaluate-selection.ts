import { evaluateBool, evaluateInt, evaluateScalars } from "../../compiler/mask/evaluate.js";
import type { BitsValue, PairEnv } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import type { ColumnAxis, Flag, RowAxis, Selection } from "../../compiler/mask/selection.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import { columnUnits, headCountOf, isCandidate, realValueOf, rowUnits, TensorEvaluator } from "./evaluate-tensor.js";

/** A unit of a row, with all that a rule asks about it. */
interface Unit {
  readonly row: number;
  readonly column: number;
  readonly score: number;
  readonly forced: boolean;
}

/**
 * What selections and flags choose, in float64, from the definitions of the selection IR. `close` is called with pairs of
 * numbers whose order decided something, so that a caller can tell where rounding may decide otherwise.
 */
export function evaluateSelections(module: MaskModule, call: SelectionCall, close: Decision = () => undefined): Record<string, BitsValue> {
  const tensors = new TensorEvaluator(module, call);
  const made: Record<string, BitsValue> = {};
  for (const each of module.selections ?? []) {
    if (each.kind === "order") throw new Error("orders have a test of their own");
    made[each.name] = each.kind === "flag" ? flagOf(each, call, tensors) : matrixOf(each, module, call, tensors, made, close);
  }
  return made;
}

export type Decision = (name: string, a: number, b: number) => void;

function bits(batch: number, heads: number, rows: number, columns: number): BitsValue {
  return { kind: "bits", batch, heads, rows, columns, data: new Uint8Array(batch * heads * rows * columns) };
}

function flagOf({ heads, value }: Flag, call: SelectionCall, tensors: TensorEvaluator): BitsValue {
  const count = headCountOf(heads, call);
  const matrix = bits(call.batch, count, 1, 1);
  const grid = tensors.grid(value);
  matrix.data.forEach((_, i) => {
    const head = Math.floor(((i % count) * grid.heads) / count);
    matrix.data[i] = grid.at(Math.floor(i / count), head, 0, 0, 0) !== 0 ? 1 : 0;
  });
  return matrix;
}

function matrixOf(
  selection: Selection,
  module: MaskModule,
  call: SelectionCall,
  tensors: TensorEvaluator,
  made: Readonly<Record<string, BitsValue>>,
  close: Decision,
): BitsValue {
  const { space } = module;
  const axis: ColumnAxis =
    selection.columns.kind === "keys"
      ? { ...selection.columns, kind: "keys", stride: selection.columns.unit }
      : { kind: "offsets", unit: selection.columns.unit };
  const rowAxis: RowAxis | undefined = selection.rows;
  const rows = rowUnits(space, rowAxis, call);
  const columns = columnUnits(axis, call);
  const heads = headCountOf(selection.heads, call);
  const matrix = bits(call.batch, heads, rows.length, columns.length);
  const grid = tensors.grid(selection.score);
  const { score } = selection;
  for (let b = 0; b < call.batch; b++) {
    for (let head = 0; head < heads; head++) {
      const h = (head * call.env.heads) / heads;
      const env = { ...call.env, inputs: made };
      const at: PairEnv = { env, scalars: evaluateScalars(module, call.env, h), b, h, q: 0, k: 0 };
      if (selection.when !== undefined && selection.heads === "query" && !evaluateBool(selection.when, at)) continue;
      const units = rows.map((queries, row) =>
        columns.flatMap((members, column): Unit[] => {
          // A selection without rows has no pairs of a row and a column.
          if (rowAxis !== undefined && !isCandidate(space, axis, queries, members)) return [];
          const has = (on: unknown, index: number): number => (on === undefined ? 0 : index);
          const own = Math.floor((head * grid.heads) / heads);
          const value = grid.at(b, own, has(score.axes.rows, row), has(score.axes.columns, column), 0);
          const forced = isForced(selection, at, queries, members, column, columns, space.causal);
          const { among } = selection;
          return forced || among === undefined || hasPair(among, selection, at, queries, members)
            ? [{ row, column, score: value, forced }]
            : [];
        }),
      );
      const groups = selection.keep.scope === "head" ? [units.flat()] : units;
      for (const group of groups)
        for (const { row, column } of chosen(selection, module, call, at, group, close))
          matrix.data[((b * heads + head) * rows.length + row) * columns.length + column] = 1;
    }
  }
  return selection.snap === undefined ? matrix : snapped(selection, matrix, rows, columns, module, call);
}

function isForced(
  selection: Selection,
  at: PairEnv,
  queries: readonly number[],
  members: readonly number[],
  column: number,
  columns: readonly (readonly number[])[],
  causal: boolean,
): boolean {
  const { force, rows, columns: axis } = selection;
  if (force === undefined) return false;
  const last = queries.at(-1)!;
  const { first, last: ending, local, pairs } = force;
  if (first !== undefined && column < evaluateInt(first, at)) return true;
  if (ending !== undefined) {
    const seen = columns.filter((each) => rows === undefined || !causal || each[0]! <= last).length;
    if (column >= seen - evaluateInt(ending, at)) return true;
  }
  if (local !== undefined) {
    const own = Math.floor(last / axis.unit);
    if (column <= own && column > own - evaluateInt(local, at)) return true;
  }
  return pairs !== undefined && hasPair(pairs, selection, at, queries, members);
}

/** Whether some pair of a unit satisfies a mask. */
function hasPair(
  mask: BoolExpr,
  { columns: axis }: Selection,
  at: PairEnv,
  queries: readonly number[],
  members: readonly number[],
): boolean {
  return queries.some((q) =>
    members.some((each) => {
      const k = axis.kind === "keys" ? each : q - each;
      return k >= 0 && evaluateBool(mask, { ...at, q, k });
    }),
  );
}

function chosen(
  { name, keep, force }: Selection,
  module: MaskModule,
  call: SelectionCall,
  at: PairEnv,
  units: readonly Unit[],
  close: Decision,
): readonly Unit[] {
  const forced = units.filter((unit) => unit.forced);
  const others = units.filter((unit) => !unit.forced);
  const isNumber = (unit: Unit): boolean => !Number.isNaN(unit.score);
  const ranked = [
    ...others.filter(isNumber).sort((a, b) => b.score - a.score || a.row - b.row || a.column - b.column),
    ...others.filter((unit) => !isNumber(unit)),
  ];
  const onTop = force?.onTop ?? false;
  const counted = onTop ? others : units;
  const already = onTop ? 0 : forced.length;
  const { rule, least, most } = keep;
  const value =
    rule.kind === "top" ? 0 : realValueOf(rule.kind === "mass" ? rule.p : rule.kind === "threshold" ? rule.t : rule.f, module, call, at.h);
  let kept: number;
  switch (rule.kind) {
    case "top":
      kept = evaluateInt(rule.n, at) - already;
      break;
    case "fraction":
      kept = (value > 0 ? Math.ceil(Math.min(1, value) * counted.length) : 0) - already;
      break;
    case "threshold":
      kept = ranked.filter(({ score }) => score >= value).length;
      for (const { score } of ranked) close(name, score, value);
      break;
    case "mass": {
      const mass = ({ score }: Unit): number => (score > 0 ? score : 0);
      const total = counted.reduce((sum, unit) => sum + mass(unit), 0);
      let sum = onTop ? 0 : forced.reduce((all, unit) => all + mass(unit), 0);
      const wanted = value > 0 ? Math.min(1, value) * total : 0;
      close(name, sum, wanted);
      for (kept = 0; sum < wanted && kept < ranked.length; kept++) {
        sum += mass(ranked[kept]!);
        close(name, sum, wanted);
      }
      break;
    }
  }
  if (rule.kind !== "top" && least !== undefined) kept = Math.max(kept, evaluateInt(least, at) - already);
  if (rule.kind !== "top" && most !== undefined) kept = Math.min(kept, evaluateInt(most, at) - already);
  kept = Math.max(0, Math.min(ranked.length, kept));
  if (kept > 0 && kept < ranked.length) {
    for (let i = 0; i < kept; i++) close(name, ranked[i]!.score, ranked[kept]!.score);
    for (let i = kept; i < ranked.length; i++) close(name, ranked[kept - 1]!.score, ranked[i]!.score);
  }
  return [...forced, ...ranked.slice(0, kept)];
}

/** Coarser: every pair of positions that the selection holds on the endless plane turns its tile on. */
function snapped(
  { columns: axis, rows: rowAxis, snap }: Selection,
  fine: BitsValue,
  rows: readonly (readonly number[])[],
  columns: readonly (readonly number[])[],
  { space }: MaskModule,
  { env }: SelectionCall,
): BitsValue {
  const size = snap!;
  const firstQuery = space.kind === "self" ? env.N - env.NQ : 0;
  const lastQuery = firstQuery + env.NQ - 1;
  const firstTile = rowAxis === undefined || axis.kind === "offsets" ? 0 : Math.floor(firstQuery / size);
  const tileRows = rowAxis === undefined || axis.kind === "offsets" ? 1 : Math.floor(lastQuery / size) - firstTile + 1;
  const coarse = bits(fine.batch, fine.heads, tileRows, Math.ceil(env.N / size));
  for (let i = 0; i < fine.data.length; i++) {
    if (fine.data[i] === 0) continue;
    const column = i % fine.columns;
    const row = Math.floor(i / fine.columns) % fine.rows;
    const head = Math.floor(i / fine.columns / fine.rows);
    // On the endless plane the last unit is as long as the others.
    const start = columns[column]![0]!;
    const members = Array.from({ length: axis.unit }, (_, j) => start + j);
    const rowStart = rowAxis === undefined ? 0 : Math.floor(rows[row]![0]! / rowAxis.unit) * rowAxis.unit;
    const queries = Array.from({ length: rowAxis?.unit ?? 1 }, (_, j) => rowStart + j);
    for (let tile = 0; tile < coarse.columns; tile++) {
      for (let tileRow = 0; tileRow < tileRows; tileRow++) {
        const rowsMeet =
          rowAxis === undefined || axis.kind === "offsets" || queries.some((q) => Math.floor(q / size) - firstTile === tileRow);
        const columnsMeet = members.some((each) =>
          axis.kind === "keys" ? Math.floor(each / size) === tile : Math.abs(each - tile * size) < size,
        );
        if (rowsMeet && columnsMeet) coarse.data[(head * tileRows + tileRow) * coarse.columns + tile] = 1;
      }
    }
  }
  return coarse;
}
