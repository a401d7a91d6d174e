/** What the host's side of every source needs: messages, the choice of a kernel, inputs, tensor maps, the start. */
export const LAUNCH_SUPPORT = /* cpp */ `
thread_local char message[256] = "";

attnc_status wrong(const char* format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(message, sizeof message, format, values);
  va_end(values);
  return ATTNC_BAD_CALL;
}

bool succeeded(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return true;
  snprintf(message, sizeof message, "%s: %s", call, cudaGetErrorString(error));
  return false;
}

bool launch(const void* function, int blocks, int threads, void** arguments, int shared_bytes, cudaStream_t stream) {
  return succeeded(cudaLaunchKernel(function, dim3(blocks), dim3(threads), arguments, shared_bytes, stream), "cudaLaunchKernel");
}

[[maybe_unused]] int held(double index, int length) { return static_cast<int>(fmax(0.0, fmin(length - 1.0, floor(index)))); }
[[maybe_unused]] double floor_remainder(double a, double b) { return a - b * floor(a / b); }
// A value that the host computes, as the integer that a kernel gets.
[[maybe_unused]] int to_scalar(double value) {
  return isnan(value) ? 0 : static_cast<int>(fmax(-1073741824.0, fmin(1073741824.0, floor(value))));
}
struct Kernel {
  const void* function;
  attnc_dtype dtype;
  int head_dim;
  int value_dim;
  int tile_q;
  int threads;
  int shared_bytes;
  bool persistent;
  bool packs;
  // Boxes of tensor maps; 0 where there are none.
  int query_rows;
  int key_rows;
  int inner_elements;
};

// Where an input lies in the workspace, in words.
struct InputPlace {
  int batch;
  int heads;
  int rows;
  int columns;
  int entries;
  int groups;
  size_t base;
  size_t batch_stride;
  size_t head_stride;
  size_t row_stride;
  size_t summary;
  size_t summary_batch_stride;
  size_t summary_head_stride;
  // Of the lists that its rows of bits are made into, if they are.
  size_t list;
  size_t list_batch_stride;
  size_t list_stride;
  // Only bits are set in it, so that it must be cleared before.
  bool clears;
};

enum InputKind { IDS, ORDER, WORDS, LISTS, OFFSETS };

// Takes room for an input of that many rows and columns.
[[maybe_unused]] bool place_input(const char* name, InputKind kind, const attnc_input& input, int rows, int columns, int batch, int heads,
                                  int kv_heads, size_t* words, InputPlace* place) {
  const int input_batch = input.batch == 0 ? 1 : input.batch;
  const int input_heads = input.heads == 0 ? 1 : input.heads;
  if (input_batch != 1 && input_batch != batch) return !wrong("%s.batch: expected 1 or %d, found %d", name, batch, input.batch);
  if (kind == IDS && input_heads != 1) return !wrong("%s.heads: expected 1, found %d", name, input.heads);
  if (input_heads != 1 && input_heads != kv_heads && input_heads != heads)
    return !wrong("%s.heads: expected 1, %d or %d, found %d", name, kv_heads, heads, input.heads);
  if (kind == ORDER && input_heads != 1 && input_heads != kv_heads)
    return !wrong("%s.heads: expected 1 or %d, found %d", name, kv_heads, input.heads);
  const size_t lists = static_cast<size_t>(input_batch) * input_heads;
  if (kind == LISTS && (input.entries < 0 || lists * input.entries > INT_MAX))
    return !wrong("%s.entries: expected 0 to %zu, found %d", name, INT_MAX / lists, input.entries);
  if (kind == OFFSETS && input.index_count < 0) return !wrong("%s.index_count: expected at least 0, found %d", name, input.index_count);
  const bool ids = kind == IDS || kind == ORDER;
  const size_t row_stride = ids ? columns : (static_cast<size_t>(columns) + 31) / 32;
  const size_t head_stride = rows * row_stride;
  const size_t groups = ids ? (static_cast<size_t>(columns) + 31) / 32 : 0;
  place->batch = input_batch;
  place->heads = input_heads;
  place->rows = rows;
  place->columns = columns;
  place->entries = input.entries;
  place->groups = static_cast<int>(groups);
  place->base = *words;
  place->batch_stride = input_batch == 1 ? 0 : input_heads * head_stride;
  place->head_stride = head_stride;
  place->row_stride = row_stride;
  *words += lists * head_stride;
  place->summary = *words;
  place->summary_head_stride = groups * 2;
  place->summary_batch_stride = input_batch == 1 ? 0 : input_heads * groups * 2;
  *words += lists * groups * 2;
  place->clears = kind == LISTS || kind == OFFSETS;
  return true;
}

// Takes room for the lists of an input's rows.
[[maybe_unused]] void place_list(size_t* words, InputPlace* place) {
  place->list = *words;
  place->list_stride = 1 + static_cast<size_t>(place->columns);
  place->list_batch_stride = place->batch == 1 ? 0 : place->heads * place->list_stride;
  *words += static_cast<size_t>(place->batch) * place->heads * place->list_stride;
}

// What a call says of an input is looked at before anything is launched.
[[maybe_unused]] bool check_input(const char* name, InputKind kind, const attnc_input& input) {
  const bool empty = (kind == LISTS && input.entries == 0);
  if (input.data == nullptr && !empty) return !wrong("%s.data: expected a pointer, found NULL", name);
  if (kind == OFFSETS && input.index_count > 0 && input.indices == nullptr)
    return !wrong("%s.indices: expected %d numbers, found NULL", name, input.index_count);
  return true;
}

// Brings an input into its place; the first of the numbers is that of threads.
[[maybe_unused]] bool prepare_input(const void* function, Prepare prepare, const InputPlace& place, const attnc_input& input, unsigned int* aux,
                                    cudaStream_t stream) {
  const size_t bytes = 4 * place.head_stride * place.batch * place.heads;
  if (place.clears && !succeeded(cudaMemsetAsync(aux + place.base, 0, bytes, stream), "cudaMemsetAsync")) return false;
  if (prepare.p[0] == 0) return true;
  const int* source = input.data;
  const int* indices = input.indices;
  void* arguments[] = {&prepare, &source, &aux, &indices};
  return launch(function, (prepare.p[0] - 1) / 64 + 1, 64, arguments, 0, stream);
}

// Makes lists of the rows of an input in its place.
[[maybe_unused]] bool prepare_list(const void* function, const InputPlace& place, unsigned int* aux, cudaStream_t stream) {
  const int rows = place.batch * place.heads;
  Prepare prepare = {{rows, (place.columns + 31) / 32, static_cast<int>(place.base), static_cast<int>(place.row_stride),
                      static_cast<int>(place.list), static_cast<int>(place.list_stride)}};
  const int* nothing = nullptr;
  void* arguments[] = {&prepare, &nothing, &aux, &nothing};
  return launch(function, rows, 256, arguments, 1024, stream);
}

bool device_value(cudaDeviceAttr attribute, int device, int* value) {
  return succeeded(cudaDeviceGetAttribute(value, attribute, device), "cudaDeviceGetAttribute");
}

// What a thread launched last, so that launches in a row ask the device only once.
struct Choice {
  const Kernel* kernel;
  int device;
  int multiprocessors;
};

// The first kernel of a list for the dtype and dims that the present device can run; \`last\` is what it chose before.
template <int COUNT>
attnc_status choose(const Kernel (&kernels)[COUNT], attnc_dtype dtype, int head_dim, int value_dim, Choice& last) {
  const auto fits = [&](const Kernel& kernel) {
    return kernel.dtype == dtype && kernel.head_dim == head_dim && kernel.value_dim == value_dim;
  };
  int device = 0;
  if (!succeeded(cudaGetDevice(&device), "cudaGetDevice")) return ATTNC_CUDA_ERROR;
  if (last.kernel != nullptr && last.device == device && fits(*last.kernel)) return ATTNC_OK;
  last = {nullptr, device, 0};
  int shared = 0;
  if (!device_value(cudaDevAttrMaxSharedMemoryPerBlockOptin, device, &shared)) return ATTNC_CUDA_ERROR;
  if (!device_value(cudaDevAttrMultiProcessorCount, device, &last.multiprocessors)) return ATTNC_CUDA_ERROR;
  bool made = false;
  for (const Kernel& kernel : kernels) {
    if (!fits(kernel)) continue;
    made = true;
    cudaFuncAttributes attributes;
    if (cudaFuncGetAttributes(&attributes, kernel.function) != cudaSuccess) {
      cudaGetLastError();
      continue;
    }
    // What this was not compiled for is bounded to a single warp.
    if (attributes.maxThreadsPerBlock < kernel.threads || shared < kernel.shared_bytes) continue;
    last.kernel = &kernel;
    return ATTNC_OK;
  }
  const char* const names[] = {"f32", "f16", "bf16"};
  wrong(made ? "no kernel for %s and dims %d, %d runs on this device: compile for its architecture"
             : "no kernel for %s and dims %d, %d: build with --dtypes and --dims",
        names[dtype], head_dim, value_dim);
  return ATTNC_NO_KERNEL;
}
`;

