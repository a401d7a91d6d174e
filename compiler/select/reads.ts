import type { Bits, Stage, Tensor } from "./ir.js";
import { readsOf, writesOf } from "./walk.js";

/**
 * The stages with the names of the matrices that need them, in the order of `matrices`: what only others are made from need
 * not be computed where these are given.
 */
export function withServes(stages: readonly Stage[], matrices: readonly string[]): readonly Stage[] {
  const needed = new Map<Tensor | Bits, Set<string>>();
  const served = [...stages].reverse().map((stage): Stage => {
    // What reads a matrix may read one that the caller gives back.
    const names = new Set(writesOf(stage).flatMap((to) => (to.base === undefined ? [to.name] : [...(needed.get(to) ?? [])])));
    for (const read of readsOf(stage)) {
      const all = needed.get(read) ?? new Set();
      for (const name of names) all.add(name);
      needed.set(read, all);
    }
    return { ...stage, serves: matrices.filter((name) => names.has(name)) };
  });
  return served.reverse();
}
