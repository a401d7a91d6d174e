/**
 * The operations of a tile program on tensor cores (mma.sync m16n8k16, float32 sums): each warp has
 * 16 * ROW_TILES rows of the tile of queries, with their scores and outputs in registers as the
 * instruction lays them out: a thread has rows lane / 4 and lane / 4 + 8 of each 16, and of each 8
 * columns the two at 2 * (lane % 4). Keys and values come in by asynchronous copies, STAGES - 1 tiles
 * ahead. Scores stay unscaled; the scale is folded into the exponent.
 */
export const MMA_TILE = /* cpp */ `
// A matrix of 16-bit numbers in shared memory, DIM a row, in chunks of 8. Chunks are permuted within a row
// so that 8 neighbouring rows have the same chunk in different banks.
template <int DIM>
struct ChunkedRows {
  static constexpr int CHUNKS = DIM / 8;
  static constexpr int MASK = CHUNKS % 8 == 0 ? 7 : CHUNKS % 4 == 0 ? 3 : 1;
  static constexpr int SHIFT = CHUNKS % 8 == 0 ? 0 : CHUNKS % 4 == 0 ? 1 : 2;
  __device__ __forceinline__ static int offset(int row, int chunk) {
    return (row * CHUNKS + (chunk ^ ((row >> SHIFT) & MASK))) * 8;
  }
};

template <class T, int HEAD_DIM, int VALUE_DIM, int WARPS, int ROW_TILES, int TILE_K, int STAGES>
struct MmaTile {
  static constexpr int THREADS = 32 * WARPS;
  static constexpr int TILE_Q = 16 * ROW_TILES * WARPS;
  // One more than tiles under way: the oldest may still be read while the next is noted.
  static constexpr int FOUND = STAGES + 1;
  static constexpr int STAGE = TILE_K * (HEAD_DIM + VALUE_DIM);
  static constexpr int SCORE_TILES = TILE_K / 8;
  static constexpr int VALUE_TILES = VALUE_DIM / 8;
  // Tiles of eight columns whose pairs fit in a word, in 16 rows.
  static constexpr int WORD_TILES = SCORE_TILES < 8 ? SCORE_TILES : 8;
  static constexpr int WORDS = SCORE_TILES / WORD_TILES;
  static_assert(HEAD_DIM % 16 == 0 && VALUE_DIM % 16 == 0 && TILE_K % 16 == 0 && STAGES >= 2, "tile sizes");
  static_assert(sizeof(Walk) + 4 * FOUND <= 1024, "shared memory for the walk");

  const Uniforms& u;
  const T* query;
  const T* key;
  const T* value;
  T* output;
  float* lse;
  const Place& place;

  // In shared memory: the queries, the stages, the walk over key tiles, which the warps take on in turn, and
  // the tiles that it has found: four times the first key, plus 0 for none, 1 for a full tile, 2 for a partial one.
  T* q_tile;
  T* stages;
  Walk* walk;
  int* found;
  // The present tile, its stage and its place among those found.
  int now;
  int stage;
  int at;

  int lane;
  int own_row;
  // What scores are multiplied by in the exponent. Scales that are not clearly positive are applied to the
  // scores instead: maxima would turn round, and masked scores come too near to others.
  float factor;

  unsigned int looked[ROW_TILES][WORDS];
  float s[ROW_TILES][SCORE_TILES][4];
  float o[ROW_TILES][VALUE_TILES][4];
  float m[ROW_TILES][2];
  float n[ROW_TILES][2];
  float a[ROW_TILES][2];
  float l[ROW_TILES][2];

  __device__ __forceinline__ MmaTile(const Uniforms& u, const T* query, const T* key, const T* value, T* output, float* lse,
                                     const Place& place, unsigned char* shared)
      : u(u), query(query), key(key), value(value), output(output), lse(lse), place(place) {
    q_tile = reinterpret_cast<T*>(shared);
    stages = q_tile + TILE_Q * (HEAD_DIM > VALUE_DIM ? HEAD_DIM : VALUE_DIM);
    found = reinterpret_cast<int*>(stages + STAGES * STAGE);
    walk = reinterpret_cast<Walk*>(found + FOUND);
    lane = threadIdx.x % 32;
    own_row = threadIdx.x / 32 * (16 * ROW_TILES);
    factor = u.scale >= 0x1p-20f ? u.scale : 1.0f;
  }

  __device__ __forceinline__ bool more() const { return now != 0; }
  __device__ __forceinline__ bool full() const { return now % 4 == 1; }
  __device__ __forceinline__ bool partial() const { return now % 4 == 2; }
  __device__ __forceinline__ int first_key() const { return now / 4; }
  __device__ __forceinline__ void next() {
    stage = stage + 1 == STAGES ? 0 : stage + 1;
    at = at + 1 == FOUND ? 0 : at + 1;
    now = found[at];
  }

  // One thread: notes the tile that the walk has come to as the i-th from the present one, and goes on.
  __device__ __forceinline__ void find(KeyTiles<TILE_K> tiles, int i) {
    found[(at + i) % FOUND] = tiles.more() ? 4 * tiles.first_key() + (tiles.masked ? 2 : 1) : 0;
    if (tiles.more()) tiles.next();
    *walk = tiles;
  }

  // Starts the copies of the i-th tile from the present one; without one there is nothing to wait for.
  __device__ __forceinline__ void fetch(int i) {
    const int tile = found[(at + i) % FOUND];
    if (tile != 0) {
      T* to = stages + (stage + i) % STAGES * STAGE;
      copy_rows<HEAD_DIM>(to, key, tile / 4);
      copy_rows<VALUE_DIM>(to + TILE_K * HEAD_DIM, value, tile / 4);
    }
    copies_commit();
  }

  // Rows past the last key are zeros: whatever stood there might be no number.
  template <int DIM>
  __device__ __forceinline__ void copy_rows(T* to, const T* from, int first_key) {
    constexpr int COPIES = TILE_K * (DIM / 8);
#pragma unroll
    for (int first = 0; first < COPIES; first += THREADS) {
      const int i = first + threadIdx.x;
      if (COPIES % THREADS != 0 && i >= COPIES) break;
      const int row = i / (DIM / 8);
      const int chunk = i % (DIM / 8);
      copy_async_16(to + ChunkedRows<DIM>::offset(row, chunk), from + place.key_row(first_key + row) * DIM + chunk * 8,
                    place.has_key(first_key + row));
    }
  }

  __device__ __forceinline__ void load_query() {
    for (int i = threadIdx.x; i < TILE_Q * (HEAD_DIM / 8); i += THREADS) {
      const int row = i / (HEAD_DIM / 8);
      const int chunk = i % (HEAD_DIM / 8);
      const bool exists = place.has_query(row);
      copy_async_16(q_tile + ChunkedRows<HEAD_DIM>::offset(row, chunk),
                    query + (exists ? place.query_row(row) * HEAD_DIM : 0) + chunk * 8, exists);
    }
    stage = 0;
    at = 0;
    if (threadIdx.x == 0) {
      find(KeyTiles<TILE_K>(place), 0);
      for (int i = 1; i + 1 < STAGES; i++) find(KeyTiles<TILE_K>(place, *walk), i);
    }
    block_barrier();
    now = found[0];
#pragma unroll
    for (int i = 0; i + 1 < STAGES; i++) fetch(i);
  }

  // The present tile has come; all warps are through with the one before, whose stage another takes.
  __device__ __forceinline__ void load_keys() {
    copies_wait<STAGES - 2>();
    if (threadIdx.x == at % WARPS * 32) {
      Place here = place;
      compute_anew(here.q0);
      compute_anew(here.q1);
      find(KeyTiles<TILE_K>(here, *walk), STAGES - 1);
    }
    block_barrier();
    fetch(STAGES - 1);
  }

  // They came with the keys.
  __device__ __forceinline__ void load_values() {}

  __device__ __forceinline__ void dot() {
    // Addresses of chunks are cheap, and there are too many of them to keep.
    compute_anew(lane);
    const T* keys = stages + stage * STAGE;
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int j = 0; j < SCORE_TILES; j++) {
#pragma unroll
        for (int c = 0; c < 4; c++) s[i][j][c] = 0.0f;
      }
    }
#pragma unroll
    for (int d = 0; d < HEAD_DIM / 16; d++) {
      unsigned int rows[ROW_TILES][4];
#pragma unroll
      for (int i = 0; i < ROW_TILES; i++)
        load_matrix_x4(rows[i], q_tile + ChunkedRows<HEAD_DIM>::offset(own_row + 16 * i + lane % 16, 2 * d + lane / 16));
#pragma unroll
      for (int j = 0; j < SCORE_TILES; j += 2) {
        unsigned int columns[4];
        load_matrix_x4(columns, keys + ChunkedRows<HEAD_DIM>::offset(8 * j + lane % 8 + lane / 16 * 8, 2 * d + lane / 8 % 2));
#pragma unroll
        for (int i = 0; i < ROW_TILES; i++) {
          multiply_16x8x16<T>(s[i][j], rows[i], columns[0], columns[1]);
          multiply_16x8x16<T>(s[i][j + 1], rows[i], columns[2], columns[3]);
        }
      }
    }
    if (factor != u.scale) {
#pragma unroll
      for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
        for (int j = 0; j < SCORE_TILES; j++) {
#pragma unroll
          for (int c = 0; c < 4; c++) s[i][j][c] *= u.scale;
        }
      }
    }
  }

  // A bit for each pair of a thread, found before the scores take their registers.
  __device__ __forceinline__ void look() {
    // What a mask derives from positions of queries is not worth registers from one tile to the next.
    compute_anew(own_row);
    const int own_key = first_key() + 2 * (lane % 4);
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
      const int low = place.position(own_row + 16 * i + lane / 4);
      const int high = place.position(own_row + 16 * i + lane / 4 + 8);
#pragma unroll
      for (int word = 0; word < WORDS; word++) {
        unsigned int bits = 0u;
#pragma unroll MASK_UNROLL
        for (int bit = 0; bit < 4 * WORD_TILES; bit++) {
          const int k = own_key + 8 * (WORD_TILES * word + bit / 4) + bit % 2;
          bits |= (place.looks(bit % 4 < 2 ? low : high, k) ? 1u : 0u) << bit;
        }
        looked[i][word] = bits;
      }
    }
  }

  __device__ __forceinline__ void mask() {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int j = 0; j < SCORE_TILES; j++) {
#pragma unroll
        for (int c = 0; c < 4; c++)
          if (((looked[i][j / WORD_TILES] >> (4 * (j % WORD_TILES) + c)) & 1u) == 0u) s[i][j][c] = MASKED;
      }
    }
  }

  __device__ __forceinline__ void row_max() {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float most = fmaxf(s[i][0][2 * half], s[i][0][2 * half + 1]);
#pragma unroll
        for (int j = 1; j < SCORE_TILES; j++) most = fmaxf(most, fmaxf(s[i][j][2 * half], s[i][j][2 * half + 1]));
        most = fmaxf(most, shuffle_xor(most, 1));
        most = fmaxf(most, shuffle_xor(most, 2));
        n[i][half] = fmaxf(m[i][half], most * factor);
      }
    }
  }

  __device__ __forceinline__ void rescale_factor() {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int half = 0; half < 2; half++) a[i][half] = exp2_fast(m[i][half] - n[i][half]);
    }
  }

  __device__ __forceinline__ void exponentials() {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int j = 0; j < SCORE_TILES; j++) {
#pragma unroll
        for (int c = 0; c < 4; c++) s[i][j][c] = exp2_fast(fmaf(s[i][j][c], factor, -n[i][c / 2]));
      }
    }
  }

  __device__ __forceinline__ void keep_max() {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
      m[i][0] = n[i][0];
      m[i][1] = n[i][1];
    }
  }

  __device__ __forceinline__ void scale_sum() {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
      l[i][0] *= a[i][0];
      l[i][1] *= a[i][1];
    }
  }

  // Each thread sums its own columns; the sums of a row meet at the end.
  __device__ __forceinline__ void add_row_sum() {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int j = 0; j < SCORE_TILES; j++) {
        l[i][0] += s[i][j][0] + s[i][j][1];
        l[i][1] += s[i][j][2] + s[i][j][3];
      }
    }
  }

  __device__ __forceinline__ void scale_output() {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int g = 0; g < VALUE_TILES; g++) {
#pragma unroll
        for (int c = 0; c < 4; c++) o[i][g][c] *= a[i][c / 2];
      }
    }
  }

  // Scores of two neighbouring tiles of eight columns are one operand of the product, as they stand.
  __device__ __forceinline__ void accumulate() {
    compute_anew(lane);
    const T* values = stages + stage * STAGE + TILE_K * HEAD_DIM;
#pragma unroll
    for (int k = 0; k < TILE_K / 16; k++) {
      unsigned int rows[ROW_TILES][4];
#pragma unroll
      for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
        for (int c = 0; c < 4; c++)
          rows[i][c] = pack_pair<T>(s[i][2 * k + c / 2][2 * (c % 2)], s[i][2 * k + c / 2][2 * (c % 2) + 1]);
      }
#pragma unroll
      for (int g = 0; g < VALUE_TILES; g += 2) {
        unsigned int columns[4];
        load_matrix_x4_transposed(columns, values + ChunkedRows<VALUE_DIM>::offset(16 * k + lane % 16, g + lane / 16));
#pragma unroll
        for (int i = 0; i < ROW_TILES; i++) {
          multiply_16x8x16<T>(o[i][g], rows[i], columns[0], columns[1]);
          multiply_16x8x16<T>(o[i][g + 1], rows[i], columns[2], columns[3]);
        }
      }
    }
  }

  __device__ __forceinline__ void fill_max(float x) {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) m[i][0] = m[i][1] = x;
  }

  __device__ __forceinline__ void fill_sum(float x) {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) l[i][0] = l[i][1] = x;
  }

  __device__ __forceinline__ void fill_output(float x) {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int g = 0; g < VALUE_TILES; g++) {
#pragma unroll
        for (int c = 0; c < 4; c++) o[i][g][c] = x;
      }
    }
  }

  __device__ __forceinline__ void normalize() {
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        l[i][half] += shuffle_xor(l[i][half], 1);
        l[i][half] += shuffle_xor(l[i][half], 2);
        const float inverse = l[i][half] == 0.0f ? 0.0f : 1.0f / l[i][half];
#pragma unroll
        for (int g = 0; g < VALUE_TILES; g++) {
          o[i][g][2 * half] *= inverse;
          o[i][g][2 * half + 1] *= inverse;
        }
      }
    }
  }

  // Through the memory of the queries, so that rows are written by 16 bytes.
  __device__ __forceinline__ void store_output() {
    copies_wait<0>();
    block_barrier();
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int g = 0; g < VALUE_TILES; g++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const int row = own_row + 16 * i + lane / 4 + 8 * half;
          *reinterpret_cast<unsigned int*>(q_tile + ChunkedRows<VALUE_DIM>::offset(row, g) + 2 * (lane % 4)) =
              pack_pair<T>(o[i][g][2 * half], o[i][g][2 * half + 1]);
        }
      }
    }
    warp_barrier();
    for (int i = lane; i < 16 * ROW_TILES * (VALUE_DIM / 8); i += 32) {
      const int row = own_row + i / (VALUE_DIM / 8);
      const int chunk = i % (VALUE_DIM / 8);
      if (place.has_query(row))
        *reinterpret_cast<uint4*>(output + place.query_row(row) * VALUE_DIM + chunk * 8) =
            *reinterpret_cast<const uint4*>(q_tile + ChunkedRows<VALUE_DIM>::offset(row, chunk));
    }
  }

  // The row's output and the log2 of its sum, as one of the parts that its query is merged from.
  template <class Slots>
  __device__ __forceinline__ void store_part(const Slots& slots) {
    copies_wait<0>();
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const int row = own_row + 16 * i + lane / 4 + 8 * half;
        if (!place.has_query(row)) continue;
        float* part = slots.parts + slots.of(row) * (VALUE_DIM + 4);
#pragma unroll
        for (int g = 0; g < VALUE_TILES; g++)
          *reinterpret_cast<float2*>(part + 8 * g + 2 * (lane % 4)) = make_float2(o[i][g][2 * half], o[i][g][2 * half + 1]);
        if (lane % 4 == 0) part[VALUE_DIM] = l[i][half] == 0.0f ? MASKED : m[i][half] + log2f(l[i][half]);
      }
    }
  }

  __device__ __forceinline__ void store_lse() {
    if (u.write_lse == 0 || lane % 4 != 0) return;
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const int row = own_row + 16 * i + lane / 4 + 8 * half;
        if (place.has_query(row)) lse[place.query_row(row)] = lse_of(m[i][half], l[i][half]);
      }
    }
  }
};
`;
