import { never, shareWith } from "./kept.js";
import { div, keysOf, perRow, pooledRow, queryOf, type Pairs } from "./pieces.js";
import type { Call } from "./selected.js";
import { blocksOf, dot, range, softmax, sum, topPlaces, type Vectors } from "./tensors.js";

/** The mean cosine of all pairs of a block's tokens, pair by pair. */
function selfSimilarity(tokens: Vectors): number {
  const unit = tokens.map((token) => token.map((x) => x / Math.sqrt(dot(token, token))));
  return sum(unit.flatMap((a) => unit.map((b) => dot(a, b)))) / tokens.length ** 2;
}

/** SpargeAttn's first filter: blocks that are not alike inside are computed, the others by a share of the pooled mass. */
export function spargeBlocks(call: Call, p: number, alike: number): Pairs {
  const { N } = call;
  const piece = (tokens: Vectors, b: number, block: number): Vectors => tokens.slice(b * block, (b + 1) * block);
  const row = perRow((h, qb) => {
    const judged = range(blocksOf(N, 64)).map((b) => selfSimilarity(piece(keysOf(call, h), b, 64)) > alike);
    const masses = pooledRow(call, h, qb, [128, 64], true, judged);
    const kept = shareWith(masses.map((mass, b) => (b * 64 < (qb + 1) * 128 ? mass : -Infinity)), p, never, 1); // prettier-ignore
    const mixed = selfSimilarity(piece(call.q[h]!, qb, 128)) <= alike;
    return (b: number): boolean => mixed || !judged[b] || kept.has(b);
  });
  return (h, i, j) => j <= i && row(h, div(i, 128))(div(j, 64));
}

/** Of each part of the keys a block of queries keeps floor(share) + 1 blocks, by the mean of the exact softmax. */
export function sparseD(
  call: Call,
  { prompt, size, percent }: { readonly prompt: number; readonly size: number; readonly percent: number },
): Pairs {
  const { N } = call;
  const blocks = blocksOf(N, size);
  const row = perRow((h, qb) => {
    const rows = range(size).map((r) => qb * size + r).filter((i) => i < N).map((i) => softmax(keysOf(call, h).map((key) => call.scale * dot(queryOf(call, h, i), key)))); // prettier-ignore
    const masses = range(blocks).map((b) => sum(rows.map((masses) => sum(masses.slice(b * size, (b + 1) * size)))));
    const inPrompt = (b: number): boolean => b * size < prompt;
    const part = (of: (b: number) => boolean): number[] => masses.map((mass, b) => (of(b) ? mass : -Infinity));
    const count = (of: (b: number) => boolean): number => div((percent / 100) * range(blocks).filter(of).length + 1e-9, 1) + 1;
    const after = (b: number): boolean => !inPrompt(b);
    return new Set([...topPlaces(part(inPrompt), count(inPrompt)), ...topPlaces(part(after), count(after))]);
  });
  return (h, i, j) => row(h, div(i, size)).has(div(j, size));
}
