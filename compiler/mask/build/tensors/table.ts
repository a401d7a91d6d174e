import type { Tensor } from "../../selection.js";

type Below = "a" | "b" | "cond" | "where";

/** Tensors of a module, equal ones once: a node that is used twice means one computation. */
export class TensorTable {
  private readonly known = new Map<string, Tensor>();
  private readonly numbers = new Map<Tensor, number>();

  make<T extends Tensor>(tensor: T): Tensor {
    const key = this.shallow(tensor);
    const present = this.known.get(key);
    if (present !== undefined) return present;
    this.known.set(key, tensor);
    this.numbers.set(tensor, this.numbers.size);
    return tensor;
  }

  /** A text that is the same for the same tensor. */
  key(tensor: Tensor): string {
    return `t${this.numbers.get(tensor)!}`;
  }

  private shallow(tensor: Tensor): string {
    return JSON.stringify(tensor, (name, value: unknown) =>
      below.has(name) && value !== undefined && value !== tensor ? this.key(value as Tensor) : value,
    );
  }
}

const below: ReadonlySet<string> = new Set<Below>(["a", "b", "cond", "where"]);
