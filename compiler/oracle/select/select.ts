import type { Expr } from "../../syntax/ast.js";
import { evaluate } from "../expressions.js";
import { OracleError } from "../program.js";
import type { Place } from "../scope.js";
import { numberOf, truthOf } from "../values.js";
import type { Arithmetic } from "./arithmetic.js";
import type { SelectText } from "./clauses.js";
import { evaluateTensor } from "./expressions.js";
import { forcedBy, touched, type Grid } from "./force.js";
import { keep, type KeepRule } from "./keep.js";
import { reduce, reduceHeads, regroup } from "./reduce.js";
import { sceneOf, type OracleTensors, type Scene, type UnitSizes } from "./scene.js";
import { build, origin, positionsIn, sameAxis, type Tensor } from "./tensor.js";
import { distanceUnits, isCandidate, type Positions } from "./units.js";
import { unitsAlong } from "./views.js";

/** What was selected for one batch entry and head. Arrays are `[row][column]`, with one row where all queries share a choice. */
export interface SelectedHead {
  readonly rows: number;
  readonly columns: number;
  /** 1 where causality allows some pair of the unit, and the unit is among those that the selection is made among, or forced. */
  readonly candidates: Uint8Array;
  readonly forced: Uint8Array;
  readonly kept: Uint8Array;
  /** In float64, and then in float32 in two orders where that was asked for. */
  readonly scores: readonly Float64Array[];
  /** What single roundings may do to a score, to first order. */
  readonly slack: Float64Array;
  readonly rule: KeepRule;
  readonly scope: "row" | "head";
  /** Where units are clusters: the bits of their tokens, which differ from head to head. */
  readonly bitsOf?: ((row: number, column: number) => readonly (readonly [number, number])[]) | undefined;
}

/** A selection, for all heads of a batch entry. */
export function selectHeads(
  text: SelectText,
  place: Place,
  tensors: OracleTensors,
  b: number,
  ways: readonly Arithmetic[],
): readonly SelectedHead[] {
  const scenes = Array.from({ length: place.launch.heads }, (_, h) => sceneOf(place, tensors, b, h, ways));
  const scores = scenes.map((scene) => evaluateTensor(text.score, place, scene, text.units));
  const agreed = text.group === undefined ? scores : agree(text.group, scores, place, ways);
  return scenes.map((scene, h) => selectHead(text, place, scene, agreed[h]!));
}

/** Heads that share a choice share its scores. */
function agree(
  { how, over }: NonNullable<SelectText["group"]>,
  scores: readonly Tensor[],
  { launch }: Place,
  ways: readonly Arithmetic[],
): readonly Tensor[] {
  const size = over === "h" ? launch.heads : launch.heads / launch.kvHeads;
  return scores.map((_, h) => {
    const first = Math.floor(h / size) * size;
    return reduceHeads(how, scores.slice(first, first + size), ways);
  });
}

function selectHead(text: SelectText, place: Place, scene: Scene, fine: Tensor): SelectedHead {
  const grid = gridOf(text, place, scene);
  const score = toUnits(fine, grid, scene);
  const force = text.force.map((term) => forcedBy(term, grid, place, scene));
  const rows = grid.candidates.length;
  const columns = grid.columns.length;
  const each = (value: (row: number, column: number) => boolean): Uint8Array =>
    Uint8Array.from({ length: rows * columns }, (_, i) => Number(value(Math.floor(i / columns), i % columns)));
  const forced = each((row, column) => force.some((term) => term[row]![column]!));
  const among = text.among === undefined ? grid.candidates : touched(truthOf(evaluate(text.among, place)), grid, scene);
  const candidates = each((row, column) => among[row]![column]! || forced[row * columns + column] === 1);
  const rule = ruleOf(text, place, scene);
  const kept = new Uint8Array(rows * columns);
  for (const places of budgets(rows, columns, text.keep.scope)) {
    const present = places.filter((i) => candidates[i] === 1);
    const units = present.map((i) => ({ score: score.ways[0]![i]!, forced: forced[i] === 1 }));
    keep(units, rule).forEach((is, i) => (kept[present[i]!] = Number(is)));
  }
  const chosen = { rows, columns, candidates, forced, kept, scores: score.ways, slack: score.slack, rule, scope: text.keep.scope };
  return isSpread(text) ? { ...chosen, bitsOf: bitsOfTokens(text, grid, scene.positions) } : chosen;
}