/** Tensor maps for bulk tensor copies; the driver's function is asked for at run time, so that nothing more is linked. */
export const TENSOR_MAP_SUPPORT = /* cpp */ `
using EncodeTiled = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*, const cuuint32_t*,
                                 const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

// A tensor [batch, heads, length, dim] of 16-bit numbers, in boxes of rows.
bool tensor_map(CUtensorMap* map, const Kernel& kernel, const void* tensor, int dim, int length, int heads, int batch, int rows) {
  thread_local void* function = nullptr;
  cudaDriverEntryPointQueryResult found;
  if (function == nullptr && !succeeded(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found), "cudaGetDriverEntryPointByVersion"))
    return false;
  if (function == nullptr) {
    wrong("the driver has no cuTensorMapEncodeTiled: it is older than CUDA 12.0");
    return false;
  }
  const cuuint64_t extents[4] = {cuuint64_t(dim), cuuint64_t(length), cuuint64_t(heads), cuuint64_t(batch)};
  const cuuint64_t strides[3] = {extents[0] * 2, extents[0] * extents[1] * 2, extents[0] * extents[1] * extents[2] * 2};
  const cuuint32_t box[4] = {cuuint32_t(kernel.inner_elements), cuuint32_t(rows), 1, 1};
  const cuuint32_t steps[4] = {1, 1, 1, 1};
  const int bytes = kernel.inner_elements * 2;
  const CUtensorMapSwizzle swizzle = bytes == 128  ? CU_TENSOR_MAP_SWIZZLE_128B
                                     : bytes == 64 ? CU_TENSOR_MAP_SWIZZLE_64B
                                     : bytes == 32 ? CU_TENSOR_MAP_SWIZZLE_32B
                                                   : CU_TENSOR_MAP_SWIZZLE_NONE;
  const CUresult result = reinterpret_cast<EncodeTiled>(function)(
      map, kernel.dtype == ATTNC_F16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 4, const_cast<void*>(tensor), extents,
      strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result == CUDA_SUCCESS) return true;
  wrong("cuTensorMapEncodeTiled: error %d", static_cast<int>(result));
  return false;
}
`;
