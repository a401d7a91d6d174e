import { planTiles } from "./plan.js";
import { area, MOST_LOOKED, rectangles, SPLIT } from "./rectangles.js";
import type { Rectangles } from "./rectangles.js";
import type { Rectangle } from "./residual.js";
import type { OneMask } from "./closed.js";

/**
 * For each key the last query that looks at it, `-1` where none does. The plane is divided as by `tilePlane`; of rectangles
 * that are the same only one is looked into.
 */
export function lastUses({ module, env }: OneMask): Int32Array {
  const found = new Int32Array(env.N).fill(-1);
  if (env.N === 0) return found;
  const search = new Search(rectangles(module, planTiles(module), env, { batch: 0, head: 0 }));
  search.into(found, 0, { q0: env.N - env.NQ, q1: env.N - 1, k0: 0, k1: env.N - 1 });
  return found;
}

class Search {
  /** Rows from the top of a rectangle, by its key; see `Judgement`. */
  private readonly known = new Map<string, Int32Array>();

  constructor(private readonly mask: Rectangles) {}

  /** Raises the entries of the rectangle's keys; entry 0 is key `base`. */
  into(found: Int32Array, base: number, at: Rectangle): void {
    const judged = this.mask.judge(at);
    if (judged.kind === "empty") return;
    if (judged.kind === "full") return raise(found, base, at, () => at.q1);
    if (judged.key === undefined) return this.divide(found, base, at);
    let inside = this.known.get(judged.key);
    if (!inside) {
      inside = new Int32Array(at.k1 - at.k0 + 1).fill(-1);
      this.divide(inside, at.k0, at);
      for (let i = 0; i < inside.length; i++) inside[i] = inside[i]! < 0 ? -1 : inside[i]! - at.q0;
      this.known.set(judged.key, inside);
    }
    const rows = inside;
    raise(found, base, at, (k) => (rows[k - at.k0]! < 0 ? -1 : at.q0 + rows[k - at.k0]!));
  }

  private divide(found: Int32Array, base: number, at: Rectangle): void {
    if (area(at) <= MOST_LOOKED) return raise(found, base, at, (k) => this.lastRow(at, k));
    const rows = Math.ceil((at.q1 - at.q0 + 1) / SPLIT);
    const columns = Math.ceil((at.k1 - at.k0 + 1) / SPLIT);
    for (let q0 = at.q0; q0 <= at.q1; q0 += rows) {
      for (let k0 = at.k0; k0 <= at.k1; k0 += columns) {
        this.into(found, base, { q0, q1: Math.min(q0 + rows - 1, at.q1), k0, k1: Math.min(k0 + columns - 1, at.k1) });
      }
    }
  }

  private lastRow(at: Rectangle, k: number): number {
    for (let q = at.q1; q >= at.q0; q--) if (this.mask.looks(q, k)) return q;
    return -1;
  }
}

function raise(found: Int32Array, base: number, { k0, k1 }: Rectangle, row: (k: number) => number): void {
  for (let k = k0; k <= k1; k++) found[k - base] = Math.max(found[k - base]!, row(k));
}
