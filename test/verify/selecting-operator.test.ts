import { expect, test } from "vitest";
import { oracleMask, oracleSelections } from "../../compiler/oracle/oracle.js";
import { standardCases } from "../../runtime/verify/cases.js";
import { verifyOperator, type Operator, type Selected, type VerifyCall } from "../../runtime/verify/operator.js";
import { checkSelection } from "../../runtime/verify/selection.js";
import type { ExpectedSelection } from "../../runtime/verify/selection-expected.js";
import type { VerifyTensors } from "../../runtime/verify/tensors.js";
import { programOf } from "../oracle/programs.js";
import { runKernel } from "./kernel.js";
import { makeBits, type SelectorFaults } from "./selector.js";

const program = programOf(`attention a {
  space  seq causal
  select s { unit q: token, k: block(8); score dot(q, mean(k)); keep top(3); force current }
  attend s
}`);

const launchOf = ({ keys, queries, heads, kvHeads }: VerifyCall) => ({ N: keys, NQ: queries, heads, kvHeads });
const expectedOf = (call: VerifyCall, { q, k }: VerifyTensors) =>
  oracleSelections(program, "a", { ...launchOf(call), tensors: { headDim: call.headDim, q, k } }).get("s") as ExpectedSelection;

/** A selector and a kernel that may be wrong, each for itself. */
function operator(selector: SelectorFaults, ignoresBits = false, ways = 1): Operator {
  const maskOf = (call: VerifyCall, selected?: Selected) => oracleMask(program, "a", { ...launchOf(call), selected });
  return {
    ...{ headDim: 16, valueDim: 8, dtype: "f32", space: "self", inputs: [] },
    mask: maskOf,
    checkSelected: (call, tensors, { s }) => [checkSelection(expectedOf(call, tensors), s!, call)],
    run: (tensors, call) => {
      const expected = expectedOf(call, tensors);
      const selected = { s: makeBits(expected, call, selector, ways) };
      const read = ignoresBits ? { s: makeBits(expected, call, { budgetMore: 1 }, ways) } : selected;
      return Promise.resolve({ ...runKernel(tensors, call, maskOf(call, read)), selected });
    },
  };
}

const plan = { lengths: [50, 33], seeds: 1, heads: 2, kvHeads: 1, freeLength: true, freeHeads: true, selects: true, choosing: 90 };
const cases = standardCases(plan);

test("operators that select have cases in which that matters", () => {
  expect(cases.map(({ data }) => data)).toEqual(expect.arrayContaining(["strong keys", "repeated keys"]));
  expect(cases.find(({ keys }) => keys === 90)).toMatchObject({ queries: 33 });
  const names = standardCases({ ...plan, selects: false }).map(({ name }) => name);
  expect(names.filter((name) => /strong|repeated|choose/.test(name))).toEqual([]);
});

test("a right selector and a right kernel pass, and say what was selected", async () => {
  for (const way of [1, 2]) {
    const results = await verifyOperator(operator({}, false, way), cases);
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
    for (const { selections } of results) expect(selections).toMatchObject([{ name: "s", ok: true }]);
  }
});

test("a wrong selector fails its own check, while the kernel computes what was selected", async () => {
  const results = await verifyOperator(operator({ budgetMore: -1 }), cases);
  const failed = results.filter(({ ok }) => !ok);
  expect(failed.length).toBeGreaterThan(cases.length / 2);
  for (const { selections, maxAbs, tolerance } of failed) {
    expect(selections).toMatchObject([{ ok: false }]);
    expect(maxAbs).toBeLessThanOrEqual(tolerance);
  }
});

test("wrong ties show where keys repeat", async () => {
  const results = await verifyOperator(operator({ tiesLast: true }), cases);
  expect(results.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(expect.arrayContaining(["repeated keys"]));
});

test("a kernel that reads other bits than those selected fails its check, while the selector passes", async () => {
  const results = await verifyOperator(operator({}, true), cases);
  const failed = results.filter(({ ok }) => !ok);
  expect(failed.length).toBeGreaterThan(cases.length / 2);
  for (const { selections } of failed) expect(selections).toMatchObject([{ ok: true }]);
});
