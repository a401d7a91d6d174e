/**
 * The operations of a tile program on a warpgroup with 64 rows of the tile of queries, by wgmma. Products run on while
 * the threads do something else: `dot` and `accumulate` start them, `scores` and `outputs` wait for their results. A
 * thread has rows lane / 4 and lane / 4 + 8 of its warp's 16, and of each 8 columns the two at 2 * (lane % 4); scores
 * stand in registers as the operand that probabilities are of the next product. Scores stay unscaled; the scale is
 * folded into the exponent.
 */
export const WGMMA_TILE = /* cpp */ `
template <class T, int HEAD_DIM, int VALUE_DIM, int CONSUMERS, int TILE_K, int STAGES, int INNER>
struct WgmmaConsumer : WgmmaBlock<T, HEAD_DIM, VALUE_DIM, CONSUMERS, TILE_K, STAGES, INNER> {
  using Block = WgmmaBlock<T, HEAD_DIM, VALUE_DIM, CONSUMERS, TILE_K, STAGES, INNER>;
  T* output;
  float* lse;
  // The warpgroup among those that compute, and the thread's first row in the tile of queries; the other is 8 further.
  int consumer;
  int own_row;
  // What scores are multiplied by in the exponent. Scales that are not clearly positive are applied to the
  // scores instead: maxima would turn round, and masked scores come too near to others.
  float factor;
  // The next tile of queries, the next keys and the next values to read; rounds of the queries' memory.
  Ring<Block::ANNOUNCED> announced;
  Ring<STAGES> next_keys;
  Ring<STAGES> next_values;
  int query_parity = 0;

  __device__ __forceinline__ WgmmaConsumer(const Block& block, T* output, float* lse, int consumer)
      : Block(block), output(output), lse(lse), consumer(consumer) {
    own_row = 64 * consumer + threadIdx.x / 32 % 4 * 16 + threadIdx.x % 32 / 4;
    factor = block.u.scale >= 0x1p-20f ? block.u.scale : 1.0f;
    // The first warpgroup begins: see wait_turn.
    if (consumer == CONSUMERS - 1) group_arrive(1, 256);
  }
};

template <class T, int HEAD_DIM, int VALUE_DIM, int CONSUMERS, int TILE_K, int STAGES, int INNER>
struct WgmmaTile {
  using Consumer = WgmmaConsumer<T, HEAD_DIM, VALUE_DIM, CONSUMERS, TILE_K, STAGES, INNER>;
  static constexpr int COLUMNS = TILE_K / 4;
  static_assert(COLUMNS <= 32 && TILE_K % 16 == 0, "a bit for each column of a thread");

  Consumer& c;
  // Whether there is any key, and what is said of the present tile of keys: 0 for none.
  bool has_keys;
  int note;

  unsigned int looked[2];
  float s[TILE_K / 2];
  unsigned int p[TILE_K / 16][4];
  float o[VALUE_DIM / 2];
  float m[2];
  float n[2];
  float a[2];
  float l[2];

  __device__ __forceinline__ WgmmaTile(Consumer& consumer, bool has_keys)
      : c(consumer), has_keys(has_keys), note(has_keys ? 0 : Consumer::LAST) {}

  __device__ __forceinline__ bool more() const { return note != 0; }
  __device__ __forceinline__ bool full() const { return (note & Consumer::FULL) != 0; }
  __device__ __forceinline__ bool partial() const { return (note & Consumer::PARTIAL) != 0; }
  __device__ __forceinline__ bool last() const { return (note & Consumer::LAST) != 0; }
  __device__ __forceinline__ int first_key() const { return note & -16; }

  // Goes on to the next tile of keys, once they are there.
  __device__ __forceinline__ void next() {
    if (last()) {
      note = 0;
      return;
    }
    barrier_wait(c.keys_there(c.next_keys.place), c.next_keys.parity);
    // The same for all lanes, which the compiler does not know.
    note = shuffle(c.notes()[c.next_keys.place], 0);
  }

  __device__ __forceinline__ void load_query() {
    if (!has_keys) return;
    barrier_wait(c.queries_there(c.consumer), c.query_parity);
    c.query_parity ^= 1;
  }
  __device__ __forceinline__ void load_keys() {}
  __device__ __forceinline__ void load_values() { barrier_wait(c.values_there(c.next_values.place), c.next_values.parity); }

  // Warpgroups start their products in turn, so that the exponentials of one are under the products of the other.
  __device__ __forceinline__ void wait_turn() { group_barrier(1 + c.consumer, 256); }
  __device__ __forceinline__ void pass_turn() { group_arrive(c.consumer + 1 == CONSUMERS ? 1 : 2 + c.consumer, 256); }

  // Where 16 columns of a matrix with so many rows begin, in bytes.
  template <int ROWS>
  __device__ __forceinline__ static constexpr int columns_at(int column) {
    return column / INNER * ROWS * 2 * INNER + column % INNER * 2;
  }

  __device__ __forceinline__ void dot() {
    const unsigned long long rows = wgmma_descriptor(c.queries(c.consumer), 16, 16 * INNER, 2 * INNER);
    const unsigned long long columns = wgmma_descriptor(c.keys(c.next_keys.place), 16, 16 * INNER, 2 * INNER);
    wgmma_fence();
#pragma unroll
    for (int d = 0; d < HEAD_DIM; d += 16)
      wgmma_shared<T, TILE_K, false>(s, wgmma_advance(rows, columns_at<64>(d)), wgmma_advance(columns, columns_at<TILE_K>(d)), d > 0);
    wgmma_commit();
  }

  __device__ __forceinline__ void accumulate() {
    const unsigned long long columns = wgmma_descriptor(c.values(c.next_values.place), TILE_K * 2 * INNER, 16 * INNER, 2 * INNER);
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < TILE_K / 16; k++) wgmma_registers<T, VALUE_DIM, true>(o, p[k], wgmma_advance(columns, k * 32 * INNER), true);
    wgmma_commit();
  }

  // Waits for the scores; PENDING products have been started after them. The memory of the keys is free then, that of
  // the queries after the last.
  template <int PENDING>
  __device__ __forceinline__ void scores() {
    wgmma_wait<PENDING>();
#pragma unroll
    for (int i = 0; i < TILE_K / 2; i++) registers_hold(s[i]);
    if (threadIdx.x % 32 == 0) {
      barrier_arrive(c.keys_read(c.next_keys.place));
      if (last()) barrier_arrive(c.queries_read(c.consumer));
    }
    c.next_keys.next();
    if (c.factor != c.u.scale) {
#pragma unroll
      for (int i = 0; i < TILE_K / 2; i++) s[i] *= c.u.scale;
    }
  }

  // Waits for the outputs; the memory of the values is free then.
  __device__ __forceinline__ void outputs() {
    wgmma_wait<0>();
#pragma unroll
    for (int i = 0; i < VALUE_DIM / 2; i++) registers_hold(o[i]);
    if (threadIdx.x % 32 == 0) barrier_arrive(c.values_read(c.next_values.place));
    c.next_values.next();
  }

  // A bit for each pair of a thread, found while the products run.
  __device__ __forceinline__ void look() {
    const Place place = c.place_at(c.announced.place);
    const int low = place.position(c.own_row);
    const int high = place.position(c.own_row + 8);
    const int own_key = first_key() + threadIdx.x % 4 * 2;
    looked[0] = 0u;
    looked[1] = 0u;
#pragma unroll (MASK_UNROLL < 2 ? MASK_UNROLL : 2)
    for (int i = COLUMNS - 1; i >= 0; i--) {
      const int k = own_key + i / 2 * 8 + i % 2;
      looked[0] = looked[0] << 1 | (place.looks(low, k) ? 1u : 0u);
      looked[1] = looked[1] << 1 | (place.looks(high, k) ? 1u : 0u);
    }
  }

  __device__ __forceinline__ void mask() {
#pragma unroll
    for (int i = 0; i < TILE_K / 2; i++)
      if (((looked[i / 2 % 2] >> (i / 4 * 2 + i % 2)) & 1u) == 0u) s[i] = MASKED;
  }

  __device__ __forceinline__ void row_max() {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float most = fmaxf(s[2 * half], s[2 * half + 1]);
#pragma unroll
      for (int i = 4; i < TILE_K / 2; i += 4) most = fmaxf(most, fmaxf(s[i + 2 * half], s[i + 2 * half + 1]));
      most = fmaxf(most, shuffle_xor(most, 1));
      most = fmaxf(most, shuffle_xor(most, 2));
      n[half] = fmaxf(m[half], most * c.factor);
    }
  }

  __device__ __forceinline__ void rescale_factor() {
    a[0] = exp2_fast(m[0] - n[0]);
    a[1] = exp2_fast(m[1] - n[1]);
  }

  __device__ __forceinline__ void exponentials() {
#pragma unroll
    for (int i = 0; i < TILE_K / 2; i++) s[i] = exp2_fast(fmaf(s[i], c.factor, -n[i / 2 % 2]));
  }

  __device__ __forceinline__ void keep_max() {
    m[0] = n[0];
    m[1] = n[1];
  }

  __device__ __forceinline__ void scale_sum() {
    l[0] *= a[0];
    l[1] *= a[1];
  }

  // Each thread sums its own columns; the sums of a row meet at the end.
  __device__ __forceinline__ void add_row_sum() {
#pragma unroll
    for (int i = 0; i < TILE_K / 2; i++) l[i / 2 % 2] += s[i];
  }

  __device__ __forceinline__ void scale_output() {
#pragma unroll
    for (int i = 0; i < VALUE_DIM / 2; i++) o[i] *= a[i / 2 % 2];
  }

  // Scores of 16 columns are a fragment of the product with the values, as they stand.
  __device__ __forceinline__ void probabilities() {
#pragma unroll
    for (int i = 0; i < TILE_K / 4; i++) p[i / 4][i % 4] = pack_pair<T>(s[2 * i], s[2 * i + 1]);
  }

  __device__ __forceinline__ void fill_max(float x) { m[0] = m[1] = x; }
  __device__ __forceinline__ void fill_sum(float x) { l[0] = l[1] = x; }
  __device__ __forceinline__ void fill_output(float x) {
#pragma unroll
    for (int i = 0; i < VALUE_DIM / 2; i++) o[i] = x;
  }

  __device__ __forceinline__ void normalize() {
    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      l[half] += shuffle_xor(l[half], 1);
      l[half] += shuffle_xor(l[half], 2);
      inverse[half] = l[half] == 0.0f ? 0.0f : 1.0f / l[half];
    }
#pragma unroll
    for (int i = 0; i < VALUE_DIM / 2; i++) o[i] *= inverse[i / 2 % 2];
  }

  // The four lanes of a row exchange their pairs, so that each has eight neighbours of every 32 columns.
  __device__ __forceinline__ void store_output() {
    const int lane = threadIdx.x % 32;
    const Place place = c.place_at(c.announced.place);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int row = c.own_row + 8 * half;
      const bool exists = place.has_query(row);
      T* to = c.output + (exists ? place.query_row(row) * VALUE_DIM : 0);
#pragma unroll
      for (int column = 0; column + 32 <= VALUE_DIM; column += 32) {
        unsigned int w[4];
#pragma unroll
        for (int i = 0; i < 4; i++) w[i] = pair(column / 8 + i, half);
        exchange(w[0], w[1], lane, 1);
        exchange(w[2], w[3], lane, 1);
        exchange(w[0], w[2], lane, 2);
        exchange(w[1], w[3], lane, 2);
        if (exists) *reinterpret_cast<uint4*>(to + column + lane % 4 * 8) = make_uint4(w[0], w[1], w[2], w[3]);
      }
#pragma unroll
      for (int column = VALUE_DIM / 32 * 32; column < VALUE_DIM; column += 8)
        if (exists) *reinterpret_cast<unsigned int*>(to + column + lane % 4 * 2) = pair(column / 8, half);
    }
  }

  // Outputs of eight columns, as they stand in memory.
  __device__ __forceinline__ unsigned int pair(int eight, int half) const {
    return pack_pair<T>(o[4 * eight + 2 * half], o[4 * eight + 2 * half + 1]);
  }

  // Of each pair of lanes, the lower one gets both first words and the upper one both second words, in order of lanes.
  __device__ __forceinline__ static void exchange(unsigned int& first, unsigned int& second, int lane, int distance) {
    const bool upper = (lane & distance) != 0;
    const int got = shuffle(static_cast<int>(upper ? first : second), lane ^ distance);
    if (upper) first = static_cast<unsigned int>(got);
    else second = static_cast<unsigned int>(got);
  }

  __device__ __forceinline__ void store_lse() {
    if (c.u.write_lse == 0 || threadIdx.x % 4 != 0) return;
    const Place place = c.place_at(c.announced.place);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int row = c.own_row + 8 * half;
      if (place.has_query(row)) c.lse[place.query_row(row)] = lse_of(m[half], l[half]);
    }
  }
};
`;
