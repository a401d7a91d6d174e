import fc from "fast-check";
import { expect, test } from "vitest";
import { add, int, intKey, intOp, mul, named, sub } from "../../compiler/select/int.js";
import type { Int } from "../../compiler/select/ir.js";
import { split } from "../../compiler/select/split.js";

const leaf: fc.Arbitrary<Int> = fc.oneof(fc.integer({ min: -9, max: 9 }).map(int), fc.constantFrom("row", "column", "i0", "i1").map(named));

const { sum } = fc.letrec<{ sum: Int }>((tie) => ({
  sum: fc.oneof(
    { maxDepth: 5 },
    leaf,
    ...[add, sub, mul].map((make) => fc.tuple(tie("sum"), tie("sum")).map(([a, b]) => make(a, b))),
    fc.tuple(tie("sum"), tie("sum")).map(([a, b]): Int => ({ kind: "min", a, b })),
  ),
}));

const VALUES: Readonly<Record<string, number>> = { row: 3, column: -7, i0: 11, i1: 5 };

function valueOf(a: Int): number {
  if (a.kind === "int") return a.value;
  if (a.kind === "name") return VALUES[a.name]!;
  if ("a" in a) return intOp(a.kind, valueOf(a.a), valueOf(a.b));
  throw new Error(a.kind);
}

test("what is fixed, the constant and the rest add up, and what is fixed mentions none of the names", () => {
  fc.assert(
    fc.property(sum, (a) => {
      const { fixed, constant, rest } = split(a, ["i0", "i1"]);
      expect(valueOf(fixed) + constant + valueOf(rest) === valueOf(a)).toBe(true);
      expect(intKey(fixed)).not.toMatch(/i[01]/);
    }),
  );
});

test("an index of a row in a loop is its start and the row's own part", () => {
  const at = add(mul(add(mul(named("head"), named("count")), named("i0")), int(64)), add(named("dim"), int(3)));
  const { fixed, constant, rest } = split(at, ["i0"]);
  expect([intKey(fixed), constant, intKey(rest)]).toMatchInlineSnapshot(`
    [
      "add(mul(mul(head,count),64),dim)",
      3,
      "mul(i0,64)",
    ]
  `);
});
