import { compileMask } from "../mask/compile.js";
import type { Looks } from "../mask/compile.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { closeMask } from "./closed.js";
import { compileCond, compileInt, tileFrame } from "./evaluate.js";
import type { TilePlan } from "./plan.js";
import { residual } from "./residual.js";
import type { Rectangle } from "./residual.js";

/** What is known of a rectangle of one head's mask without a look at its pairs. */
export type Judgement =
  | { readonly kind: "empty" }
  | { readonly kind: "full" }
  /** Rectangles with one key hold the same pairs, counted from their corners. Without a key it cannot be told. */
  | { readonly kind: "unsure"; readonly key?: string | undefined };

/** One head's mask of one batch entry, ready to be asked about rectangles. */
export interface Rectangles {
  readonly judge: (at: Rectangle) => Judgement;
  readonly looks: Looks;
}

export const area = (at: Rectangle): number => (at.q1 - at.q0 + 1) * (at.k1 - at.k0 + 1);

/** A rectangle that is unsure is split into so many parts a side, */
export const SPLIT = 4;
/** and one of at most so many pairs is looked at pair by pair. */
export const MOST_LOOKED = 4096;

const EMPTY: Judgement = { kind: "empty" };
const FULL: Judgement = { kind: "full" };

/** The plan of the module is asked first, as that is quick; then what is left of the mask inside of the rectangle. */
export function rectangles(module: MaskModule, plan: TilePlan, env: MaskEnv, at: { batch: number; head: number }): Rectangles {
  const frame = tileFrame(module, env, at.batch, at.head);
  const mask = closeMask(module, env, at.batch, at.head);
  const [may, must] = [compileCond(plan.may), compileCond(plan.must)];
  const ranges = plan.ranges.map((range) => ({ lo: compileInt(range.lo), hi: compileInt(range.hi) }));
  const judge = (rectangle: Rectangle): Judgement => {
    frame.q0 = rectangle.q0;
    frame.q1 = rectangle.q1;
    frame.k0 = rectangle.k0;
    frame.k1 = rectangle.k1;
    if (!may(frame)) return EMPTY;
    if (must(frame)) return FULL;
    if (!ranges.some(({ lo, hi }) => lo(frame) <= rectangle.k1 && rectangle.k0 < hi(frame))) return EMPTY;
    const left = residual(mask, rectangle);
    if (left === true) return FULL;
    if (left === false) return EMPTY;
    const key = left === undefined ? undefined : `${rectangle.q1 - rectangle.q0}x${rectangle.k1 - rectangle.k0} ${left}`;
    return { kind: "unsure", key };
  };
  return { judge, looks: compileMask(module, env, at.batch, at.head) };
}
