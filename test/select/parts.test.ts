import fc from "fast-check";
import { expect, test } from "vitest";
import { rowsOf } from "../../compiler/select/axes.js";
import { ONE } from "../../compiler/select/int.js";
import { interpretSelections } from "../../compiler/select/interpret.js";
import type { Bits, SelectionProgram, Tensor } from "../../compiler/select/ir.js";
import { lowerSelections } from "../../compiler/select/lower.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import { wordsOf } from "../../compiler/select/scratch.js";
import { sizeEvaluator } from "../../compiler/select/sizes.js";
import { readsOf, writesOf } from "../../compiler/select/walk.js";
import { partRuns, type Division } from "../../runtime/launch/selection/parts.js";
import { selectionCase } from "./arbitrary.js";
import { addsUp, divisionsOf, shapeOf, wholeOf } from "./divisions.js";
import { evaluateSelections } from "./evaluate-selection.js";
import { POLICIES } from "./policies.js";

test("a call that is run in parts selects what it selects when it is run whole", () => {
  let divided = 0;
  fc.assert(
    fc.property(selectionCase, fc.integer({ min: 1, max: 4 }), ({ module, calls }, units) => {
      const program = lowerSelections(module)!;
      for (const call of calls) {
        const unsure = new Set<string>();
        if (addsUp(program)) {
          evaluateSelections(module, call, (name, a, b) => {
            if (Math.abs(a - b) <= 1e-4 * Math.max(Math.abs(a), Math.abs(b), 1e-3)) unsure.add(name);
          });
        }
        const whole = interpretSelections(program, call);
        for (const division of divisionsOf(program, call, units)) {
          if (division.queries < call.env.NQ) divided++;
          const parts = interpretSelections(program, call, division);
          for (const { bits } of program.matrices) {
            if (!unsure.has(bits.name))
              expect({ division, name: bits.name, ...parts[bits.name] }).toEqual({ division, name: bits.name, ...whole[bits.name] });
          }
        }
      }
    }),
    { numRuns: 100, seed: 8 },
  );
  expect(divided).toBeGreaterThan(100);
}, 120_000);

/** Runs through a program's stages in their order and finds what is read from words that something else was written to since. */
function overwritten(program: SelectionProgram, call: SelectionCall, division: Division): string | undefined {
  const { module, stages, parts: rules } = program;
  const shape = shapeOf(call);
  const owners: (Tensor | Bits)[] = [];
  for (const { part, stages: run } of partRuns(stages, { space: module.space.kind, rules, shape, division })) {
    const size = (...of: Parameters<typeof sizeEvaluator>[0]): readonly number[] => sizeEvaluator(of)({ ...shape, ...part });
    const words = (of: Tensor | Bits): readonly number[] => {
      const [base, count] = size(of.base!, wordsOf(of));
      return Array.from({ length: count! }, (_, i) => base! + i);
    };
    for (const stage of run) {
      for (const read of readsOf(stage)) {
        if (read.base === undefined || read === stage.to) continue;
        const other = words(read).find((word) => owners[word] !== read);
        if (other !== undefined) return `${stage.name} reads ${read.name} where ${owners[other]?.name} is`;
      }
      for (const to of writesOf(stage)) if (to.base !== undefined) for (const word of words(to)) owners[word] = to;
      // Two results of one stage in the same words: one of them is not there any more.
      const lost = writesOf(stage).find((to) => to.base !== undefined && words(to).some((word) => owners[word] !== to));
      if (lost !== undefined) return `${stage.name} writes over ${lost.name}`;
      const [room, first, count] = size(stage.to.rows ?? ONE, rowsOf(stage).first, rowsOf(stage).count);
      if (stage.to.firstRow !== undefined && count! > room!) return `${stage.name} has no room for ${count} rows from ${first} on`;
      if (owners.length > size(program.scratch)[0]!) return `${stage.name} writes past the end`;
    }
  }
  return undefined;
}

test("no stage writes over what a later one reads", () => {
  const policies = fc.constantFrom(...Object.values(POLICIES)).map((module) => {
    const [N, NQ] = [77, 40];
    const { heads, kvHeads, headDim } = module.shape;
    return { module, calls: [{ env: { N, NQ, heads, kvHeads }, batch: 2, headDim, q: new Float32Array(0), k: new Float32Array(0) }] };
  });
  fc.assert(
    fc.property(fc.oneof(selectionCase, policies), fc.integer({ min: 1, max: 4 }), ({ module, calls }, units) => {
      const program = lowerSelections(module)!;
      for (const call of calls) {
        for (const division of [wholeOf(program, call), ...divisionsOf(program, call, units)])
          expect(overwritten(program, call, division)).toBeUndefined();
      }
    }),
    { numRuns: 150, seed: 3 },
  );
});
