/**
 * Packs booleans (or bytes, where anything but 0 is true) of `matrices` row-major matrices into 32-bit
 * words, each row starting a new word: bit c of a row is bit `c & 31` of its word `c >> 5`. This is how
 * `bits` and `blocks` inputs lie in a buffer. Throws a RangeError when `values` has another length.
 */
export function packBits(values: ArrayLike<boolean | number>, rows: number, columns: number, matrices = 1): Uint32Array<ArrayBuffer> {
  if (values.length !== matrices * rows * columns) {
    throw new RangeError(`packBits: expected ${matrices} x ${rows} x ${columns} values, found ${values.length}`);
  }
  const stride = Math.ceil(columns / 32);
  const words = new Uint32Array(matrices * rows * stride);
  for (let row = 0, at = 0; row < matrices * rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      if (values[at]) words[row * stride + (column >> 5)]! |= 1 << (column & 31);
    }
  }
  return words;
}
