import { lastCentroids } from "../mask/centroids.js";
import { isOfClusters } from "../mask/clusters.js";
import type { FloatInput, MaskModule } from "../mask/ir.js";
import { rememberedQueries } from "../mask/reuse.js";
import { orderedTokens } from "../mask/layout/orders.js";
import type { Order, Selection, SelectionItem } from "../mask/selection.js";
import { objectType, type Field } from "./descriptions.js";

type Selecting = Pick<MaskModule, "space" | "selections" | "inputs" | "floatInputs">;

const SHARED = "Leading axes may be left out where they are 1; heads: 1, the key-value heads or the query heads.";

function describeFloats(input: FloatInput, { space }: Selecting): string {
  switch (input.kind) {
    case "scores": {
      const rows = space.kind === "self" ? "from the one that holds the first query of the call" : "from the first";
      return `A score for each block of ${input.n} queries and ${input.m} keys, [batch, heads, blocks of queries, ceil(keyLength / ${input.m})], blocks of queries counted ${rows}. All finite. ${SHARED}`;
    }
    case "channels":
      return `A number for each channel, [batch, heads, headDim]. All finite. ${SHARED}`;
    case "centroids": {
      const heads = input.axis === "q" ? "1, the key-value heads or the query heads" : "1 or the key-value heads";
      return `The first centroids of the clusters, [batch, heads, ${input.n}, headDim]. All finite. Leading axes may be left out where they are 1; heads: ${heads}.`;
    }
    case "weights": {
      const [each, axis] = input.axis === "q" ? ["query of the call", "queryLength"] : ["key", "keyLength"];
      return `A number for each ${each}, [batch, heads, ${axis}]. All finite. ${SHARED}`;
    }
    case "pooled":
      return `A vector for each window of ${input.n} keys that fits whole, one every ${input.stride}: [batch, heads, floor((keyLength - ${input.n}) / ${input.stride}) + 1, headDim]. All finite. ${SHARED}`;
  }
}

/** The inputs of floats as fields of the given type. */
export function floatFields(mask: Selecting, type: string): readonly Field[] {
  return (mask.floatInputs ?? []).map((input) => ({ name: input.name, type, doc: `${describeFloats(input, mask)} As float32.` }));
}

/** The axes of what a selection chose. */
function axesOf(item: SelectionItem, { space }: Selecting): string {
  const heads = { query: "query heads", kv: "key-value heads", one: "1" }[item.heads];
  if (item.kind === "order") {
    // In a self space places of queries are those of all positions.
    const places = space.kind === "cross" && orderedTokens(item) === "q" ? "queries" : "keys";
    return `[batch, ${heads}, ${places} + 2 * ceil(${places} / 32), 32]`;
  }
  if (item.kind === "flag") return `[batch, ${heads}, 1, 1]`;
  const unit = item.snap ?? item.columns.unit;
  const rowUnit = item.rows === undefined ? undefined : (item.snap ?? item.rows.unit);
  const block = (of: string | undefined): string => (of === undefined ? "blocks" : "tiles of the layout");
  const numbered = (name: string | undefined, clusters: number): string | undefined => name && `${clusters} clusters`;
  const rows =
    numbered(item.numbered?.rows, rowUnit!) ??
    (rowUnit === undefined ? "1" : rowsText(item.rows!, () => `${block(item.rows!.of)} of ${rowUnit} queries`));
  if (item.assigns !== undefined) return `[batch, ${heads}, ${rows}, ${unit} clusters]`;
  const single = isOfClusters(item.columns) || (unit === 1 && item.columns.of === undefined);
  const keys = single ? "keys" : `${block(item.columns.of)} of ${unit} keys`;
  const inClusters = numbered(item.numbered?.columns, unit);
  if (inClusters !== undefined) return `[batch, ${heads}, ${rows}, ${inClusters}]`;
  const columns = item.columns.kind === "keys" ? keys : `distances q - k in ${unit === 1 ? "tokens" : `blocks of ${unit}`}`;
  return `[batch, ${heads}, ${rows}, ${columns}]`;
}

function rowsText(rows: NonNullable<Selection["rows"]>, units: () => string): string {
  if (rows.of === "keys") return "keys";
  return isOfClusters(rows) || (rows.unit === 1 && rows.of === undefined) ? "queries" : units();
}

function describeOrder(item: Order, axes: string): string {
  const [tokens, token] = orderedTokens(item) === "q" ? ["queries", "query"] : ["keys", "key"];
  if (item.by === "clusters" && item.holds === "clusters")
    return `the clusters in the order of the ${tokens}, ${axes}: a row is a word, the cluster of the ${token} at a place; behind the last place the least and the greatest of each 32 places.`;
  return `the order of the ${tokens}, ${axes}: a row is a word, the position of the ${token} at a place; behind the last place the least and the greatest position of each 32 places.`;
}

