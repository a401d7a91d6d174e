import type { InputClause, ShapeClause, SpaceClause } from "../syntax/ast.js";
import { bodyMask, openPlace, phasesOf } from "./body.js";
import { evaluate } from "./expressions.js";
import { OracleError, type OracleDeclaration, type OracleProgram } from "./program.js";
import type { OracleLaunch, Place } from "./scope.js";
import { readSpace, type OracleSpace } from "./space.js";
import { constant, fixed, truthOf, type Point, type Term } from "./values.js";

export { OracleError, readProgram, type OracleHost, type OracleProgram } from "./program.js";
export type { OracleInput } from "./inputs.js";
export type { OracleLaunch } from "./scope.js";
export type { OracleSpace } from "./space.js";

/** Whether batch entry `b`, query head `h` lets the query at position `q` look at the key at position `k`. */
export type MaskPredicate = (b: number, h: number, q: number, k: number) => boolean;

/**
 * The mask of an attention, pair by pair, straight from the syntax tree: the slow twin of the compiler's
 * front end and mask, with which it shares nothing but the tree. Walk it query by query: what belongs to a
 * row is computed once.
 *
 * Positions are those of the whole sequence: in a self space the queries stand at `N - NQ` to `N - 1`, in
 * a cross space at 0 to `NQ - 1`. Causality is included; `0 <= k < N` is understood.
 *
 * @throws OracleError where the program or the launch has no meaning.
 */
export function oracleMask(program: OracleProgram, name: string, launch: OracleLaunch): MaskPredicate {
  const declaration = findAttention(program, name);
  const place = openAttention(program, declaration, launch);
  const { space } = place;
  const group = launch.heads / launch.kvHeads;
  if (!Number.isInteger(group)) throw new OracleError("the kv heads do not divide the heads");
  const seen = truthOf(bodyMask(declaration.node, place));
  const causal = space.causal;
  const point: Point = { b: -1, h: -1, kvh: -1, q: -1, k: -1, head: 0, row: 0 };
  return (b, h, q, k) => {
    if (b !== point.b || h !== point.h) {
      point.b = b;
      point.h = h;
      point.kvh = Math.floor(h / group);
      point.head++;
      point.row++;
    }
    if (q !== point.q) {
      point.q = q;
      point.row++;
    }
    point.k = k;
    return (!causal || k <= q) && seen(point);
  };
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
  const place = openAttention(program, declaration, { N: NaN, NQ: NaN, heads: 1, kvHeads: 1, params });
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
  const axis = kind === "ids" && first?.kind === "name" && first.name === "q" ? "q" : "k";
  const sizes = kind === "blocks" || kind === "csr" ? args.map((arg) => fixed(evaluate(arg.value, place))) : [];
  return clause.names.map((name) => ({ name: name.name, kind, sizes, axis }));
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
): Place & { readonly space: OracleSpace } {
  const { node } = declaration;
  const given = (name: string): Term | undefined => {
    const value = launch.params?.[name];
    if (value === undefined) return undefined;
    return constant(value, typeof value === "boolean" ? "bool" : Number.isInteger(value) ? "int" : "float");
  };
  const place = openPlace(declaration, given, { host: program.host, launch });
  const clause = node.body.clauses.find((each): each is SpaceClause => each.kind === "space");
  if (clause === undefined) throw new OracleError(`${node.name.name} has no space`);
  const extent = (axis: string): number => {
    const value = launch.params?.[axis];
    if (typeof value !== "number") throw new OracleError(`the extent ${axis} is not given`);
    return value;
  };
  const length = Number.isNaN(launch.N) ? undefined : launch.N;
  return { ...place, space: readSpace(clause, (expr) => fixed(evaluate(expr, place)), extent, length) };
}
