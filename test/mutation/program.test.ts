import { expect, test } from "vitest";
import type { Stmt, TileProgram } from "../../compiler/program/ir.js";
import { lower } from "../../compiler/program/lower.js";
import { verifyProgram } from "../../compiler/program/verify.js";
import * as t from "../../compiler/tiles/expr.js";
import { verifyCase } from "../../runtime/verify/operator.js";
import { interpreted, operatorOf } from "../kernels/check-kernels.js";
import { casesOf, operators } from "./operators.js";

/** Mutations of tile programs, run by the interpreter: as those of kernels, without a device. */

const TILES = { tileQ: 16, tileK: 16 };

/** The first case that fails, or what the program's own rules say; undefined where a program passes all. */
async function caught(program: TileProgram): Promise<string | undefined> {
  const problem = verifyProgram(program)[0];
  if (problem !== undefined) return problem;
  const operator = operatorOf(program.module, program, (tensors, call) => Promise.resolve(interpreted(program, tensors, call)));
  for (const one of casesOf(program.module, [40, 70])) if (!(await verifyCase(operator, one)).ok) return one.name;
  return undefined;
}

/** Each body that is one statement short, with what is missing. */
function* shortened(body: readonly Stmt[]): Generator<readonly [missing: string, body: readonly Stmt[]]> {
  for (const [i, stmt] of body.entries()) {
    const what = "to" in stmt ? `${stmt.op} ${stmt.to}` : stmt.op;
    yield [what, body.toSpliced(i, 1)];
    if ("body" in stmt) {
      for (const [missing, inner] of shortened(stmt.body)) yield [`${missing} in ${stmt.op}`, body.with(i, { ...stmt, body: inner })];
    }
  }
}

/** A body with every statement of one kind replaced. */
function replaced<Op extends Stmt["op"]>(body: readonly Stmt[], op: Op, change: (stmt: Extract<Stmt, { op: Op }>) => Stmt): Stmt[] {
  return body.map((stmt) => {
    const inner = "body" in stmt ? { ...stmt, body: replaced(stmt.body, op, change) } : stmt;
    return inner.op === op ? change(inner as Extract<Stmt, { op: Op }>) : inner;
  });
}

test.each(Object.keys(operators))("%s passes", async (name) => {
  expect(await caught(lower(operators[name]!, TILES))).toBeUndefined();
});

// Their visits depend on inputs, so that no statement of the loop is for speed alone.
test.each([
  // A walk over all keys and one over a list.
  ["lists", 35],
  ["documents", 21],
])("no statement of %s can be left out", async (name, statements) => {
  const program = lower(operators[name]!, TILES);
  const survivors: string[] = [];
  let tried = 0;
  for (const [missing, body] of shortened(program.body)) {
    tried++;
    if ((await caught({ ...program, body })) === undefined) survivors.push(missing);
  }
  expect(tried).toBe(statements);
  expect(survivors).toEqual([]);
});

const changes: readonly (readonly [name: string, operator: string, change: (body: readonly Stmt[]) => readonly Stmt[]])[] = [
  ["partial tiles taken for full", "sliding", (body) => replaced(body, "when", (s) => ({ ...s, cond: t.never }))],
  ["tiles with pairs skipped", "sliding", (body) => replaced(body, "keyTiles", (s) => ({ ...s, may: t.not(s.may) }))],
  [
    "ranges that begin a tile late",
    "sliding",
    (body) =>
      replaced(body, "keyTiles", (s) => ({ ...s, ranges: s.ranges.map((r) => ({ ...r, lo: t.add(t.max(r.lo, t.int(0)), t.int(16)) })) })),
  ],
  [
    "ranges that end a tile early",
    "sliding",
    (body) => replaced(body, "keyTiles", (s) => ({ ...s, ranges: s.ranges.map((r) => ({ ...r, hi: t.add(r.hi, t.int(-16)) })) })),
  ],
  ["the first range not visited", "streaming", (body) => replaced(body, "keyTiles", (s) => ({ ...s, ranges: s.ranges.slice(1) }))],
  ["the last range not visited", "streaming", (body) => replaced(body, "keyTiles", (s) => ({ ...s, ranges: s.ranges.slice(0, -1) }))],
  ["the maximum starting at 0", "sliding", (body) => replaced(body, "fill", (s) => (s.to === "m" ? { ...s, value: 0 } : s))],
  ["the denominator starting at 1", "gaps", (body) => replaced(body, "fill", (s) => (s.to === "l" ? { ...s, value: 1 } : s))],
  [
    "the mask of another operator",
    "streaming",
    (body) => replaced(body, "mask", (s) => ({ ...s, looks: operators.sliding!.mask, bands: undefined })),
  ],
];

test.each(changes)("caught: %s, in %s", async (_, name, change) => {
  const program = lower(operators[name]!, TILES);
  expect(await caught({ ...program, body: change(program.body) })).toBeDefined();
});
