import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { queryOffset } from "../../compiler/tiles/plan.js";
import { costReport } from "../../compiler/tiles/report.js";
import { environments, staticOperators } from "./exceptions.js";

/** Pairs that a head looks at, one by one. */
function pairs(module: MaskModule, env: MaskEnv, head: number): number {
  const offset = queryOffset(module, env);
  const looks = headEvaluator(module, env, 0, head);
  let count = 0;
  for (let q = offset; q < offset + env.NQ; q++) for (let k = 0; k < env.N; k++) if (looks(q, k)) count++;
  return count;
}

/** With the parameters that they have; a grid of moderate size. */
const operators = [...staticOperators()].filter(([name, module]) => !name.includes("=") && environments(module)[0]!.N <= 1100);

it.each(operators)("reports on %s", (_, module) => {
  for (const env of environments(module).slice(0, 1)) {
    const report = costReport(module, env, { batch: 2, tiles: [{ tileQ: 48, tileK: 32, schedules: ["some"] }] });
    const heads = report.groups.flatMap((group) => group.heads);
    expect([...heads].sort((x, y) => x - y)).toEqual(Array.from({ length: env.heads }, (_, head) => head));
    for (const group of report.groups) {
      const found = [group.heads[0]!, group.heads.at(-1)!].map((head) => pairs(module, env, head));
      expect(found).toEqual([group.pairs, group.pairs]);
    }
    expect(report.ideal.pairs).toBe(report.groups.reduce((sum, group) => sum + group.heads.length * group.pairs, 0));
    const [cost] = report.tiles;
    const tiles = env.heads * Math.ceil(env.NQ / 48) * Math.ceil(env.N / 32);
    expect(cost!.full + cost!.partial + cost!.empty).toBe(tiles);
    // A bound over dense is no greater than what the pairs allow.
    expect(cost!.flops).toBeGreaterThanOrEqual(report.ideal.flops);
    expect(report.decode.map(({ length }) => length)).toContain(env.N);
    expect(report.suggestions.length).toBeLessThanOrEqual(3);
    for (const { before, after } of report.suggestions) expect([before.computed, after.computed]).not.toContain(0);
    expect(report.evictable === undefined).toBe(!module.space.causal);
    const last = report.receptive?.layers.at(-1);
    expect(report.receptive?.covers === undefined).toBe(last === undefined || last.share < 1);
  }
});
