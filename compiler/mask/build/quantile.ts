/** The quantile of some numbers by linear interpolation between the two nearest ranks, as `numpy.quantile` by default. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.max(0, Math.min(1, p)) * (sorted.length - 1);
  const low = Math.floor(at);
  const fraction = at - low;
  const a = sorted[low]!;
  const b = sorted[Math.min(low + 1, sorted.length - 1)]!;
  // The form NumPy uses in the upper half, so that results agree to the last bit.
  return fraction < 0.5 ? a + (b - a) * fraction : b - (b - a) * (1 - fraction);
}
