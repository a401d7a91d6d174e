import koffi from "koffi";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { compileCuda, cudaSource } from "../../compiler/driver/cuda-source.js";
import { compileCubin } from "../../runtime/device/cuda-compile.js";
import { folderWith } from "../cli/attnc.js";
import { emulatedTest, useEmulatedGpu } from "../runtime/cuda/emulated.js";
import { dense, greatestDifference, noise } from "./dense.js";
import { loadCuda } from "./load-cuda.js";
import { documents } from "./modules.js";

useEmulatedGpu();

emulatedTest("a generated file runs: arrays, pointers, parameters, ids and a cubin of nvcc's", async (device) => {
  const [batch, heads, kvHeads, NQ, N, headDim, valueDim] = [2, 4, 2, 37, 70, 32, 32];
  const [q, k, v] = [
    noise(batch * heads * NQ * headDim, 1),
    noise(batch * kvHeads * N * headDim, 2),
    noise(batch * kvHeads * N * valueDim, 3),
  ];
  const doc = Int32Array.from({ length: batch * N }, (_, i) => Math.floor((i % N) / (i < N ? 30 : 9)));
  const inputs = { doc: { kind: "ids", batch, length: N, data: doc } } as const;
  const expected = (window: number) =>
    dense(documents, { batch, env: { N, NQ, heads, kvHeads, params: { window }, inputs }, headDim, valueDim, q, k, v });

  const compiled = compileCuda(documents, { headDims: [], dtypes: [] });
  const create = await loadCuda(compiled, "createPackedDocuments");
  const operator = await create(device, { heads, kvHeads });
  expect([operator.dtype, operator.kernel.name]).toEqual(["f32", "cores-f32"]);
  const result = await operator.run({ q, k, v, doc }, { batch, queryLength: NQ, keyLength: N });
  expect(greatestDifference(result.out, expected(24).out)).toBeLessThan(4e-6);
  expect(greatestDifference(result.lse, expected(24).lse)).toBeLessThan(4e-6);

  const upload = (data: ArrayBufferView): bigint => {
    const pointer = device.allocate(data.byteLength);
    device.upload(pointer, data);
    return pointer;
  };
  const out = device.allocate(result.out.byteLength);
  const tensors = { q: upload(q), k: upload(k), v: upload(v), out, inputs: { doc: { pointer: upload(doc), shape: [batch, N] } } };
  operator.launch(tensors, { batch, queryLength: NQ, keyLength: N, params: { window: 3 } });
  const found = new Float32Array(result.out.length);
  device.download(found, out);
  expect(greatestDifference(found, expected(3).out)).toBeLessThan(4e-6);
  operator.destroy();
  await expect(operator.run({ q, k, v, doc }, { batch, queryLength: NQ, keyLength: N })).rejects.toThrow(/ATTN5107/);

  // As nvcc would have made it from the whole .cu.
  const folder = folderWith({});
  const cubin = join(folder, "documents.cubin");
  const whole = { name: "documents", source: cudaSource(compiled), architectureOnly: true };
  writeFileSync(cubin, await compileCubin(koffi, whole, 90));
  for (const given of [cubin, new URL(`file://${cubin}`)]) {
    const loaded = await create(device, { heads, kvHeads }, { cubin: given });
    const { out: again } = await loaded.run({ q, k, v, doc }, { batch, queryLength: NQ, keyLength: N });
    expect(again).toEqual(result.out);
    loaded.destroy();
  }
  await expect(create(device, {}, { cubin: join(folder, "none.cubin") })).rejects.toThrow(/ATTN5304: cubin: .*none\.cubin/s);
});
