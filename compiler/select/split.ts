import { add, int, mul, sub, ZERO } from "./int.js";
import type { Int } from "./ir.js";

/** An integer as the sum of what mentions none of some names, of a constant, and of the rest. */
export interface Split {
  readonly fixed: Int;
  readonly constant: number;
  readonly rest: Int;
}

/** Takes an integer apart, so that what stays the same while the names take other values can be computed before. */
export function split(a: Int, names: readonly string[]): Split {
  if (a.kind === "int") return { fixed: ZERO, constant: a.value, rest: ZERO };
  if (a.kind === "add" || a.kind === "sub") {
    const [left, right] = [split(a.a, names), split(a.b, names)];
    const join = a.kind === "add" ? add : sub;
    return {
      fixed: join(left.fixed, right.fixed),
      constant: left.constant + (a.kind === "add" ? right.constant : -right.constant),
      rest: join(left.rest, right.rest),
    };
  }
  if (isFixed(a, names)) return { fixed: a, constant: 0, rest: ZERO };
  if (a.kind === "mul" && isFixed(a.b, names)) return times(split(a.a, names), a.b);
  if (a.kind === "mul" && isFixed(a.a, names)) return times(split(a.b, names), a.a);
  return { fixed: ZERO, constant: 0, rest: a };
}

function times({ fixed, constant, rest }: Split, factor: Int): Split {
  return { fixed: mul(add(fixed, int(constant)), factor), constant: 0, rest: mul(rest, factor) };
}

/** Whether it reads nothing and mentions none of the names. */
function isFixed(a: Int, names: readonly string[]): boolean {
  switch (a.kind) {
    case "int":
    case "shape":
      return true;
    case "name":
      return !names.includes(a.name);
    case "mask":
    case "id":
    case "token":
    case "whole":
      return false;
    default:
      return isFixed(a.a, names) && isFixed(a.b, names);
  }
}
