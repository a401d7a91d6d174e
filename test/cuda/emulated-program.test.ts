import koffi from "koffi";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { printPrimitives } from "../../compiler/targets/cuda/primitives/index.js";
import { emulatedLibraries } from "./driver.js";
import { compileProgram } from "./emulated-program.js";

const libraries = emulatedLibraries();
const skipped = typeof libraries === "string" ? libraries : undefined;

/** As someone who links a .cu file calls it: on device pointers, with a stream, through the runtime. */
const program = `
#include <cuda.h>
#include <cuda_runtime.h>
${printPrimitives(["common", "sm80", "sm90"])}
extern __shared__ __align__(1024) unsigned char shared_memory[];
extern "C" __global__ void __launch_bounds__(32) copy_box(float* out, const __grid_constant__ TensorMap map) {
  unsigned long long* barrier = reinterpret_cast<unsigned long long*>(shared_memory + 65536);
  if (threadIdx.x == 0) { barrier_init(barrier, 1); barrier_fence_init(); barrier_expect(barrier, 128); copy_tensor_4d(shared_memory, &map, barrier, 0, 0, 0, 0); }
  block_barrier();
  barrier_wait(barrier, 0);
  out[threadIdx.x] = reinterpret_cast<float*>(shared_memory)[threadIdx.x] + (float)gridDim.x;
}
#ifndef __CUDACC_RTC__
typedef CUresult (*Encode)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*, const cuuint32_t*,
                           const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
extern "C" int launch_copy(const float* in, float* out, cudaStream_t stream) {
  int device = 0, processors = 0;
  if (cudaGetDevice(&device) != cudaSuccess) return 1;
  if (cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device) != cudaSuccess) return 2;
  void* entry = nullptr;
  cudaDriverEntryPointQueryResult found;
  cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &found);
  if (found != cudaDriverEntryPointSuccess) return 3;
  CUtensorMap map;
  const cuuint64_t sizes[4] = {8, 4, 1, 1}, strides[3] = {32, 128, 128};
  const cuuint32_t box[4] = {8, 4, 1, 1}, steps[4] = {1, 1, 1, 1};
  if (reinterpret_cast<Encode>(entry)(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, 4, const_cast<float*>(in), sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                                      CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) != CUDA_SUCCESS) return 4;
  void* parameters[] = {&out, &map};
  if (cudaFuncSetAttribute(copy_box, cudaFuncAttributeMaxDynamicSharedMemorySize, 65544) != cudaSuccess) return 5;
  if (cudaLaunchKernel(reinterpret_cast<const void*>(copy_box), dim3(processors), dim3(32), parameters, 65544, stream) != cudaSuccess) return 6;
  return cudaGetLastError();
}
#endif
`;

const caller = `
#include <cuda_runtime.h>
extern "C" int launch_copy(const float* in, float* out, cudaStream_t stream);
extern "C" int use_launch(const float* given, float* result) {
  float *in, *out;
  cudaMalloc((void**)&in, 128);
  cudaMalloc((void**)&out, 128);
  cudaMemcpyAsync(in, given, 128, cudaMemcpyHostToDevice, 0);
  cudaMemsetAsync(out, 0, 128, 0);
  const int failed = launch_copy(in, out, 0);
  cudaMemcpyAsync(result, out, 128, cudaMemcpyDeviceToHost, 0);
  const int synchronized = cudaStreamSynchronize(0);
  cudaFree(in);
  cudaFree(out);
  return failed ? failed : synchronized;
}
`;

describe.skipIf(skipped)(skipped ? `a program with its launcher (skipped: ${skipped})` : "a program with its launcher", () => {
  const folder = mkdtempSync(join(tmpdir(), "attnc-program-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("runs on the emulated device", () => {
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const library = join(folder, "program.so");
    compileProgram(file("program.cu", program), "sm_90a", library, file("caller.cpp", caller));
    const use = koffi.load(library).func("use_launch", "int", ["void *", "void *"]) as unknown as (
      a: Float32Array,
      b: Float32Array,
    ) => number;
    const [given, result] = [Float32Array.from({ length: 32 }, (_, i) => i), new Float32Array(32)];
    expect(use(given, result)).toBe(0);
    expect([...result]).toEqual([...given].map((x) => x + 4));
  });
});
