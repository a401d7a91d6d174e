import fc from "fast-check";
import { expect, test } from "vitest";
import { printPrimitives } from "../../../compiler/targets/cuda/primitives/index.js";
import type { CudaDevice, TensorMapSpec } from "../../../runtime/cuda/device.js";
import type { CudaDtype } from "../../../runtime/cuda/module.js";
import { createCudaAttention } from "../../../runtime/cuda/operator.js";
import { tensorMaps } from "../../../runtime/cuda/tensor-maps.js";
import { noise } from "../launch/fixture.js";
import { emulatedTest, useEmulatedGpu } from "./emulated.js";
import { denseCudaModule, kernel } from "./fixture.js";

useEmulatedGpu();

const CALL = { batch: 2, heads: 6, kvHeads: 3, n: 50, nq: 20, headDim: 64, valueDim: 128, params: {}, scale: 1 } as never;

/** What is asked of the device for the maps of q, k and v. */
function specs(dtype: CudaDtype, innerElements: number): readonly TensorMapSpec[] {
  const asked: TensorMapSpec[] = [];
  const device = { tensorMap: (spec: TensorMapSpec) => asked.push(spec) } as unknown as CudaDevice;
  const made = kernel({ dtype, tensorMaps: { queryRows: 16, keyRows: 48, innerElements } });
  tensorMaps(device, made, CALL, { q: 1n, k: 2n, v: 3n });
  return asked;
}

test("maps are over [batch, heads, length, dim], in boxes of rows", () => {
  const common = { dtype: "bf16", swizzle: 128 };
  expect(specs("bf16", 64)).toEqual([
    { ...common, pointer: 1n, extents: [64, 20, 6, 2], strides: [128, 2560, 15360], box: [64, 16, 1, 1] },
    { ...common, pointer: 2n, extents: [64, 50, 3, 2], strides: [128, 6400, 19200], box: [64, 48, 1, 1] },
    { ...common, pointer: 3n, extents: [128, 50, 3, 2], strides: [256, 12800, 38400], box: [64, 48, 1, 1] },
  ]);
});

test.each([
  ["f16", 64, 128],
  ["bf16", 32, 64],
  ["f16", 16, 32],
  ["f16", 8, 0],
  ["f32", 32, 0],
] as const)("rows of %s with %i elements are swizzled over %i bytes", (dtype, inner, swizzle) => {
  for (const spec of specs(dtype, inner)) expect(spec.swizzle).toBe(swizzle);
});

test("kernels without boxes get no maps", () => {
  expect(tensorMaps({} as CudaDevice, kernel(), CALL, { q: 1n, k: 2n, v: 3n })).toEqual([]);
});

/** Copies a box of 8 rows of the keys to the output, through the map of the keys; all else stays as it was. */
const COPY_BOX = `
struct Uniforms { int row; int head; int entry; };
extern "C" __global__ void __launch_bounds__(32) copy_box(const Uniforms u, const f16* query, const f16* key, const f16* value, const unsigned int* aux, f16* output, float* lse, const __grid_constant__ TensorMap query_map, const __grid_constant__ TensorMap key_map, const __grid_constant__ TensorMap value_map) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  extern __shared__ __align__(1024) unsigned char shared_memory[];
  unsigned long long* barrier = reinterpret_cast<unsigned long long*>(shared_memory + 128);
  if (threadIdx.x == 0) {
    barrier_init(barrier, 1);
    barrier_fence_init();
    barrier_expect(barrier, 128);
    copy_tensor_4d(shared_memory, &key_map, barrier, 0, u.row, u.head, u.entry);
  }
  block_barrier();
  barrier_wait(barrier, 0);
  if (blockIdx.x == 0) for (int i = threadIdx.x; i < 64; i += 32) output[i] = reinterpret_cast<f16*>(shared_memory)[i];
#endif
}
`;

emulatedTest("a kernel reads boxes through its maps, zeros past the last key", async (device) => {
  const [batch, heads, kvHeads, n] = [2, 4, 2, 21];
  const uniforms = ["row", "head", "entry"].map((name) => ({ name, type: "i32", source: { kind: "param", name } }) as const);
  const boxes = kernel({
    name: "boxes",
    symbol: "copy_box",
    dtype: "f16",
    architecture: 90,
    sharedBytes: 256,
    tensorMaps: { queryRows: 8, keyRows: 8, innerElements: 8 },
    valueDim: 8,
  });
  const module = denseCudaModule({
    uniforms,
    params: uniforms.map(({ name }) => ({ name })),
    defaults: { heads, kvHeads, headDim: 8, valueDim: 8 },
    cuda: { source: printPrimitives(["sm90"]) + COPY_BOX, kernels: [boxes] },
  });
  const operator = await createCudaAttention(device, module, {}, { dtype: "f16" });
  // Small integers, which f16 holds.
  const k = noise(batch * kvHeads * n * 8, 1).map((x) => Math.floor(x * 1000));
  const q = new Float32Array(batch * heads * n * 8);
  const place = fc.record({ row: fc.integer({ min: 0, max: n - 1 }), head: fc.constantFrom(0, 1), entry: fc.constantFrom(0, 1) });
  await fc.assert(
    fc.asyncProperty(place, async ({ row, head, entry }) => {
      const { out } = await operator.run({ q, k, v: k }, { batch, length: n, params: { row, head, entry } });
      const expected = Array.from({ length: 64 }, (_, i) => {
        const key = row + Math.floor(i / 8);
        return key < n ? k[((entry * kvHeads + head) * n + key) * 8 + (i % 8)]! : 0;
      });
      expect([...out.subarray(0, 64)]).toEqual(expected);
    }),
    { numRuns: 20 },
  );
});
