import { report, type Context } from "../context.js";
import { declareName } from "../declare-name.js";
import { hint } from "../expressions.js";
import type { TableModel } from "../model.js";
import type { TableClause } from "../../syntax/ast.js";
import { sourceFile } from "../../source/file.js";
import { readJsonTable } from "../tables/json.js";
import { readSeparated } from "../tables/separated.js";
import type { Cells, TableProblem } from "../tables/cells.js";

const formats = ["tsv", "csv", "json"] as const;

/** The tables of a `table` clause, read from their file and declared as names. */
export function checkTable(clause: TableClause, context: Context): void {
  const tables = readTables(clause, context);
  clause.names.forEach((identifier, i) => {
    const table = tables?.[i];
    const { span } = identifier;
    declareName(identifier, table === undefined ? { kind: "error", span } : { kind: "table", table, span }, context);
  });
}

function readTables(clause: TableClause, context: Context): readonly (TableModel | undefined)[] | undefined {
  const { value } = clause;
  if (value.kind === "error") return undefined;
  const arg = value.kind === "call" ? value.args[0] : undefined;
  const called = value.kind === "call" ? value.callee.name : undefined;
  const format = formats.find((f) => f === called);
  if (
    value.kind !== "call" ||
    format === undefined ||
    value.args.length !== 1 ||
    arg?.label !== undefined ||
    arg?.value.kind !== "string"
  ) {
    const misspelled = called === undefined || format !== undefined ? {} : hint(called, formats);
    report(context, "ATTN2301", value.span, {}, misspelled);
    return undefined;
  }
  const spec = arg.value.value;
  const path = context.host.resolve(context.file.name, spec);
  if (path === undefined) {
    report(context, "ATTN2013", arg.value.span, { path: spec });
    return undefined;
  }
  const text = context.host.read(path);
  if (text === undefined) {
    report(context, "ATTN2010", arg.value.span, { path });
    return undefined;
  }
  const file = sourceFile(path, text);
  const problem = (p: TableProblem): undefined => {
    const labels = [{ span: arg.value.span, text: "read by this clause" }];
    if (p.kind === "ragged") report(context, "ATTN2303", p.span, { expected: p.expected, found: p.found }, { labels });
    else if (p.kind === "value")
      report(context, "ATTN2304", p.span, { found: p.found === "" ? "an empty cell" : `\`${p.found}\`` }, { labels });
    else if (p.kind === "syntax") report(context, "ATTN2305", p.span, { problem: p.problem }, { labels });
    else if (p.kind === "missing") report(context, "ATTN2306", p.span, { name: p.name, have: p.have }, { labels });
    else report(context, "ATTN2307", p.span, {}, { labels });
    return undefined;
  };
  const names = clause.names.map((identifier) => identifier.name);
  if (format === "json") {
    const read = readJsonTable(file, names);
    return Array.isArray(read) ? names.map((name, i) => model(name, path, read[i]!, clause)) : problem(read as TableProblem);
  }
  if (names.length > 1) {
    report(context, "ATTN2309", clause.span, { format });
    return undefined;
  }
  const read = readSeparated(file, format === "tsv" ? "\t" : ",");
  return read.kind === "cells" ? [model(names[0]!, path, read, clause)] : problem(read);
}

function model(name: string, file: string, cells: Cells, clause: TableClause): TableModel {
  const { rows, columns, values, patterns } = cells;
  return { name, file, rows, columns, values, patterns, span: clause.span };
}
