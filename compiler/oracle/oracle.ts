import type { InputClause, LayoutClause, ShapeClause, SpaceClause } from "../syntax/ast.js";
import { bodyMask, declareInputs, openPlace, phasesOf } from "./body.js";
import { branchOf, windowsOf } from "./branch.js";
import { evaluate } from "./expressions.js";
import { ordersOf } from "./order.js";
import { OracleError, type OracleDeclaration, type OracleProgram } from "./program.js";
import type { OracleLaunch, Place } from "./scope.js";
import type { OracleTensors } from "./select/scene.js";
import { emptyBook, nameSelections, type OracleItem, type SelectionBook } from "./select/selections.js";
import { readSpace, type OracleSpace } from "./space.js";
import { constant, fixed, nextStamp, truthOf, type Point, type Term } from "./values.js";

export { OracleError, readProgram, type OracleHost, type OracleProgram } from "./program.js";
export type { OracleInput } from "./inputs.js";
export type { OracleLaunch } from "./scope.js";
export type { OracleBits } from "./select/bits.js";
export { selectionBits } from "./select/selections.js";
export type { OracleTensors } from "./select/scene.js";
export type { SelectedHead } from "./select/select.js";
export type { OracleFlag, OracleItem, OracleSelection } from "./select/selections.js";
export type { OracleSpace } from "./space.js";

/** Whether batch entry `b`, query head `h` lets the query at position `q` look at the key at position `k`. */
export type MaskPredicate = (b: number, h: number, q: number, k: number) => boolean;

/**
 * The mask of an attention, or of a branch of one (`nsa.win`), pair by pair, straight from the syntax tree: the slow twin of the compiler's
 * front end and mask, with which it shares nothing but the tree. Walk it query by query: what belongs to a
 * row is computed once.
 *
 * Positions are those of the whole sequence: in a self space the queries stand at `N - NQ` to `N - 1`, in
 * a cross space at 0 to `NQ - 1`. Causality is included; `0 <= k < N` is understood. Of a branch that attends from
 * windows of the sequence, `k` is the number of a window, and causality is what its mask says.
 *
 * @throws OracleError where the program or the launch has no meaning.
 */
export function oracleMask(program: OracleProgram, name: string, launch: OracleLaunch): MaskPredicate {
  const book = emptyBook(launch, false);
  const { declaration, place } = openBranch(program, name, launch, book);
  const { space, windows } = place;
  const group = launch.heads / launch.kvHeads;
  if (!Number.isInteger(group)) throw new OracleError("the kv heads do not divide the heads");
  const seen = truthOf(bodyMask(declaration.node, place));
  nameSelections(book, Object.keys(launch.inputs ?? {}));
  const causal = space.causal && windows === undefined;
  const point: Point = { b: -1, h: -1, kvh: -1, q: -1, k: -1, head: 0, row: 0 };
  return (b, h, q, k) => {
    if (b !== point.b || h !== point.h) {
      point.b = b;
      point.h = h;
      point.kvh = Math.floor(h / group);
      point.head = nextStamp();
      point.row = nextStamp();
    }
    if (q !== point.q) {
      point.q = q;
      point.row = nextStamp();
    }
    // Of a window its first position is looked at.
    point.k = k * (windows?.stride ?? 1);
    return (!causal || k <= q) && seen(point);
  };
}

/**
 * What an attention learns from the tensors of a call, straight from the syntax tree: its selections and flags by
 * name, each with the numbers that it ranks by.
 *
 * @param checked whether these are there in float32 besides, and what rounding may do to them.
 * @throws OracleError where the program or the launch has no meaning.
 */
export function oracleSelections(
  program: OracleProgram,
  name: string,
  launch: OracleLaunch & { readonly tensors: OracleTensors },
  checked = true,
): ReadonlyMap<string, OracleItem> {
  const book = emptyBook(launch, checked);
  const { declaration, place } = openBranch(program, name, launch, book);
  bodyMask(declaration.node, place);
  return nameSelections(book, Object.keys(launch.inputs ?? {}));
}

/** What a declaration says about itself, its numbers filled in. */
export interface OracleFacts {
  readonly space: OracleSpace;
  /** The number of keys that a grid fixes; undefined for a sequence. */
  readonly length?: number | undefined;
  readonly inputs: readonly { readonly name: string; readonly kind: string; readonly sizes: readonly number[]; readonly axis: "q" | "k" }[];
  /** The fields of its `shape` clause that are numbers. */
  readonly shape: Readonly<Record<string, number>>;
  readonly phases: readonly string[];
}

