import { intKey, named } from "./int.js";
import type { Cond, Int, Place, Real } from "./ir.js";

/** Names and what stands in their place. A loop over a name has the name that stands in its place. */
export type Names = ReadonlyMap<string, Int>;

export function renameInt(a: Int, names: Names): Int {
  switch (a.kind) {
    case "int":
    case "shape":
    case "mask":
      return a;
    case "name":
      return names.get(a.name) ?? a;
    case "token":
    case "id": {
      const place = renameInt(a.place, names);
      return place === a.place ? a : { ...a, place };
    }
    case "whole": {
      const of = new Renaming(names).real(a.of);
      return of === a.of ? a : { ...a, of };
    }
    default: {
      const [left, right] = [renameInt(a.a, names), renameInt(a.b, names)];
      return left === a.a && right === a.b ? a : { ...a, a: left, b: right };
    }
  }
}

/**
 * Numbers with other names in them: what does not mention one stays the same object, and what was one object is one again. What is
 * `known` already stands for what is equal to it.
 */
export class Renaming {
  private readonly done = new Map<Real, Real>();

  constructor(
    private readonly names: Names,
    private readonly known: readonly Real[] = [],
  ) {}

  readonly real = (value: Real): Real => {
    let renamed = this.done.get(value);
    if (renamed === undefined) {
      const made = this.parts(value);
      renamed = this.known.find((each) => sameReal(each, made)) ?? made;
      this.done.set(value, renamed);
    }
    return renamed;
  };

  /** Whether a loop goes through the same range as before. */
  keepsRange({ from, to, where }: Extract<Real, { kind: "loop" }>): boolean {
    return this.int(from) === from && this.int(to) === to && (where === undefined || this.cond(where) === where);
  }

  private readonly int = (a: Int): Int => renameInt(a, this.names);

  private parts(value: Real): Real {
    const { int, real } = this;
    switch (value.kind) {
      case "number":
      case "scale":
      case "product":
        return value;
      case "scalar":
        return kept(value, { head: int(value.head) });
      case "float":
        return kept(value, { a: int(value.a) });
      case "load":
      case "input":
        return kept(value, { at: this.place(value.at) });
      case "query":
      case "key":
        return kept(value, { head: int(value.head), row: int(value.row), dim: int(value.dim) });
      case "word":
        return kept(value, { at: kept(value.at, { head: int(value.at.head), row: int(value.at.row), dim: int(value.at.dim) }) });
      case "choose":
        return kept(value, { cond: this.cond(value.cond), a: real(value.a), b: real(value.b) });
      case "loop": {
        const name = this.names.get(value.name) ?? named(value.name);
        if (name.kind !== "name") throw new Error(`${value.name} is the variable of a loop`);
        return kept(value, {
          name: name.name,
          ...{ from: int(value.from), to: int(value.to), body: real(value.body) },
          ...(value.where === undefined ? {} : { where: this.cond(value.where) }),
        });
      }
      case "add":
      case "sub":
      case "mul":
      case "div":
      case "min":
      case "max":
      case "lt":
      case "le":
        return kept(value, { a: real(value.a), b: real(value.b) });
      default:
        return kept(value, { a: real(value.a) });
    }
  }

  private place(at: Place): Place {
    const index = (a: Int | undefined): Int | undefined => (a === undefined ? undefined : this.int(a));
    return kept(at, { head: this.int(at.head), row: index(at.row), column: index(at.column), dim: index(at.dim) });
  }

  private cond(cond: Cond): Cond {
    switch (cond.kind) {
      case "bool":
      case "mask":
        return cond;
      case "lt":
      case "le":
        return kept(cond, { a: this.int(cond.a), b: this.int(cond.b) });
      case "and":
      case "or": {
        const items = cond.items.map((item) => this.cond(item));
        return items.every((item, i) => item === cond.items[i]) ? cond : { ...cond, items };
      }
      case "not":
        return kept(cond, { a: this.cond(cond.a) });
      case "nonzero":
        return kept(cond, { a: this.real(cond.a) });
      case "bit":
        return kept(cond, { row: this.int(cond.row), column: this.int(cond.column) });
    }
  }
}

/** The same object where none of its parts is another. */
function kept<T extends object>(whole: T, parts: Partial<T>): T {
  const keys = Object.keys(parts) as (keyof T)[];
  return keys.every((key) => parts[key] === whole[key]) ? whole : { ...whole, ...parts };
}

/** Whether two numbers that are read are the same: of the same tensor, at the same place. */
export function sameReal(a: Real, b: Real): boolean {
  if (a === b) return true;
  const same = (x: Int | undefined, y: Int | undefined): boolean =>
    x === y || (x !== undefined && y !== undefined && intKey(x) === intKey(y));
  const samePlace = (x: Place, y: Place): boolean =>
    same(x.head, y.head) && same(x.row, y.row) && same(x.column, y.column) && same(x.dim, y.dim);
  if (a.kind === "load") return b.kind === "load" && a.from === b.from && samePlace(a.at, b.at);
  if (a.kind === "word") return b.kind === "word" && a.from === b.from && samePlace(a.at, b.at);
  if (a.kind === "input") return b.kind === "input" && a.input === b.input && samePlace(a.at, b.at);
  if (a.kind !== "query" && a.kind !== "key") return false;
  return b.kind === a.kind && same(a.head, b.head) && same(a.row, b.row) && same(a.dim, b.dim);
}
