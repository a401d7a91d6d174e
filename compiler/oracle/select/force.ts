import type { CallExpr, Expr } from "../../syntax/ast.js";
import { evaluate, matchArgs } from "../expressions.js";
import type { Place } from "../scope.js";
import { nextStamp, numberOf, truthOf, type Point } from "../values.js";
import type { Scene } from "./scene.js";
import { positionsIn, type Axis, type Unit } from "./tensor.js";

/** The units of a selection: one row for all queries where there is no axis of rows. */
export interface Grid {
  readonly rows: Axis | undefined;
  readonly columns: Axis;
  readonly kind: "keys" | "distances";
  /** Positions or distances of a unit of columns. */
  readonly size: number;
  /** `[row][column]`: whether causality allows some pair. */
  readonly candidates: readonly (readonly boolean[])[];
}

/** Whether a term of `force` counts units. */
export function isCounted(term: Expr): term is CallExpr {
  return term.kind === "call" && ["first", "last", "local"].includes(term.callee.name);
}

/** Which units one term of `force` keeps: `[row][column]`. Units that are no candidates are not among them. */
export function forcedBy(term: Expr, grid: Grid, place: Place, scene: Scene): readonly (readonly boolean[])[] {
  if (!isCounted(term)) return touched(truthOf(evaluate(term, place)), grid, scene);
  const n = numberOf(evaluate(matchArgs(term.args, ["n"]).get("n")!, place))(scene.point);
  return grid.candidates.map((among, i) => {
    const present = among.flatMap((candidate, j) => (candidate ? [j] : []));
    // Counted among the candidates of the row; the own unit is the one that holds the row's last query.
    const row = grid.rows?.[i];
    const own = Math.floor((row?.tile?.lastPlace ?? lastQuery(row, scene)) / grid.size);
    const chosen = {
      first: present.filter((j) => j < n),
      last: n > 0 ? present.slice(-n) : [],
      local: present.filter((j) => j > own - n && j <= own),
    }[term.callee.name as "first"];
    return among.map((_, j) => chosen.includes(j));
  });
}

function lastQuery(row: Unit | undefined, { positions }: Scene): number {
  return (row?.end ?? positions.first + positions.queries) - 1;
}

/** Units some of whose pairs a mask holds. */
export function touched(holds: (point: Point) => boolean, grid: Grid, { point, positions }: Scene): readonly (readonly boolean[])[] {
  const { first, queries, causal } = positions;
  const all = { start: first, end: first + queries };
  const found = grid.candidates.map((row) => row.map(() => false));
  (grid.rows ?? [all]).forEach((row, i) => {
    for (const q of positionsIn(row)) {
      const at = { ...point, q, row: nextStamp() };
      grid.columns.forEach((column, j) => {
        if (found[i]![j] || !grid.candidates[i]![j]) return;
        for (const c of positionsIn(column)) {
          if (found[i]![j]) break;
          at.k = grid.kind === "keys" ? c : q - c;
          if (at.k >= 0 && (!causal || at.k <= q) && holds(at)) found[i]![j] = true;
        }
      });
    }
  });
  return found;
}
