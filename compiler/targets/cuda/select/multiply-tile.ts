/** Products of a tile of rows and a tile of columns, for stages that say what both hold. */
export const MULTIPLY_TILE = /* cpp */ `
// A tile of products, and where the rows and columns end.
struct TilePlace {
  int b;
  int head;
  int h;
  int kvh;
  int first_row;
  int first_column;
  int rows;
  int columns;
};

// Numbers of a tile's rows or columns in shared memory, CHUNK of each, dim by dim.
template <int COUNT, int CHUNK, int STRIDE, class At>
__device__ __forceinline__ void load_chunk(float* into, int chunk, int dims, int first, int end, At at) {
  for (int i = threadIdx.x; i < COUNT * CHUNK; i += blockDim.x) {
    const int index = first + i / CHUNK;
    const int dim = chunk + i % CHUNK;
    into[i % CHUNK * STRIDE + i / CHUNK] = index < end && dim < dims ? at(index, dim) : 0.0f;
  }
}

// Whether some element of the tile is wanted: each thread asks for those that it owns, and all of them get one answer.
template <int OWN, class Stage>
__device__ __forceinline__ bool some_wanted(const Stage& stage, const TilePlace& p, int my_row, int my_column, int* found) {
  if constexpr (!Stage::CHOOSY) return true;
  if (threadIdx.x == 0) *found = 0;
  block_barrier();
  bool own = false;
  for (int i = 0; i < OWN * OWN && !own; i++) {
    const int row = p.first_row + my_row + i / OWN;
    const int column = p.first_column + my_column + i % OWN;
    own = row < p.rows && column < p.columns && stage.wanted(p.b, p.head, p.h, p.kvh, row, column);
  }
  if (own) atomicOr(found, 1);
  block_barrier();
  const bool some = *found != 0;
  // What is found lies where the numbers of the tile come to lie.
  block_barrier();
  return some;
}

// Each thread owns OWN rows and columns.
template <int ROWS, int COLUMNS, int OWN, int CHUNK, class Stage>
__device__ __forceinline__ void multiply_tile(const Stage& stage, const TilePlace& p, int lane, float* shared) {
  constexpr int ROW_STRIDE = ROWS == 1 ? 1 : ROWS + 4;
  constexpr int COLUMN_STRIDE = COLUMNS + 4;
  float* rows_of_a = shared;
  float* columns_of_b = shared + CHUNK * ROW_STRIDE;
  const int my_row = lane / (COLUMNS / OWN) * OWN;
  const int my_column = lane % (COLUMNS / OWN) * OWN;
  float sums[OWN][OWN] = {};
  // The pair of the last row and the first column is needed if any is.
  if (stage.needed(p.b, p.head, p.h, p.kvh, min(p.first_row + ROWS, p.rows) - 1, p.first_column) &&
      some_wanted<OWN>(stage, p, my_row, my_column, reinterpret_cast<int*>(shared))) {
    const int dims = stage.u.headDim;
    for (int chunk = 0; chunk < dims; chunk += CHUNK) {
      block_barrier();
      load_chunk<ROWS, CHUNK, ROW_STRIDE>(rows_of_a, chunk, dims, p.first_row, p.rows,
                                          [&](int row, int dim) { return stage.a_at(p.b, p.head, p.h, p.kvh, row, dim); });
      load_chunk<COLUMNS, CHUNK, COLUMN_STRIDE>(columns_of_b, chunk, dims, p.first_column, p.columns,
                                                [&](int column, int dim) { return stage.b_at(p.b, p.head, p.h, p.kvh, column, dim); });
      block_barrier();
      for (int d = 0; d < CHUNK; d++) {
        float a[OWN];
        float b[OWN];
        load_shared<OWN>(rows_of_a + d * ROW_STRIDE + my_row, a);
        load_shared<OWN>(columns_of_b + d * COLUMN_STRIDE + my_column, b);
#pragma unroll
        for (int r = 0; r < OWN; r++)
#pragma unroll
          for (int c = 0; c < OWN; c++) sums[r][c] += a[r] * b[c];
      }
    }
  }
#pragma unroll
  for (int r = 0; r < OWN; r++) {
#pragma unroll
    for (int c = 0; c < OWN; c++) {
      const int row = p.first_row + my_row + r;
      const int column = p.first_column + my_column + c;
      if (row < p.rows && column < p.columns) stage.store(p.b, p.head, p.h, p.kvh, row, column, sums[r][c]);
    }
  }
}
`;
