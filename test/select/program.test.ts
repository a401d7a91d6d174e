import fc from "fast-check";
import { expect, test } from "vitest";
import type { BitsValue } from "../../compiler/mask/evaluate.js";
import { interpretSelections } from "../../compiler/select/interpret.js";
import { lowerSelections } from "../../compiler/select/lower.js";
import { ONE } from "../../compiler/select/int.js";
import type { MapResult, SelectionProgram, Stage } from "../../compiler/select/ir.js";
import { printSelectionProgram } from "../../compiler/select/print.js";
import { verifySelectionProgram } from "../../compiler/select/verify.js";
import { printSelection } from "../../compiler/targets/wgsl/select.js";
import { nagaProblem } from "../targets/naga.js";
import { callOf, selectionCase } from "./arbitrary.js";
import { keepTasks } from "./keep-tasks.js";
import { POLICIES } from "./policies.js";

test("programs of random selections are sound", () => {
  fc.assert(
    fc.property(selectionCase, ({ module }) => {
      expect(verifySelectionProgram(lowerSelections(module)!)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("a module that selects nothing has no program", () => {
  expect(lowerSelections({ ...POLICIES.moba!, selections: [] })).toBeUndefined();
});

test("what is wrong with a program is found", () => {
  const program = lowerSelections(POLICIES.moba!)!;
  const edited = (edit: (stages: readonly Stage[]) => readonly Stage[]): SelectionProgram => ({ ...program, stages: edit(program.stages) });
  expect(verifySelectionProgram(edited((stages) => stages.slice(1)))).toEqual(["dot: pool is read before it is written"]);
  expect(verifySelectionProgram(edited((stages) => stages.slice(0, 2)))).toEqual(["b is never written"]);
  expect(verifySelectionProgram(edited((stages) => [stages[0]!, ...stages]))).toEqual(["pool: pool is written twice"]);
  expect(verifySelectionProgram(edited((stages) => stages.map((each) => ({ ...each, serves: [] }))))).toHaveLength(3);
});

test("what is wrong with the results of a stage is found", () => {
  const program = lowerSelections(POLICIES.quest!)!;
  const [first, ...rest] = program.stages;
  if (first?.kind !== "map" || first.value.kind !== "loop" || first.also === undefined) throw new Error("quest begins with two pools");
  const { to, value, also: inner } = first;
  const also = (result: Partial<MapResult>): SelectionProgram => ({
    ...program,
    stages: [{ ...first, also: [...inner, { to: { ...to, name: "third" }, value, ...result }] }, ...rest],
  });
  expect(verifySelectionProgram(also({}))).toEqual([]);
  expect(verifySelectionProgram(also({ to }))).toEqual(["pool: pool is written twice"]);
  expect(verifySelectionProgram(also({ to: { ...to, dim: undefined } }))).toEqual(["pool: it fills tensors with different axes"]);
  expect(verifySelectionProgram(also({ value: { ...value, to: ONE } }))).toEqual([`pool: ${value.name} goes through two ranges`]);
});

test.each(Object.entries(POLICIES))("the program of %s reads as it is kept here", async (name, module) => {
  await expect(printSelectionProgram(lowerSelections(module)!)).toMatchFileSnapshot(`golden/${name}.txt`);
});

test("a product of what two selections share is computed once, and stages say whom they serve", () => {
  const { stages } = lowerSelections(POLICIES.verticalSlash!)!;
  expect(stages.map(({ name, serves }) => [name, serves.join()])).toEqual([
    ["dot", "c,d"],
    ["largest of a row", "c,d"],
    ["sum of exp of a row", "c,d"],
    ["reduce", "c"],
    ["keep c", "c"],
    ["diagonals", "d"],
    ["keep d", "d"],
    ["snap d", "d"],
  ]);
});

test("a matrix that others read serves itself: one that is given back is not made for them", () => {
  const program = lowerSelections(POLICIES.coarseToFine!)!;
  expect(program.stages.filter(({ kind }) => kind === "keep").map(({ serves }) => serves.join())).toEqual([
    ...["coarse", "shared", "middle", "fine"],
  ]);
  const call = callOf(POLICIES.coarseToFine!, { N: 150, NQ: 70, batch: 1, seed: 1 });
  const made = interpretSelections(program, call);
  const coarse: BitsValue = { ...made["coarse"]!, data: made["coarse"]!.data.map((_, i) => Number(i % made["coarse"]!.columns === 0)) };
  const again = interpretSelections(program, { ...call, given: { coarse } });
  expect(again["coarse"]).toEqual(coarse);
  expect(again["shared"]).toEqual(made["shared"]);
  expect(again["middle"]).not.toEqual(made["middle"]);
  // Of blocks of 16 keys the first four lie in the first of 64.
  const { columns, data } = again["middle"]!;
  expect([...data].some((bit, i) => bit === 1 && i % columns > 3)).toBe(false);
});

test.each(["f32", "f16"] as const)("naga accepts all stages in %s", (dtype) => {
  const modules = [...Object.values(POLICIES), ...keepTasks().map(({ module }) => module)];
  for (const module of modules) {
    const typed = { ...module, shape: { ...module.shape, dtype } };
    for (const { name, wgsl } of printSelection(lowerSelections(typed)!).stages)
      expect([name, nagaProblem(wgsl)]).toEqual([name, undefined]);
  }
});
