import { clusteredTokens, givenIds, headsOfClusters } from "../mask/clusters.js";
import type { OfClusters } from "../mask/selection.js";
import { COLUMN, firstQuery, ROW } from "./axes.js";
import { add, and, ceilDiv, div, equal, idAt, int, le, lt, min, mul, named, ONE, shape, sub, whole, ZERO } from "./int.js";
import type { Cond, Int, Real, Tensor } from "./ir.js";
import type { PlaceContext } from "./place-units.js";
import { choose, float, loop, number } from "./reals.js";

/**
 * Clusters of tokens. The selection that makes them leaves a bit for each token, in the column of its cluster; where the caller
 * says them, ids are read. A stable sort by counts puts the tokens of each cluster side by side: *slots* are places in that
 * order, so that a cluster has a first slot and a size, and what is made of its tokens reads only these, always in the order
 * of their positions.
 *
 * Tokens are rows of the call where they are queries, positions where they are keys. All numbers are integers in float32.
 */

/** Tokens whose clusters are counted together. */
const CHUNK = 256;

/** The tokens of one cluster. */
export interface Members {
  /** Slots: from, and up to but without. */
  readonly from: Int;
  readonly to: Int;
  readonly count: Int;
  readonly tokenAt: (slot: Int) => Int;
}

export function membersOf(context: PlaceContext, of: OfClusters, cluster: Int): Members {
  const from = numberIn(firstSlots(context, of), of, cluster);
  const count = sizeOfCluster(context, of, cluster);
  return { from, to: add(from, count), count, tokenAt: (slot) => numberIn(tokensBySlot(context, of), of, slot) };
}

/** How many tokens a cluster has. */
export const sizeOfCluster = (context: PlaceContext, of: OfClusters, cluster: Int): Int => numberIn(sizes(context, of), of, cluster);

/** The cluster of a token. */
export const clusterOf = (context: PlaceContext, of: OfClusters, token: Int): Int => numberIn(clusters(context, of), of, token);

/** Whether a cluster has a token. */
export const hasMembers = (context: PlaceContext, of: OfClusters, cluster: Int): Cond => lt(ZERO, sizeOfCluster(context, of, cluster));

/** The least or the greatest position of the tokens of a cluster: behind all others, and before them, where it has none. */
export function positionOfCluster(context: PlaceContext, of: OfClusters, cluster: Int, end: "first" | "last"): Real {
  const tensor = made(context, of, `${end} position`, { columns: counts(context, of).clusters }, () => {
    const { from, to, count, tokenAt } = membersOf(context, of, COLUMN);
    const token = tokenAt(end === "first" ? from : sub(to, ONE));
    const position = clusteredTokens(of) === "q" ? add(firstQuery(context.module.space), token) : token;
    return choose(lt(ZERO, count), float(position), end === "first" ? float(shape("N")) : number(-1));
  });
  return read(tensor, of, { column: cluster });
}

/** The token from which a centroid starts, of `count`: they are spread evenly. */
export function seedOf(tokens: "q" | "k", count: number, centroid: Int): Int {
  const length = shape(tokens === "q" ? "NQ" : "N");
  const step = div(length, int(count));
  // centroid * length / count, without a product that leaves 32 bits.
  return add(mul(centroid, step), div(mul(centroid, sub(length, mul(step, int(count)))), int(count)));
}

/** The head of a stage that has clusters of these tokens. */
export const headOfClusters = (of: OfClusters): Int => ({ query: named("h"), kv: named("kvh"), one: ZERO })[headsOfClusters(of)];

function read(from: Tensor, of: OfClusters, at: { readonly row?: Int; readonly column: Int }): Real {
  return { kind: "load", from, at: { head: headOfClusters(of), ...at } };
}

const numberIn = (tensor: Tensor, of: OfClusters, column: Int): Int => whole(read(tensor, of, { column }));

/** A table of numbers for each head, made once. */
function made(
  context: PlaceContext,
  of: OfClusters,
  name: string,
  extents: { readonly rows?: Int; readonly columns: Int },
  value: () => Real,
): Tensor {
  return context.onceFor(`${name} ${of}`, () => context.table(`${name} of ${of}`, headsOfClusters(of), extents, value()));
}

/** How many tokens there are, in how many clusters: of given ones the last has the tokens that are in none. */
function counts(context: PlaceContext, of: OfClusters) {
  const tokens = shape(clusteredTokens(of) === "q" ? "NQ" : "N");
  const given = givenIds(of);
  const clusters = given === undefined ? context.assignment(of).columns : int(given.count + 1);
  return { tokens, clusters, chunks: ceilDiv(tokens, int(CHUNK)) };
}

/** The cluster of each token. */
function clusters(context: PlaceContext, of: OfClusters): Tensor {
  const { tokens, clusters } = counts(context, of);
  const given = givenIds(of);
  return made(context, of, "numbers", { columns: tokens }, () => {
    if (given !== undefined) return givenCluster(context, of, given);
    const i = named(context.fresh());
    return loop("max", i.name, ZERO, clusters, float(i), { kind: "bit", bits: context.assignment(of), row: COLUMN, column: i });
  });
}

