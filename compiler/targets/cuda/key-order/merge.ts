import { symbolStem, type CudaDtype } from "../../../../runtime/cuda/module.js";
import { elementType } from "../family.js";

/**
 * The kernels that merge the parts of each query, each weighed by its sum: a thread makes four numbers of a row. A part is
 * `4 * vectors` numbers of the output, the log2 of its sum, and three words of padding.
 */
export function printMergeParts(operator: string, dtypes: readonly CudaDtype[]): string {
  const kernels = dtypes.map((dtype) => {
    const type = elementType[dtype];
    return `extern "C" __global__ void __launch_bounds__(256) ${symbolStem(operator)}_merge_parts_${dtype}(const KeyOrder order, int vectors, const unsigned int* lists, const float* parts, ${type}* output, float* lse) {
  merge_parts<${type}>(order, vectors, lists, parts, output, lse);
}
`;
  });
  return /* cpp */ `
template <class T>
__device__ __forceinline__ void merge_parts(const KeyOrder& order, int vectors, const unsigned int* lists, const float* parts, T* output, float* lse) {
  const long long index = blockIdx.x * 256ll + threadIdx.x;
  const int four = static_cast<int>(index % vectors);
  const int row = static_cast<int>(index / vectors % order.rows);
  // A query head of the slice.
  const int own = static_cast<int>(index / vectors / order.rows);
  if (lists[0] == 0u || own >= order.group * order.slice_heads) return;
  const unsigned int* starts = lists + order.row_base + static_cast<long long>(order.first_head + own / order.group) * (order.rows + 1) + row;
  const int count = static_cast<int>(starts[1] - starts[0]);
  const int stride = 4 * vectors + 4;
  const float* first = parts + (static_cast<long long>(own) * order.capacity + starts[0]) * stride;
  float most = MASKED;
  for (int i = 0; i < count; i++) most = fmaxf(most, first[static_cast<long long>(i) * stride + 4 * vectors]);
  float sum = 0.0f;
  float merged[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int i = 0; i < count; i++) {
    const float* part = first + static_cast<long long>(i) * stride;
    const float weight = exp2f(part[4 * vectors] - most);
    float x[4];
    load_four(part + 4 * four, x);
    sum += weight;
#pragma unroll
    for (int c = 0; c < 4; c++) merged[c] = fmaf(weight, x[c], merged[c]);
  }
  // The greatest part has the weight 1. A query without a key has no part, or parts that are 0.
  const float inverse = 1.0f / fmaxf(sum, 1.0f);
#pragma unroll
  for (int c = 0; c < 4; c++) merged[c] *= inverse;
  const long long query = (static_cast<long long>(order.first_head) * order.group + own) * order.rows + row;
  store_four(output + (query * vectors + four) * 4, merged);
  if (lse != nullptr && four == 0) lse[query] = lse_of(most, most == MASKED ? 0.0f : sum);
}

${kernels.join("\n")}`;
}
