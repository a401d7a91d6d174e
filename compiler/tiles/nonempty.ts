import { compileMask } from "../mask/compile.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { BoolExpr, IntExpr, MaskModule } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { simplifyBool } from "../mask/simplify.js";
import { fixedBaseLength, segmentsLength } from "../mask/space.js";
import { keyOf, mapLeaves, some } from "../mask/walk.js";
import { factsOf, knowledge } from "./intervals.js";
import * as t from "./expr.js";
import { causalityKey, withChosen, withForced } from "./forced.js";

/**
 * Whether every query sees at least one key, at every length, for every head and input. True is a
 * proof; false means that there is none, not that a row is empty.
 *
 * A candidate key is put in the place of `k`: the query's own position, the first key, the first key
 * of the query's block. What a selection forces counts as selected. The mask that is left mentions queries only; where it simplifies to true, or
 * interval analysis over all queries finds that it holds, each row has that key. A space of fixed
 * length is tried row by row.
 */
export function rowsNonempty(module: MaskModule): boolean {
  return caseByCase(module.mask).every((mask) => provenNonempty({ ...module, mask }));
}

/** Cases of a mask that are proved one by one, at most. */
const MOST_CASES = 64;

/** The cases of a mask where conditions that are the same for all keys of a query tell them apart. */
function caseByCase(mask: BoolExpr): readonly BoolExpr[] {
  const cases: BoolExpr[] = [];
  const open = [mask];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const items = next.kind === "and" ? next.items : [next];
    const at = items.findIndex((item) => item.kind === "choose" && !some(item.cond, (node) => node.kind === "var" && node.name === "k"));
    const choice = items[at];
    if (choice?.kind !== "choose" || cases.length + open.length >= MOST_CASES) cases.push(next);
    else for (const part of [choice.a, choice.b]) open.push(simplifyBool(m.and(...items.with(at, part))));
  }
  return cases;
}

function provenNonempty(module: MaskModule): boolean {
  const self = module.space.kind === "self";
  const mask = withForced(module);
  const candidates: IntExpr[] = [m.int(0), m.sub(m.variable("N"), m.int(1)), ...(self ? [m.q, ...blockStarts(mask)] : [])];
  if (candidates.some((key) => holdsForAllQueries(module, substitute(mask, key)))) return true;
  const causality = causalityKey(module.space);
  for (const chosen of withChosen(module)) if (keyOf(chosen) === causality) return true;
  return self && ownKeyInFixedSpace(module);
}

function substitute(mask: BoolExpr, key: IntExpr): BoolExpr {
  return simplifyBool(mapLeaves(mask, (leaf) => (leaf.kind === "var" && leaf.name === "k" ? key : leaf)));
}

/** `q / c * c` for every constant c that divides something in the mask. */
function blockStarts(mask: BoolExpr): readonly IntExpr[] {
  const divisors = new Set<number>();
  some(mask, (node) => {
    if (node.kind === "div" && node.b.kind === "int") divisors.add(node.b.value);
    return false;
  });
  return [...divisors].map((c) => m.mul(m.div(m.q, m.int(c)), m.int(c)));
}

function holdsForAllQueries(module: MaskModule, mask: BoolExpr): boolean {
  if (mask.kind === "bool") return mask.value;
  const last = t.sub(t.variable(module.space.kind === "self" ? "N" : "NQ"), t.int(1));
  const all = { lo: t.int(0), hi: last };
  return knowledge(mask, { q: all, k: all }, factsOf(module)).must === t.always;
}

/** Rows that a proof by trying may take: pairs of a head and a query. */
const MOST_TRIED = 1e6;

/** Where the length is fixed and nothing but heads varies: whether every query sees itself. */
function ownKeyInFixedSpace(module: MaskModule): boolean {
  const base = fixedBaseLength(module.space);
  const varies = some(
    module.mask,
    (node) =>
      node.kind === "param" ||
      node.kind === "load" ||
      node.kind === "bit" ||
      node.kind === "scalar" ||
      (node.kind === "var" && !fixedNames.has(node.name)),
  );
  if (base === undefined || varies) return false;
  const N = base + segmentsLength(module.space);
  const { heads, kvHeads } = module.shape;
  const perHead = some(module.mask, (node) => node.kind === "var" && (node.name === "h" || node.name === "kvh"));
  const tried = perHead ? heads : 1;
  if (N * tried > MOST_TRIED) return false;
  const env: MaskEnv = { N, NQ: N, heads, kvHeads };
  const own = { ...module, mask: substitute(module.mask, m.q) };
  for (let h = 0; h < tried; h++) {
    const looks = compileMask(own, env, 0, h);
    for (let q = 0; q < N; q++) if (!looks(q, q)) return false;
  }
  return true;
}

const fixedNames: ReadonlySet<string> = new Set(["q", "k", "N", "NQ", "h", "kvh"]);

/** A row without a key, where one is found by trying: some lengths, heads, layers and phases at default parameters. */
export interface EmptyRow {
  readonly N: number;
  readonly head: number;
  readonly query: number;
}

const TRIED_LENGTHS = [64, 200];

/** Looks for a row that sees nothing; only for masks that no input decides. */
export function findEmptyRow(module: MaskModule): EmptyRow | undefined {
  if (some(module.mask, (node) => node.kind === "load" || node.kind === "bit")) return undefined;
  const params = Object.fromEntries(module.params.map((param) => [param.name, param.default ?? Math.max(param.min ?? 1, 8)]));
  const base = fixedBaseLength(module.space);
  // An axis given at run time makes lengths that fit it alone: they are left to the verifier.
  if (module.space.axes.some((axis) => axis.extent === "runtime")) return undefined;
  const segments = segmentsLength(module.space);
  const { heads, kvHeads } = module.shape;
  for (const N of base === undefined ? TRIED_LENGTHS.map((length) => length + segments) : [base + segments]) {
    if (N * N * heads > 1e8) return undefined;
    const env: MaskEnv = { N, NQ: N, heads, kvHeads, params, layer: 0, layers: 4, step: 0, steps: 4, phase: 0 };
    for (let head = 0; head < heads; head++) {
      const looks = compileMask(module, env, 0, head);
      for (let query = 0; query < N; query++) {
        let k = query;
        while (k < N && !looks(query, k)) k++;
        if (k < N) continue;
        for (k = query - 1; k >= 0 && !looks(query, k); k--);
        if (k < 0) return { N, head, query };
      }
    }
  }
  return undefined;
}
