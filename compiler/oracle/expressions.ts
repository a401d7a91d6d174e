import type { Arg, BinaryExpr, CallExpr, Expr, IndexExpr, MemberExpr } from "../syntax/ast.js";
import { binary, conditional, negate, not, numberFunction, numberFunctions } from "./arithmetic.js";
import { applyPattern } from "./body.js";
import { bitAt, csrHas, idAt, listHas } from "./inputs.js";
import { neighbours } from "./near.js";
import { OracleError } from "./program.js";
import type { Meaning, OracleLaunch, Place } from "./scope.js";
import { mentionsTensor } from "./select/mentions.js";
import { flagTerm, levelTerm, selectionTerm } from "./select/selections.js";
import type { OracleSpace } from "./space.js";
import { quantile, type OracleTable } from "./tables.js";
import { changes, constant, derived, fixed, kept, numberOf, quotient, remainder, truthOf, type Point, type Term } from "./values.js";

/** An expression as a function of the pair, straight from the tree. */
export function evaluate(expr: Expr, place: Place): Term {
  switch (expr.kind) {
    case "number":
      return constant(expr.value, expr.integer ? "int" : "float");
    case "name":
      return place.names.get(expr.name)?.kind === "tensor" ? flagTerm(expr, place) : named(expr.name, place);
    case "call":
      return called(expr, place);
    case "member":
      return coordinate(expr, place);
    case "index":
      return indexed(expr, place);
    case "unary":
      return expr.op === "!" ? not(evaluate(expr.operand, place)) : negate(evaluate(expr.operand, place));
    case "binary":
      return expr.op === "in" ? contained(expr, place) : binary(expr.op, evaluate(expr.left, place), evaluate(expr.right, place));
    case "conditional":
      return conditional(condition(expr.condition, place), evaluate(expr.then, place), evaluate(expr.otherwise, place));
    default:
      throw new OracleError(`an expression of the kind ${expr.kind} has no value`);
  }
}

/** What decides between two values: of the pair, or one boolean for each head that comes from tensors. */
export function condition(expr: Expr, place: Place): Term {
  return mentionsTensor(expr, place, false) ? flagTerm(expr, place) : evaluate(expr, place);
}

const query: Term = { kind: "int", with: changes.query, at: (p) => p.q };
const key: Term = { kind: "int", with: changes.key, at: (p) => p.k };
/** Stands for the head where no index names it. */
const head: Term = { kind: "int", with: changes.head, at: (p) => p.h };
const own: Readonly<Record<string, Term>> = {
  q: query,
  k: key,
  b: { kind: "int", with: changes.head, at: (p) => p.b },
  h: head,
  kvh: { kind: "int", with: changes.head, at: (p) => p.kvh },
  all: constant(true, "bool"),
  none: constant(false, "bool"),
  true: constant(true, "bool"),
  false: constant(false, "bool"),
  current: derived("bool", [query, key], (p) => p.q === p.k),
};

function named(name: string, place: Place): Term {
  const meaning = place.names.get(name);
  if (meaning !== undefined) return meaningTerm(name, meaning, place);
  const term = own[name] ?? launchTerm(name, place.launch);
  if (term !== undefined) return term;
  const segment = place.space?.segments.find((s) => s.name === name);
  if (segment !== undefined) {
    const inside = (at: number): boolean => at >= segment.start && at < segment.start + segment.length;
    return derived("bool", [query, key], (p) => inside(p.q) || inside(p.k));
  }
  return applyPattern(name, [], place);
}

function launchTerm(name: string, launch: OracleLaunch): Term | undefined {
  switch (name) {
    case "N":
    case "NQ":
      return constant(launch[name], "int");
    case "layer":
    case "layers":
    case "step":
    case "steps": {
      const value = launch[name];
      return {
        kind: "int",
        with: changes.head,
        at: () => {
          if (value === undefined) throw new OracleError(`the mask asks for ${name}`);
          return value;
        },
      };
    }
    case "phase":
      return { kind: "phase", with: changes.head, at: () => launch.phase ?? "" };
  }
  return undefined;
}

/** A table's column belongs to kv heads or query heads, by how many there are. */
export function cellOf<T>(rows: readonly (readonly T[])[], launch: OracleLaunch, point: Point): T {
  const row = rows.length === 1 ? rows[0]! : rows[launch.layer ?? -1];
  if (row === undefined) throw new OracleError("a table has no row for the layer");
  const { length } = row;
  const column = length === 1 ? 0 : length === launch.kvHeads ? point.kvh : length === launch.heads ? point.h : undefined;
  if (column === undefined) throw new OracleError(`a table has ${length} columns`);
  return row[column]!;
}

