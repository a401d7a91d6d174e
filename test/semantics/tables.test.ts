import { expect, test } from "vitest";
import { positionAt, sourceFile, textOf } from "../../compiler/source/file.js";
import type { TableProblem } from "../../compiler/semantics/tables/cells.js";
import { readJsonTable } from "../../compiler/semantics/tables/json.js";
import { readSeparated } from "../../compiler/semantics/tables/separated.js";

const tsv = (text: string) => readSeparated(sourceFile("t.tsv", text), "\t");
const csv = (text: string) => readSeparated(sourceFile("t.csv", text), ",");
const json = (text: string, ...names: string[]) => readJsonTable(sourceFile("t.json", text), names);
const placeOf = (problem: unknown) => {
  const { kind, span } = problem as TableProblem;
  return [kind, positionAt(span.file, span.start).line, textOf(span)];
};

test("numbers are read in rows; comments, blank lines and a header are skipped", () => {
  expect(tsv("# heads\n\nh0\th1\n0.5\t1\r\n-2e-3\t.25\n")).toMatchObject({ rows: 2, columns: 2, values: [0.5, 1, -0.002, 0.25] });
  expect(csv("1, 2,3\n4,5 ,6")).toMatchObject({ rows: 2, columns: 3, values: [1, 2, 3, 4, 5, 6] });
  expect(tsv("1 2   3\n4 5 6\n")).toMatchObject({ rows: 2, columns: 3 });
});

test("a mistake in a separated table has its place", () => {
  expect(placeOf(tsv("1\t2\n3\tx\n"))).toEqual(["value", 2, "x"]);
  expect(placeOf(csv("1,2\n3,,4\n"))).toEqual(["value", 2, ","]);
  expect(placeOf(csv("1,2\n3\n"))).toEqual(["ragged", 2, "3"]);
  expect(placeOf(tsv("# nothing\n"))).toEqual(["empty", 1, ""]);
  expect(placeOf(tsv("1\tnan\n"))).toEqual(["value", 1, "nan"]);
});

test("JSON tables are lists of rows, one row, or named", () => {
  expect(json("[[1, 2], [3, 4]]", "a")).toMatchObject([{ rows: 2, columns: 2, values: [1, 2, 3, 4] }]);
  expect(json("[1, 2, 3]", "a")).toMatchObject([{ rows: 1, columns: 3 }]);
  expect(json('{"b": [[1]], "a": [[2, 3]]}', "a", "b")).toMatchObject([
    { columns: 2, values: [2, 3] },
    { columns: 1, values: [1] },
  ]);
});

test("cells of a JSON table may name patterns with arguments", () => {
  const read = json('[["p", {"pattern": "q", "args": {"n": 2}}], [["p", 3], "p"]]', "best");
  expect(read).toMatchObject([
    {
      rows: 2,
      columns: 2,
      values: [0, 1, 2, 0],
      patterns: [
        { pattern: "p", args: [] },
        { pattern: "q", args: [{ name: "n", value: 2 }] },
        { pattern: "p", args: [{ value: 3 }] },
      ],
    },
  ]);
});

test("a mistake in a JSON table has its place", () => {
  expect(placeOf(json("[[1, 2],\n [3]]", "a"))).toEqual(["ragged", 2, "[3]"]);
  expect(placeOf(json('[[1, 2],\n [3, "x"]]', "a"))).toEqual(["value", 2, '"x"']);
  expect(placeOf(json("[[1, 2],\n [3, 4]", "a"))).toEqual(["syntax", 2, ""]);
  expect(placeOf(json("[1,\n 2,]", "a"))).toEqual(["syntax", 2, "]"]);
  expect(placeOf(json('{"b": [1]}', "a"))).toEqual(["missing", 1, '{"b": [1]}']);
  expect(placeOf(json("[]", "a"))).toEqual(["empty", 1, "[]"]);
  expect(placeOf(json("[".repeat(2000), "a"))).toEqual(["syntax", 1, "["]);
});
