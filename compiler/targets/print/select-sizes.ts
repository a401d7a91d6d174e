import { intKey } from "../../select/int.js";
import type { Int } from "../../select/ir.js";

/** Numbers that the host computes at launch for all stages of a program, each once: uniform words. */
export class Sizes {
  readonly all: Int[] = [];
  private readonly indices = new Map<string, number>();

  index(size: Int): number {
    const key = intKey(size);
    let index = this.indices.get(key);
    if (index === undefined) this.indices.set(key, (index = this.all.push(size) - 1));
    return index;
  }
}

export const sizeName = (index: number): string => `size_${index}`;
