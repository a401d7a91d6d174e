import { describe, expect, test } from "vitest";
import { cudaModule } from "../../compiler/driver/cuda-launch.js";
import { lower } from "../../compiler/program/lower.js";
import { wgmmaSchedule } from "../../compiler/targets/cuda/wgmma/schedule.js";
import { printTurned } from "../../compiler/targets/cuda/wgmma/statements.js";
import type { CudaDevice } from "../../runtime/cuda/device.js";
import { createCudaAttention } from "../../runtime/cuda/operator.js";
import type { MaskPredicate } from "../../runtime/reference/problem.js";
import type { VerifyCase } from "../../runtime/verify/cases.js";
import { runWithTailsOnCuda } from "../../runtime/verify/cuda.js";
import { verifyCase } from "../../runtime/verify/operator.js";
import { withEnvironment } from "../runtime/cuda/environment.js";
import { emulatedTest, useEmulatedGpu } from "../runtime/cuda/emulated.js";
import { libraryModule, moduleOfText } from "../targets/library-modules.js";
import { nvcc, withoutNvcc } from "./nvcc.js";

useEmulatedGpu();

interface Pattern {
  readonly text: string;
  readonly mask: MaskPredicate;
}

const causal: Pattern = { text: "attention causal {\n  space seq causal\n  attend all\n}", mask: (_b, _h, q, k) => k <= q };
const band: Pattern = {
  text: "attention band {\n  space seq full\n  attend q - k <= 30 & k - q <= 100\n}",
  mask: (_b, _h, q, k) => q - k <= 30 && k - q <= 100,
};
// Of every second block nothing is seen, and late rows see nothing at all.
const holes: Pattern = {
  text: "attention holes {\n  space seq causal\n  attend q / 50 - k / 50 < 4 & k / 100 % 2 == 0 & k < 300\n}",
  mask: (_b, _h, q, k) => k <= q && Math.floor(q / 50) - Math.floor(k / 50) < 4 && Math.floor(k / 100) % 2 === 0 && k < 300,
};
// Heads differ, so that no two of them share a tile.
const byHead: Pattern = {
  text: "attention by_head {\n  space seq causal\n  attend q - k < 20 * (h + 1)\n}",
  mask: (_b, h, q, k) => k <= q && q - k < 20 * (h + 1),
};

interface Case extends VerifyCase {
  readonly scale?: number | undefined;
}

const common = { seed: 1, data: "normal", batch: 1, heads: 1, kvHeads: 1, launch: {}, params: {} } as const;
const length = (keys: number, rest: Partial<Case> = {}): Case => ({ ...common, name: `${keys} keys`, keys, queries: keys, ...rest });

interface Shape {
  readonly dtype: "f16" | "bf16";
  readonly headDim: number;
  readonly valueDim: number;
}

/** Runs the kernel under an order of warps and compares with dense attention. What was wrong, or undefined. */
async function wrong(device: CudaDevice, { text, mask }: Pattern, shape: Shape, one: Case, seed: number): Promise<unknown> {
  const { dtype, headDim, valueDim } = shape;
  const { heads, kvHeads, batch, keys, queries, scale } = one;
  const module = moduleOfText(text);
  const compiled = cudaModule({ ...module, shape: { ...module.shape, dtype, headDim, valueDim } }, [], { dtypes: [dtype] });
  return withEnvironment({ ATTNC_EMULATION_SEED: String(seed) }, async () => {
    const options = { kernel: `wgmma-${dtype}`, dtype };
    const operator = await createCudaAttention(device, compiled, { heads, kvHeads, headDim, valueDim }, options);
    const result = await verifyCase(
      {
        headDim,
        valueDim,
        dtype,
        weights: operator.kernel.weights,
        space: "self",
        inputs: [],
        mask: () => mask,
        run: (tensors) =>
          Promise.resolve(runWithTailsOnCuda(operator, tensors, {}, { batch, keyLength: keys, queryLength: queries, scale })),
      },
      one,
    );
    operator.destroy();
    return result.ok ? undefined : result;
  });
}

const bf16 = (headDim: number, valueDim = headDim): Shape => ({ dtype: "bf16", headDim, valueDim });
const f16 = (headDim: number, valueDim = headDim): Shape => ({ dtype: "f16", headDim, valueDim });