function meaningTerm(name: string, meaning: Meaning, place: Place): Term {
  switch (meaning.kind) {
    case "term":
      return meaning.term;
    case "table":
      return derived("float", [head], (p) => cellOf(meaning.table.rows, place.launch, p));
    case "select":
      return selectionTerm(meaning, false);
    case "tensor":
    case "patterns":
      throw new OracleError(`${name} is no mask`);
    case "input": {
      const { type, value, sizes } = meaning;
      const { launch } = place;
      const [n, m] = sizes as [number, number];
      const first = firstPosition(place);
      const has: ((p: Point) => boolean) | undefined = {
        bits: (p: Point) => bitAt(value, launch, p, p.q - first, p.k),
        blocks: (p: Point) => bitAt(value, launch, p, quotient(p.q, n), quotient(p.k, m)),
        columns: (p: Point) => listHas(value, launch, p, p.k),
        diagonals: (p: Point) => listHas(value, launch, p, p.q - p.k),
        csr: (p: Point) => csrHas(value, launch, p, n, m),
      }[type];
      if (has === undefined) throw new OracleError(`${name} is no mask`);
      return derived("bool", [query, key], has);
    }
  }
}

/** The position of the first query of the call: where rows of `bits` begin. */
function firstPosition(place: Place): number {
  return place.space?.kind === "cross" ? 0 : place.launch.N - place.launch.NQ;
}

function indexed(expr: IndexExpr, place: Place): Term {
  const meaning = expr.object.kind === "name" ? place.names.get(expr.object.name) : undefined;
  const indices = expr.indices.map((index) => evaluate(index, place));
  const [a, b] = indices.map(numberOf) as [(p: Point) => number, (p: Point) => number];
  if (meaning?.kind === "table") return derived("float", indices, (p) => cell(meaning.table, a(p), b(p)));
  if (meaning?.kind !== "input") throw new OracleError("nothing to index");
  const { type, value } = meaning;
  // Batch and head are read even where no index mentions them.
  const parts = [...indices, head];
  if (type === "ids") return derived("int", parts, (p) => idAt(value, p, a(p)));
  // A row is named by the position of its query.
  if (type === "bits") return derived("bool", parts, (p) => bitAt(value, place.launch, p, a(p) - firstPosition(place), b(p)));
  throw new OracleError(`${type} cannot be indexed`);
}

function cell(table: OracleTable, row: number, column: number): number {
  const cells = table.rows.length === 1 ? table.rows[0]! : table.rows[row];
  const value = cells === undefined ? undefined : cells.length === 1 ? cells[0] : cells[column];
  if (value === undefined) throw new OracleError(`a table has no cell ${row}, ${column}`);
  return value;
}

/** `q.y`: how often the product of the faster extents goes into the position, wrapped at the axis's own. */
function coordinate(expr: MemberExpr, place: Place): Term {
  const meaning = expr.object.kind === "name" ? place.names.get(expr.object.name) : undefined;
  if (meaning?.kind === "select" && expr.name.name === "min") return selectionTerm(meaning, true);
  if (meaning?.kind === "select") return levelTerm(meaning, fixed(evaluate(expr.args![0]!.value, place)));
  const position = evaluate(expr.object, place);
  const at = numberOf(position);
  const read = coordinateReader(place.space, expr.name.name);
  return derived("int", [position], (p) => read(at(p)));
}

function coordinateReader(space: OracleSpace | undefined, name: string): (position: number) => number {
  const index = space?.axes.findIndex((axis) => axis.name === name) ?? -1;
  if (space === undefined || index < 0) throw new OracleError(`no axis ${name}`);
  const faster = space.axes.slice(index + 1).reduce((product, axis) => product * axis.extent, 1);
  const { extent } = space.axes[index]!;
  return (position) => remainder(quotient(position, faster), extent);
}

