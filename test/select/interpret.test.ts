import fc from "fast-check";
import { expect, test } from "vitest";
import type { Selection, Tensor } from "../../compiler/mask/selection.js";
import { tensorChildren, tensorsOf, unitMasks } from "../../compiler/mask/selection-walk.js";
import { interpretSelections } from "../../compiler/select/interpret.js";
import { lowerSelections } from "../../compiler/select/lower.js";
import { selectionCase } from "./arbitrary.js";
import { evaluateSelections } from "./evaluate-selection.js";

/** Operations whose results float32 cannot hold exactly. */
const ROUNDED = new Set<Tensor["kind"]>(["softmax", "scale", "exp", "log", "tanh", "sqrt", "round", "div", "scalar"]);
const isRounded = (node: Tensor): boolean => ROUNDED.has(node.kind) || tensorChildren(node).some(isRounded);

test("programs choose what the definitions say, wherever rounding does not decide", () => {
  let decided = 0;
  let all = 0;
  fc.assert(
    fc.property(selectionCase, ({ module, calls }) => {
      const rounded = new Map(module.selections!.map((each) => [each.name, tensorsOf(each).some(isRounded)]));
      const program = lowerSelections(module)!;
      for (const call of calls) {
        const unsure = new Set<string>();
        const expected = evaluateSelections(module, call, (name, a, b) => {
          const near = Math.abs(a - b) <= 1e-4 * Math.max(Math.abs(a), Math.abs(b), 1e-3);
          if (near && (rounded.get(name)! || a !== b)) unsure.add(name);
        });
        const found = interpretSelections(program, call);
        for (const item of module.selections as readonly Selection[]) {
          const { name } = item;
          all++;
          // What reads others is as unsure as they are.
          if (unitMasks(item).length > 0 && unsure.size > 0) unsure.add(name);
          if (unsure.has(name)) continue;
          decided++;
          expect({ name, ...found[name] }).toEqual({ name, ...expected[name] });
        }
      }
    }),
    { numRuns: 200, seed: 5 },
  );
  // Most cases say something.
  expect(decided / all).toBeGreaterThan(0.6);
}, 120_000);