/** Every seed is another order of warps, and of what is asynchronous. */
const runs: readonly (readonly [string, Pattern, Shape, readonly Case[]])[] = [
  ["odd lengths", causal, bf16(64), [length(1), length(127), length(129), length(300, { queries: 77 })]],
  ["more tiles than stages, and more rounds than one", causal, bf16(64), [length(1100), length(260, { heads: 5, kvHeads: 5 })]],
  ["heads side by side in a tile", causal, f16(64), [length(90, { batch: 2, heads: 6, kvHeads: 2 }), length(70, { heads: 3 })]],
  ["masks by head", byHead, bf16(64), [length(200, { heads: 4, kvHeads: 2 })]],
  ["full and partial tiles of a band", band, f16(128), [length(500, { queries: 200 })]],
  ["tiles and rows without keys", holes, bf16(128), [length(700), length(350, { data: "low scores" })]],
  ["96 dims, where lines are 64 bytes", band, bf16(96), [length(200)]],
  ["256 dims", causal, f16(256), [length(140)]],
  ["dims that differ", causal, f16(192, 128), [length(140)]],
  ["dims of single steps, where lines are 32 bytes", band, bf16(48, 80), [length(140)]],
  ["large logits", causal, bf16(64), [length(140, { data: "large logits" })]],
  ["scales below and at zero", band, f16(64), [length(140, { scale: -0.3 }), length(140, { scale: 0 }), length(140, { scale: 1e-9 })]],
];

for (const [name, pattern, shape, cases] of runs) {
  emulatedTest(
    name,
    async (device) => {
      for (const [i, one] of cases.entries()) {
        for (const seed of [0, 11 + i]) expect(await wrong(device, pattern, shape, one, seed)).toBeUndefined();
      }
    },
    120_000,
  );
}

emulatedTest(
  "no race and no access out of place",
  async (device) => {
    const checked: Pattern = { ...band, text: band.text.replace("band", "checked_band") };
    await withEnvironment({ ATTNC_EMULATION_CHECK: "1" }, async () => {
      for (const one of [length(300, { heads: 4, kvHeads: 2 })])
        for (const seed of [0, 5]) expect(await wrong(device, checked, bf16(64), one, seed)).toBeUndefined();
    });
  },
  240_000,
);

test("problems that are left to other families", () => {
  const problem = { dtype: "bf16", headDim: 128, valueDim: 128, gathered: false } as const;
  expect(wgmmaSchedule(problem)).toBeDefined();
  expect(wgmmaSchedule({ ...problem, dtype: "f32" })).toBeUndefined();
  expect(wgmmaSchedule({ ...problem, gathered: true })).toBeUndefined();
  expect(wgmmaSchedule({ ...problem, headDim: 40 })).toBeUndefined();
  expect(wgmmaSchedule({ ...problem, valueDim: 272 })).toBeUndefined();
});

test("schedules keep to what a multiprocessor has", () => {
  for (let headDim = 16; headDim <= 256; headDim += 16) {
    for (let valueDim = 16; valueDim <= 256; valueDim += 16) {
      const schedule = wgmmaSchedule({ dtype: "f16", headDim, valueDim, gathered: false });
      if (schedule === undefined) continue;
      const { consumers, consumerRegisters, producerRegisters, sharedBytes, stages, threads } = schedule;
      expect(sharedBytes).toBeLessThanOrEqual(232448);
      expect(stages).toBeGreaterThanOrEqual(2);
      expect(threads).toBe(128 * (consumers + 1));
      // What ptxas gives each thread at the start: the kernel waits for ever for more than these together.
      const given = Math.floor(65536 / threads / 8) * 8;
      expect(consumers * consumerRegisters + producerRegisters).toBeLessThanOrEqual((consumers + 1) * given);
    }
  }
});

test("scores of a tile are started together with the product of the tile before", () => {
  const text = printTurned(lower(moduleOfText(causal.text), { tileQ: 128, tileK: 128 }).body);
  const lines = text.split("\n").map((line) => line.trim());
  const from = lines.indexOf("while (tile.partial()) {");
  const step = lines.slice(from + 1, lines.indexOf("}", from));
  expect(step.map((line) => line.replace(/^tile\.|\(\);$/g, ""))).toEqual(
    "look wait_turn load_keys dot load_values accumulate pass_turn scores<1> mask row_max rescale_factor exponentials keep_max scale_sum add_row_sum outputs scale_output probabilities next".split(
      " ",
    ),
  );
  expect(lines.slice(0, from).filter((line) => line.includes("mask"))).toHaveLength(1);
});

describe.skipIf(withoutNvcc !== undefined)(`what ptxas makes of it${withoutNvcc === undefined ? "" : ` (skipped: ${withoutNvcc})`}`, () => {
  for (const [file, name] of [
    ["dense.attn", "dense_causal"],
    ["neighborhood.attn", "neighborhood_3d"],
    ["caller_maps.attn", "block_lists"],
  ] as const) {
    test(`${name}: no spills, and no product waits for another`, { timeout: 300_000 }, () => {
      const { module } = libraryModule(file, name);
      const { source } = cudaModule(module, [64, 96, 128, 256], { dtypes: ["bf16"] }).cuda;
      const { ok, log } = nvcc(source, "sm_90a");
      expect(ok, log).toBe(true);
      expect(log).not.toMatch(/serialized|setmaxnreg|C75\d\d/);
      const spills = [...log.matchAll(/(\d+) bytes spill stores, (\d+) bytes spill loads/g)];
      expect(spills.length).toBeGreaterThanOrEqual(4);
      expect(spills.filter(([, stores, loads]) => stores !== "0" || loads !== "0")).toEqual([]);
    });
  }
});
