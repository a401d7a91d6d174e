import { beforeAll, expect, test } from "vitest";
import type { CompiledCudaOperator } from "../../compiler/bindings/c/operator.js";
import { cudaBranchedOperator, generateCudaTypeScript } from "../../compiler/bindings/cuda-typescript.js";
import type { GeneratedFile } from "../../compiler/bindings/generated-file.js";
import { compileCuda, compileCudaBranched } from "../../compiler/driver/cuda-source.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import type { CudaDtype, CudaModule } from "../../runtime/cuda/module.js";
import { compile } from "../semantics/compile.js";
import { documents, everything, sliding } from "./modules.js";
import { strictProblems } from "./strict-project.js";

const VERSION = "0.0.0-test";
const ROOT = new URL("../..", import.meta.url).pathname;

/** An operator with a line in place of its source and of its schedules, for looking at everything else. */
function operator(mask: MaskModule, dtypes: readonly CudaDtype[], headDims: readonly number[] = []): CompiledCudaOperator {
  const { mask: typed, launch } = compileCuda(mask, { headDims, dtypes });
  const kernels = launch.cuda.kernels.map((kernel) => ({
    ...kernel,
    tileQ: 64,
    tileK: 64,
    threads: 128,
    sharedBytes: 1024,
    tensorMaps: undefined,
  }));
  return { mask: typed, launch: { ...launch, cuda: { kernels, source: `// ${mask.name}\n` } } };
}

/** Windows of keys and keys, a selection that reads the former, and gates. */
const NSA = `attention nsa {
  space  seq causal
  input  ck, cv : pooled(32, 16)
  input  g      : gate(2)
  select best {
    unit  q: token, k: block(16)
    score softmax(dot(q, mean(k)) * scale)
    keep  top(2)
  }
  branch coarse { attend end(k) <= q from ck, cv }
  branch near { attend best }
  output g[0] * coarse + sigmoid(g[1]) * near
}`;

/** An attention with branches, likewise. */
function branchedOperator() {
  const { branched, launch } = compileCudaBranched(compile(NSA).branched[0]!, { headDims: [], dtypes: ["f16"] });
  return cudaBranchedOperator({ branched, launch: { ...launch, source: "// nsa\n" } });
}

const operators = [operator(sliding, ["f16", "bf16"], [64, 128]), operator(documents, []), operator(everything, []), branchedOperator()];
const files = new Map<string, GeneratedFile>();

beforeAll(async () => {
  for (const [name, js] of [
    ["imports", false],
    ["script", true],
  ] as const) {
    for (const file of await generateCudaTypeScript(operators, { version: VERSION, source: `patterns/${name}.attn`, js }))
      files.set(file.name, file);
  }
});

test("the files are named after their source, and those for WebGPU can lie beside them", () => {
  expect([...files.keys()].sort()).toEqual(["imports.attn.cuda.ts", "script.attn.cuda.d.ts", "script.attn.cuda.js"]);
});

test("whole files", async () => {
  const options = { version: VERSION, source: "sliding.attn" };
  const [typed] = await generateCudaTypeScript([operator(sliding, ["f16", "bf16"])], options);
  await expect(typed!.text).toMatchFileSnapshot("../golden/bindings/sliding.attn.cuda.ts.txt");
  for (const file of await generateCudaTypeScript([operator(documents, [])], { ...options, source: "documents.attn", js: true })) {
    await expect(file.text).toMatchFileSnapshot(`../golden/bindings/${file.name}.txt`);
  }
});

