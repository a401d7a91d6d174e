/** Scores as integers: words that sort as they do, and masses whose sums are exact. */
export const SCORE_NUMBERS = /* cpp */ `
// Words that sort as float32 numbers do: NaN lowest, -0 and 0 alike.
__device__ __forceinline__ bool is_nan_word(unsigned int bits) { return (bits & 0x7fffffffu) > 0x7f800000u; }

__device__ __forceinline__ unsigned int key_of(unsigned int bits) {
  if (is_nan_word(bits)) return 0u;
  if (bits == 0x80000000u) return 0x80000000u;
  return (bits & 0x80000000u) != 0u ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ bool reaches(unsigned int bits, unsigned int threshold) {
  return !is_nan_word(bits) && !is_nan_word(threshold) && key_of(bits) >= key_of(threshold);
}

// At least 1: numbers without a leading bit have the same exponent as the least with one.
__device__ __forceinline__ unsigned int exponent_of(unsigned int bits) {
  if (is_nan_word(bits) || (bits & 0x80000000u) != 0u) return 1u;
  return max((bits >> 23) & 0xffu, 1u);
}

__device__ __forceinline__ unsigned int mantissa_of(unsigned int bits) {
  return (bits & 0x7fffffu) | ((bits & 0x7f800000u) != 0u ? 0x800000u : 0u);
}

// A score is m * 2^(e - 150) with m < 2^24; with top the greatest e of the row its mass is m * 2^(18 - (top - e)), rounded
// down: below 2^42, so that 2^22 of them have a sum. Integers add up to the same sum in any order.
__device__ __forceinline__ unsigned long long mass_of(unsigned int bits, unsigned int top) {
  if (is_nan_word(bits) || (bits & 0x80000000u) != 0u) return 0u;
  const unsigned int down = top - exponent_of(bits);
  return down > 63u ? 0u : static_cast<unsigned long long>(mantissa_of(bits)) << 18 >> down;
}

// The least integer that is at least the fraction of the whole; all of it from 1 on, nothing for NaN.
__device__ __forceinline__ unsigned long long part_of(unsigned long long whole, unsigned int fraction) {
  if (is_nan_word(fraction) || (fraction & 0x80000000u) != 0u) return 0u;
  if (fraction >= 0x3f800000u) return whole;
  // The product, 32 bits and what is above them, moved down by 24 bits or more.
  const unsigned long long low = (whole & 0xffffffffu) * mantissa_of(fraction);
  const unsigned long long high = (whole >> 32) * mantissa_of(fraction) + (low >> 32);
  const unsigned int last = static_cast<unsigned int>(low);
  const unsigned int shift = 150u - exponent_of(fraction);
  if (shift < 32u) return (high << (32u - shift)) + (last >> shift) + ((last & ((1u << shift) - 1u)) != 0u ? 1u : 0u);
  const unsigned int more = shift - 32u;
  if (more >= 64u) return high != 0u || last != 0u ? 1u : 0u;
  const unsigned long long rest = (high & ((1ull << more) - 1u)) | last;
  return (high >> more) + (rest != 0u ? 1u : 0u);
}

// The least number of times, up to most, that a mass is needed to reach another.
__device__ __forceinline__ unsigned int times_needed(unsigned long long each, unsigned long long wanted, unsigned int most) {
  if (wanted == 0u) return 0u;
  if (each == 0u) return most;
  const unsigned long long times = (wanted - 1u) / each + 1u;
  return times < most ? static_cast<unsigned int>(times) : most;
}
`;
