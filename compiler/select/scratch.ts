import type { Draft } from "./arrange.js";
import { add, intKey, max, product, shape, ZERO } from "./int.js";
import type { Bits, Int, Stage, Tensor } from "./ir.js";
import { headCount, wordsPerRow } from "./places.js";
import { guess } from "./share.js";
import { readsOf, writesOf } from "./walk.js";

/** Stages during which something lies in the scratch buffer, both ends included. */
export interface Life {
  readonly of: Tensor | Bits;
  readonly from: number;
  readonly to: number;
}

/**
 * When each tensor and each matrix of the scratch buffer is needed. In a loop over strips that is its own stages only for
 * what is stored for a strip; all else that is written or read there is needed while the loop lasts.
 */
export function livesOf(stages: readonly Stage[]): readonly Life[] {
  const ends = (at: number, of: Tensor | Bits): { from: number; to: number } => {
    const { strips } = stages[at]!;
    if (strips === undefined || of.firstRow !== undefined) return { from: at, to: at };
    const inLoop = stages.flatMap((stage, i) => (stage.strips === strips ? [i] : []));
    return { from: inLoop[0]!, to: inLoop[inLoop.length - 1]! };
  };
  const lives = new Map<Tensor | Bits, Life>();
  stages.forEach((stage, at) => {
    for (const of of [...writesOf(stage), ...readsOf(stage)]) {
      if (of.base === undefined) continue;
      const { from, to } = ends(at, of);
      const known = lives.get(of);
      lives.set(of, known === undefined ? { of, from, to } : { of, from: Math.min(known.from, from), to: Math.max(known.to, to) });
    }
  });
  return [...lives.values()];
}

/** Words that several tensors have one after another. */
interface Slot {
  /** Sizes of its tensors, by their text: it is as large as the largest. */
  readonly sizes: Map<string, Int>;
  words: number;
  /** The stage until which it is taken. */
  until: number;
  readonly users: (Tensor | Bits)[];
}

/**
 * Gives all tensors and matrices their words, and returns how many words there are. What is not needed at the same time may
 * have the same words: which of them is decided for a typical launch, and holds for all.
 */
export function placeInScratch(stages: readonly Stage[]): Int {
  const slots: Slot[] = [];
  for (const life of [...livesOf(stages)].sort((a, b) => a.from - b.from)) {
    const words = wordsOf(life.of);
    const slot = chooseSlot(slots, life.from, guess(words));
    slot.sizes.set(intKey(words), words);
    slot.words = Math.max(slot.words, guess(words));
    slot.until = life.to;
    slot.users.push(life.of);
  }
  let base = ZERO;
  for (const { sizes, users } of slots) {
    for (const user of users) (user as Draft<Tensor | Bits>).base = base;
    base = add(base, [...sizes.values()].reduce(max));
  }
  return base;
}

/** The smallest free slot that is large enough, else the largest, else a new one. */
function chooseSlot(slots: Slot[], at: number, words: number): Slot {
  const free = slots.filter(({ until }) => until < at).sort((a, b) => a.words - b.words);
  const found = free.find((slot) => slot.words >= words) ?? free[free.length - 1];
  if (found !== undefined) return found;
  const made: Slot = { sizes: new Map(), words: 0, until: 0, users: [] };
  slots.push(made);
  return made;
}

const isBits = (of: Tensor | Bits): of is Bits => !("dim" in of);

/** Words that a tensor or a matrix has in a part of a call. */
export function wordsOf(of: Tensor | Bits): Int {
  const heads = product(shape("partBatch"), headCount[of.heads]);
  if (isBits(of)) return product(heads, of.rows, wordsPerRow(of));
  return product(heads, ...[of.rows, of.columns, of.dim].flatMap((each) => each ?? []));
}
