import { expect, test } from "vitest";
import { quantile } from "../../compiler/mask/build/quantile.js";

test("quantiles interpolate between the two nearest ranks", () => {
  const values = [4, 1, 3, 2];
  expect([0, 0.25, 0.5, 0.75, 1].map((p) => quantile(values, p))).toEqual([1, 1.75, 2.5, 3.25, 4]);
  expect(quantile([7], 0.3)).toBe(7);
});
