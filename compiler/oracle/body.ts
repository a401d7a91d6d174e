import type { Arg, AssignClause, Clause, Declaration, Expr, InputClause, TableClause } from "../syntax/ast.js";
import { cellOf, condition, evaluate, matchArgs } from "./expressions.js";
import { OracleError, type OracleDeclaration } from "./program.js";
import type { Place } from "./scope.js";
import { mentionsTensor } from "./select/mentions.js";
import { readJson, readLines, type OracleTable, type PatternCell } from "./tables.js";
import { changes, constant, derived, fixed, truthOf, type Term } from "./values.js";

/** The names of a declaration's parameters: as given, or by default, which may use those before it. */
export function openPlace(
  declaration: OracleDeclaration,
  given: (name: string) => Term | undefined,
  outer: Pick<Place, "host" | "launch" | "space" | "orders" | "selected">,
): Place {
  const { host, launch, space, orders, selected } = outer;
  const { kind, name } = declaration.node;
  const pattern = kind === "pattern" ? name.name : undefined;
  const place: Place = { file: declaration.home, host, launch, space, orders, selected, pattern, names: new Map() };
  for (const param of declaration.node.params) {
    const own = param.name.name;
    const standard = evaluate(param.value, place);
    const value = given(own) ?? standard;
    // A whole number given for a float parameter is a float: `/` must not round it.
    const term = standard.kind === "float" ? { ...value, kind: standard.kind } : value;
    place.names.set(own, { kind: "term", term });
  }
  return place;
}

/** A pattern as a mask term. */
export function applyPattern(name: string, args: readonly Arg[], place: Place): Term {
  const pattern = findPattern(name, place);
  const names = pattern.node.params.map((param) => param.name.name);
  const terms = new Map([...matchArgs(args, names)].map(([key, expr]) => [key, evaluate(expr, place)]));
  return bodyMask(
    pattern.node,
    openPlace(pattern, (key) => terms.get(key), place),
  );
}

function findPattern(name: string, place: Place): OracleDeclaration {
  const found = place.file.declarations.get(name);
  if (found?.node.kind !== "pattern") throw new OracleError(`no name ${name}`);
  return found;
}

/** What a body attends to, its clauses read in order. */
export function bodyMask(declaration: Declaration, place: Place): Term {
  const { clauses } = declaration.body;
  for (const phase of phasesOf(clauses)) place.names.set(phase, { kind: "term", term: constant(phase, "phase") });
  let attend: Term | undefined;
  const assigned: { readonly phase: string | undefined; readonly term: Term }[] = [];
  for (const clause of clauses) {
    switch (clause.kind) {
      case "input":
        declareInputs(clause, place);
        break;
      case "table":
        declareTables(clause, place);
        break;
      case "let":
        if (mentionsTensor(clause.value, place, false)) declareTensor(clause.name.name, clause.value, place);
        else place.names.set(clause.name.name, { kind: "term", term: evaluate(clause.value, place) });
        break;
      case "probe":
        declareTensor(clause.name.name, clause.value, place);
        break;
      case "pool":
        clause.names.forEach((name, i) => declareTensor(name.name, clause.values[i]!, place));
        break;
      case "select":
        place.names.set(clause.name.name, { kind: "select", clause, place });
        break;
      case "attend":
        attend = evaluate(clause.value, place);
        break;
      case "assign":
        assigned.push({ phase: clause.body.kind === "names" ? undefined : clause.phase?.name, term: assign(clause, place) });
        break;
    }
  }
  if (attend !== undefined) return attend;
  if (assigned.length === 0) throw new OracleError(`${declaration.name.name} attends to nothing`);
  const { phase } = place.launch;
  const chosen = assigned.find((each) => each.phase === undefined || each.phase === phase);
  if (chosen === undefined) throw new OracleError(`no assign for the phase ${phase ?? "(none)"}`);
  return chosen.term;
}

/** The phases of a body: those of its clause, else those that an `assign` is for. */
export function phasesOf(clauses: readonly Clause[]): readonly string[] {
  const clause = clauses.find((each) => each.kind === "phase");
  if (clause !== undefined) return clause.names.map((name) => name.name);
  return [
    ...new Set(clauses.flatMap((each) => (each.kind === "assign" && each.body.kind === "cases" && each.phase ? [each.phase.name] : []))),
  ];
}

