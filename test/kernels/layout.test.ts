import { expect } from "vitest";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { BASELINE_LIMITS } from "../../compiler/schedule/schedule.js";
import { wgslVariants } from "../../compiler/targets/wgsl/operator.js";
import type { VerifyCase } from "../../runtime/verify/cases.js";
import { softwareTest } from "../device/software.js";
import { attention, moduleOf } from "../semantics/compile.js";
import { job as check, type KernelTask } from "./check-kernels.js";

const TIMEOUT = 240_000;

/** Calls with all queries and with the last of them, grouped heads and two batch entries. */
function cases(keys: number): readonly VerifyCase[] {
  const one = { data: "normal", batch: 1, heads: 2, kvHeads: 2, keys, launch: {}, params: {} } as const;
  return [
    { ...one, name: "all queries", seed: 1, queries: keys },
    { ...one, name: "fewer queries", seed: 2, queries: Math.ceil(keys / 3), batch: 2, heads: 4 },
    { ...one, name: "one query", seed: 3, queries: 1 },
    { ...one, name: "large logits", seed: 4, queries: keys, data: "large logits" },
  ];
}

/** A video with text behind it: no tile size divides the grid but on one axis, and time is causal. */
const video = (layout: string, space = "grid(t: 3, y: 7, x: 12) + text(5) causal", dim = 32): MaskModule =>
  moduleOf(
    attention(
      `attend ${space.includes("text") ? "text | " : ""}near(t, window: 2, causal: true) & near(y, window: 3) & near(x, window: 6, stride: 2)\nshape heads: 2, dim: ${dim}\n${layout}`,
      { space },
    ),
  );

const tasksOf = (module: MaskModule, keys: number, variants: readonly string[]): readonly KernelTask[] =>
  variants.map((variant) => ({ module, variant, cases: cases(keys), interpreter: true }));

softwareTest(
  "a layout changes no result of the kernels: tiles, short ones too",
  async ({ device }) => {
    const tasks = tasksOf(video("layout tiles(2, 4, 4)"), 3 * 7 * 12 + 5, ["f32-software", "f32-gpu"]);
    expect(await check(device, tasks)).toEqual(tasks.map(() => []));
  },
  TIMEOUT,
);

softwareTest(
  "a layout changes no result of the kernels: curves, from formulas and from tables",
  async ({ device }) => {
    const tasks = [
      ...tasksOf(video("layout curve(morton)", "grid(t: 2, y: 8, x: 16)"), 256, ["f32-gpu"]),
      ...tasksOf(video("layout curve(gilbert)"), 3 * 7 * 12 + 5, ["f32-software", "f32-gpu"]),
    ];
    expect(await check(device, tasks)).toEqual(tasks.map(() => []));
  },
  TIMEOUT,
);

softwareTest(
  "a layout changes no result of rows in parts: tiles, and curves from tables",
  async ({ device }) => {
    const split = { busy: 256, leastShare: 1 };
    const tasks = ["layout tiles(2, 4, 4)", "layout curve(gilbert)"].flatMap((layout) =>
      tasksOf(video(layout), 3 * 7 * 12 + 5, ["f32-gpu"]).map((task) => ({ ...task, split })),
    );
    expect(await check(device, tasks)).toEqual(tasks.map(() => []));
  },
  TIMEOUT,
);

softwareTest(
  "a layout changes no result of a kernel that has no workgroup memory left",
  async ({ device }) => {
    const module = video("layout tiles(2, 4, 4)", "grid(t: 2, y: 8, x: 8)", 60);
    const { variant } = wgslVariants(module, [module.shape]).find(({ variant: { name } }) => name === "f32-gpu")!;
    expect(variant.workgroupBytes).toBe(BASELINE_LIMITS.workgroupBytes);
    const tasks = tasksOf(module, 128, [variant.name]);
    expect(await check(device, tasks)).toEqual([[]]);
  },
  TIMEOUT,
);