/** @param params parameters of the attention, extents written `?` among them. */
export function oracleFacts(program: OracleProgram, name: string, params: Readonly<Record<string, number | boolean>> = {}): OracleFacts {
  const declaration = findAttention(program, name);
  const place = openAttention(program, declaration, { N: NaN, NQ: NaN, heads: 1, kvHeads: 1, params }, emptyBook({}, false));
  const { clauses } = declaration.node.body;
  const { space } = place;
  const extra = space.segments.reduce((sum, segment) => sum + segment.length, 0);
  const inputs = clauses.filter((clause): clause is InputClause => clause.kind === "input");
  const shape = clauses.find((clause): clause is ShapeClause => clause.kind === "shape");
  return {
    space,
    length: space.base === "grid" ? space.baseLength + extra : undefined,
    inputs: inputs.flatMap((clause) => readInput(clause, place)),
    shape: Object.fromEntries(
      (shape?.fields ?? [])
        .filter((field) => field.name.name !== "dtype")
        .map((field) => [field.name.name, fixed(evaluate(field.value, place))]),
    ),
    phases: phasesOf(clauses),
  };
}

function readInput(clause: InputClause, place: Place): OracleFacts["inputs"] {
  const { type } = clause;
  const kind = type.kind === "call" ? type.callee.name : type.kind === "name" ? type.name : "";
  const args = type.kind === "call" ? type.args : [];
  const first = args[0]?.value;
  const axis = (kind === "ids" || kind === "order") && first?.kind === "name" && first.name === "q" ? "q" : "k";
  const sizes = ["blocks", "csr", "scores", "pooled"].includes(kind) ? args.map((arg) => fixed(evaluate(arg.value, place))) : [];
  return clause.names.map((name) => ({ name: name.name, kind, sizes, axis }));
}

/** `ATTENTION`, or `ATTENTION.BRANCH`. */
function openBranch(
  program: OracleProgram,
  name: string,
  launch: OracleLaunch,
  selected: SelectionBook,
): { readonly declaration: OracleDeclaration; readonly place: Place & { readonly space: OracleSpace } } {
  const [attention, branch] = name.split(".") as [string, string?];
  const whole = findAttention(program, attention);
  const declaration = branch === undefined ? whole : branchOf(whole, branch, launch);
  const place = openAttention(program, declaration, launch, selected);
  return { declaration, place: { ...place, windows: windowsOf(whole, declaration, place) } };
}

function findAttention(program: OracleProgram, name: string): OracleDeclaration {
  const found = program.entry.declarations.get(name);
  if (found?.node.kind !== "attention") throw new OracleError(`no attention ${name}`);
  return found;
}

function openAttention(
  program: OracleProgram,
  declaration: OracleDeclaration,
  launch: OracleLaunch,
  selected: SelectionBook,
): Place & { readonly space: OracleSpace } {
  const { node } = declaration;
  const given = (name: string): Term | undefined => {
    const value = launch.params?.[name];
    if (value === undefined) return undefined;
    return constant(value, typeof value === "boolean" ? "bool" : Number.isInteger(value) ? "int" : "float");
  };
  const place = openPlace(declaration, given, { host: program.host, launch, selected });
  const clause = node.body.clauses.find((each): each is SpaceClause => each.kind === "space");
  if (clause === undefined) throw new OracleError(`${node.name.name} has no space`);
  const extent = (axis: string): number => {
    const value = launch.params?.[axis];
    if (typeof value !== "number") throw new OracleError(`the extent ${axis} is not given`);
    return value;
  };
  const length = Number.isNaN(launch.N) ? undefined : launch.N;
  const space = readSpace(clause, (expr) => fixed(evaluate(expr, place)), extent, length);
  const layout = node.body.clauses.find((each): each is LayoutClause => each.kind === "layout");
  // Orders by clusters name inputs.
  const isGiven = ({ names }: InputClause): boolean => names.every(({ name }) => launch.inputs?.[name] !== undefined);
  if (layout !== undefined) for (const each of node.body.clauses) if (each.kind === "input" && isGiven(each)) declareInputs(each, place);
  const orders = layout === undefined || length === undefined ? undefined : ordersOf(layout, place, space, length);
  return { ...place, space, orders };
}
