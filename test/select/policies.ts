import { and, bit, div, int, k, le, lt, or, q, sub, variable } from "../../compiler/mask/make.js";
import type { FloatInput, HostScalar, MaskModule, Space } from "../../compiler/mask/ir.js";
import type { Flag, Selection, Tensor } from "../../compiler/mask/selection.js";
import { bitOfPair } from "../../compiler/mask/selection-bits.js";
import { simplifyBool } from "../../compiler/mask/simplify.js";
import * as t from "./tensors.js";

/** Published rules as selection IR, at small sizes; written by hand, as the front end would write them. */

export const CAUSAL: Space = { kind: "self", causal: true, axes: [], segments: [] };
export const FULL: Space = { kind: "self", causal: false, axes: [], segments: [] };
export const CROSS: Space = { kind: "cross", causal: false, axes: [], segments: [] };

export interface ModuleParts {
  readonly space?: Space;
  readonly floatInputs?: readonly FloatInput[];
  readonly scalars?: readonly HostScalar[];
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
  readonly dtype?: "f32" | "f16";
}

export function moduleWith(selections: readonly (Selection | Flag)[], parts: ModuleParts = {}): MaskModule {
  const { space = CAUSAL, floatInputs, scalars = [], heads = 4, kvHeads = 2, headDim = 8, dtype = "f32" } = parts;
  return {
    name: "test",
    origin: "test.attn:1",
    space,
    shape: { heads, kvHeads, headDim, valueDim: headDim, dtype },
    params: [],
    inputs: [],
    ...(floatInputs === undefined ? {} : { floatInputs }),
    tables: [],
    scalars,
    phases: [],
    mask: or(...selections.map((each) => readingOf(each, space))),
    selections,
    emitLse: false,
    requireRowsNonempty: false,
  };
}

/** How a mask reads a selection. */
function readingOf(each: Selection | Flag, space: Space) {
  if (each.kind === "flag") return bit(each.name, int(0), int(0));
  const first = space.kind === "self" ? sub(variable("N"), variable("NQ")) : int(0);
  const { rows, columns, snap } = each;
  const unit = snap ?? rows?.unit;
  const row = rows === undefined ? int(0) : sub(div(q, int(unit!)), div(first, int(unit!)));
  if (columns.kind === "keys") return bit(each.name, row, div(k, int(snap ?? columns.unit)));
  if (snap !== undefined) return bit(each.name, int(0), sub(div(q, int(snap)), div(k, int(snap))));
  return bit(each.name, row, div(sub(q, k), int(columns.unit)));
}

const top = (n: number): Selection["keep"] => ({ rule: { kind: "top", n: int(n) }, scope: "row" });

export function moba(block: number, n: number): Selection {
  return {
    kind: "selection",
    name: "b",
    heads: "query",
    rows: { unit: 1 },
    columns: { kind: "keys", unit: block },
    score: t.dot(t.queries(), t.poolColumns("mean", t.keys, block)),
    keep: top(n),
    force: { local: int(1), onTop: false },
  };
}

export function verticalSlash(last: number, cols: number, diags: number, first: number, snap: number): readonly Selection[] {
  const p = t.softmax(t.binary("mul", t.dot(t.queries(last), t.keys), t.scale));
  const base = { kind: "selection", heads: "query", keep: top(cols), force: { first: int(first), onTop: false } } as const;
  return [
    { ...base, name: "c", columns: { kind: "keys", unit: 1 }, score: t.reduce("sum", "rows", p) },
    { ...base, name: "d", columns: { kind: "offsets", unit: 1 }, score: t.diagonals("sum", p, 1), keep: top(diags), snap },
  ];
}

export function blockSparse(block: number, n: number): Selection {
  return {
    kind: "selection",
    name: "b",
    heads: "query",
    rows: { unit: block },
    columns: { kind: "keys", unit: block },
    score: t.dot(t.poolRows("mean", t.queries(), block), t.poolColumns("mean", t.keys, block)),
    keep: top(n),
  };
}

/** FlexPrefill: columns and diagonals by mass, blocks of the whole head by mass, and which of both a head is for. */
export function flexPrefill(block: number, last: number, gamma: number, tau: number): readonly (Selection | Flag)[] {
  const p = t.softmax(t.binary("mul", t.dot(t.queries(last), t.keys), t.scale));
  const pooledKeys = t.poolColumns("mean", t.keys, block);
  const estimate = t.softmax(t.binary("mul", t.dot(t.reduce("mean", "rows", t.queries(last)), pooledKeys), t.scale));
  const mass = t.reduce("mean", "rows", p);
  const keep: Selection["keep"] = { rule: { kind: "mass", p: { kind: "number", value: gamma } }, least: int(2), scope: "row" };
  const force = { first: int(1), onTop: false } as const;
  const maps = t.dot(t.poolRows("mean", t.queries(), block), pooledKeys);
  return [
    {
      kind: "selection",
      name: "cols",
      heads: "query",
      columns: { kind: "keys", unit: block },
      score: t.poolColumns("sum", mass, block),
      keep,
      force,
    },
    {
      kind: "selection",
      name: "diags",
      heads: "query",
      columns: { kind: "offsets", unit: block },
      score: t.diagonals("mean", p, block),
      keep,
      force,
    },
    {
      kind: "selection",
      name: "blocks",
      heads: "query",
      rows: { unit: block },
      columns: { kind: "keys", unit: block },
      score: t.softmax(t.binary("mul", maps, t.scale)),
      keep: { ...keep, least: undefined, scope: "head" },
    },
    {
      kind: "flag",
      name: "aware",
      heads: "query",
      value: t.binary("lt", jsDistance(estimate, t.poolColumns("sum", mass, block)), t.number(tau)),
    },
  ];
}

