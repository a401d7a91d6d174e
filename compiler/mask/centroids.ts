import { clusteredTokens, clustersOf } from "./clusters.js";
import type { MaskModule } from "./ir.js";
import { rememberedQueries } from "./reuse.js";
import type { OfClusters, Selection, Tensor } from "./selection.js";
import { walkTensors } from "./selection-walk.js";

/** What a k-means ends with, by the name under which a launch gives it out: a later one may start from it. */
export interface LastCentroids {
  readonly name: string;
  readonly axis: "q" | "k";
  readonly heads: "query" | "kv";
  readonly count: number;
  /** The selections that put tokens into clusters, one for each step. The centroids are the means of the clusters of the last one. */
  readonly steps: readonly Assignment[];
  readonly tensor: Tensor;
}

export type Assignment = Selection & { readonly assigns: OfClusters };

/** The k-means of a module that end in its clusters. None of the names is that of an input, of a selection or of its queries. */
export function lastCentroids(module: Pick<MaskModule, "selections" | "inputs" | "floatInputs">): readonly LastCentroids[] {
  const { selections = [], inputs, floatInputs = [] } = module;
  const taken = new Set([...inputs, ...floatInputs, ...selections].map(({ name }) => name));
  for (const name of rememberedQueries(module).values()) taken.add(name);
  const assignments = selections.filter((each): each is Assignment => each.kind === "selection" && each.assigns !== undefined);
  const goesOn = new Set(assignments.flatMap(({ score }) => [...updatesIn(score)]));
  const counted = new Set(
    selections.flatMap((each) => {
      if (each.kind === "selection") return [clustersOf(each.rows), clustersOf(each.columns)];
      return each.kind === "order" && each.by === "clusters" ? [each.of] : [];
    }),
  );
  return assignments
    .filter(({ assigns }) => counted.has(assigns) || !goesOn.has(assigns))
    .map((last) => {
      const axis = clusteredTokens(last.assigns);
      let name = `${axis}_centroids`;
      for (let i = 2; taken.has(name); i++) name = `${axis}_centroids_${i}`;
      taken.add(name);
      const around = aroundOf(last);
      const tensor: Tensor = { kind: "update", by: last.assigns, a: around, axes: around.axes };
      const before = updatesIn(last.score);
      const steps = [...assignments.filter(({ assigns }) => before.has(assigns)), last];
      return { name, axis, heads: axis === "q" ? "query" : "kv", count: last.columns.unit, steps, tensor };
    });
}

/** The clusters whose means an assignment is made around, of all steps before it. */
function updatesIn(score: Tensor): ReadonlySet<OfClusters> {
  const found = new Set<OfClusters>();
  walkTensors([score], (tensor) => {
    if (tensor.kind === "update") found.add(tensor.by);
  });
  return found;
}

/** The centroids that an assignment is made around: they stand in its products with the tokens. */
export function aroundOf({ score }: Assignment): Tensor {
  let around: Tensor | undefined;
  walkTensors([score], (tensor) => {
    if (tensor.kind === "dot") around = tensor.b;
  });
  if (around === undefined) throw new Error("clusters are made by products with centroids");
  return around;
}
