import { expect } from "vitest";
import { generateTypeScript } from "../../compiler/bindings/typescript.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import type { TuneResult } from "../../runtime/index.js";
import { softwareTest } from "../device/software.js";
import { dense, greatestDifference, noise } from "./dense.js";
import { EVERYTHING_SIZES, everythingInputs } from "./everything-inputs.js";
import { compiled, documents, everything } from "./modules.js";
import { runtimeSources } from "./runtime-sources.js";

interface Operator {
  run(arrays: object, call: object): Promise<{ out: Float32Array; lse: Float32Array }>;
  encode(encoder: GPUCommandEncoder, buffers: object, call: object): void;
  destroy(): void;
}
type Create = (device: GPUDevice, shape?: object) => Promise<Operator>;

/** Generates a standalone script, loads it as a browser would, and gives its functions. */
async function loadAll(mask: MaskModule): Promise<Record<string, unknown>> {
  const options = { version: "0.0.0-test", source: "x.attn", js: true, standalone: runtimeSources() };
  const [script] = await generateTypeScript([compiled(mask)], options);
  return (await import(`data:text/javascript;base64,${Buffer.from(script!.text).toString("base64")}`)) as Record<string, unknown>;
}

async function load(mask: MaskModule, create: string): Promise<Create> {
  return (await loadAll(mask))[create] as Create;
}

softwareTest("a generated file runs: arrays, buffers, parameters and ids", async ({ device }) => {
  const [batch, heads, kvHeads, NQ, N, headDim, valueDim] = [2, 4, 2, 37, 70, 32, 32];
  const q = noise(batch * heads * NQ * headDim, 1);
  const k = noise(batch * kvHeads * N * headDim, 2);
  const v = noise(batch * kvHeads * N * valueDim, 3);
  const doc = Int32Array.from({ length: batch * N }, (_, i) => Math.floor((i % N) / (i < N ? 30 : 9)));
  const inputs = { doc: { kind: "ids", batch, length: N, data: doc } } as const;
  const expected = (window: number) =>
    dense(documents, { batch, env: { N, NQ, heads, kvHeads, params: { window }, inputs }, headDim, valueDim, q, k, v });

  const create = await load(documents, "createPackedDocuments");
  const operator = await create(device, { heads, kvHeads });
  const result = await operator.run({ q, k, v, doc }, { batch, queryLength: NQ, keyLength: N });
  expect(greatestDifference(result.out, expected(24).out)).toBeLessThan(2e-6);
  expect(greatestDifference(result.lse, expected(24).lse)).toBeLessThan(2e-6);

  const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
  const upload = (data: Float32Array | Int32Array): GPUBuffer => {
    const buffer = device.createBuffer({ size: data.byteLength, usage: STORAGE | COPY_DST });
    device.queue.writeBuffer(buffer, 0, data.buffer as ArrayBuffer);
    return buffer;
  };
  const out = device.createBuffer({ size: result.out.byteLength, usage: STORAGE | COPY_SRC });
  const staging = device.createBuffer({ size: out.size, usage: MAP_READ | COPY_DST });
  const encoder = device.createCommandEncoder();
  const buffers = { q: upload(q), k: upload(k), v: upload(v), doc: upload(doc), out };
  operator.encode(encoder, buffers, { batch, queryLength: NQ, keyLength: N, params: { window: 3 } });
  encoder.copyBufferToBuffer(out, 0, staging, 0, out.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  expect(greatestDifference(new Float32Array(staging.getMappedRange()), expected(3).out)).toBeLessThan(2e-6);
  operator.destroy();

  await expect(operator.run({ q, k, v, doc }, { batch, queryLength: NQ, keyLength: N })).rejects.toThrow(/ATTN5107/);
  await expect(create(device, { headDim: 48 })).rejects.toThrow(/ATTN5103: headDim: .*packed_documents was compiled for/);
});

softwareTest("a generated file measures its kernels, and then uses the fastest", async ({ device }) => {
  const { createPackedDocuments: create, tunePackedDocuments: tune } = (await loadAll(documents)) as {
    createPackedDocuments: (device: GPUDevice) => Promise<{ variant: { name: string } }>;
    tunePackedDocuments: (device: GPUDevice, shape: object, tuning: object) => Promise<TuneResult>;
  };
  const call = { batch: 2, queryLength: 40, keyLength: 70, params: { window: 9 } };
  const arrays = { doc: Int32Array.from({ length: 2 * 70 }, (_, i) => Math.floor(i / 30)) };
  const storage = new Map<string, string>();
  const { winner, timings } = await tune(device, {}, { ...call, arrays, storage, rounds: 2, variants: ["f32-gpu", "f32-software"] });
  expect(timings.map((each) => [each.variant, each.runs, each.skipped])).toEqual([
    ["f32-gpu", 2, undefined],
    ["f32-software", 2, undefined],
  ]);
  expect([...storage.values()]).toEqual([winner]);
  expect((await create(device)).variant.name).toBe(winner);
  await expect(tune(device, {}, call)).rejects.toThrow("ATTN5205: doc");
});

softwareTest("a generated file runs: tables, layers, phases and every kind of bit input", async ({ device }) => {
  const { batch, heads, kvHeads, NQ, N } = EVERYTHING_SIZES;
  const { headDim, valueDim } = everything.shape;
  const { columns, diagonals, offsets, indices, values } = everythingInputs();

  // Values that f16 holds exactly, so that the only rounding is the kernel's.
  const half = (length: number, seed: number) => noise(length, seed).map((x) => Math.round(x * 256) / 256);
  const q = half(heads * NQ * headDim, 1);
  const k = half(kvHeads * N * headDim, 2);
  const v = half(kvHeads * N * valueDim, 3);
  const operator = await (await load(everything, "createEverything"))(device);
  for (const [layer, phase] of [
    [0, "prefill"],
    [1, "decode"],
  ] as const) {
    const { out, lse } = await operator.run(
      {
        q,
        k,
        v,
        tree: values.tree.data,
        map: values.map.data,
        cols: { data: columns, shape: [1, 1, 4] },
        diags: { data: diagonals, shape: [1, 1, 3] },
        lists: { offsets, indices },
      },
      { batch, queryLength: NQ, keyLength: N, params: { rows: 6 }, layer, phase },
    );
    const phaseIndex = everything.phases.indexOf(phase);
    const env = { N, NQ, heads, kvHeads, layer, layers: 2, phase: phaseIndex, params: { rows: 6, sink: 4 }, inputs: values };
    const expected = dense(everything, { batch, env, headDim, valueDim, q, k, v });
    expect(greatestDifference(out, expected.out)).toBeLessThan(5e-4);
    expect(greatestDifference(lse, expected.lse)).toBeLessThan(5e-6);
  }
  operator.destroy();
});
