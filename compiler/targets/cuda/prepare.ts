import { symbolStem } from "../../../runtime/cuda/module.js";

/** The numbers that such a kernel takes. */
export const PREPARE_STRUCT = "struct Prepare { int p[8]; };";

/**
 * Kernels of an operator that bring the caller's inputs into the form that attention kernels read, as words of \`aux\`:
 * twins of the shaders in runtime/launch/prepare, with the same parameters in the same order.
 */
export const printPrepare = (operator: string, lists: boolean, selections = false): string => /* cpp */ `
// Ids, and beside them the least and the greatest of each 32 tokens, held within bounds: count, tiles, length, base, summary,
// low, high.
extern "C" __global__ void ${symbolStem(operator)}_prepare_ids(const Prepare prepare, const int* source, unsigned int* aux, const int* indices) {
  const int i = blockIdx.x * 64 + threadIdx.x;
  if (i >= prepare.p[0]) return;
  const int tiles = prepare.p[1];
  const int length = prepare.p[2];
  const int row = i / tiles * length;
  const int first = i % tiles * 32;
  int least = min(max(source[row + first], prepare.p[5]), prepare.p[6]);
  int greatest = least;
  for (int t = first; t < min(first + 32, length); t++) {
    const int id = min(max(source[row + t], prepare.p[5]), prepare.p[6]);
    aux[prepare.p[3] + row + t] = static_cast<unsigned int>(id);
    least = min(least, id);
    greatest = max(greatest, id);
  }
  aux[prepare.p[4] + 2 * i] = static_cast<unsigned int>(least);
  aux[prepare.p[4] + 2 * i + 1] = static_cast<unsigned int>(greatest);
}

// Words of packed bits: count, base.
extern "C" __global__ void ${symbolStem(operator)}_prepare_words(const Prepare prepare, const int* source, unsigned int* aux, const int* indices) {
  const int i = blockIdx.x * 64 + threadIdx.x;
  if (i < prepare.p[0]) aux[prepare.p[1] + i] = static_cast<unsigned int>(source[i]);
}

// Lists of key positions, or of offsets moved by a bias, into rows of bits that were cleared before; what
// lies outside of a row is padding: count, list length, base, row stride, columns, bias.
extern "C" __global__ void ${symbolStem(operator)}_prepare_lists(const Prepare prepare, const int* source, unsigned int* aux, const int* indices) {
  const int i = blockIdx.x * 64 + threadIdx.x;
  if (i >= prepare.p[0]) return;
  const long long column = static_cast<long long>(source[i]) + prepare.p[5];
  if (column < 0 || column >= prepare.p[4]) return;
  const int bit = static_cast<int>(column);
  atomicOr(&aux[prepare.p[2] + i / prepare.p[1] * prepare.p[3] + (bit >> 5)], 1u << (bit & 31));
}

// Lists of key blocks by offsets, a thread for each row: count, rows, index count, base, row stride, columns.
extern "C" __global__ void ${symbolStem(operator)}_prepare_csr(const Prepare prepare, const int* source, unsigned int* aux, const int* indices) {
  const int i = blockIdx.x * 64 + threadIdx.x;
  if (i >= prepare.p[0]) return;
  const int at = i + i / prepare.p[1];
  const int end = min(source[at + 1], prepare.p[2]);
  for (int j = max(source[at], 0); j < end; j++) {
    const int column = indices[j];
    if (column >= 0 && column < prepare.p[5]) aux[prepare.p[3] + i * prepare.p[4] + (column >> 5)] |= 1u << (column & 31);
  }
}
${lists ? printKeyLists(operator) : ""}${selections ? printCopyBits(operator) : ""}`;

/** Rows of bits from one place to another: the twin of runtime/launch/selection/copy.ts. */
const printCopyBits = (operator: string): string => /* cpp */ `
// The given rows may be shorter: the columns that they lack, units that were not there yet, are set. Bits past the columns
// become 0: count, given base, given words of a row, given columns, base, words of a row, columns, and whether what is lacking is 0.
extern "C" __global__ void ${symbolStem(operator)}_copy_bits(const Prepare prepare, const unsigned int* given, unsigned int* written) {
  const int i = blockIdx.x * 64 + threadIdx.x;
  if (i >= prepare.p[0]) return;
  const auto below = [](int end) { return end <= 0 ? 0u : end >= 32 ? 0xffffffffu : (1u << end) - 1u; };
  const int word = i % prepare.p[5];
  const unsigned int bits = word < prepare.p[2] ? given[prepare.p[1] + i / prepare.p[5] * prepare.p[2] + word] : 0u;
  const unsigned int known = below(prepare.p[3] - word * 32);
  const unsigned int all = below(prepare.p[6] - word * 32);
  written[prepare.p[4] + i] = (bits & known & all) | (prepare.p[7] != 0 ? 0u : all & ~known);
}
`;

/** Rows of bits into lists: a block for each row goes through its words, 256 at a time. */
const printKeyLists = (operator: string): string => /* cpp */ `
// How many columns of a row are set, and behind that the columns, rising: rows, words, base, row stride, list, list stride.
extern "C" __global__ void __launch_bounds__(256) ${symbolStem(operator)}_prepare_key_lists(const Prepare prepare, const int* source, unsigned int* aux, const int* indices) {
  extern __shared__ __align__(1024) unsigned char shared_memory[];
  unsigned int* sums = reinterpret_cast<unsigned int*>(shared_memory);
  const int lane = threadIdx.x;
  const unsigned int* row = aux + prepare.p[2] + blockIdx.x * prepare.p[3];
  unsigned int* list = aux + prepare.p[4] + blockIdx.x * prepare.p[5];
  unsigned int before = 0u;
  for (int first = 0; first < prepare.p[1]; first += 256) {
    const int i = first + lane;
    unsigned int bits = i < prepare.p[1] ? row[i] : 0u;
    const unsigned int own = __popc(bits);
    running_sums(sums, lane, own);
    unsigned int at = 1 + before + sums[lane] - own;
    while (bits != 0u) {
      list[at] = static_cast<unsigned int>(i * 32 + __ffs(static_cast<int>(bits)) - 1);
      at += 1;
      bits &= bits - 1u;
    }
    before += sums[255];
    block_barrier();
  }
  if (lane == 0) list[0] = before;
}
`;
