import { dot, range, softmax, topPlaces, type Vectors } from "./tensors.js";

export interface NsaSizes {
  readonly kernel: number;
  readonly stride: number;
  readonly block: number;
}

export const NSA: NsaSizes = { kernel: 32, stride: 16, block: 64 };

/** How often each sum a + b occurs, with a < kernel / stride and b < block / stride: the weights of the windows around a block. */
export function overlapWeights({ kernel, stride, block }: NsaSizes): number[] {
  const [inWindow, inBlock] = [kernel / stride, block / stride];
  const weights = new Array<number>(inWindow + inBlock - 1).fill(0);
  for (let a = 0; a < inWindow; a++) for (let b = 0; b < inBlock; b++) weights[a + b]!++;
  return weights;
}

/**
 * The same from what it is for: a window gives its probability to a block once for each stretch of `stride` tokens that
 * both hold. `windows` has one probability for each window.
 */
export function blockScores(windows: readonly number[], blocks: number, { kernel, stride, block }: NsaSizes): number[] {
  const shared = (window: number, b: number): number => {
    const overlap = Math.min(window * stride + kernel, (b + 1) * block) - Math.max(window * stride, b * block);
    return Math.max(0, overlap) / stride;
  };
  return range(blocks).map((b) => windows.reduce((total, mass, window) => total + mass * shared(window, b), 0));
}

/** The probabilities of one query at position i over the windows that end at it or before. */
export function windowMasses(query: readonly number[], windows: Vectors, i: number, scale: number, { kernel, stride }: NsaSizes): number[] {
  return softmax(windows.map((window, w) => (w * stride + kernel - 1 <= i ? scale * dot(query, window) : -Infinity)));
}

/** The blocks that a query at position i of one kv head keeps; `queries` are those of the head's group. */
export function nsaBlocks(
  queries: Vectors,
  windows: Vectors,
  i: number,
  scale: number,
  keep: { readonly n: number; readonly init: number; readonly local: number },
  sizes: NsaSizes = NSA,
): Set<number> {
  const own = Math.floor(i / sizes.block);
  const perHead = queries.map((query) => blockScores(windowMasses(query, windows, i, scale, sizes), own + 1, sizes));
  const total = range(own + 1).map((b) => perHead.reduce((sum, scores) => sum + scores[b]!, 0));
  const ranked = total.map((score, b) => (b < keep.init || b > own - keep.local ? Infinity : score));
  return topPlaces(ranked, keep.n);
}
