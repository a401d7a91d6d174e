import type { AssignClause, Clause, Declaration, Identifier, Import, Param } from "./ast.js";
import { breakOrNothing, group, nest, type Doc } from "./doc.js";
import { stringText } from "./strings.js";
import { writeArgs, writeCall, writeExpr } from "./write-expressions.js";
import type { Writer } from "./writer.js";

/** How the lines of a block are lined up. */
export interface Columns {
  /** The width of keywords; the values start two columns on. */
  readonly keyword: number;
  /** The width of the names before `=` or `:`, where neighbours have them too. */
  readonly names: number;
}

/** Whether the keyword of a clause is padded to the width of its block's. */
export function isAligned(clause: Clause): boolean {
  return clause.kind !== "on" && clause.kind !== "require" && clause.kind !== "accumulate";
}

/** What stands before `=` or `:` in the clauses that line these up; undefined for the others. */
export function namesOf(clause: Clause): string | undefined {
  switch (clause.kind) {
    case "input":
    case "table":
    case "pool":
      return clause.names.map((name) => name.name).join(", ");
    case "let":
    case "probe":
      return clause.name.name;
    default:
      return undefined;
  }
}

/** A clause up to the `{` of its block, if it has one. */
export function writeClause(w: Writer, clause: Clause, columns: Columns): Doc {
  if (clause.kind === "accumulate") return writeAccumulate(w, clause);
  const keyword = w.token(clause.kind);
  const bare = clause.kind === "assign" && clause.phase === undefined;
  const padding = " ".repeat(isAligned(clause) && !bare ? Math.max(1, columns.keyword + 1 - clause.kind.length) : 1);
  const before = w.gap("none");
  if (clause.kind === "assign") return [keyword, padding, before, writeAssignHead(w, clause)];
  return [keyword, padding, before, nest(clause.kind.length + padding.length, writeRest(w, clause, columns))];
}

function writeRest(w: Writer, clause: Exclude<Clause, { kind: "accumulate" | "assign" }>, columns: Columns): Doc {
  switch (clause.kind) {
    case "space": {
      const base = clause.base.kind === "seq" ? w.token("seq") : [w.token("grid"), writeArgs(w, clause.base.args)];
      const segments = clause.segments.map((segment) => [w.token("+", "break"), w.gap("space"), writeCall(w, segment)]);
      return group(base, ...segments, clause.causality === undefined ? "" : w.token(clause.causality.value, "space"));
    }
    case "shape":
      return writeFields(
        w,
        clause.fields.map((field) => [field.name, field.value] as const),
      );
    case "unit":
      return writeFields(
        w,
        clause.units.map((unit) => [unit.axis, unit.value] as const),
      );
    case "phase":
    case "emit":
      return group(writeNames(w, clause.names));
    case "require":
      return clause.names.map((name, i) => w.token(name.name, i === 0 ? "none" : "space"));
    case "input":
      return [padded(w, clause.names, columns), w.token(":", "space"), w.gap("space"), nest(2, writeExpr(w, clause.type))];
    case "table":
      return [padded(w, clause.names, columns), w.token("=", "space"), w.gap("space"), nest(2, writeExpr(w, clause.value))];
    case "let":
    case "probe":
      return [padded(w, [clause.name], columns), w.token("=", "space"), w.gap("space"), nest(2, writeExpr(w, clause.value))];
    case "pool": {
      const names = [padded(w, clause.names, columns), w.token("=", "space"), w.gap("space")];
      const values = clause.values.map((value, i) => [i === 0 ? "" : [w.token(","), w.gap("break")], writeExpr(w, value)]);
      return [names, nest(2, group(...values))];
    }
    case "select":
    case "branch":
    case "on":
      return [w.token(clause.name.name), w.token("{", "space")];
    case "score":
    case "among":
    case "force":
    case "snap":
    case "at":
    case "normalize":
    case "output":
    case "budget":
      return writeExpr(w, clause.value);
    case "group":
      return [w.token(clause.how.name), w.token("over", "space"), w.token(clause.over.name, "space")];
    case "keep": {
      const value = writeExpr(w, clause.value);
      const min = clause.min === undefined ? "" : [w.token("min", "space"), w.gap("space"), writeExpr(w, clause.min)];
      const max = clause.max === undefined ? "" : [w.token("max", "space"), w.gap("space"), writeExpr(w, clause.max)];
      const over = clause.over === undefined ? "" : [w.token("over", "space"), w.token(clause.over.name, "space")];
      return [value, min, max, over];
    }
    case "reuse": {
      const { how } = clause;
      if (how.kind === "later") return [w.token("later"), w.token("layers", "space")];
      if (how.kind === "from") return [w.token("from"), w.token(how.name.name, "space")];
      if (how.kind === "while") return [w.token("while"), w.gap("space"), writeExpr(w, how.value)];
      return [w.token("every"), w.gap("space"), writeExpr(w, how.count), w.token("steps", "space")];
    }
    case "attend": {
      const value = writeExpr(w, clause.value);
      if (clause.from === undefined) return value;
      const { key, value: values } = clause.from;
      return [value, w.token("from", "space"), w.token(key.name, "space"), w.token(","), w.token(values.name, "space")];
    }
    case "layout": {
      const items = clause.items.map((item, i) => {
        const comma = i === 0 ? "" : [w.token(","), w.gap("break")];
        return [comma, w.token(item.callee.name), item.args.length === 0 ? "" : writeArgs(w, item.args)];
      });
      return group(...items);
    }
    case "rope":
      return [w.token("by"), w.token(clause.by.name, "space")];
    case "cache":
      if (clause.how.kind === "keep") return [w.token("keep"), w.gap("space"), nest(5, writeExpr(w, clause.how.value))];
      return [w.token("use"), w.gap("space"), writeCall(w, clause.how.policy)];
    case "state":
      return [writeExpr(w, clause.target), w.token("=", "space"), w.gap("space"), nest(2, writeExpr(w, clause.value))];
    case "retain":
      return w.token(clause.name.name);
    case "evict":
      return [writeCall(w, clause.what), w.token("except", "space"), w.gap("space"), nest(2, writeExpr(w, clause.except))];
  }
}

