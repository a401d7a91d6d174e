import { bestWith, never, shareWith } from "./kept.js";
import { blockMeans, columnMass, diagonalMass, div, grouped, lastRows, pooledRow, type Pairs } from "./pieces.js";
import type { Call } from "./selected.js";
import { blocksOf, dot, meanVector, range, softmax, sum } from "./tensors.js";

/** The root of the Jensen-Shannon divergence of two distributions, natural logarithm. */
const jensenShannon = (a: readonly number[], b: readonly number[]): number => {
  const half = a.map((x, i) => (x + b[i]!) / 2);
  const divergence = (p: readonly number[]): number => sum(p.map((x, i) => (x > 0 ? x * Math.log(x / half[i]!) : 0)));
  return Math.sqrt((divergence(a) + divergence(b)) / 2);
};

export interface FlexPrefill {
  readonly gamma: number;
  readonly tau: number;
  /** Blocks and bands at least. */
  readonly least: number;
}

/**
 * FlexPrefill with budgets in blocks: a head whose pooled estimate of the column masses is nearer to them than tau keeps
 * the pairs of blocks of the whole head until gamma, and the least of columns and bands; others columns and bands until gamma.
 */
export function flexPrefill(call: Call, { gamma, tau, least }: FlexPrefill): Pairs {
  const { N, heads, scale } = call;
  const blocks = blocksOf(N, 128);
  const perHead = range(heads).map((h) => {
    const rows = lastRows(call, h, 128);
    const columns = grouped(columnMass(rows, N), 128);
    const bands = grouped(diagonalMass(rows, N), 128);
    const tail = meanVector(call.q[h]!, call.NQ - Math.min(128, call.NQ), call.NQ);
    const { k } = blockMeans(call, h, 128, 128);
    const estimate = softmax(k.map((mean) => scale * dot(tail, mean)));
    const aware = jensenShannon(estimate, columns.map((mass) => mass / rows.length)) < tau; // prettier-ignore
    const first = (b: number): boolean => b === 0;
    if (!aware)
      return { columns: shareWith(columns, gamma, first, least), bands: shareWith(bands, gamma, first, least), map: new Set<number>() };
    const flat = range(blocks).flatMap((row) => pooledRow(call, h, row, [128, 128], true).map((mass, b) => (b <= row ? mass : -Infinity)));
    return { columns: bestWith(columns, least, first), bands: bestWith(bands, least, first), map: shareWith(flat, gamma, never) };
  });
  return (h, i, j) => {
    const { columns, bands, map } = perHead[h]!;
    return j <= i && (columns.has(div(j, 128)) || bands.has(div(i - j, 128)) || map.has(div(i, 128) * blocks + div(j, 128)));
  };
}
