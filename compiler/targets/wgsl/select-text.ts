import type { Bits, Int } from "../../select/ir.js";
import type { KernelDialect } from "../print/kernel-dialect.js";
import type { SelectValues } from "../print/select-values.js";
import { printTakeApart } from "../print/take-apart.js";
import type { CountedAxis } from "../print/take-apart.js";
import { wgsl } from "./dialect.js";
import { floatLiteral } from "./text.js";
import type { KernelText } from "./text.js";

const types = { int: "i32", float: "f32", bool: "bool", word: "u32" } as const;

/** WGSL for statements of selection stages. */
export const wgslKernel: KernelDialect = {
  ...wgsl,
  constant: (_, name, text) => `let ${name} = ${text};`,
  variable: (type, name, text) => `var ${name}: ${types[type]} = ${text};`,
  loop: (name, from, to, step) => `for (var ${name} = ${from}; ${name} < ${to}; ${name} += ${step})`,
  float: (value) => (value < 0 ? `(${floatLiteral(value)})` : floatLiteral(value)),
  toFloat: (text) => `f32(${text})`,
  toInt: (text) => `i32(${text})`,
  fromBits: (word) => `bitcast<f32>(${word})`,
  view: (of, index) => `${of}_at(${index})`,
  unary: (name, a) => `${name}(${a})`,
};

/** A kernel's text with the number of its workgroups. */
export interface StageText {
  readonly threads: number;
  readonly workgroups: Int;
  /** Queries and keys are bound as vectors of four neighbouring dims. */
  readonly fours?: boolean | undefined;
  /** Declarations and functions before `main`. */
  readonly before?: readonly string[];
  readonly body: string;
}

/** See printTakeApart. */
export const takeApart = (text: KernelText, values: SelectValues, from: string, axes: readonly CountedAxis[], heads: Bits["heads"]): void =>
  printTakeApart(wgslKernel, text, values, from, axes, heads);

/** Parts that one thread puts together: of as many threads as there are parts of them, so that barriers are few. */
const PARTS = 16;

/**
 * Functions by which the threads of a workgroup put parts of a sum, minimum or maximum together, in two steps: a barrier
 * costs software devices more than the numbers do. The threads are a multiple of {@link PARTS}.
 */
export function sharedLoopFunctions(threads: number, body: string): readonly string[] {
  const functions = (["sum", "min", "max"] as const).filter((op) => body.includes(`share_${op}(`));
  if (functions.length === 0) return [];
  const extrema = functions.some((op) => op !== "sum");
  return [
    `var<workgroup> parts: array<f32, ${threads}>;`,
    `var<workgroup> joined: array<f32, ${PARTS}>;`,
    ...(extrema ? [`var<workgroup> any_part: array<u32, ${threads}>;`, `var<workgroup> any_joined: array<u32, ${PARTS}>;`] : []),
    ...functions.map((op) => (op === "sum" ? sumFunction(threads) : extremumFunction(op, threads))),
  ];
}

// A thread that writes parts anew has passed the second barrier: nobody reads the old ones any more.
const sumFunction = (threads: number): string => `
fn share_sum(lane: i32, part: f32) -> f32 {
  parts[lane] = part;
  workgroupBarrier();
  if (lane < ${PARTS}) {
    var sum = 0.0;
    for (var i = lane; i < ${threads}; i += ${PARTS}) {
      sum += parts[i];
    }
    joined[lane] = sum;
  }
  workgroupBarrier();
  var all = 0.0;
  for (var i = 0; i < ${PARTS}; i++) {
    all += joined[i];
  }
  return all;
}`;

const extremumFunction = (op: "min" | "max", threads: number): string => `
// Of the parts that are there; 0 where there is none.
fn share_${op}(lane: i32, part: f32, some: bool) -> f32 {
  parts[lane] = part;
  any_part[lane] = select(0u, 1u, some);
  workgroupBarrier();
  if (lane < ${PARTS}) {
    var best = 0.0;
    var any = false;
    for (var i = lane; i < ${threads}; i += ${PARTS}) {
      if (any_part[i] != 0u) {
        best = select(parts[i], ${op}(best, parts[i]), any);
        any = true;
      }
    }
    joined[lane] = best;
    any_joined[lane] = select(0u, 1u, any);
  }
  workgroupBarrier();
  var best = 0.0;
  var any = false;
  for (var i = 0; i < ${PARTS}; i++) {
    if (any_joined[i] != 0u) {
      best = select(joined[i], ${op}(best, joined[i]), any);
      any = true;
    }
  }
  return best;
}`;