/** sqrt of the Jensen-Shannon divergence, natural logarithms. */
function jsDistance(a: Tensor, b: Tensor): Tensor {
  const middle = t.binary("mul", t.binary("add", a, b), t.number(0.5));
  const part = (x: Tensor): Tensor => {
    const term = t.binary("mul", x, t.unary("log", t.binary("div", x, middle)));
    return t.reduce("sum", "columns", t.choose(t.binary("lt", t.number(0), x), term, t.number(0)));
  };
  return t.unary("sqrt", t.binary("mul", t.binary("add", part(a), part(b)), t.number(0.5)));
}

/** Quest: a bound of the best score of a page from the least and greatest numbers of its keys. */
export function quest(page: number, n: number): Selection {
  const bound = (op: "min" | "max"): Tensor => t.binary("mul", t.queries(), t.poolColumns(op, t.keys, page));
  return {
    kind: "selection",
    name: "pages",
    heads: "query",
    rows: { unit: 1 },
    columns: { kind: "keys", unit: page },
    score: t.reduce("sum", "dim", t.binary("max", bound("min"), bound("max"))),
    keep: top(n),
    force: { last: int(1), onTop: false },
  };
}

/** NSA: probabilities of overlapping windows, of those that end before the query, folded to blocks and summed over a group. */
export function nsa(window: number, stride: number, block: number, n: number): Selection {
  const logits = t.binary("mul", t.dot(t.queries(), t.pooled("ck", window, stride)), t.scale);
  const ended = t.binary("le", t.keyPosition(window, stride, "last"), t.rowPosition(1, "first"));
  return {
    kind: "selection",
    name: "s",
    heads: "kv",
    rows: { unit: 1 },
    columns: { kind: "keys", unit: block },
    score: t.overHeads("sum", t.fold([1, 2, 2, 2, 1], 1, block, t.softmax(logits, ended)), "kv"),
    keep: top(n),
    force: { first: int(1), local: int(2), onTop: false },
  };
}

/** Keys by smoothed column sums, one list for each kv head, beside a static window that is forced on top. */
export function snapKeys(last: number, n: number): Selection {
  const p = t.softmax(t.binary("mul", t.dot(t.queries(last), t.keys), t.scale));
  return {
    kind: "selection",
    name: "kept",
    heads: "kv",
    columns: { kind: "keys", unit: 1 },
    score: t.overHeads("mean", t.smooth("mean", 5, t.reduce("sum", "rows", p)), "kv"),
    keep: top(n),
    force: { pairs: and(lt(sub(q, k), int(9)), le(k, q)), onTop: true },
  };
}

/** Stages that refine one another: parts of blocks that were chosen, and parts of these or of what another selection keeps. */
export function coarseToFine(block: number, n: number): readonly Selection[] {
  const stage = (name: string, rows: number, unit: number, rest: Partial<Selection>): Selection => ({
    kind: "selection",
    name,
    heads: "query",
    rows: { unit: rows },
    columns: { kind: "keys", unit },
    score: t.dot(t.poolRows("max", t.queries(), rows), t.poolColumns("first", t.keys, unit)),
    keep: top(n),
    ...rest,
  });
  const coarse = stage("coarse", block, 4 * block, {});
  const own = stage("shared", block, 2 * block, {});
  const shared: Selection = { ...own, heads: "kv", score: t.overHeads("max", own.score, "kv") };
  const pairOf = (item: Selection) => simplifyBool(bitOfPair(item, CAUSAL));
  const middle = stage("middle", block, block, {
    among: simplifyBool(and(le(k, q), pairOf(coarse))),
    force: { first: int(1), onTop: false },
  });
  const fine = stage("fine", block, block / 4, {
    among: simplifyBool(and(le(k, q), or(pairOf(middle), and(pairOf(shared), lt(sub(q, k), int(3 * block)))))),
    force: { pairs: simplifyBool(and(le(k, q), pairOf(middle), lt(sub(q, k), int(block)))), onTop: true },
  });
  return [coarse, shared, middle, fine];
}

export const POLICIES: Readonly<Record<string, MaskModule>> = {
  moba: moduleWith([moba(16, 3)]),
  verticalSlash: moduleWith(verticalSlash(16, 12, 20, 3, 16)),
  blockSparse: moduleWith([blockSparse(16, 3)]),
  flexPrefill: moduleWith(flexPrefill(16, 24, 0.9, 0.3)),
  quest: moduleWith([quest(16, 4)]),
  nsa: moduleWith([nsa(8, 4, 16, 5)], { floatInputs: [{ kind: "pooled", name: "ck", n: 8, stride: 4 }] }),
  snapKeys: moduleWith([snapKeys(20, 30)]),
  coarseToFine: moduleWith(coarseToFine(16, 3)),
};