/** Right and wrong uses of the generated types. */
const USES = (from: string): string => `
import { openCudaDevice } from "attnc/cuda";
import { createEverything, createNsa, createPackedDocuments, createSliding, nsaRequirements, slidingRequirements } from "${from}";

export async function use(pointer: bigint, array: Float32Array, ids: Int32Array, bytes: Uint8Array): Promise<Float32Array> {
  const device = await openCudaDevice();
  const least: number = slidingRequirements()[0]!.architecture;
  const tensors = { q: pointer, k: pointer, v: { pointer, bytes: least }, out: pointer };

  const sliding = await createSliding(device, { heads: 8, headDim: 128 }, { dtype: "bf16", cubin: "sliding.cubin" });
  const dtype: "f16" | "bf16" = sliding.dtype;
  console.log(dtype, sliding.kernel.name);
  sliding.launch(tensors, { batch: 1, length: 4096 });
  sliding.launch({ ...tensors, lse: pointer }, { queryLength: 1, keyLength: 4096 }, 0n);
  await createSliding(device, {}, { cubin: bytes, kernel: "mma-f16" });
  // @ts-expect-error: made for f16 and bf16
  await createSliding(device, {}, { dtype: "f32" });
  // @ts-expect-error: no such kernel
  await createSliding(device, {}, { kernel: "mma-f32" });
  // @ts-expect-error: made for head dims 64 and 128
  await createSliding(device, { headDim: 96 });
  // @ts-expect-error: a length is missing
  sliding.launch(tensors, { queryLength: 1 });
  // @ts-expect-error: arrays go to run
  sliding.launch({ ...tensors, q: array }, { length: 5 });
  // @ts-expect-error: no such parameter
  sliding.launch(tensors, { length: 5, params: { window: 3 } });
  // @ts-expect-error: no such input
  sliding.launch({ ...tensors, inputs: { doc: { pointer, shape: [5] } } }, { length: 5 });
  const { lse } = await sliding.run({ q: new Uint16Array(4), k: array, v: array }, { length: 5 });
  sliding.destroy();

  const documents = await createPackedDocuments(device);
  documents.launch({ ...tensors, inputs: { doc: { pointer, shape: [5] } } }, { length: 5, params: { window: 3 } });
  // @ts-expect-error: the input is missing
  documents.launch(tensors, { length: 5 });
  // @ts-expect-error: misspelt
  documents.launch({ ...tensors, inputs: { docs: { pointer, shape: [5] } } }, { length: 5 });
  await documents.run({ q: array, k: array, v: array, doc: ids }, { length: 5 });

  const everything = await createEverything(device, { heads: 4 });
  const words = { pointer, shape: [1, 4, 5] };
  const inputs = { tree: words, map: words, cols: words, diags: words, lists: { offsets: words, indices: { pointer, elements: 3 } } };
  everything.launch({ ...tensors, lse: pointer, inputs }, { length: 27, params: { rows: 2 }, layer: 1, phase: "decode" });
  // @ts-expect-error: not a phase
  everything.launch({ ...tensors, lse: pointer, inputs }, { length: 27, params: { rows: 2 }, layer: 1, phase: "decoding" });
  // @ts-expect-error: lse is emitted
  everything.launch({ ...tensors, inputs }, { length: 27, params: { rows: 2 }, layer: 1, phase: "decode" });
  // @ts-expect-error: the table has columns for four heads
  await createEverything(device, { heads: 8 });

  const nsa = await createNsa(device, {}, { dtype: "f16" });
  const ck = { pointer, shape: [1, 8, 3, 64] };
  nsa.launch({ ...tensors, inputs: { g: { pointer, elements: 8 }, ck, cv: ck }, selected: { best: pointer } }, { length: 64 }, 0n);
  nsa.select({ q: pointer, k: pointer, inputs: { ck }, selected: { best: pointer } }, { length: 64 });
  // @ts-expect-error: not an input
  nsa.select({ q: pointer, k: pointer, inputs: { cx: ck } }, { length: 64 });
  const mixed = await nsa.run({ q: array, k: array, v: array, g: array, ck: array, cv: new Uint16Array(4), selected: true }, { length: 64 });
  console.log(mixed.selected.best.words, nsaRequirements()[0]!.dtype);
  // @ts-expect-error: a sum of branches has no lse
  mixed.lse;
  // @ts-expect-error: nor is there memory for one
  nsa.launch({ ...tensors, lse: pointer, inputs: { g: ck, ck, cv: ck } }, { length: 64 });
  // @ts-expect-error: the gates are missing
  nsa.launch({ ...tensors, inputs: { ck, cv: ck } }, { length: 64 });
  nsa.destroy();
  return lse;
}
`;

test("generated files and right uses compile under the strictest options; wrong uses do not", () => {
  const checked = new Map([...files.values()].filter(({ name }) => name.endsWith(".ts")).map(({ name, text }) => [name, text]));
  for (const name of ["imports", "script"]) checked.set(`use_cuda_${name}.ts`, USES(`./${name}.attn.cuda.js`));
  expect(strictProblems(checked, { "attnc/cuda": `${ROOT}runtime/cuda-node.ts` })).toBe("");
});

test("what the file holds is the manifest: the source byte for byte, scalars number for number", async () => {
  const compiled = compileCuda(everything, { headDims: [], dtypes: [] });
  const [script] = await generateCudaTypeScript([compiled], { version: VERSION, source: "everything.attn", js: true });
  // Without the runtime, which only its functions use.
  const text = script!.text.replace(/^import [^;]*;$/m, "");
  const loaded = (await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`)) as { everythingModule: CudaModule };
  const { scalars, ...data } = loaded.everythingModule;
  const { scalars: expected, ...expectedData } = compiled.launch;
  expect(data).toEqual(expectedData);
  const env = { h: 3, kvh: 1, N: 100, NQ: 5, layer: 1, layers: 2, step: 0, steps: 1, phase: 0, params: {} };
  expect(scalars!.evaluate(env)).toEqual(expected!.evaluate(env));
});
