import fc from "fast-check";
import { expect, test } from "vitest";
import { headEvaluator, type MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { positions } from "../../compiler/mask/layout/places.js";
import { classify, countTiles, planTiles, visitedTiles } from "../../compiler/tiles/plan.js";
import { unvisitedKeys } from "../../compiler/tiles/visit.js";
import { tileFrame } from "../../compiler/tiles/evaluate.js";
import { verifyPlan } from "../../compiler/tiles/verify.js";
import { layoutPrograms, residuePrograms } from "../mask/layout-programs.js";
import type { LayoutProgram } from "../mask/layout-programs.js";
import { attention, moduleOf } from "../semantics/compile.js";

const env = (N: number, NQ = N): MaskEnv => ({ N, NQ, heads: 1, kvHeads: 1 });

/** Whether the token at one place looks at that at another, by the mask over positions. */
function looksAt(module: MaskModule, at: MaskEnv): (q: number, k: number) => boolean {
  const looks = headEvaluator(module, at, 0, 0);
  const tokens = positions(module, at, "k", 0, 0)!;
  return (q, k) => tokens[q]! >= at.N - at.NQ && looks(tokens[q]!, tokens[k]!);
}

function expectSound({ program, N }: LayoutProgram, part: number, tileQ: number, tileK: number): void {
  const module = moduleOf(program);
  const at = env(N, Math.ceil(N / part));
  const plan = planTiles(module);
  expect(verifyPlan(plan, module)).toEqual([]);
  const frame = tileFrame(module, at, 0, 0);
  const looks = looksAt(module, at);
  const unvisited = unvisitedKeys(module, at, 1, { tileQ, tileK });
  const tokens = positions(module, at, "k", 0, 0)!;
  for (let q0 = 0; q0 < N; q0 += tileQ) {
    const q1 = Math.min(q0 + tileQ, N) - 1;
    const visited = visitedTiles(plan.ranges, frame, q0, q1, tileK);
    for (let k0 = 0; k0 < N; k0 += tileK) {
      const k1 = Math.min(k0 + tileK, N) - 1;
      let pairs = 0;
      for (let q = q0; q <= q1; q++) {
        for (let k = k0; k <= k1; k++) {
          if (!looks(q, k)) continue;
          pairs++;
          if (unvisited[tokens[k]!] === 1) expect.fail(`key ${tokens[k]} is seen and called unvisited`);
        }
      }
      const inRange = visited.some(([first, end]) => first <= k0 / tileK && k0 / tileK < end);
      const claimed = inRange ? classify(plan, frame, q0, q1, k0, k1) : "empty";
      const truth = pairs === 0 ? "empty" : pairs === (q1 - q0 + 1) * (k1 - k0 + 1) ? "full" : "partial";
      if (claimed !== "partial" && claimed !== truth) expect.fail(`${q0}..${q1} ${k0}..${k1}: ${truth} called ${claimed}`);
    }
  }
}

const part = fc.integer({ min: 1, max: 3 });
const size = fc.integer({ min: 1, max: 20 });

test("classes and ranges of tiles of places are sound", () => {
  fc.assert(fc.property(layoutPrograms(120), part, size, size, expectSound), { numRuns: 150 });
});

test("classes and ranges are sound where residues stand side by side", () => {
  const whole = fc.constantFrom(16, 24, 32, 64);
  fc.assert(fc.property(residuePrograms(420), part, whole, whole, expectSound), { numRuns: 60 });
});

test("a dilated window is one of its residue's tokens: its tiles are few, and most of them full", () => {
  const dilated = "attend q - k < 1024 & (q - k) % 4 == 0";
  const tiles = (clauses: string) =>
    countTiles(moduleOf(attention(clauses, { space: "seq causal" })), env(4096), { blockQ: 64, blockK: 32 })[0];
  expect(tiles(dilated)).toEqual({ head: 0, full: 0, partial: 1904, empty: 6288 });
  expect(tiles(`${dilated}\nlayout residues(4)`)).toEqual({ head: 0, full: 336, partial: 224, empty: 7632 });
});

test("counts tiles of places, also for fewer queries than keys", () => {
  fc.assert(
    fc.property(layoutPrograms(90), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 3, max: 20 }), ({ program, N }, part, block) => {
      const module = moduleOf(program);
      const at = env(N, Math.ceil(N / part));
      const looks = looksAt(module, at);
      const expected = { head: 0, full: 0, partial: 0, empty: 0 };
      for (let q0 = 0; q0 < N; q0 += block) {
        for (let k0 = 0; k0 < N; k0 += block) {
          let [pairs, area] = [0, 0];
          for (let q = q0; q < Math.min(q0 + block, N); q++) {
            for (let k = k0; k < Math.min(k0 + block, N); k++, area++) if (looks(q, k)) pairs++;
          }
          expected[pairs === 0 ? "empty" : pairs === area ? "full" : "partial"]++;
        }
      }
      expect(countTiles(module, at, { blockQ: block, blockK: block })).toEqual([expected]);
    }),
    { numRuns: 100 },
  );
});