function assign(clause: AssignClause, place: Place): Term {
  if (clause.body.kind === "names") return assignByTable(clause, place);
  const cases = clause.body.cases.map((each) => ({ when: condition(each.when, place), value: evaluate(each.value, place) }));
  const otherwise = evaluate(clause.body.otherwise, place);
  // The first condition that holds decides.
  return cases.reduceRight((rest, { when, value }) => {
    const [holds, then, or] = [truthOf(when), truthOf(value), truthOf(rest)];
    return derived("bool", [when, value, rest], (p) => (holds(p) ? then(p) : or(p)));
  }, otherwise);
}

/** `assign best { … }`: a cell of the table names the head's pattern. */
function assignByTable(clause: AssignClause, place: Place): Term {
  const meaning = place.names.get(clause.phase?.name ?? "");
  if (meaning?.kind !== "patterns") throw new OracleError("assign takes a table of patterns");
  const { rows } = meaning.table;
  const terms = new Map(rows.flat().map((cell) => [cell, truthOf(cellTerm(cell, place))]));
  const pair: Term = { kind: "bool", with: changes.head | changes.query | changes.key, at: () => false };
  return derived("bool", [pair], (p) => terms.get(cellOf(rows, place.launch, p))!(p));
}

function cellTerm(cell: PatternCell, place: Place): Term {
  const pattern = findPattern(cell.pattern, place);
  const given = new Map<string, Term>();
  cell.args.forEach((arg, i) => {
    const param = pattern.node.params.find((each, at) => (arg.name === undefined ? at === i : each.name.name === arg.name));
    if (param === undefined) throw new OracleError(`${cell.pattern} has no such parameter`);
    const kind = typeof arg.value === "boolean" ? "bool" : Number.isInteger(arg.value) ? "int" : "float";
    given.set(param.name.name, constant(arg.value, kind));
  });
  return bodyMask(
    pattern.node,
    openPlace(pattern, (name) => given.get(name), place),
  );
}

/** Names that are declared later are none of its. */
function declareTensor(name: string, expr: Expr, place: Place): void {
  place.names.set(name, { kind: "tensor", expr, place: { ...place, names: new Map(place.names) } });
}

const isAxis = (expr: Expr): boolean => expr.kind === "name" && (expr.name === "q" || expr.name === "k");

export function declareInputs(clause: InputClause, place: Place): void {
  const { type } = clause;
  const name = type.kind === "call" ? type.callee.name : type.kind === "name" ? type.name : "";
  const sized = ["blocks", "csr", "scores", "pooled", "centroids"].includes(name);
  // An axis may stand before the sizes.
  const numbers = type.kind === "call" && sized ? type.args.filter((arg) => !isAxis(arg.value)) : [];
  const sizes = numbers.map((arg) => fixed(evaluate(arg.value, place)));
  const first = type.kind === "call" ? type.args[0]?.value : undefined;
  const axis = first?.kind === "name" && first.name === "q" ? "q" : "k";
  for (const { name: input } of clause.names) {
    const value = place.launch.inputs?.[input];
    if (value === undefined) throw new OracleError(`the input ${input} is not given`);
    place.names.set(input, { kind: "input", type: name, sizes, axis, value });
  }
}

function declareTables(clause: TableClause, place: Place): void {
  const { value } = clause;
  const spec = value.kind === "call" ? value.args[0]?.value : undefined;
  if (value.kind !== "call" || spec?.kind !== "string") throw new OracleError("a table names its file");
  const path = place.host.resolve(place.file.source.name, spec.value);
  const text = path === undefined ? undefined : place.host.read(path);
  if (text === undefined) throw new OracleError(`no table "${spec.value}"`);
  for (const { name } of clause.names) {
    const table = value.callee.name === "json" ? readJson(text, name) : readLines(text, value.callee.name === "csv" ? "csv" : "tsv");
    place.names.set(name, isNumbers(table) ? { kind: "table", table } : { kind: "patterns", table });
  }
}

function isNumbers(table: OracleTable | OracleTable<PatternCell>): table is OracleTable {
  return typeof table.rows[0]?.[0] === "number";
}
