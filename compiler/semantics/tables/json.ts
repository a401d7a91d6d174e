import type { SourceFile } from "../../source/file.js";
import type { PatternCell } from "../model.js";
import type { Cells, TableProblem } from "./cells.js";
import { readJson, type JsonNode } from "./json-reader.js";

/**
 * Reads tables from JSON: an array of rows, or one array for a single row, or an object with such an
 * array under each name. Cells are numbers, or patterns: `"name"`, `{"pattern": "name", "args": {…}}`,
 * or `["name", argument, …]`.
 */
export function readJsonTable(file: SourceFile, names: readonly string[]): readonly Cells[] | TableProblem {
  const root = readJson(file);
  if (root.kind === "syntax") return root;
  const tables: Cells[] = [];
  for (const name of names) {
    let node: JsonNode | undefined = root;
    if (root.kind === "object") {
      node = root.fields.get(name);
      const have = root.fields.size === 0 ? "nothing" : [...root.fields.keys()].slice(0, 8).join(", ");
      if (node === undefined) return { kind: "missing", span: root.span, name, have };
    } else if (names.length > 1) {
      return { kind: "missing", span: root.span, name, have: "a list without names" };
    }
    const cells = readCells(node);
    if (cells.kind !== "cells") return cells;
    tables.push(cells);
  }
  return tables;
}

function readCells(node: JsonNode): Cells | TableProblem {
  if (node.kind !== "array") return { kind: "value", span: node.span, found: describe(node) };
  if (node.items.length === 0) return { kind: "empty", span: node.span };
  const first = node.items[0]!;
  // A list of lists is rows of cells, unless its lists are cells themselves: ["pattern", argument, …].
  const isRows = first.kind === "array" && !isPatternList(first);
  const rows = isRows ? node.items : [node];
  const table: JsonNode[][] = [];
  for (const row of rows) {
    if (row.kind !== "array") return { kind: "value", span: row.span, found: describe(row) };
    const expected = table[0]?.length ?? row.items.length;
    if (row.items.length !== expected) return { kind: "ragged", span: row.span, expected, found: row.items.length };
    if (row.items.length === 0) return { kind: "empty", span: row.span };
    table.push([...row.items]);
  }
  const shape = { kind: "cells" as const, rows: table.length, columns: table[0]!.length };
  const cells = table.flat();
  if (cells[0]!.kind === "number") {
    const values: number[] = [];
    for (const cell of cells) {
      if (cell.kind !== "number" || !Number.isFinite(cell.value)) return { kind: "value", span: cell.span, found: describe(cell) };
      values.push(cell.value);
    }
    return { ...shape, values };
  }
  const patterns: PatternCell[] = [];
  const numbers = new Map<string, number>();
  const values: number[] = [];
  for (const cell of cells) {
    const pattern = readPattern(cell);
    if (pattern === undefined) return { kind: "value", span: cell.span, found: describe(cell) };
    const key = JSON.stringify([pattern.pattern, pattern.args]);
    const known = numbers.get(key);
    if (known === undefined) {
      numbers.set(key, patterns.length);
      patterns.push(pattern);
    }
    values.push(numbers.get(key)!);
  }
  return { ...shape, values, patterns };
}

function isPatternList(node: JsonNode): boolean {
  return node.kind === "array" && node.items[0]?.kind === "string" && node.items.slice(1).some((item) => item.kind === "number");
}

function readPattern(node: JsonNode): PatternCell | undefined {
  const argument = (value: JsonNode, name?: string): PatternCell["args"][number] | undefined => {
    if (value.kind === "number") return { name, value: value.value };
    if (value.kind === "literal" && value.value !== null) return { name, value: value.value };
    return undefined;
  };
  if (node.kind === "string") return { pattern: node.value, args: [], span: node.span };
  let pattern: string;
  let args: (PatternCell["args"][number] | undefined)[];
  if (node.kind === "array" && node.items[0]?.kind === "string") {
    pattern = node.items[0].value;
    args = node.items.slice(1).map((item) => argument(item));
  } else if (node.kind === "object") {
    const name = node.fields.get("pattern");
    const given = node.fields.get("args");
    if (name?.kind !== "string") return undefined;
    pattern = name.value;
    if (given === undefined) args = [];
    else if (given.kind === "object") args = [...given.fields].map(([key, value]) => argument(value, key));
    else if (given.kind === "array") args = given.items.map((item) => argument(item));
    else return undefined;
  } else return undefined;
  const complete = args.filter((arg) => arg !== undefined);
  return complete.length === args.length ? { pattern, args: complete, span: node.span } : undefined;
}

function describe(node: JsonNode): string {
  switch (node.kind) {
    case "number":
      return String(node.value);
    case "string":
      return JSON.stringify(node.value);
    case "literal":
      return String(node.value);
    default:
      return node.kind === "array" ? "a list" : "an object";
  }
}
