import { expect } from "vitest";
import { toLaunchInput } from "../../compiler/cli/input-forms.js";
import { cudaModule } from "../../compiler/driver/cuda-launch.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import type { CudaDevice } from "../../runtime/cuda/device.js";
import { createCudaAttention } from "../../runtime/cuda/operator.js";
import { selectedBits } from "../../runtime/launch/selection/lists.js";
import { halves } from "../../runtime/reference/half.js";
import { compare } from "../../runtime/verify/compare.js";
import { runWithTailsOnCuda } from "../../runtime/verify/cuda.js";
import { verifyCase } from "../../runtime/verify/operator.js";
import { random } from "../../runtime/verify/random.js";
import { expectedWithin } from "../../runtime/verify/tolerance.js";
import { operatorOf } from "../kernels/check-kernels.js";
import type { KernelTask } from "../kernels/check-kernels.js";
import { keyOrderTasks } from "../kernels/key-order-tasks.js";
import { moduleOf } from "../mask/arbitrary.js";
import { chosenBit, choosing } from "../mask/chosen-blocks.js";
import { givenBlocks, packed } from "../mask/given-blocks.js";
import { emulatedTest, useEmulatedGpu } from "../runtime/cuda/emulated.js";
import { withEnvironment } from "../runtime/cuda/environment.js";

useEmulatedGpu();

/** What a task's kernels do wrong in key order, each kernel in an order of warps of its own; every access is looked at. */
async function wrong(device: CudaDevice, { module: bare, cases, mustTurn }: KernelTask, kernel: string, seed: number): Promise<string[]> {
  const dtype = kernel.endsWith("f16") ? "f16" : "f32";
  const module: MaskModule = { ...bare, shape: { ...bare.shape, dtype, headDim: 16, valueDim: 16 } };
  const { heads, kvHeads } = module.shape;
  const failures: string[] = [];
  await withEnvironment({ ATTNC_EMULATION_CHECK: "1", ATTNC_EMULATION_SEED: String(seed) }, async () => {
    const shape = { heads, kvHeads, headDim: 16, valueDim: 16 };
    const operator = await createCudaAttention(device, cudaModule(module, [], { dtypes: [dtype] }), shape, { kernel, order: "keys" });
    const checked = {
      ...operatorOf(module, operator.kernel, async (tensors, call) => {
        const inputs = Object.fromEntries(Object.entries(call.inputs).map(([name, value]) => [name, toLaunchInput(value)]));
        const { batch, queries, keys, params } = call;
        const launch = { batch, queryLength: queries, keyLength: keys, params, ...call.launch };
        const reuse = Object.fromEntries(Object.entries(givenBlocks(module, call)).map(([name, bits]) => [name, packed(bits)]));
        const result = runWithTailsOnCuda(operator, tensors, inputs, launch, reuse);
        if (mustTurn === true) expect(await operator.lastOrder()).toBe("keys");
        return result;
      }),
      weights: operator.kernel.weights,
    };
    for (const one of cases) {
      const { ok, worst, problem } = await verifyCase(checked, one);
      if (!ok) failures.push(`${kernel}, ${printBool(module.mask)}, ${JSON.stringify(one)}: ${problem ?? ""} ${JSON.stringify(worst)}`);
    }
    operator.destroy();
  });
  return failures;
}

/** Tiles of these have 64 keys, which blocks of 16 do not fill half. */
const tasks = (seed: number, masks: number, cases: number): readonly KernelTask[] =>
  keyOrderTasks({ seed, masks, cases, maxLength: 200, variants: ["f32-gpu"] }).filter(({ module }) => {
    const [selection] = module.selections!;
    return selection!.kind === "selection" && 2 * selection!.columns.unit >= 64;
  });

emulatedTest(
  "the parts of blocks that queries chose add up to dense attention, without a race",
  async (device) => {
    let checked = 0;
    for (const [i, task] of tasks(33, 6, 2).entries()) {
      expect(await wrong(device, task, i % 2 === 0 ? "cores-f32" : "mma-f16", i)).toEqual([]);
      checked++;
    }
    expect(checked).toBe(4);
  },
  240_000,
);

/** Queries choose one block of 128 keys each, of those up to their own. */
const UNIT = 128;
const causal = (bare: MaskModule): MaskModule => ({
  ...choosing({ ...bare, mask: m.and(m.le(m.k, m.q), chosenBit(UNIT)), inputs: [], scalars: [], params: [], phases: [] }, UNIT, 1, "kv"),
});

emulatedTest(
  "each launch takes the cheaper order, with the tiles of another family where its own kernel has no key order",
  async (device) => {
    const [heads, kvHeads, dim, length] = [2, 1, 16, 640];
    const bare = moduleOf(m.bool(true));
    const module = causal({
      ...bare,
      space: { ...bare.space, causal: true },
      shape: { ...bare.shape, dtype: "f16", headDim: dim, valueDim: dim },
    });
    const shape = { heads, kvHeads, headDim: dim, valueDim: dim };
    const operator = await createCudaAttention(device, cudaModule(module, [], { dtypes: ["f16"] }), shape);
    expect(operator.kernel.name).toBe("wgmma-f16");
    const source = random(5);
    const tensor = (of: number): Float32Array => halves(Float32Array.from({ length: of * length * dim }, () => source.normal()));
    const [q, k, v] = [tensor(heads), tensor(kvHeads), tensor(kvHeads)];
    const columns = length / UNIT;
    const choices = {
      keys: Array.from({ length }, (_, row) => source.integer(0, Math.floor(row / UNIT))),
      queries: Array.from({ length }, () => 0),
    };
    for (const [order, chosen] of Object.entries(choices)) {
      const best = selectedBits({ batch: 1, heads: kvHeads, rows: length, columns }, (_b, _h, row) => [chosen[row]!]);
      const { out, lse } = await operator.run({ q, k, v, reuse: { best } }, { length });
      expect(await operator.lastOrder()).toBe(order);
      const mask = (_b: number, _h: number, query: number, key: number): boolean =>
        key <= query && chosen[query] === Math.floor(key / UNIT);
      const sizes = { batch: 1, ...shape, queries: length, keys: length };
      const problem = { ...sizes, firstPosition: 0, q, k, v, mask, weights: operator.kernel.weights };
      const { ok, worst } = compare(expectedWithin(problem, "f16"), { out, lse }, sizes);
      expect(ok, JSON.stringify(worst)).toBe(true);
    }
    operator.destroy();
  },
  120_000,
);
