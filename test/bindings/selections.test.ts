import { beforeAll, expect, test } from "vitest";
import { generateTypeScript, type CompiledOperator } from "../../compiler/bindings/typescript.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import { bitsValue } from "../../compiler/cli/selections.js";
import { selectedUnits, type AttentionOptions, type SelectedBits, type SelectionSpec } from "../../runtime/index.js";
import { wholeEnv } from "../../runtime/launch/selection/parts.js";
import { softwareTest } from "../device/software.js";
import { dense, greatestDifference, noise } from "./dense.js";
import { runtimeSources } from "./runtime-sources.js";
import { BLOCK, gated, KEPT, layered, moba } from "./selecting.js";
import { strictProblems } from "./strict-project.js";

const VERSION = "0.0.0-test";
const ROOT = new URL("../..", import.meta.url).pathname;
const [HEADS, KV_HEADS, DIM] = [4, 2, 8];

type Selected = Readonly<Record<string, SelectedBits>>;
interface Operator {
  run(arrays: object, call: object): Promise<{ out: Float32Array; lse: Float32Array; selected?: Selected }>;
  destroy(): void;
}
interface Loaded {
  readonly selectedUnits: typeof selectedUnits;
  readonly [name: string]: unknown;
}

let loaded: Loaded;

/** A standalone script, loaded as a browser would. */
beforeAll(async () => {
  const options = { version: VERSION, source: "selecting.attn", js: true, standalone: runtimeSources() };
  const [script] = await generateTypeScript([moba, layered, gated], options);
  loaded = (await import(`data:text/javascript;base64,${Buffer.from(script!.text).toString("base64")}`)) as Loaded;
});

const create = (device: GPUDevice, name: string, options: AttentionOptions = {}): Promise<Operator> =>
  (loaded[name] as (device: GPUDevice, shape: object, options: AttentionOptions) => Promise<Operator>)(device, {}, options);

/** Small integers: means over whole blocks, dots and their sums are exact, and many are equal. */
const integers = (length: number, seed: number, most: number): Float32Array<ArrayBuffer> =>
  noise(length, seed).map((x) => Math.round(x * most));

function tensors(batch: number, n: number, nq: number, seed: number) {
  return {
    q: integers(batch * HEADS * nq * DIM, seed, 2),
    k: integers(batch * KV_HEADS * n * DIM, seed + 1, 2),
    v: noise(batch * KV_HEADS * n * DIM, seed + 2),
  };
}

/** The n best of the candidates, forced ones first, ties to the lower unit: rising. */
function best(scores: readonly number[], n: number, forced: readonly number[]): number[] {
  const others = scores.map((_, unit) => unit).filter((unit) => !forced.includes(unit));
  others.sort((a, b) => scores[b]! - scores[a]! || a - b);
  return [...forced, ...others.slice(0, Math.max(0, n - forced.length))].sort((a, b) => a - b);
}

