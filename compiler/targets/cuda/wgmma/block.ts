/**
 * A block of warpgroups: what it has in shared memory, and the warpgroup that brings it there. Blocks are persistent:
 * one thread decides which tile of queries comes next, walks over its key tiles and starts the bulk copies of keys and
 * values; a warp for each of the other warpgroups brings the queries. All of them run ahead of the warpgroups that
 * compute, as far as barriers in shared memory let them.
 */
export const WGMMA_BLOCK = /* cpp */ `
// A place in a ring, and the parity of the round for its barriers: 0 in the first round, 1 in the second.
template <int PLACES>
struct Ring {
  int place = 0;
  int parity = 0;
  __device__ __forceinline__ void next() {
    place += 1;
    if (place == PLACES) {
      place = 0;
      parity ^= 1;
    }
  }
};

template <class T, int HEAD_DIM, int VALUE_DIM, int CONSUMERS, int TILE_K, int STAGES, int INNER>
struct WgmmaBlock {
  static constexpr int TILE_Q = 64 * CONSUMERS;
  // Matrices lie as tensor copies bring them: boxes of INNER columns, in whose lines 16-byte chunks are permuted.
  static constexpr int LINE = 2 * INNER;
  static constexpr int QUERY_BYTES = 2 * 64 * HEAD_DIM;
  static constexpr int KEY_BYTES = 2 * TILE_K * HEAD_DIM;
  static constexpr int VALUE_BYTES = 2 * TILE_K * VALUE_DIM;
  static constexpr int VALUES = CONSUMERS * QUERY_BYTES + STAGES * KEY_BYTES;
  static constexpr int BARRIERS = VALUES + STAGES * VALUE_BYTES;
  // Tiles of queries that are announced at once, and the words that are said of each.
  static constexpr int ANNOUNCED = 3;
  static constexpr int WORDS = 8;
  static constexpr int BARRIER_COUNT = 4 * STAGES + 2 * CONSUMERS + 2 * ANNOUNCED;
  static_assert(HEAD_DIM % INNER == 0 && VALUE_DIM % INNER == 0 && STAGES >= 2, "tile sizes");
  static_assert(8 * BARRIER_COUNT + 4 * WORDS * (ANNOUNCED + 1) + 4 * STAGES + 4 <= 512 && sizeof(Walk) <= 1024, "shared memory beside the tiles");

  // What is said of a tile of keys, beside its first key: multiples of 16 leave room for it.
  static constexpr int FULL = 1;
  static constexpr int PARTIAL = 2;
  static constexpr int LAST = 4;

  const Uniforms& u;
  const unsigned int* aux;
  unsigned char* shared;

  __device__ __forceinline__ unsigned char* queries(int consumer) const { return shared + consumer * QUERY_BYTES; }
  __device__ __forceinline__ unsigned char* keys(int stage) const { return shared + CONSUMERS * QUERY_BYTES + stage * KEY_BYTES; }
  __device__ __forceinline__ unsigned char* values(int stage) const { return shared + VALUES + stage * VALUE_BYTES; }

  // Barriers by pairs: something is there; all who need it have had it.
  __device__ __forceinline__ unsigned long long* barrier(int i) const {
    return reinterpret_cast<unsigned long long*>(shared + BARRIERS) + i;
  }
  __device__ __forceinline__ unsigned long long* keys_there(int stage) const { return barrier(stage); }
  __device__ __forceinline__ unsigned long long* keys_read(int stage) const { return barrier(STAGES + stage); }
  __device__ __forceinline__ unsigned long long* values_there(int stage) const { return barrier(2 * STAGES + stage); }
  __device__ __forceinline__ unsigned long long* values_read(int stage) const { return barrier(3 * STAGES + stage); }
  __device__ __forceinline__ unsigned long long* queries_there(int consumer) const { return barrier(4 * STAGES + consumer); }
  __device__ __forceinline__ unsigned long long* queries_read(int consumer) const { return barrier(4 * STAGES + CONSUMERS + consumer); }
  __device__ __forceinline__ unsigned long long* tile_there(int place) const { return barrier(4 * STAGES + 2 * CONSUMERS + place); }
  __device__ __forceinline__ unsigned long long* tile_read(int place) const {
    return barrier(4 * STAGES + 2 * CONSUMERS + ANNOUNCED + place);
  }
  // What is said of stages, of announced tiles of queries, and last of the one whose keys are being brought.
  __device__ __forceinline__ int* notes() const { return reinterpret_cast<int*>(barrier(BARRIER_COUNT)); }
  __device__ __forceinline__ int* words(int place) const { return notes() + STAGES + WORDS * place; }
  // How many tiles of queries there are.
  __device__ __forceinline__ int& count() const { return *words(ANNOUNCED + 1); }
  // How far the walk over key tiles has come, where it takes no registers.
  __device__ __forceinline__ Walk& walk() const { return *reinterpret_cast<Walk*>(shared + BARRIERS + 512); }

  // By one thread, before the block meets.
  __device__ __forceinline__ void make_barriers() const {
    for (int stage = 0; stage < STAGES; stage++) {
      // Keys are there when they and the note beside them are.
      barrier_init(keys_there(stage), 2);
      barrier_init(keys_read(stage), 4 * CONSUMERS);
      barrier_init(values_there(stage), 1);
      barrier_init(values_read(stage), 4 * CONSUMERS);
    }
    for (int consumer = 0; consumer < CONSUMERS; consumer++) {
      barrier_init(queries_there(consumer), 32);
      barrier_init(queries_read(consumer), 4);
    }
    for (int place = 0; place < ANNOUNCED; place++) {
      barrier_init(tile_there(place), 1);
      barrier_init(tile_read(place), 5 * CONSUMERS);
    }
    barrier_fence_init();
  }

  // What an announced tile of queries is.
  enum Announcement { NO_TILE, TILE_WITHOUT_KEYS, TILE_WITH_KEYS };

  // What is said of the tile of queries of a round, to all who need it.
  __device__ __forceinline__ void announce(int round) const {
    const int at = round % ANNOUNCED;
    barrier_wait(tile_read(at), (round / ANNOUNCED & 1) ^ 1);
    for (int i = 0; i < WORDS; i++) words(at)[i] = words(ANNOUNCED)[i];
    barrier_arrive(tile_there(at));
  }

  __device__ __forceinline__ void keep(const Place& place) const {
    int* to = words(ANNOUNCED);
    to[1] = place.h;
    to[2] = place.kvh;
    to[3] = place.b;
    to[4] = place.pack;
    to[5] = place.first_row;
    to[6] = place.q0;
    to[7] = place.q1;
  }

  // By all lanes of a warp: waits for the next tile of queries.
  __device__ __forceinline__ Announcement wait_tile(const Ring<ANNOUNCED>& ring) const {
    barrier_wait(tile_there(ring.place), ring.parity);
    // The same for all lanes, which the compiler does not know.
    return static_cast<Announcement>(shuffle(words(ring.place)[0], 0));
  }

  // Read where it is used, instead of taking registers of those who compute.
  __device__ __forceinline__ Place place_at(int at) const {
    const int* from = words(at);
    Place place(u, aux, 0, TILE_Q);
    place.h = from[1];
    place.kvh = from[2];
    place.b = from[3];
    place.pack = from[4];
    place.first_row = from[5];
    place.q0 = from[6];
    place.q1 = from[7];
    return place;
  }

  // By all lanes of a warp, which is through with a tile of queries.
  __device__ __forceinline__ void leave_tile(Ring<ANNOUNCED>& ring) const {
    warp_barrier();
    if (threadIdx.x % 32 == 0) barrier_arrive(tile_read(ring.place));
    ring.next();
  }

  // One thread: announces tiles of queries, and brings the keys and values of each.
  __device__ inline void bring_keys(const TensorMap* key_map, const TensorMap* value_map) const {
    tensor_map_prefetch(key_map);
    tensor_map_prefetch(value_map);
    Ring<STAGES> ring;
    count() = Place::count(u);
    int round = 0;
    for (;; round++) {
      const unsigned int turn = turn_in(round);
      if (turn >= static_cast<unsigned int>(count())) break;
      bool more = begin(round, tile_in_turn(static_cast<int>(turn)));
      while (more) {
        barrier_wait(keys_read(ring.place), ring.parity ^ 1);
        notes()[ring.place] = walk().tile * TILE_K + (walk().masked ? PARTIAL : FULL);
        barrier_expect(keys_there(ring.place), KEY_BYTES);
        copy_boxes<HEAD_DIM>(keys(ring.place), key_map, keys_there(ring.place), ring.place);
        // The next tile is looked for under the copy.
        more = go_on();
        if (!more) notes()[ring.place] += LAST;
        barrier_arrive(keys_there(ring.place));
        barrier_wait(values_read(ring.place), ring.parity ^ 1);
        barrier_expect(values_there(ring.place), VALUE_BYTES);
        copy_boxes<VALUE_DIM>(values(ring.place), value_map, values_there(ring.place), ring.place);
        ring.next();
      }
    }
    words(ANNOUNCED)[0] = NO_TILE;
    announce(round);
  }

  // Every other round goes backwards, so that no block always has the longest tiles of a round.
  __device__ __forceinline__ unsigned int turn_in(int round) const {
    return round * gridDim.x + (round % 2 == 0 ? blockIdx.x : gridDim.x - 1 - blockIdx.x);
  }

  // Some heads at a time, whose keys and values stay in the L2 cache or are at least read by many blocks together;
  // of these the longest tiles first, head by head.
  __device__ __forceinline__ int tile_in_turn(int turn) const {
    constexpr int CACHED_KEYS = (32 << 20) / (2 * (HEAD_DIM + VALUE_DIM));
    const int heads = count() / u.tiles;
    const int group = max(8, CACHED_KEYS / u.keys);
    const int first = turn / u.tiles / group * group;
    const int together = min(group, heads - first);
    const int rest = turn - first * u.tiles;
    return (first + rest % together) * u.tiles + rest / together;
  }

  // Announces a tile of queries, and finds its first tile of keys, if there is any.
  __device__ __forceinline__ bool begin(int round, int tile) const {
    keep(Place(u, aux, tile, TILE_Q));
    const bool more = find_first();
    words(ANNOUNCED)[0] = more ? TILE_WITH_KEYS : TILE_WITHOUT_KEYS;
    announce(round);
    return more;
  }

  __device__ __forceinline__ bool find_first() const {
    const KeyTiles<TILE_K> tiles(place_at(ANNOUNCED));
    walk() = tiles;
    return tiles.more();
  }

  // Finds the next tile of keys, if there is any.
  __device__ __forceinline__ bool go_on() const {
    KeyTiles<TILE_K> tiles(place_at(ANNOUNCED), walk());
    tiles.next();
    walk() = tiles;
    return tiles.more();
  }

  // Rows past the last key become zeros.
  template <int DIM>
  __device__ __forceinline__ void copy_boxes(unsigned char* to, const TensorMap* map, unsigned long long* there, int stage) const {
    const int kvh = words(ANNOUNCED)[2];
    const int b = words(ANNOUNCED)[3];
    const int first_key = notes()[stage] & -16;
#pragma unroll
    for (int column = 0; column < DIM; column += INNER)
      copy_tensor_4d(to + column / INNER * TILE_K * LINE, map, there, column, first_key, kvh, b);
  }

  // A warp: brings the 64 queries of a warpgroup, as soon as it has the scores of those before. Rows of a tile
  // may come from several heads: no box holds them.
  __device__ inline void bring_queries(const T* query, int consumer) const {
    constexpr int CHUNKS = HEAD_DIM / 8;
    const int lane = threadIdx.x % 32;
    Ring<ANNOUNCED> announced;
    int parity = 0;
    while (true) {
      const Announcement what = wait_tile(announced);
      if (what == NO_TILE) return;
      const Place place = place_at(announced.place);
      leave_tile(announced);
      if (what == TILE_WITHOUT_KEYS) continue;
      barrier_wait(queries_read(consumer), parity ^ 1);
      parity ^= 1;
#pragma unroll 1
      for (int half = 0; half < 64; half += 32) {
        // Finding a row takes divisions: each lane does so for one.
        const int row = 64 * consumer + half + lane;
        const long long own = place.has_query(row) ? place.query_row(row) : -1;
        const int low = static_cast<int>(own);
        const int high = static_cast<int>(own >> 32);
#pragma unroll 1
        for (int i = lane; i < 32 * CHUNKS; i += 32) {
          const int line = half + i / CHUNKS;
          const int chunk = i % CHUNKS;
          const unsigned int from_low = static_cast<unsigned int>(shuffle(low, i / CHUNKS));
          const long long from = static_cast<long long>(static_cast<unsigned long long>(shuffle(high, i / CHUNKS)) << 32 | from_low);
          unsigned char* to = queries(consumer) + chunk / (INNER / 8) * 64 * LINE + line * LINE +
                              ((chunk % (INNER / 8)) ^ (line * LINE / 128 % (LINE / 16))) * 16;
          copy_async_16(to, query + (from < 0 ? 0 : from * HEAD_DIM) + chunk * 8, from >= 0);
        }
      }
      copies_commit();
      copies_wait<0>();
      shared_fence_async();
      barrier_arrive(queries_there(consumer));
    }
  }
};
`;