function contained(expr: BinaryExpr, place: Place): Term {
  const left = evaluate(expr.left, place);
  if (expr.right.kind === "list") {
    const items = expr.right.items.map((item) => evaluate(item, place));
    return derived("bool", [left, ...items], (p) => items.some((item) => item.at(p) === left.at(p)));
  }
  const name = expr.right.kind === "name" ? expr.right.name : "";
  const { space } = place;
  if (space === undefined) throw new OracleError("there is no space here");
  const base = name === space.base ? { start: 0, length: space.baseLength } : undefined;
  const segment = space.segments.find((s) => s.name === name) ?? base;
  if (segment === undefined) throw new OracleError(`no segment ${name}`);
  const at = numberOf(left);
  return derived("bool", [left], (p) => at(p) >= segment.start && at(p) < segment.start + segment.length);
}

/** Arguments by the names of the parameters: labelled ones by label, the others in order. */
export function matchArgs(args: readonly Arg[], names: readonly string[]): ReadonlyMap<string, Expr> {
  const matched = new Map<string, Expr>();
  let next = 0;
  for (const arg of args) {
    const name = arg.label?.text ?? names[next++];
    if (name === undefined || !names.includes(name)) throw new OracleError(`no parameter ${name ?? `number ${next}`}`);
    matched.set(name, arg.value);
  }
  return matched;
}

function called(expr: CallExpr, place: Place): Term {
  const { name } = expr.callee;
  const parameters = numberFunctions[name];
  if (parameters !== undefined) {
    // min and max take any number of values.
    const names = expr.args.length > parameters.length ? expr.args.map((_, i) => parameters[i] ?? `value ${i + 1}`) : parameters;
    const given = matchArgs(expr.args, names);
    return numberFunction(
      name,
      names.map((parameter) => evaluate(given.get(parameter)!, place)),
    );
  }
  switch (name) {
    case "first":
    case "last":
    case "local": {
      const count = evaluate(matchArgs(expr.args, ["n"]).get("n")!, place);
      return maskTerm(name, count, place);
    }
    case "start":
    case "end": {
      const { windows } = place;
      if (windows === undefined) break;
      const offset = name === "end" ? windows.n - 1 : 0;
      return derived("int", [key], (p) => p.k + offset);
    }
    case "near":
      return near(expr, place);
    case "quantile": {
      const args = matchArgs(expr.args, ["table", "p"]);
      const table = args.get("table")!;
      const meaning = table.kind === "name" ? place.names.get(table.name) : undefined;
      if (meaning?.kind !== "table") throw new OracleError("quantile takes a table");
      return constant(quantile(meaning.table, fixed(evaluate(args.get("p")!, place))), "float");
    }
  }
  return applyPattern(name, expr.args, place);
}

/** `first(n)`: the first n keys; `last(n)`: the last n; `local(n)`: keys less than n away from the query. */
function maskTerm(name: "first" | "last" | "local", count: Term, place: Place): Term {
  const n = numberOf(count);
  const { N } = place.launch;
  const parts = [query, key, count];
  if (name === "first") return derived("bool", parts, (p) => p.k < n(p));
  if (name === "last") return derived("bool", parts, (p) => p.k >= N - n(p));
  return derived("bool", parts, (p) => Math.abs(p.q - p.k) < n(p));
}

function near(expr: CallExpr, place: Place): Term {
  const args = matchArgs(expr.args, ["axis", "window", "stride", "dilation", "causal"]);
  const axis = args.get("axis")!;
  const { space } = place;
  const found = space?.axes.find((a) => axis.kind === "name" && a.name === axis.name);
  if (space === undefined || found === undefined) throw new OracleError("near takes an axis");
  const read = coordinateReader(space, found.name);
  const optional = (name: string, or: Term): Term => (args.has(name) ? evaluate(args.get(name)!, place) : or);
  const one = constant(1, "int");
  const [window, stride, dilation] = [optional("window", one), optional("stride", one), optional("dilation", one)];
  const causal = optional("causal", constant(false, "bool"));
  const parts = [window, stride, dilation, causal];
  const [w, s, d, c] = [numberOf(window), numberOf(stride), numberOf(dilation), truthOf(causal)];
  /** What each coordinate of the axis sees. */
  const seen = kept(parts, (p) => {
    const rule = { length: found.extent, window: w(p), stride: s(p), dilation: d(p), causal: c(p) };
    return Array.from({ length: found.extent }, (_, at) => neighbours(rule, at));
  });
  return derived("bool", [query, key, ...parts], (p) => {
    if (p.q >= space.baseLength || p.k >= space.baseLength) return false;
    return seen(p)[read(p.q)]!.has(read(p.k));
  });
}
