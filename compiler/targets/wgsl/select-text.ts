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
  fromBits: (word) => `bitcast<f32>(${word})`,
  unary: (name, a) => `${name}(${a})`,
};

/** A kernel's text with the number of its workgroups. */
export interface StageText {
  readonly threads: number;
  readonly workgroups: Int;
  /** Declarations and functions before `main`. */
  readonly before?: readonly string[];
  readonly body: string;
}

/** See printTakeApart. */
export const takeApart = (text: KernelText, values: SelectValues, from: string, axes: readonly CountedAxis[], heads: Bits["heads"]): void =>
  printTakeApart(wgslKernel, text, values, from, axes, heads);

/** Functions by which the threads of a workgroup put parts of a sum, minimum or maximum together. */
export function sharedLoopFunctions(threads: number, body: string): readonly string[] {
  const functions = (["sum", "min", "max"] as const).filter((op) => body.includes(`share_${op}(`));
  if (functions.length === 0) return [];
  return [
    `var<workgroup> parts: array<f32, ${threads}>;`,
    ...(functions.some((op) => op !== "sum") ? [`var<workgroup> any_part: array<u32, ${threads}>;`] : []),
    ...functions.map((op) => (op === "sum" ? sumFunction(threads) : extremumFunction(op, threads))),
  ];
}

const sumFunction = (threads: number): string => `
fn share_sum(lane: i32, part: f32) -> f32 {
  workgroupBarrier();
  parts[lane] = part;
  for (var step = ${threads / 2}; step > 0; step /= 2) {
    workgroupBarrier();
    if (lane < step) {
      parts[lane] += parts[lane + step];
    }
  }
  workgroupBarrier();
  return parts[0];
}`;

const extremumFunction = (op: "min" | "max", threads: number): string => `
// Of the parts that are there; 0 where there is none.
fn share_${op}(lane: i32, part: f32, some: bool) -> f32 {
  workgroupBarrier();
  parts[lane] = part;
  any_part[lane] = select(0u, 1u, some);
  for (var step = ${threads / 2}; step > 0; step /= 2) {
    workgroupBarrier();
    if (lane < step && any_part[lane + step] != 0u) {
      parts[lane] = select(parts[lane + step], ${op}(parts[lane], parts[lane + step]), any_part[lane] != 0u);
      any_part[lane] = 1u;
    }
  }
  workgroupBarrier();
  return parts[0];
}`;