/** The units that one budget is for: those of a row, or all of a head. */
export function budgets(rows: number, columns: number, scope: "row" | "head"): readonly (readonly number[])[] {
  const all = Array.from({ length: rows * columns }, (_, i) => i);
  if (scope === "head") return [all];
  return Array.from({ length: rows }, (_, row) => all.slice(row * columns, (row + 1) * columns));
}

function gridOf({ units }: SelectText, place: Place, scene: Scene): Grid {
  const { positions } = scene;
  const rows = units.q === undefined ? undefined : unitsAlong("q", units, place, scene);
  const kind = units.diag === undefined ? "keys" : "distances";
  const size = units.diag ?? units.k;
  if (size === undefined) throw new OracleError("a selection counts keys or distances");
  const columns = kind === "keys" ? unitsAlong("k", units, place, scene) : distanceUnits(positions, size);
  const candidates = (rows ?? [undefined]).map((row) => columns.map((column) => isCandidate(positions, row, column)));
  return { rows, columns, kind, size, candidates };
}

/** Clusters whose tokens have bits of their own. */
const spreadClusters = ({ units: { clusters }, numbered }: SelectText): UnitSizes["clusters"] =>
  Object.fromEntries(Object.entries(clusters ?? {}).filter(([axis]) => !numbered.includes(axis as "q")));

const isSpread = (text: SelectText): boolean => Object.keys(spreadClusters(text) ?? {}).length > 0;

/** The bits of a pair of units of which one is a cluster. */
function bitsOfTokens(text: SelectText, { rows, columns }: Grid, { first }: Positions): SelectedHead["bitsOf"] {
  const clusters = spreadClusters(text);
  const ofRow = (row: number): readonly number[] => (clusters?.q === undefined ? [row] : positionsIn(rows![row]!).map((q) => q - first));
  const ofColumn = (column: number): readonly number[] => (clusters?.k === undefined ? [column] : positionsIn(columns[column]!));
  return (row, column) => ofRow(row).flatMap((i) => ofColumn(column).map((j) => [i, j] as const));
}

/** One number for each unit: what is finer is added up, what lacks an axis is the same along it. */
function toUnits(fine: Tensor, { rows, columns, kind }: Grid, { ways, positions }: Scene): Tensor {
  const along = kind === "keys" ? "k" : "diag";
  let score = fine;
  if (score.axes.q !== undefined && rows === undefined) score = reduce("sum", score, "q", positions, ways);
  if (score.axes.q !== undefined && !sameAxis(score.axes.q, rows!)) score = regroup("sum", score, "q", rows!, ways);
  const own = score.axes[along];
  if (own !== undefined && !sameAxis(own, columns)) score = regroup("sum", score, along, columns, ways);
  return build(
    { ...(rows === undefined ? {} : { q: rows }), [along]: columns },
    ways,
    (way, at) => score.get(way, { ...origin(), ...at }),
    (at) => score.slackAt(at),
  );
}

function ruleOf({ keep: text }: SelectText, place: Place, { point }: Scene): KeepRule {
  const number = (expr: Expr): number => numberOf(evaluate(expr, place))(point);
  const { rule, amount, least, most, onTop } = text;
  // More than all of a mass is all of it.
  const wanted = rule === "top_p" ? Math.min(number(amount), 1) : number(amount);
  return { rule, amount: wanted, least: least && number(least), most: most && number(most), onTop };
}

/** The selection with only its least number of units. */
export function leastOf(text: SelectText): SelectText {
  const { least, onTop, scope } = text.keep;
  if (least === undefined) throw new OracleError(`${text.name} has no least number`);
  return { ...text, name: `${text.name}_min`, keep: { rule: "top", amount: least, onTop, scope } };
}
