import { wgmmaWidths } from "../../compiler/targets/cuda/primitives/index.js";

/** A kernel that calls every primitive once: it is compiled, never run. */
const common = `
extern __shared__ __align__(1024) unsigned char shared_memory[];
template <class T> __device__ float round_trip(float x) {
  float low, high;
  unpack_pair<T>(pack_pair<T>(x, x + 1.0f), low, high);
  return low + high + to_float(from_float<T>(x));
}
extern "C" __global__ void __launch_bounds__(128) use_common(const float* in, float* out) {
  float x = in[threadIdx.x];
  x += round_trip<f16>(x) + round_trip<bf16>(x) + to_float(from_float<float>(x));
  x += exp2_fast(x) + log2_fast(x) + shuffle_xor(x, 1) + (float)shuffle((int)x, 3) + (float)lanes_with(x > 0.0f);
  block_barrier();
  group_barrier(1, 128);
  if (threadIdx.x < 64) group_arrive(2, 128); else group_barrier(2, 128);
  warp_barrier();
  out[threadIdx.x] = x;
}
`;

const sm80 = `
template <class T> __device__ void use_warp(const float* in, float* out) {
  copy_async_16(shared_memory + 16 * threadIdx.x, in + 4 * threadIdx.x, in[0] > 0.0f);
  copies_commit();
  copies_wait<1>();
  copies_wait<0>();
  block_barrier();
  unsigned int a[4], b[4];
  float c[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  load_matrix_x4(a, shared_memory + 16 * threadIdx.x);
  load_matrix_x4_transposed(b, shared_memory + 16 * threadIdx.x);
  multiply_16x8x16<T>(c, a, b[0], b[1]);
  for (int i = 0; i < 4; i++) out[4 * threadIdx.x + i] = c[i];
}
extern "C" __global__ void __launch_bounds__(128) use_sm80(const float* in, float* out) {
  use_warp<f16>(in, out);
  use_warp<bf16>(in, out);
}
`;

const sm90 = `
extern "C" __global__ void __launch_bounds__(128) use_sm90(const __grid_constant__ TensorMap map) {
  unsigned long long* barrier = reinterpret_cast<unsigned long long*>(shared_memory + 8192);
  if (threadIdx.x == 0) {
    tensor_map_prefetch(&map);
    barrier_init(barrier, 1);
    barrier_fence_init();
  }
  block_barrier();
  if (threadIdx.x == 0) {
    barrier_expect(barrier, 8192);
    copy_tensor_4d(shared_memory, &map, barrier, 0, 1, 2, 3);
  }
  barrier_wait(barrier, 0);
  unsigned int r[4] = {1, 2, 3, 4};
  store_matrix_x4(shared_memory + 16 * threadIdx.x, r);
  shared_fence_async();
  block_barrier();
  if (threadIdx.x == 0) {
    copy_tensor_store_4d(&map, shared_memory, 0, 1, 2, 3);
    bulk_commit();
    bulk_wait_read<0>();
    barrier_arrive(barrier);
  }
}
`;

function product(type: string, width: number): string {
  const name = `use_wgmma_${type}_${width}`;
  return `
extern "C" __global__ void __launch_bounds__(128, 1) ${name}(float* out) {
  registers_increase<240>();
  float d[${width / 2}];
  const unsigned int a[4] = {threadIdx.x, 2, 3, 4};
  const unsigned long long x = wgmma_descriptor(shared_memory, 16, 1024, 128);
  const unsigned long long y = wgmma_advance(wgmma_descriptor(shared_memory + 8192, 8192, 1024, 128), 32);
  wgmma_fence();
  wgmma_shared<${type}, ${width}, false>(d, x, y, false);
  wgmma_shared<${type}, ${width}, true>(d, x, y, true);
  wgmma_registers<${type}, ${width}, false>(d, a, y, true);
  wgmma_registers<${type}, ${width}, true>(d, a, y, out != nullptr);
  wgmma_commit();
  wgmma_wait<0>();
#pragma unroll
  for (int i = 0; i < ${width / 2}; i++) {
    registers_hold(d[i]);
    out[i * 128 + threadIdx.x] = d[i];
  }
  registers_decrease<24>();
}
`;
}

/** Kernels that call every primitive which the architecture has; 90 with \`only\` is sm_90a. */
export function exercise(architecture: number, only: boolean): string {
  const products = ["f16", "bf16"].flatMap((type) => wgmmaWidths.map((width) => product(type, width)));
  return [common, architecture >= 80 ? sm80 : "", architecture >= 90 ? sm90 : "", only ? products.join("") : ""].join("");
}
