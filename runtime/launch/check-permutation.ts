import { AttnError } from "./errors.js";

/**
 * Checks orders of `length` tokens, one after another: each has each position from 0 on once. Throws ATTN5220 at the first place
 * that has none of these, or one that was there before.
 */
export function checkPermutation(name: string, positions: Int32Array, length: number): void {
  const placeOf = new Int32Array(length);
  const rows = positions.length / length;
  for (let row = 0; row < rows; row++) {
    placeOf.fill(-1);
    for (let place = 0; place < length; place++) {
      const found = positions[row * length + place]!;
      const before = placeOf[found];
      if (before !== -1) throw notAPermutation(`${name}[${rows === 1 ? "" : `${row}, `}${place}]`, length, found, before);
      placeOf[found] = place;
    }
  }
}

/** `before` is the place where the position stands too; undefined where there is no such position. */
function notAPermutation(field: string, length: number, found: number, before: number | undefined): AttnError {
  return new AttnError("ATTN5220", {
    field,
    expected: `each position from 0 to ${length - 1} once`,
    found: before === undefined ? String(found) : `${found}, which is at place ${before} too`,
    remedy: "Give a permutation of the positions for each batch entry and head; an argsort is one.",
  });
}
