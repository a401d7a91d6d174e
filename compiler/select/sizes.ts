import type { SizeEnv } from "../../runtime/launch/module.js";
import { intOp } from "./int.js";
import type { Int } from "./ir.js";

/** A function that computes sizes of a launch. */
export function sizeEvaluator(sizes: readonly Int[]): (env: SizeEnv) => readonly number[] {
  return (env) => sizes.map((size) => evaluateSize(size, env));
}

function evaluateSize(size: Int, env: SizeEnv): number {
  switch (size.kind) {
    case "int":
      return size.value;
    case "shape":
      return env[size.name];
    case "name":
    case "mask":
    case "token":
    case "id":
    case "whole":
      throw new Error("a size of a launch depends on more than its shape");
    default:
      return intOp(size.kind, evaluateSize(size.a, env), evaluateSize(size.b, env));
  }
}
