/** Words that sort as float32 numbers do: NaN lowest, -0 and 0 alike. */
export const keyFunctions = `
fn is_nan(bits: u32) -> bool {
  return (bits & 0x7fffffffu) > 0x7f800000u;
}

fn key_of(bits: u32) -> u32 {
  if (is_nan(bits)) {
    return 0u;
  }
  if (bits == 0x80000000u) {
    return 0x80000000u;
  }
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn reaches(bits: u32, threshold: u32) -> bool {
  return !is_nan(bits) && !is_nan(threshold) && key_of(bits) >= key_of(threshold);
}`;

/**
 * Masses as integers of 64 bits, low word first. A score is m * 2^(e - 150) with m < 2^24; with e' the greatest e of the
 * row its mass is m * 2^(18 - (e' - e)), rounded down: below 2^42, so that 2^22 of them have a sum, and a row of n units
 * loses at most n * 2^-41 of its largest score. Multiples of a power of two, unlike quotients by a sum of floats, are
 * exact, and integers add up to the same sum in any order.
 */
export const massFunctions = `
// At least 1: numbers without a leading bit have the same exponent as the least with one.
fn exponent_of(bits: u32) -> u32 {
  return select(max((bits >> 23u) & 0xffu, 1u), 1u, is_nan(bits) || (bits & 0x80000000u) != 0u);
}

fn mantissa_of(bits: u32) -> u32 {
  return (bits & 0x7fffffu) | select(0u, 0x800000u, (bits & 0x7f800000u) != 0u);
}

fn mass_of(bits: u32, top: u32) -> vec2<u32> {
  if (is_nan(bits) || (bits & 0x80000000u) != 0u) {
    return vec2<u32>(0u);
  }
  let mantissa = mantissa_of(bits);
  let down = top - exponent_of(bits);
  if (down >= 18u) {
    return vec2<u32>(select(mantissa >> min(down - 18u, 31u), 0u, down >= 50u), 0u);
  }
  let up = 18u - down;
  return vec2<u32>(mantissa << up, mantissa >> (32u - up));
}

fn add_wide(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn subtract_wide(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}

fn at_least_wide(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.y > b.y || (a.y == b.y && a.x >= b.x);
}

fn multiply(a: u32, b: u32) -> vec2<u32> {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let cross = (a >> 16u) * (b & 0xffffu);
  let other = (a & 0xffffu) * (b >> 16u);
  let middle = (low >> 16u) + (cross & 0xffffu) + (other & 0xffffu);
  let high = (a >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u) + (middle >> 16u);
  return vec2<u32>((low & 0xffffu) | (middle << 16u), high);
}

// The least integer that is at least the fraction of the whole; all of it from 1 on, nothing for NaN.
fn part_of(whole: vec2<u32>, fraction: u32) -> vec2<u32> {
  if (is_nan(fraction) || (fraction & 0x80000000u) != 0u) {
    return vec2<u32>(0u);
  }
  if (fraction >= 0x3f800000u) {
    return whole;
  }
  let low = multiply(whole.x, mantissa_of(fraction));
  let high = add_wide(multiply(whole.y, mantissa_of(fraction)), vec2<u32>(low.y, 0u));
  var words = array<u32, 8>(low.x, high.x, high.y, 0u, 0u, 0u, 0u, 0u);
  let shift = 150u - exponent_of(fraction);
  let skip = shift / 32u;
  let bits = shift % 32u;
  var rest = words[skip] & ((1u << bits) - 1u);
  for (var i = 0u; i < skip; i++) {
    rest |= words[i];
  }
  let carry = select(32u - bits, 0u, bits == 0u);
  let from_1 = select(words[skip + 1u] << carry, 0u, bits == 0u);
  let from_2 = select(words[skip + 2u] << carry, 0u, bits == 0u);
  let down = vec2<u32>((words[skip] >> bits) | from_1, (words[skip + 1u] >> bits) | from_2);
  return add_wide(down, vec2<u32>(select(0u, 1u, rest != 0u), 0u));
}

// The least number of times, up to most, that a mass is needed to reach another.
fn times_needed(each: vec2<u32>, wanted: vec2<u32>, most: u32) -> u32 {
  var low = 0u;
  var high = most;
  for (var step = 0; step < 32; step++) {
    if (low < high) {
      let middle = (low + high) / 2u;
      let product = add_wide(multiply(each.x, middle), vec2<u32>(0u, each.y * middle));
      if (at_least_wide(product, wanted)) {
        high = middle;
      } else {
        low = middle + 1u;
      }
    }
  }
  return low;
}`;