/** A target that starts with a minus would go on with the line before it. */
function writeAccumulate(w: Writer, clause: Clause & { kind: "accumulate" }): Doc {
  const target = startsWithMinus(clause.target) ? [w.open(), writeExpr(w, clause.target), w.close()] : writeExpr(w, clause.target);
  return [target, w.token("+=", "space"), w.gap("space"), nest(2, writeExpr(w, clause.value))];
}

function startsWithMinus(expr: (Clause & { kind: "accumulate" })["target"]): boolean {
  let first = expr;
  for (;;) {
    if (first.kind === "binary") first = first.left;
    else if (first.kind === "conditional") first = first.then;
    else if (first.kind === "member" || first.kind === "index") first = first.object;
    else return first.kind === "unary" && first.op === "-";
  }
}

function writeAssignHead(w: Writer, clause: AssignClause): Doc {
  const phase = clause.phase === undefined ? "" : w.token(clause.phase.name);
  const open = w.token("{", clause.phase === undefined ? "none" : "space");
  if (clause.body.kind === "cases") return [phase, open];
  const names = clause.body.names.map((name, i) => [i === 0 ? w.gap("break") : [w.token(","), w.gap("break")], w.token(name.name)]);
  return group(phase, open, nest(2, ...names), w.token("}", "break"));
}

export function writeCase(w: Writer, row: (AssignClause["body"] & { kind: "cases" })["cases"][number]): Doc {
  const when = [w.token("when"), w.gap("space"), nest(5, writeExpr(w, row.when))];
  return [when, w.token("->", "space"), w.gap("space"), nest(5, writeExpr(w, row.value))];
}

export function writeOtherwise(w: Writer, body: AssignClause["body"] & { kind: "cases" }): Doc {
  return [w.token("else"), w.token("->", "space"), w.gap("space"), nest(8, writeExpr(w, body.otherwise))];
}

export function writeImport(w: Writer, item: Import): Doc {
  const open = [w.token("import"), w.token("{", "space")];
  const names = item.names.map((name, i) => [i === 0 ? w.gap("break") : [w.token(","), w.gap("break")], w.token(name.name)]);
  const list = group(open, nest(2, ...names), w.token("}", "break"));
  return [list, w.token("from", "space"), w.token(stringText(item.from.value), "space")];
}

/** `attention NAME(params) {` */
export function writeHead(w: Writer, item: Declaration): Doc {
  const name = [w.token(item.kind), w.token(item.name.name, "space")];
  if (item.params.length === 0) return [name, w.token("{", "space")];
  const open = w.open();
  const params = item.params.map((param, i) => [i === 0 ? w.gap("soft") : [w.token(","), w.gap("break")], writeParam(w, param)]);
  return [name, group(open, nest(2, ...params), breakOrNothing, w.close()), w.token("{", "space")];
}

function writeParam(w: Writer, param: Param): Doc {
  const name = w.token(param.name.name);
  const runtime = param.runtime ? [w.token(":"), w.token("runtime", "space")] : "";
  return [name, runtime, w.token("=", "space"), w.gap("space"), writeExpr(w, param.value)];
}

function writeNames(w: Writer, names: readonly Identifier[]): Doc {
  return names.map((name, i) => [i === 0 ? "" : [w.token(","), w.gap("break")], w.token(name.name)]);
}

function padded(w: Writer, names: readonly Identifier[], columns: Columns): Doc {
  const width = names.map((name) => name.name).join(", ").length;
  return [group(writeNames(w, names)), " ".repeat(Math.max(0, columns.names - width))];
}

function writeFields(w: Writer, fields: readonly (readonly [Identifier, Parameters<typeof writeExpr>[1]])[]): Doc {
  const written = fields.map(([name, value], i) => {
    const comma = i === 0 ? "" : [w.token(","), w.gap("break")];
    return [comma, w.token(name.name), w.token(":"), w.gap("space"), writeExpr(w, value)];
  });
  return group(...written);
}