/** The id of the token at COLUMN; where it is no number of a cluster, one more than there are. */
function givenCluster({ module }: PlaceContext, of: OfClusters, { input, count }: NonNullable<ReturnType<typeof givenIds>>): Real {
  const id = idAt(input, clusteredTokens(of) === "q" ? add(firstQuery(module.space), COLUMN) : COLUMN);
  return choose(and(le(ZERO, id), lt(id, int(count))), float(id), number(count));
}

/** Of each chunk of tokens, how many are in each cluster. */
function chunkSizes(context: PlaceContext, of: OfClusters): Tensor {
  const { tokens, clusters: count, chunks } = counts(context, of);
  return made(context, of, "sizes in chunks", { rows: chunks, columns: count }, () => {
    const i = named(context.fresh());
    const from = mul(ROW, int(CHUNK));
    return loop("sum", i.name, from, min(add(from, int(CHUNK)), tokens), number(1), equal(clusterOf(context, of, i), COLUMN));
  });
}

/** How many tokens of each cluster stand before each chunk. */
function sizesBefore(context: PlaceContext, of: OfClusters): Tensor {
  const { clusters: count, chunks } = counts(context, of);
  return made(context, of, "sizes before chunks", { rows: chunks, columns: count }, () => {
    const i = named(context.fresh());
    return loop("sum", i.name, ZERO, ROW, read(chunkSizes(context, of), of, { row: i, column: COLUMN }));
  });
}

function sizes(context: PlaceContext, of: OfClusters): Tensor {
  const { clusters: count, chunks } = counts(context, of);
  return made(context, of, "sizes", { columns: count }, () => {
    const i = named(context.fresh());
    return loop("sum", i.name, ZERO, chunks, read(chunkSizes(context, of), of, { row: i, column: COLUMN }));
  });
}

/** The first slot of each cluster. */
function firstSlots(context: PlaceContext, of: OfClusters): Tensor {
  const { clusters: count } = counts(context, of);
  return made(context, of, "first slots", { columns: count }, () => {
    const i = named(context.fresh());
    return loop("sum", i.name, ZERO, COLUMN, read(sizes(context, of), of, { column: i }));
  });
}

/** The slot of each token: behind those of its cluster that stand before it. */
function slots(context: PlaceContext, of: OfClusters): Tensor {
  const { tokens } = counts(context, of);
  return made(context, of, "slots", { columns: tokens }, () => {
    const i = named(context.fresh());
    const cluster = clusterOf(context, of, COLUMN);
    const chunk = div(COLUMN, int(CHUNK));
    const before = whole(read(sizesBefore(context, of), of, { row: chunk, column: cluster }));
    const own = loop("sum", i.name, mul(chunk, int(CHUNK)), COLUMN, number(1), equal(clusterOf(context, of, i), cluster));
    return { kind: "add", a: float(add(numberIn(firstSlots(context, of), of, cluster), before)), b: own };
  });
}

/** The cluster of each slot: the last one that begins there or before. */
export function clustersBySlot(context: PlaceContext, of: OfClusters): Tensor {
  const { tokens, clusters: count } = counts(context, of);
  return made(context, of, "clusters of slots", { columns: tokens }, () => {
    const i = named(context.fresh());
    return loop("max", i.name, ZERO, count, float(i), le(numberIn(firstSlots(context, of), of, i), COLUMN));
  });
}

/** The chunk from which the token of each slot is: the last one before which not all slots up to it are taken. */
function slotChunks(context: PlaceContext, of: OfClusters): Tensor {
  const { tokens, chunks } = counts(context, of);
  return made(context, of, "chunks of slots", { columns: tokens }, () => {
    const i = named(context.fresh());
    const cluster = numberIn(clustersBySlot(context, of), of, COLUMN);
    const before = whole(read(sizesBefore(context, of), of, { row: i, column: cluster }));
    return loop("max", i.name, ZERO, chunks, float(i), le(add(numberIn(firstSlots(context, of), of, cluster), before), COLUMN));
  });
}

/** The token of each slot. */
export function tokensBySlot(context: PlaceContext, of: OfClusters): Tensor {
  const { tokens } = counts(context, of);
  return made(context, of, "order", { columns: tokens }, () => {
    const i = named(context.fresh());
    const from = mul(numberIn(slotChunks(context, of), of, COLUMN), int(CHUNK));
    return loop("max", i.name, from, min(add(from, int(CHUNK)), tokens), float(i), equal(numberIn(slots(context, of), of, i), COLUMN));
  });
}

/** Whether the units of a row and a column that may be clusters hold tokens at all. */
export function haveMembers(
  context: PlaceContext,
  rows: OfClusters | undefined,
  columns: OfClusters | undefined,
  row: Int,
  column: Int,
): Cond {
  return and(
    ...(rows === undefined ? [] : [hasMembers(context, rows, row)]),
    ...(columns === undefined ? [] : [hasMembers(context, columns, column)]),
  );
}