/** Dense attention in float64 under what was selected. */
function expected({ mask }: CompiledOperator, t: ReturnType<typeof tensors>, batch: number, n: number, nq: number, selected: Selected) {
  const inputs = Object.fromEntries(Object.entries(selected).map(([name, bits]) => [name, bitsValue(bits)]));
  const env: MaskEnv = { N: n, NQ: nq, heads: HEADS, kvHeads: KV_HEADS, inputs };
  return dense(mask, { batch, env, headDim: DIM, valueDim: DIM, ...t });
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const vector = (data: Float32Array, row: number): Float32Array => data.subarray(row * DIM, (row + 1) * DIM);

softwareTest("blocks are chosen by their mean keys, exactly, and the kernel sees those", async ({ device }) => {
  const operator = await create(device, "createMoba");
  for (const [batch, n, nq] of [
    [1, 8, 8],
    [2, 40, 40],
    [1, 128, 13],
  ] as const) {
    const t = tensors(batch, n, nq, 3);
    const result = await operator.run({ ...t, selected: true }, { batch, queryLength: nq, keyLength: n });
    const { b: bits } = result.selected!;
    expect(bits).toMatchObject({ batch, heads: HEADS, rows: nq, columns: n / BLOCK });
    for (let row = 0; row < batch * HEADS * nq; row++) {
      const [b, h, query] = [Math.floor(row / (HEADS * nq)), Math.floor(row / nq) % HEADS, row % nq];
      const own = Math.floor((n - nq + query) / BLOCK);
      const scores = Array.from({ length: own + 1 }, (_, block) => {
        const keys = Array.from({ length: BLOCK }, (_, i) => (b * KV_HEADS + (h >> 1)) * n + block * BLOCK + i);
        return keys.reduce((sum, key) => sum + dot(vector(t.q, row), vector(t.k, key)), 0) / BLOCK;
      });
      expect(loaded.selectedUnits(bits!, b, h, query)).toEqual(best(scores, KEPT, [own]));
    }
    const { out, lse } = expected(moba, t, batch, n, nq, result.selected!);
    expect(greatestDifference(result.out, out)).toBeLessThan(1e-5);
    expect(greatestDifference(result.lse, lse)).toBeLessThan(1e-5);
    // One head of one batch entry at a time, and strips of its queries.
    const inParts = await create(device, "createMoba", { selectionBytes: 1024 });
    expect(await inParts.run({ ...t, selected: true }, { batch, queryLength: nq, keyLength: n })).toEqual(result);
    inParts.destroy();
  }
  operator.destroy();
  const tight = await create(device, "createMoba", { selectionBytes: 256 });
  await expect(tight.run(tensors(1, 128, 128, 3), { length: 128 })).rejects.toThrow(
    "ATTN5218: the selections' intermediate results: expected at most 256 bytes (selectionBytes), found 640 bytes for 1 query of 2 heads",
  );
  await expect(create(device, "createMoba", { selectionBytes: 0.5 })).rejects.toThrow("ATTN5219: selectionBytes");
});

softwareTest("a layer's choice serves the layers after it, and has to", async ({ device }) => {
  const operator = await create(device, "createLayered");
  const [batch, n, nq] = [2, 60, 1];
  const t = tensors(batch, n, nq, 9);
  const call = { batch, queryLength: nq, keyLength: n };
  const first = await operator.run({ ...t, selected: true }, { ...call, layer: 2 });
  const { top_tokens: bits } = first.selected!;
  for (let b = 0; b < batch; b++) {
    for (let g = 0; g < KV_HEADS; g++) {
      const heads = [2 * g, 2 * g + 1];
      const scores = Array.from({ length: n }, (_, key) =>
        heads.reduce((sum, h) => sum + dot(vector(t.q, b * HEADS + h), vector(t.k, (b * KV_HEADS + g) * n + key)), 0),
      );
      expect(selectedUnits(bits!, b, g, 0)).toEqual(best(scores, 12, [n - 1]));
    }
  }
  const later = tensors(batch, n, nq, 20);
  const second = await operator.run({ ...later, selected: true, reuse: first.selected }, { ...call, layer: 5 });
  expect(second.selected).toEqual(first.selected);
  expect(greatestDifference(second.out, expected(layered, later, batch, n, nq, first.selected!).out)).toBeLessThan(1e-5);
  await expect(operator.run(later, { ...call, layer: 5 })).rejects.toThrow(
    "ATTN5217: reuse.top_tokens: expected the selection of an earlier",
  );
  await expect(operator.run({ ...later, reuse: first.selected }, { ...call, layer: 2 })).rejects.toThrow("ATTN5217");
});

softwareTest("scores by the caller choose, and a choice serves the steps until the next", async ({ device }) => {
  const operator = await create(device, "createGated");
  const [n, nq] = [60, 60];
  const t = tensors(1, n, nq, 9);
  const blocks = Math.ceil(n / BLOCK);
  const gate = integers(blocks * blocks, 4, 3);
  const first = await operator.run({ ...t, gate, selected: true }, { length: n, step: 4 });
  for (let h = 0; h < HEADS; h++) {
    for (let row = 0; row < blocks; row++) {
      const scores = [...gate.subarray(row * blocks, row * blocks + row + 1)];
      expect(selectedUnits(first.selected!["b"]!, 0, h, row)).toEqual(best(scores, 2, [row]));
    }
  }
  expect(greatestDifference(first.out, expected(gated, t, 1, n, nq, first.selected!).out)).toBeLessThan(1e-5);
  const other = gate.map((x) => -x);
  const again = await operator.run({ ...t, gate: other, reuse: first.selected }, { length: n, step: 7 });
  expect(again.out).toEqual(first.out);
  expect((await operator.run({ ...t, gate: other }, { length: n, step: 7 })).out).not.toEqual(first.out);
  await expect(operator.run({ ...t, gate: other, reuse: first.selected }, { length: n, step: 8 })).rejects.toThrow("ATTN5217: reuse.b");
  await expect(operator.run({ ...t, gate: other.fill(NaN, 5, 6) }, { length: n, step: 8 })).rejects.toThrow("ATTN5213: gate[5]");
});

/** The operator with a line in place of each kernel: for looking at everything else. */
function withoutKernels({ mask, launch }: CompiledOperator): CompiledOperator {
  const { stages, ...selection } = launch.selection!;
  return {
    mask,
    launch: {
      ...launch,
      selection: { ...selection, stages: stages.map((stage) => ({ ...stage, wgsl: `// ${stage.name}\n` })) },
      variants: launch.variants.map((variant) => ({ ...variant, split: undefined, wgsl: `// ${variant.name}\n` })),
    },
  };
}

test("the types of operators that select", async () => {
  const [file] = await generateTypeScript([moba, layered, gated].map(withoutKernels), { version: VERSION, source: "selecting.attn" });
  const types = file!.text.slice(0, file!.text.indexOf("/** The launch manifest of `moba`"));
  await expect(types).toMatchFileSnapshot("../golden/bindings/selecting.attn.ts.txt");
});

/** Right and wrong uses of the generated types. */
const USES = (from: string, runtime: string): string => `
import { createGated, createLayered, createMoba, tuneGated } from "${from}";
import { selectedUnits, type SelectedBits } from "${runtime}";

export async function use(device: GPUDevice, buffer: GPUBuffer, array: Float32Array): Promise<number[]> {
  const encoder = device.createCommandEncoder();
  const tensors = { q: buffer, k: buffer, v: buffer, out: buffer };
  const arrays = { q: array, k: array, v: array };

  const moba = await createMoba(device);
  moba.encode(encoder, { ...tensors, selected: { b: { buffer, offset: 256 } } }, { length: 4096 });
  moba.encodeSelection(encoder, { q: buffer, k: buffer, selected: { b: buffer } }, { length: 4096 });
  const { selected } = await moba.run({ ...arrays, selected: true }, { length: 64 });
  const bits: SelectedBits = selected.b;
  // @ts-expect-error: not asked for
  (await moba.run(arrays, { length: 64 })).selected;
  // @ts-expect-error: no such selection
  moba.encode(encoder, { ...tensors, selected: { c: buffer } }, { length: 4096 });
  // @ts-expect-error: nothing is reused
  await moba.run({ ...arrays, reuse: { b: bits } }, { length: 64 });

  const layered = await createLayered(device);
  const first = await layered.run({ ...arrays, selected: true }, { length: 64, layer: 2 });
  await layered.run({ ...arrays, reuse: first.selected }, { length: 64, layer: 3 });
  layered.encode(encoder, { ...tensors, reuse: { top_tokens: { buffer, columns: 60 } } }, { length: 64, layer: 3 });
  // @ts-expect-error: the layer decides whether it is made
  await layered.run(arrays, { length: 64 });

  const gated = await createGated(device);
  await gated.run({ ...arrays, gate: { data: array, shape: [1, 8, 8] } }, { length: 64, step: 0 });
  // @ts-expect-error: the scores are missing
  await gated.run(arrays, { length: 64, step: 0 });
  gated.encode(encoder, { ...tensors, gate: buffer, reuse: { b: buffer } }, { length: 64, step: 1 });
  await tuneGated(device, {}, { length: 64, step: 0, arrays: { gate: array } });
  // @ts-expect-error: the scores are missing
  await tuneGated(device, {}, { length: 64, step: 0 });
  return selectedUnits(bits, 0, 0, 0);
}
`;

test("generated files and right uses compile under the strictest options; wrong uses do not", async () => {
  const checked = new Map<string, string>();
  for (const [name, options] of [
    ["imports", {}],
    ["alone", { standalone: runtimeSources() }],
  ] as const) {
    const source = `${name}.attn`;
    for (const file of await generateTypeScript([moba, layered, gated].map(withoutKernels), { version: VERSION, source, ...options })) {
      checked.set(file.name, file.text);
    }
    const from = `./${name}.attn.js`;
    checked.set(`use_${name}.ts`, USES(from, name === "alone" ? from : "attnc/runtime"));
  }
  expect(strictProblems(checked, { "attnc/runtime": `${ROOT}runtime/index.ts` })).toBe("");
});

test("what the file holds is the manifest: stages byte for byte, sizes and rules number for number", () => {
  for (const [name, { launch }] of [
    ["mobaModule", moba],
    ["layeredModule", layered],
    ["gatedModule", gated],
  ] as const) {
    const { sizes, reuse, ...data } = (loaded[name] as { selection: SelectionSpec }).selection;
    const { sizes: expectedSizes, reuse: expectedReuse, ...expectedData } = launch.selection!;
    expect(data).toEqual(expectedData);
    expect(reuse === undefined).toBe(expectedReuse === undefined);
    for (const [batch, N, NQ] of [
      [1, 1, 1],
      [3, 100, 7],
      [2, 65, 65],
    ] as const) {
      const shape = { batch, heads: 8, kvHeads: 2, headDim: DIM, N, NQ };
      const env = wholeEnv("self", data.parts, shape);
      expect(sizes(env)).toEqual(expectedSizes(env));
      for (const at of [0, 2, 4, 5]) {
        const scalars = { h: 0, kvh: 0, N, NQ, layer: at, layers: 9, step: at, steps: 9, phase: 0, params: {} };
        expect(reuse?.(scalars)).toEqual(expectedReuse?.(scalars));
      }
    }
  }
});
