/**
 * Kernels of an operator that bring the caller's inputs into the form that attention kernels read, as words of \`aux\`:
 * twins of the shaders in runtime/launch/prepare, with the same parameters in the same order.
 */
export const printPrepare = (operator: string): string => /* cpp */ `
struct Prepare { int p[8]; };

// Ids, and beside them the least and the greatest of each 32 tokens: count, tiles, length, base, summary.
extern "C" __global__ void attnc_${operator}_prepare_ids(const Prepare prepare, const int* source, unsigned int* aux, const int* indices) {
  const int i = blockIdx.x * 64 + threadIdx.x;
  if (i >= prepare.p[0]) return;
  const int tiles = prepare.p[1];
  const int length = prepare.p[2];
  const int row = i / tiles * length;
  const int first = i % tiles * 32;
  int least = source[row + first];
  int greatest = least;
  for (int t = first; t < min(first + 32, length); t++) {
    const int id = source[row + t];
    aux[prepare.p[3] + row + t] = static_cast<unsigned int>(id);
    least = min(least, id);
    greatest = max(greatest, id);
  }
  aux[prepare.p[4] + 2 * i] = static_cast<unsigned int>(least);
  aux[prepare.p[4] + 2 * i + 1] = static_cast<unsigned int>(greatest);
}

// Words of packed bits: count, base.
extern "C" __global__ void attnc_${operator}_prepare_words(const Prepare prepare, const int* source, unsigned int* aux, const int* indices) {
  const int i = blockIdx.x * 64 + threadIdx.x;
  if (i < prepare.p[0]) aux[prepare.p[1] + i] = static_cast<unsigned int>(source[i]);
}

// Lists of key positions, or of offsets moved by a bias, into rows of bits that were cleared before; what
// lies outside of a row is padding: count, list length, base, row stride, columns, bias.
extern "C" __global__ void attnc_${operator}_prepare_lists(const Prepare prepare, const int* source, unsigned int* aux, const int* indices) {
  const int i = blockIdx.x * 64 + threadIdx.x;
  if (i >= prepare.p[0]) return;
  const long long column = static_cast<long long>(source[i]) + prepare.p[5];
  if (column < 0 || column >= prepare.p[4]) return;
  const int bit = static_cast<int>(column);
  atomicOr(&aux[prepare.p[2] + i / prepare.p[1] * prepare.p[3] + (bit >> 5)], 1u << (bit & 31));
}

// Lists of key blocks by offsets, a thread for each row: count, rows, index count, base, row stride, columns.
extern "C" __global__ void attnc_${operator}_prepare_csr(const Prepare prepare, const int* source, unsigned int* aux, const int* indices) {
  const int i = blockIdx.x * 64 + threadIdx.x;
  if (i >= prepare.p[0]) return;
  const int at = i + i / prepare.p[1];
  const int end = min(source[at + 1], prepare.p[2]);
  for (int j = max(source[at], 0); j < end; j++) {
    const int column = indices[j];
    if (column >= 0 && column < prepare.p[5]) aux[prepare.p[3] + i * prepare.p[4] + (column >> 5)] |= 1u << (column & 31);
  }
}
`;
