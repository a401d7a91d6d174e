import { kvHeadOf } from "../mask/evaluate.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { simplifyBool } from "../mask/simplify.js";
import { keyOf, mapLeaves, some } from "../mask/walk.js";
import { oneHead, unionOfHeads } from "./closed.js";
import type { OneMask } from "./closed.js";
import { planTiles } from "./plan.js";
import { tilePlane } from "./subdivide.js";

/** The query heads that read one kv head. */
export function headsOf(kvHead: number, { heads, kvHeads }: MaskEnv): readonly number[] {
  return Array.from({ length: heads }, (_, head) => head).filter((head) => kvHeadOf(head, heads, kvHeads) === kvHead);
}

/** The kv heads in groups whose query heads see the same keys together, with what they see. */
export function kvGroups(
  { kvHeads }: MaskEnv,
  unionOf: (kvHead: number) => OneMask,
): readonly { readonly kvHeads: readonly number[]; readonly seen: OneMask }[] {
  const groups = new Map<string, { readonly kvHeads: number[]; readonly seen: OneMask }>();
  for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
    const seen = unionOf(kvHead);
    const key = keyOf(seen.module.mask);
    const group = groups.get(key);
    if (group) group.kvHeads.push(kvHead);
    else groups.set(key, { kvHeads: [kvHead], seen });
  }
  return [...groups.values()];
}

/** Keys that the last query of a call reads, of each group of kv heads that read alike. */
export interface DecodeKeys {
  readonly length: number;
  readonly groups: readonly { readonly kvHeads: readonly number[]; readonly keys: number }[];
}

/** What one more token reads at a length: a self space's last query alone, or the last one of a cross space. */
export function decodeKeys(module: MaskModule, env: MaskEnv, length: number): DecodeKeys {
  const own = module.space.kind === "self";
  // An input's rows are those of the whole call.
  const at: MaskEnv = { ...env, N: length, NQ: own && !readsInputs(module) ? 1 : env.NQ };
  const groups = kvGroups(at, (kvHead) => unionOfHeads(module, at, headsOf(kvHead, at)));
  return { length, groups: groups.map(({ kvHeads, seen }) => ({ kvHeads, keys: lastRow(seen) })) };
}

function lastRow({ module, env }: OneMask): number {
  const plane = tilePlane(module, planTiles(module), env, { head: 0, blockQ: 1, blockK: 64 });
  let keys = 0;
  plane.row(plane.rows - 1, (run) => (keys += run.pairs));
  return keys;
}

export const readsInputs = (module: MaskModule): boolean => some(module.mask, (node) => node.kind === "load" || node.kind === "bit");

/**
 * The pairs that the query heads of a kv head look at while a sequence is decoded: query `q` is the last of `q + 1` tokens.
 * Where an input decides, or a host scalar depends on the length, or a grid fixes it, the length is that of the call.
 */
export function whileDecoding(module: MaskModule, env: MaskEnv, heads: readonly number[]): OneMask & { readonly growing: boolean } {
  const fromStart: MaskEnv = { ...env, NQ: env.N };
  const lengths = ["N", "NQ"] as const;
  const scalar = module.scalars.some(({ expr }) => lengths.some((name) => JSON.stringify(expr).includes(`"name":"${name}"`)));
  const growing = module.space.axes.length === 0 && !scalar && !readsInputs(module);
  const seen = unionOfHeads(module, fromStart, heads, growing ? lengths : []);
  if (!growing) return { ...seen, growing };
  const mask = mapLeaves(seen.module.mask, (leaf) => {
    if (leaf.kind !== "var") return leaf;
    return leaf.name === "N" ? m.add(m.q, m.int(1)) : leaf.name === "NQ" ? m.int(1) : leaf;
  });
  return { module: oneHead(module, simplifyBool(mask)), env: seen.env, growing };
}
