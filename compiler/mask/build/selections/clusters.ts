import { diagnostic } from "../../../diagnostics/report.js";
import type { InputModel } from "../../../semantics/model.js";
import type { ClustersModel, KMeansModel } from "../../../semantics/tensors/model.js";
import type { Typed } from "../../../semantics/typed.js";
import type { Span } from "../../../source/file.js";
import { int } from "../../make.js";
import type { GivenClusters, OfClusters, Selection, SelectionHeads, Tensor } from "../../selection.js";
import { size, type TensorFrame } from "../tensors/lower.js";

/** Products of a number of clusters and a token's place stay in 31 bits. */
const MOST_CLUSTERS = 32768;
/** Each update is kernels of its own. */
const MOST_UPDATES = 16;

/** First centroids of the caller: as many as there are clusters. */
function useCentroids(input: InputModel, count: number, span: Span, { lowering, frame }: TensorFrame): void {
  lowering.useInput(input);
  const [given] = lowering.inputSizes(input, frame);
  if (given === count) return;
  const found = `\`${input.name}\` has ${given} for ${count} clusters`;
  lowering.add(diagnostic("ATTN2370", span, { found }, { labels: [{ span: input.span, text: "the centroids" }] }));
}

/** A selection that puts each token into a cluster. */
type Assignment = Selection & { readonly assigns: OfClusters };

/** How many clusters there are: known when the program is compiled. */
export function clusterCount({ count }: ClustersModel, at: TensorFrame): number {
  const found = size(count, "a number of clusters", at);
  if (found <= MOST_CLUSTERS) return found;
  const rule = `at most ${MOST_CLUSTERS}`;
  at.lowering.add(diagnostic("ATTN3001", count.span, { what: "a number of clusters", rule, found }));
  return 1;
}

/** The text by which clusters are known that the caller says. */
export const givenClusters = (axis: "q" | "k", count: number, input: string): GivenClusters =>
  `clusters of ${axis}, ${count} by ids ${input}`;

function updateCount(updates: Typed, { lowering, frame }: TensorFrame): number {
  const what = "`iters` of `cluster`";
  const found = lowering.known(updates, frame, what);
  if (found === undefined || (found >= 0 && found <= MOST_UPDATES)) return found ?? 0;
  lowering.add(diagnostic("ATTN3001", updates.span, { what, rule: `from 0 to ${MOST_UPDATES}`, found }));
  return 0;
}

/**
 * K-means as selections: with the first centroids, of tokens or of the caller, each token goes to the nearest, then centroids become the means of their
 * clusters and each token is put into a cluster anew, as often as there are updates. The last one makes the clusters.
 *
 * The nearest centroid c of a vector x has the greatest x . c - c . c / 2: the square of the distance is x . x less twice
 * of that.
 */
export function assignments(axis: "q" | "k", count: number, by: KMeansModel, span: Span, at: TensorFrame): readonly Assignment[] {
  const { make } = at;
  const heads: SelectionHeads = axis === "q" ? "query" : "kv";
  const centroids = { heads, columns: { kind: "centroids", unit: count }, dim: true } as const;
  const rows = axis === "q" ? { unit: 1 } : ({ unit: 1, of: "keys" } as const);
  const tokens = make.node({ kind: "view", of: axis, axes: { heads, rows, dim: true } });
  const { from } = by;
  if (from !== undefined) useCentroids(from, count, span, at);
  let around: Tensor =
    from === undefined
      ? make.node({ kind: "seeds", of: axis, axes: centroids })
      : make.node({ kind: "input", name: from.name, axes: centroids });
  const updates = updateCount(by.updates, at);
  const of = from === undefined ? "" : ` of ${from.name}`;
  return Array.from({ length: updates + 1 }, (_, step) => {
    const assigns: OfClusters = `clusters of ${axis} around ${count} centroids${of} after ${step} updates`;
    const half = make.binary("mul", make.number(0.5), make.reduce("sum", "dim", make.binary("mul", around, around, span)), span);
    const score = make.binary("sub", make.dot(tokens, around, span), half, span);
    around = make.node({ kind: "update", by: assigns, a: around, axes: centroids });
    return {
      kind: "selection",
      name: "",
      heads,
      rows,
      columns: centroids.columns,
      score,
      keep: { rule: { kind: "top", n: int(1) }, scope: "row" },
      assigns,
    };
  });
}
