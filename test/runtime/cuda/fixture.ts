import { PREPARE_STRUCT, printPrepare } from "../../../compiler/targets/cuda/prepare.js";
import { printPrimitives } from "../../../compiler/targets/cuda/primitives/index.js";
import type { CudaKernel, CudaModule } from "../../../runtime/cuda/module.js";
import { denseModule } from "../launch/fixture.js";

const HEAD_DIM = 8;
const VALUE_DIM = 4;

/** Windowed causal attention, one thread for each query row: slow and obvious. `persistent`: blocks go on to further tiles. */
function denseKernel(type: string, dtype: string, persistent: boolean): string {
  const parameters = `const Uniforms u, const ${type}* query, const ${type}* key, const ${type}* value, const unsigned int* aux, ${type}* output, float* lse`;
  const tiles = persistent ? "for (int id = blockIdx.x; id < u.tiles * u.heads * u.batch; id += gridDim.x)" : "const int id = blockIdx.x;";
  return `
extern "C" __global__ void __launch_bounds__(32) dense_${persistent ? "persistent_" : ""}${dtype}(${parameters}) {
  ${tiles}
    attend<${type}>(u, query, key, value, output, lse, id);
}
`;
}

const ATTEND = `
struct Uniforms { int batch; int heads; int kv_heads; int queries; int keys; int offset; int tiles; float scale; int write_lse; int window; };

template <class T>
__device__ __forceinline__ void attend(const Uniforms& u, const T* query, const T* key, const T* value, T* output, float* lse, int id) {
  const int row = id % u.tiles * 32 + threadIdx.x;
  if (row >= u.queries) return;
  const int bh = id / u.tiles;
  const int kv = bh / u.heads * u.kv_heads + bh % u.heads * u.kv_heads / u.heads;
  const long long q_at = (long long)(bh) * u.queries + row;
  float greatest = -3.0e38f;
  float sum = 0;
  float total[${VALUE_DIM}] = {};
  const int position = u.offset + row;
  for (int j = max(0, position - u.window + 1); j <= position; j++) {
    const long long k_at = (long long)(kv) * u.keys + j;
    float s = 0;
    for (int d = 0; d < ${HEAD_DIM}; d++) s += to_float(query[q_at * ${HEAD_DIM} + d]) * to_float(key[k_at * ${HEAD_DIM} + d]);
    s *= u.scale;
    const float next = greatest > s ? greatest : s;
    const float shrink = exp2f(greatest - next);
    const float p = exp2f(s - next);
    greatest = next;
    sum = sum * shrink + p;
    for (int d = 0; d < ${VALUE_DIM}; d++) total[d] = total[d] * shrink + p * to_float(value[k_at * ${VALUE_DIM} + d]);
  }
  for (int d = 0; d < ${VALUE_DIM}; d++) output[q_at * ${VALUE_DIM} + d] = from_float<T>(total[d] / sum);
  if (u.write_lse) lse[q_at] = (greatest + log2f(sum)) * 0.6931471805599453f;
}
`;

/** A kernel that runs anywhere. */
export function kernel(overrides: Partial<CudaKernel> = {}): CudaKernel {
  return {
    name: "plain-f32",
    symbol: "dense_f32",
    architecture: 75,
    architectureOnly: false,
    dtype: "f32",
    headDim: HEAD_DIM,
    valueDim: VALUE_DIM,
    tileQ: 32,
    tileK: 1,
    threads: 32,
    sharedBytes: 0,
    persistent: false,
    packsHeads: false,
    ...overrides,
  };
}

/** Windowed causal attention, with heads 4, kvHeads 2, headDim 8, valueDim 4 and the parameter `window`. */
export function denseCudaModule(overrides: Partial<CudaModule> = {}): CudaModule {
  const source = [
    printPrimitives(["common"]),
    ATTEND,
    denseKernel("float", "f32", false),
    denseKernel("float", "f32", true),
    denseKernel("f16", "f16", false),
    denseKernel("bf16", "bf16", false),
  ].join("\n");
  const kernels = [
    kernel(),
    kernel({ name: "persistent-f32", symbol: "dense_persistent_f32", persistent: true }),
    kernel({ name: "plain-f16", symbol: "dense_f16", dtype: "f16" }),
    kernel({ name: "plain-bf16", symbol: "dense_bf16", dtype: "bf16" }),
  ];
  return { ...denseModule({ variants: [] }), cuda: { source, kernels }, ...overrides };
}

/**
 * A module whose kernel copies the first words of aux to out: shows what the launcher made of scalars and
 * inputs. The shape is that of {@link denseCudaModule}; its parameter `words` says how many.
 */
export function copyCudaModule(overrides: Partial<CudaModule> = {}): CudaModule {
  const source = `
struct Uniforms { int words; };
extern "C" __global__ void __launch_bounds__(32) copy_words(const Uniforms u, const float* query, const float* key, const float* value, const unsigned int* aux, unsigned int* output, float* lse) {
  for (int i = blockIdx.x * 32 + threadIdx.x; i < u.words; i += gridDim.x * 32) output[i] = aux[i];
}
${PREPARE_STRUCT}
${printPrepare("copy", false)}`;
  return {
    ...denseModule({ variants: [] }),
    name: "copy",
    params: [{ name: "words" }],
    uniforms: [{ name: "words", type: "i32", source: { kind: "param", name: "words" } }],
    cuda: { source, kernels: [kernel({ name: "copy", symbol: "copy_words" })] },
    ...overrides,
  };
}