/** Shares of all tiles: visited by the ranges, computed, and computed without a mask; of every `step`-th row of tiles. */
function shares(module: MaskModule, N: number, block: number, step: number) {
  const plan = planTiles(module);
  const frame = tileFrame(module, env(N), 0, 0);
  const sum = { visited: 0, computed: 0, full: 0 };
  let rows = 0;
  for (let q0 = 0; q0 < N; q0 += block * step, rows++) {
    const q1 = Math.min(q0 + block, N) - 1;
    for (const [first, end] of visitedTiles(plan.ranges, frame, q0, q1, block)) {
      sum.visited += end - first;
      for (let tile = first; tile < end; tile++) {
        const found = classify(plan, frame, q0, q1, tile * block, Math.min((tile + 1) * block, N) - 1);
        if (found !== "empty") sum.computed++;
        if (found === "full") sum.full++;
      }
    }
  }
  const all = rows * Math.ceil(N / block);
  return { visited: sum.visited / all, computed: sum.computed / all, full: sum.full / all };
}

const HUNYUAN = { space: "grid(t: 30, y: 48, x: 80)" };
const gna = (strides: readonly number[], layout: string): MaskModule =>
  moduleOf(
    attention(
      `attend near(t, window: 18, stride: ${strides[0]}) & near(y, window: 24, stride: ${strides[1]}) & near(x, window: 24, stride: ${strides[2]})\n${layout}`,
      HUNYUAN,
    ),
  );

test("computes the published shares of a video grid", () => {
  const N = 30 * 48 * 80;
  const pairs = ((18 * 24 * 24) / N).toFixed(3);
  expect(pairs).toBe("0.090");
  // Strides that are whole tiles: what is computed is what is looked at, and no tile needs a mask.
  for (const block of [32, 64, 128]) {
    expect(shares(gna([16, 8, 8], "layout tiles(2, 8, 8)"), N, block, 25)).toEqual({
      visited: expect.closeTo(0.6, 9),
      computed: expect.closeTo(0.09, 9),
      full: expect.closeTo(0.09, 9),
    });
  }
  expect(shares(gna([16, 8, 8], ""), N, 64, 56)).toEqual({ visited: 0.6, computed: expect.closeTo(0.3, 2), full: 0 });
  // Windows that move by one token: NATTEN's figure for tiles of 128 is 18.4 %.
  const unstrided = shares(gna([1, 1, 1], "layout tiles(2, 8, 8)"), N, 128, 7);
  expect(unstrided.computed).toBeCloseTo(0.184, 3);
});

test("what is selected by tiles of the layout fills the kernel's tiles: none is masked", () => {
  for (const [unit, layout] of [
    ["tile(64)", "tiles(8, 8)"],
    ["tile(128)", "curve(gilbert)"],
    ["tile(64)", "curve(morton)"],
  ] as const) {
    const select = `select c { unit q: ${unit}, k: ${unit}; score dot(mean(q), mean(k)); keep top(4) }`;
    const module = moduleOf(attention(`layout ${layout}\n${select}\nattend c`, { space: "grid(y: 32, x: 32)" }));
    const units = 1024 / Number(/\d+/.exec(unit)![0]);
    // Two of five units, so that rows differ.
    const data = Uint8Array.from({ length: units * units }, (_, i) => Number((i * 7) % 5 < 2));
    const c = { kind: "bits", batch: 1, heads: 1, rows: units, columns: units, data } as const;
    const [found] = countTiles(module, { ...env(1024), inputs: { c } }, { blockQ: 64, blockK: 32 });
    const kept = data.reduce((sum, bit) => sum + bit, 0);
    expect(found).toMatchObject({ partial: 0, full: (kept * (1024 / units) ** 2) / (64 * 32) });
  }
});
