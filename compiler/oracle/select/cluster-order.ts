import type { Place } from "../scope.js";
import type { OracleBits } from "./bits.js";
import type { Assigned } from "./clusters.js";
import { orderWords } from "./sorted.js";

/** The order of the queries or keys of each head by their clusters: told by sorting. */
export interface ClusterOrder {
  readonly kind: "order";
  readonly name: string;
  readonly heads: "query" | "kv" | "one";
  /** By place, for a batch entry and query head: positions or clusters. */
  readonly valuesOf: (b: number, h: number) => readonly number[];
}

interface Token {
  readonly position: number;
  readonly cluster: number;
}

/** Tokens by place: those of one cluster by position, and before all the tokens of a self space that are no queries of the call. */
export function tokensByCluster(axis: "q" | "k", assigned: Assigned, { launch, space }: Place): (b: number, h: number) => readonly Token[] {
  const before = axis === "q" && space?.kind !== "cross" ? launch.N - launch.NQ : 0;
  const known = new Map<string, readonly Token[]>();
  return (b, h) => {
    const key = `${b}.${h}`;
    if (!known.has(key)) {
      const others = Array.from({ length: before }, (_, position) => ({ position, cluster: 0 }));
      const own = assigned(b, h).map((cluster, i) => ({ position: before + i, cluster }));
      known.set(key, [...others, ...own.sort((x, y) => x.cluster - y.cluster || x.position - y.position)]);
    }
    return known.get(key)!;
  };
}

/** The matrix of an order by clusters. */
export function clusterOrderBits(
  { heads, valuesOf }: ClusterOrder,
  counts: { readonly batch: number; readonly heads: number; readonly kvHeads: number },
): OracleBits & { readonly words: Uint32Array<ArrayBuffer> } {
  const count = { query: counts.heads, kv: counts.kvHeads, one: 1 }[heads];
  const all = Array.from({ length: counts.batch * count }, (_, i) =>
    orderWords(valuesOf(Math.floor(i / count), (i % count) * (counts.heads / count))),
  );
  return { batch: counts.batch, heads: count, rows: all[0]!.length, columns: 32, words: Uint32Array.from(all.flat()) };
}
