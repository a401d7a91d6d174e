/**
 * Exact selection. Scores become words that sort as they do; the words are settled from the highest digit down by
 * histograms in shared memory, until the least kept key and the number of its ties that are kept are known. Everything
 * that is counted or added up is an integer: the result is the same in every order of the threads.
 */
export const KEEPER = /* cpp */ `
enum KeepRule { KEEP_TOP, KEEP_MASS, KEEP_THRESHOLD, KEEP_FRACTION };

template <int BINS, int WARPS, bool BY_MASS>
struct KeepMemory {
  unsigned long long masses[BY_MASS ? BINS : 1];
  unsigned long long total;
  unsigned long long taken;
  unsigned long long missing;
  unsigned int counts[BINS];
  unsigned int ties[WARPS];
  unsigned int others;
  unsigned int forced;
  unsigned int enough;
  unsigned int top;
  // The digits of the least kept key that are known, and how many of the units with these are kept.
  unsigned int prefix;
  unsigned int left;
};

// The units of one row, or of all rows of a head, for which a warp works or a block.
template <class Stage, int THREADS, int DIGIT>
struct Keeper {
  static constexpr int BINS = 1 << DIGIT;
  static constexpr int WARPS = THREADS / 32;
  static constexpr bool BY_MASS = Stage::RULE == KEEP_MASS;
  using Memory = KeepMemory<BINS, WARPS, BY_MASS>;

  const Stage& stage;
  Memory& memory;
  int thread;
  int b;
  int head;
  int h;
  int kvh;
  int own_row;
  int rows;
  int columns;
  // Whether units are kept at all.
  bool works;

  __device__ __forceinline__ void keep() {
    count();
    const unsigned int others = memory.others;
    // Forced units have their part in a budget unless they are on top of it.
    const int spent = Stage::ON_TOP ? 0 : static_cast<int>(memory.forced);
    int wanted;
    if constexpr (Stage::RULE == KEEP_TOP) wanted = stage.top(b, head, h, kvh) - spent;
    if constexpr (BY_MASS) wanted = static_cast<int>(count_by_mass(others));
    if constexpr (Stage::RULE == KEEP_THRESHOLD) wanted = static_cast<int>(memory.enough);
    if constexpr (Stage::RULE == KEEP_FRACTION) wanted = static_cast<int>(part_of(others + spent, stage.number(h))) - spent;
    if constexpr (Stage::RULE != KEEP_TOP) wanted = stage.bounded(b, head, h, kvh, wanted, spent);
    const unsigned int kept = static_cast<unsigned int>(max(0, min(wanted, static_cast<int>(others))));
    if (kept == 0u) write(0xffffffffu, 0u, false);
    else if (kept == others) write(0u, 0xffffffffu, false);
    else {
      const unsigned int tied = settle(kept);
      write(memory.prefix, memory.left, memory.left < tied);
    }
  }

 private:
  __device__ __forceinline__ static void meet() {
    if constexpr (WARPS == 1) warp_barrier();
    else block_barrier();
  }

  // Calls \`see\` for each unit that takes part.
  template <class See>
  __device__ __forceinline__ void each_unit(See see) const {
    const int units = !works ? 0 : Stage::BY_HEAD ? rows * columns : columns;
    for (int unit = thread; unit < units; unit += THREADS) {
      const int row = Stage::BY_HEAD ? unit / columns : own_row;
      const int column = Stage::BY_HEAD ? unit % columns : unit;
      if (stage.takes_part(b, head, h, kvh, row, column)) see(row, column);
    }
  }

  __device__ __forceinline__ unsigned int score(int row, int column) const { return __float_as_uint(stage.score(b, head, h, kvh, row, column)); }
  __device__ __forceinline__ bool is_forced(int row, int column) const { return stage.is_forced(b, head, h, kvh, row, column); }

  // How many units are forced and how many are not, and what the rule needs of them.
  __device__ __forceinline__ void count() {
    if (thread == 0) {
      memory.others = memory.forced = memory.enough = memory.top = 0u;
      memory.total = memory.taken = 0u;
    }
    unsigned int others = 0u;
    unsigned int forced = 0u;
    unsigned int enough = 0u;
    unsigned int top = 0u;
    each_unit([&](int row, int column) {
      const bool by_force = is_forced(row, column);
      (by_force ? forced : others) += 1u;
      if constexpr (Stage::RULE == KEEP_THRESHOLD) enough += !by_force && reaches(score(row, column), stage.number(h)) ? 1u : 0u;
      if constexpr (BY_MASS) top = max(top, exponent_of(score(row, column)));
    });
    meet();
    atomicAdd(&memory.others, others);
    atomicAdd(&memory.forced, forced);
    if constexpr (Stage::RULE == KEEP_THRESHOLD) atomicAdd(&memory.enough, enough);
    if constexpr (BY_MASS) atomicMax(&memory.top, top);
    meet();
  }

  // Empties the bins, then adds the units whose higher digits are those that are known.
  template <bool MASSES>
  __device__ __forceinline__ void histogram(int shift) {
    meet();
    for (int bin = thread; bin < BINS; bin += THREADS) {
      memory.counts[bin] = 0u;
      if constexpr (MASSES) memory.masses[bin] = 0u;
    }
    meet();
    const unsigned int known = shift + DIGIT == 32 ? 0u : 0xffffffffu << (shift + DIGIT);
    const unsigned int prefix = memory.prefix;
    each_unit([&](int row, int column) {
      const unsigned int bits = score(row, column);
      const unsigned int key = key_of(bits);
      if ((key & known) != prefix || is_forced(row, column)) return;
      const int bin = static_cast<int>((key >> shift) & (BINS - 1));
      atomicAdd(&memory.counts[bin], 1u);
      if constexpr (MASSES) atomicAdd(&memory.masses[bin], mass_of(bits, memory.top));
    });
    meet();
  }

  // How many of the others the smallest prefix with the mass has.
  __device__ __forceinline__ unsigned int count_by_mass(unsigned int others) {
    unsigned long long total = 0u;
    unsigned long long taken = 0u;
    each_unit([&](int row, int column) {
      const unsigned long long mass = mass_of(score(row, column), memory.top);
      if (!is_forced(row, column)) total += mass;
      else if (!Stage::ON_TOP) taken += mass;
    });
    atomicAdd(&memory.total, total + taken);
    atomicAdd(&memory.taken, taken);
    meet();
    const unsigned long long target = part_of(memory.total, stage.number(h));
    const unsigned long long already = memory.taken;
    if (already >= target) return 0u;
    if (thread == 0) {
      memory.prefix = 0u;
      memory.left = 0u;
      memory.missing = target - already;
    }
    for (int shift = 32 - DIGIT; shift >= 0; shift -= DIGIT) {
      histogram<true>(shift);
      if (thread == 0) {
        unsigned long long missing = memory.missing;
        int digit = BINS - 1;
        for (; digit > 0 && memory.masses[digit] < missing; digit--) {
          missing -= memory.masses[digit];
          memory.left += memory.counts[digit];
        }
        memory.prefix |= static_cast<unsigned int>(digit) << shift;
        memory.missing = missing;
      }
    }
    meet();
    // The key of a score that has a mass is its bits with the highest one set.
    const unsigned int count = memory.left + times_needed(mass_of(memory.prefix & 0x7fffffffu, memory.top), memory.missing, others);
    meet();
    return count;
  }

  // Finds the least kept key and how many units with this very key are kept; gives how many there are.
  __device__ __forceinline__ unsigned int settle(unsigned int kept) {
    if (thread == 0) {
      memory.prefix = 0u;
      memory.left = kept;
    }
    for (int shift = 32 - DIGIT; shift >= 0; shift -= DIGIT) {
      histogram<false>(shift);
      if (thread == 0) {
        unsigned int left = memory.left;
        int digit = BINS - 1;
        for (; digit > 0 && memory.counts[digit] < left; digit--) left -= memory.counts[digit];
        memory.prefix |= static_cast<unsigned int>(digit) << shift;
        memory.left = left;
      }
    }
    meet();
    return memory.counts[memory.prefix & (BINS - 1)];
  }

  // The bits, a word a warp; the first of the ties are kept. \`few\`: not all of them, so that their order matters.
  __device__ __forceinline__ void write(unsigned int least_key, unsigned int kept_ties, bool few) {
    const int row_words = (columns + 31) / 32;
    const int words = Stage::BY_HEAD ? rows * row_words : row_words;
    const int share = (words + WARPS - 1) / WARPS;
    const int first = thread / 32 * share;
    const int end = min(first + share, words);
    const unsigned int lane = thread % 32;
    unsigned int before = 0u;
    if (WARPS > 1 && few) {
      unsigned int own = 0u;
      for (int index = first; index < end; index++) own += __popc(look(index, row_words, least_key).tied);
      if (lane == 0u) memory.ties[thread / 32] = own;
      meet();
      for (int warp = 0; warp < thread / 32; warp++) before += memory.ties[warp];
    }
    for (int index = first; index < end; index++) {
      const Word word = look(index, row_words, least_key);
      const unsigned int rank = before + __popc(word.tied & ((1u << lane) - 1u));
      const unsigned int kept = word.above | lanes_with((word.tied >> lane & 1u) != 0u && rank < kept_ties);
      before += __popc(word.tied);
      const int row = Stage::BY_HEAD ? index / row_words : own_row;
      if (lane == 0u) *stage.word_at(b, head, row, index % row_words) = kept;
    }
  }

  // Columns of a word that are kept in any case, and those with the least kept key.
  struct Word {
    unsigned int above;
    unsigned int tied;
  };

  __device__ __forceinline__ Word look(int index, int row_words, unsigned int least_key) const {
    const int row = Stage::BY_HEAD ? index / row_words : own_row;
    const int column = index % row_words * 32 + thread % 32;
    const bool takes_part = works && column < columns && stage.takes_part(b, head, h, kvh, row, column);
    const bool by_force = takes_part && is_forced(row, column);
    const bool open = takes_part && !by_force;
    const unsigned int key = open ? key_of(score(row, column)) : 0u;
    return {lanes_with(by_force || (open && key > least_key)), lanes_with(open && key == least_key)};
  }
};
`;