function describeSelected(item: SelectionItem, mask: Selecting): string {
  const axes = axesOf(item, mask);
  if (item.kind === "selection" && item.assigns !== undefined) return `the bit of each token's cluster, ${axes}.`;
  if (item.kind === "order") return describeOrder(item, axes);
  const what = item.kind === "flag" ? "a bit for each head" : "a bit for each unit";
  const counted =
    item.kind === "selection" && item.rows !== undefined && item.rows.of === undefined && (item.snap ?? item.rows.unit) > 1
      ? ", blocks of queries counted from the one that holds the first query of the call"
      : "";
  return `${what}, ${axes}${counted}.`;
}

const PACKED = "Each row starts a new word of 32 bits.";

function reusable(mask: Selecting): readonly Selection[] {
  return (mask.selections ?? []).flatMap((item) => (item.kind === "selection" && item.reuse !== undefined ? [item] : []));
}

/** What a launch gives out beside what it selected, and takes back with it: the queries that rows were chosen for. */
interface Remembered {
  readonly name: string;
  readonly doc: string;
}

function remembered(mask: Selecting): readonly Remembered[] {
  return [...rememberedQueries(mask)].map(([of, name]) => {
    const { rows } = (mask.selections ?? []).find((each): each is Selection => each.name === of)!;
    const axis = rows!.unit === 1 ? "queries" : `blocks of ${rows!.unit} queries`;
    const what = rows!.unit === 1 ? "The queries" : "The mean queries of the blocks";
    return {
      name,
      doc: `${what} that the rows of \`${of}\` were chosen for: [batch, query heads, ${axis}, headDim], float32, as words.`,
    };
  });
}

/** What a launch gives out beside what it selected: where each k-means ends. */
function ended(mask: Selecting): readonly Remembered[] {
  return lastCentroids(mask).map(({ name, axis, heads, count, steps }) => ({
    name,
    doc: `The means of the clusters of \`${steps.at(-1)!.name}\`, to start from in a later launch: [batch, ${heads === "kv" ? "key-value" : "query"} heads, ${count}, headDim] for the ${axis === "q" ? "queries" : "keys"}, float32, as words.`,
  }));
}

function whenGiven({ name, reuse }: Selection, mask: Selecting): string {
  if (reuse?.kind === "while") {
    const queries = rememberedQueries(mask).get(name)!;
    return `Rows whose queries are like those that they were chosen for stay, others are chosen anew: \`${queries}\` is given with it.`;
  }
  return reuse?.kind === "layers"
    ? "It must be given where the layer does not make it, and only there."
    : "It may be given between the steps that make it.";
}

/** `selected` and `reuse` among the buffers of a launch, or its pointers, by their types; none without selections. */
export function selectionBufferFields(
  mask: Selecting,
  types: { readonly selected: string; readonly reuse: string } = { selected: "BufferRef", reuse: "ReuseBuffer" },
): readonly Field[] {
  const { selections = [] } = mask;
  if (selections.length === 0) return [];
  const selected = selections.map((item): Field => ({
    name: item.name,
    type: types.selected,
    optional: true,
    doc: `What \`${item.name}\` chose: ${describeSelected(item, mask)} ${PACKED}`,
  }));
  const beside = (type: string): readonly Field[] => remembered(mask).map((each) => ({ ...each, type, optional: true }));
  const reuse = reusable(mask).map((item): Field => ({
    name: item.name,
    type: types.reuse,
    optional: true,
    doc: `What \`${item.name}\` chose in an earlier launch: ${describeSelected(item, mask)} ${whenGiven(item, mask)}`,
  }));
  return [
    {
      name: "selected",
      type: objectType([
        ...selected,
        ...beside(types.selected),
        ...ended(mask).map((each) => ({ ...each, type: types.selected, optional: true })),
      ]),
      optional: true,
      doc: "Where what was selected is copied to.",
    },
    ...(reuse.length === 0
      ? []
      : [
          {
            name: "reuse",
            type: objectType([...reuse, ...beside(types.reuse)]),
            optional: true,
            doc: "Selections of earlier launches, in place of new ones.",
          },
        ]),
  ];
}

/** `selected` and `reuse` among the arrays of a run; none without selections. */
export function selectionArrayFields(mask: Selecting): readonly Field[] {
  if ((mask.selections ?? []).length === 0) return [];
  const reuse = reusable(mask).map((item): Field => ({
    name: item.name,
    type: "SelectedBits",
    optional: true,
    doc: `What \`${item.name}\` chose in an earlier run. ${whenGiven(item, mask)}`,
  }));
  const beside = remembered(mask).map((each): Field => ({ ...each, type: "SelectedBits", optional: true }));
  return [
    { name: "selected", type: "boolean", optional: true, doc: "Whether what was selected is part of the result." },
    ...(reuse.length === 0
      ? []
      : [
          {
            name: "reuse",
            type: objectType([...reuse, ...beside]),
            optional: true,
            doc: "Selections of earlier runs, in place of new ones.",
          },
        ]),
  ];
}

/** What the selections chose, by their names. */
export function selectedFields(mask: Selecting): readonly Field[] {
  return [
    ...(mask.selections ?? []).map((item) => ({
      name: item.name,
      type: "SelectedBits",
      doc: `What \`${item.name}\` chose: ${describeSelected(item, mask)}`,
    })),
    ...[...remembered(mask), ...ended(mask)].map((each) => ({ ...each, type: "SelectedBits" })),
  ];
}
