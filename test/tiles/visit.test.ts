import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import { printBool } from "../../compiler/mask/print.js";
import { tileFrame } from "../../compiler/tiles/evaluate.js";
import { planTiles, queryOffset } from "../../compiler/tiles/plan.js";
import { tilesToVisit } from "../../compiler/tiles/visit.js";
import { boolExpr, environment, moduleOf } from "../mask/arbitrary.js";
import { libraryModule } from "../targets/library-modules.js";

const at = fc.record({
  h: fc.nat(3),
  tileQ: fc.constantFrom(1, 4, 16),
  tileK: fc.constantFrom(1, 3, 8),
  spans: fc.constantFrom([2], [2, 4], [4, 16], [32, 1024]),
});

it("passes over no tile with a pair, and visits no tile more than without blocks", () => {
  const property = fc.property(boolExpr(), environment(90), at, (mask, env, { h, tileQ, tileK, spans }) => {
    const module = moduleOf(mask);
    const plan = planTiles(module);
    const frame = tileFrame(module, env, 0, h);
    const looks = headEvaluator(module, env, 0, h);
    const offset = queryOffset(module, env);
    for (let first = 0; first < env.NQ; first += tileQ) {
      const q0 = offset + first;
      const q1 = Math.min(q0 + tileQ, offset + env.NQ) - 1;
      const visit = (widths: readonly number[]): number[] => [...tilesToVisit({ ...plan, spans: widths }, frame, { q0, q1, tileK })];
      const visited = visit(spans);
      const text = `${printBool(mask)}: queries ${q0} to ${q1}, tiles of ${tileK}, spans ${spans.join(", ")}`;
      expect(new Set(visited).size, text).toBe(visited.length);
      const every = new Set(visit([]));
      expect(
        visited.filter((tile) => !every.has(tile)),
        text,
      ).toEqual([]);
      for (let k = 0; k < env.N; k++) {
        const needed = Array.from({ length: q1 - q0 + 1 }, (_, i) => q0 + i).some((q) => looks(q, k));
        if (needed) expect(visited, `${text}: key ${k}`).toContain(Math.floor(k / tileK));
      }
    }
  });
  fc.assert(property, { numRuns: 2000 });
});

it.each([
  ["power.attn", "power"],
  ["sparse_transformer.attn", "sparse_strided"],
  ["sparse_transformer.attn", "sparse_fixed"],
])("the questions asked in %s#%s follow its border and not the length", (file, name) => {
  const { module } = libraryModule(file, name, {});
  const plan = planTiles(module);
  const N = 1 << 20;
  const env = { N, NQ: N, heads: 1, kvHeads: 1, layer: 0, layers: 1, step: 0, steps: 1, phase: 0, params: {}, inputs: {} };
  const frame = tileFrame(module, env, 0, 0);
  const count = { questions: 0 };
  const tiles = [...tilesToVisit(plan, frame, { q0: N - 64, q1: N - 1, tileK: 64 }, count)].length;
  expect({ tiles, questions: count.questions }).toMatchSnapshot();
});
