/**
 * The operations of a tile program on CUDA cores, in float32: 8 x 16 threads, each with TILE_Q / 8
 * neighbouring rows, TILE_K / 16 neighbouring columns of the scores and every 16th group of four value
 * columns. The half warp of a row exchanges its maximum and sum by shuffles.
 */
export const CORES_TILE = /* cpp */ `
template <class T, int HEAD_DIM, int VALUE_DIM, int TILE_Q, int TILE_K, int CHUNK, int VALUE_KEYS>
struct CoresTile {
  static constexpr int THREADS = 128;
  static constexpr int ROWS = TILE_Q / 8;
  static constexpr int COLUMNS = TILE_K / 16;
  static constexpr int GROUPS = (VALUE_DIM / 4 + 15) / 16;
  static_assert(ROWS % 4 == 0 && HEAD_DIM % CHUNK == 0 && TILE_K % VALUE_KEYS == 0, "tile sizes");

  const Uniforms& u;
  const T* query;
  const T* key;
  const T* value;
  T* output;
  float* lse;
  const Place& place;
  KeyTiles<TILE_K> tiles;

  // Transposed, so that neighbouring rows are loaded at once: [head dim][row], scaled; [dim of the chunk][key],
  // or some rows of values; [key][row].
  float* q_tile;
  float* kv_tile;
  float* p_tile;
  int own_row;
  int own_column;
  int column_thread;

  unsigned int looked;
  float s[ROWS][COLUMNS];
  float o[ROWS][GROUPS][4];
  float m[ROWS];
  float n[ROWS];
  float a[ROWS];
  float l[ROWS];

  __device__ __forceinline__ CoresTile(const Uniforms& u, const T* query, const T* key, const T* value, T* output, float* lse,
                                       const Place& place, unsigned char* shared)
      : u(u), query(query), key(key), value(value), output(output), lse(lse), place(place), tiles(place) {
    q_tile = reinterpret_cast<float*>(shared);
    p_tile = q_tile + HEAD_DIM * TILE_Q;
    kv_tile = p_tile + TILE_K * TILE_Q;
    own_row = threadIdx.x / 16 * ROWS;
    column_thread = threadIdx.x % 16;
    own_column = column_thread * COLUMNS;
  }

  __device__ __forceinline__ bool more() const { return tiles.more(); }
  __device__ __forceinline__ bool full() const { return tiles.full(); }
  __device__ __forceinline__ bool partial() const { return tiles.partial(); }
  __device__ __forceinline__ void next() { tiles.next(); }

  __device__ __forceinline__ void load_query() {
    for (int i = threadIdx.x; i < TILE_Q * (HEAD_DIM / 4); i += THREADS) {
      const int row = i % TILE_Q;
      const int dim = i / TILE_Q * 4;
      float x[4] = {0.0f, 0.0f, 0.0f, 0.0f};
      if (place.has_query(row)) load_four(query + place.query_row(row) * HEAD_DIM + dim, x);
#pragma unroll
      for (int j = 0; j < 4; j++) q_tile[(dim + j) * TILE_Q + row] = x[j] * u.scale;
    }
  }

  // Keys are loaded chunk by chunk where they are multiplied, values likewise.
  __device__ __forceinline__ void load_keys() {}
  __device__ __forceinline__ void load_values() {}

  __device__ __forceinline__ void dot() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) s[r][c] = 0.0f;
    }
    for (int chunk = 0; chunk < HEAD_DIM; chunk += CHUNK) {
      block_barrier();
      for (int i = threadIdx.x; i < TILE_K * (CHUNK / 4); i += THREADS) {
        const int row = i % TILE_K;
        const int dim = i / TILE_K * 4;
        float x[4];
        load_four(key + place.key_row(tiles.first_key() + row) * HEAD_DIM + chunk + dim, x);
#pragma unroll
        for (int j = 0; j < 4; j++) kv_tile[(dim + j) * TILE_K + row] = x[j];
      }
      block_barrier();
#pragma unroll 4
      for (int d = 0; d < CHUNK; d++) {
        float rows[ROWS];
        float columns[COLUMNS];
        load_shared<ROWS>(q_tile + (chunk + d) * TILE_Q + own_row, rows);
        load_shared<COLUMNS>(kv_tile + d * TILE_K + own_column, columns);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
#pragma unroll
          for (int c = 0; c < COLUMNS; c++) s[r][c] = fmaf(rows[r], columns[c], s[r][c]);
        }
      }
    }
  }

  // A bit for each pair of a thread, found before the scores take their registers.
  __device__ __forceinline__ void look() {
    static_assert(ROWS * COLUMNS <= 32, "a bit for each pair");
    looked = 0u;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      // The position of a row takes divisions: once for all its pairs.
      const int q = place.position(own_row + r);
#pragma unroll MASK_UNROLL
      for (int c = 0; c < COLUMNS; c++)
        looked |= (place.looks(q, tiles.first_key() + own_column + c) ? 1u : 0u) << (r * COLUMNS + c);
    }
  }

  __device__ __forceinline__ void mask() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
      for (int c = 0; c < COLUMNS; c++)
        if (((looked >> (r * COLUMNS + c)) & 1u) == 0u) s[r][c] = MASKED;
    }
  }

  __device__ __forceinline__ void row_max() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      n[r] = s[r][0];
#pragma unroll
      for (int c = 1; c < COLUMNS; c++) n[r] = fmaxf(n[r], s[r][c]);
#pragma unroll
      for (int distance = 1; distance < 16; distance *= 2) n[r] = fmaxf(n[r], shuffle_xor(n[r], distance));
      n[r] = fmaxf(n[r], m[r]);
    }
  }

  __device__ __forceinline__ void rescale_factor() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) a[r] = exp2_fast(m[r] - n[r]);
  }

  __device__ __forceinline__ void exponentials() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) s[r][c] = exp2_fast(s[r][c] - n[r]);
    }
  }

  __device__ __forceinline__ void keep_max() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) m[r] = n[r];
  }

  __device__ __forceinline__ void scale_sum() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) l[r] *= a[r];
  }

  // Each thread sums its own columns; the sums of a row meet at the end.
  __device__ __forceinline__ void add_row_sum() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) l[r] += s[r][c];
    }
  }

  __device__ __forceinline__ void scale_output() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
      for (int g = 0; g < GROUPS; g++) {
#pragma unroll
        for (int j = 0; j < 4; j++) o[r][g][j] *= a[r];
      }
    }
  }

  __device__ __forceinline__ void accumulate() {
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
#pragma unroll
      for (int r = 0; r < ROWS; r++) p_tile[(own_column + c) * TILE_Q + own_row + r] = s[r][c];
    }
    for (int first = 0; first < TILE_K; first += VALUE_KEYS) {
      block_barrier();
      for (int i = threadIdx.x; i < VALUE_KEYS * (VALUE_DIM / 4); i += THREADS) {
        const int row = i / (VALUE_DIM / 4);
        const int column = i % (VALUE_DIM / 4) * 4;
        float x[4];
        load_four(value + place.key_row(tiles.first_key() + first + row) * VALUE_DIM + column, x);
#pragma unroll
        for (int j = 0; j < 4; j++) kv_tile[row * VALUE_DIM + column + j] = x[j];
      }
      block_barrier();
#pragma unroll 2
      for (int k = 0; k < VALUE_KEYS; k++) {
        float rows[ROWS];
        load_shared<ROWS>(p_tile + (first + k) * TILE_Q + own_row, rows);
#pragma unroll
        for (int g = 0; g < GROUPS; g++) {
          const int column = (column_thread + g * 16) * 4;
          float columns[4];
          load_shared<4>(kv_tile + k * VALUE_DIM + min(column, VALUE_DIM - 4), columns);
#pragma unroll
          for (int r = 0; r < ROWS; r++) {
#pragma unroll
            for (int j = 0; j < 4; j++) o[r][g][j] = fmaf(rows[r], columns[j], o[r][g][j]);
          }
        }
      }
    }
  }

  __device__ __forceinline__ void fill_max(float x) {
#pragma unroll
    for (int r = 0; r < ROWS; r++) m[r] = x;
  }

  __device__ __forceinline__ void fill_sum(float x) {
#pragma unroll
    for (int r = 0; r < ROWS; r++) l[r] = x;
  }

  __device__ __forceinline__ void fill_output(float x) {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
      for (int g = 0; g < GROUPS; g++) {
#pragma unroll
        for (int j = 0; j < 4; j++) o[r][g][j] = x;
      }
    }
  }

  __device__ __forceinline__ void normalize() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
      for (int distance = 1; distance < 16; distance *= 2) l[r] += shuffle_xor(l[r], distance);
      const float inverse = l[r] == 0.0f ? 0.0f : 1.0f / l[r];
#pragma unroll
      for (int g = 0; g < GROUPS; g++) {
#pragma unroll
        for (int j = 0; j < 4; j++) o[r][g][j] *= inverse;
      }
    }
  }

  __device__ __forceinline__ void store_output() {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      if (!place.has_query(own_row + r)) continue;
      T* row = output + place.query_row(own_row + r) * VALUE_DIM;
#pragma unroll
      for (int g = 0; g < GROUPS; g++) {
        const int column = (column_thread + g * 16) * 4;
        if (column < VALUE_DIM) store_four(row + column, o[r][g]);
      }
    }
  }

  // The row's output and the log2 of its sum, as one of the parts that its query is merged from.
  template <class Slots>
  __device__ __forceinline__ void store_part(const Slots& slots) {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      if (!place.has_query(own_row + r)) continue;
      float* part = slots.parts + slots.of(own_row + r) * (VALUE_DIM + 4);
#pragma unroll
      for (int g = 0; g < GROUPS; g++) {
        const int column = (column_thread + g * 16) * 4;
        if (column < VALUE_DIM) store_four(part + column, o[r][g]);
      }
      if (column_thread == 0) part[VALUE_DIM] = l[r] == 0.0f ? MASKED : m[r] + log2f(l[r]);
    }
  }

  __device__ __forceinline__ void store_lse() {
    if (u.write_lse == 0 || column_thread != 0) return;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      if (place.has_query(own_row + r)) lse[place.query_row(own_row + r)] = lse_of(m[r], l[r]);
    }
  }
};
`;
