import type { Evaluation } from "../../compiler/select/evaluate.js";
import { evaluateWhole, runStage } from "../../compiler/select/interpret.js";
import type { Bits, SelectionProgram } from "../../compiler/select/ir.js";
import { Memory } from "../../compiler/select/memory.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import { mapResults } from "../../compiler/select/walk.js";
import type { StagesResult } from "./layout.js";

/**
 * Holds what a device did to the interpreter, stage by stage: each stage of the interpreter starts from what the device
 * wrote before it, so that rounding does not add up and bits must be equal. The first difference, or undefined.
 * `tolerance` is relative to the largest number of a tensor.
 */
export function firstDifference(
  program: SelectionProgram,
  call: SelectionCall,
  { bits, scratch }: StagesResult,
  tolerance: number,
): string | undefined {
  const memory = new Memory();
  const evaluation = evaluateWhole(program, call, memory);
  for (const stage of program.stages) {
    runStage(stage, evaluation, memory);
    const words = scratch.get(stage)!;
    const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
    if (stage.kind === "map" || stage.kind === "dot") {
      for (const { to } of stage.kind === "map" ? mapResults(stage) : [stage]) {
        const expected = memory.tensor(to);
        const base = evaluation.size(to.base);
        const found = floats.slice(base, base + expected.data.length);
        const most = expected.data.reduce((a, b) => (Number.isFinite(b) ? Math.max(a, Math.abs(b)) : a), 0);
        const at = expected.data.findIndex((value, i) => !close(value, found[i]!, tolerance * most));
        if (at >= 0) return `${stage.name}: element ${at} is ${found[at]}, not ${expected.data[at]}`;
        memory.writeTensor(to, { ...expected, data: found });
      }
      continue;
    }
    const expected = memory.bits(stage.to);
    const found = stage.to.base === undefined ? bits[stage.to.name]!.data : scratchBits(stage.to, evaluation, words, expected);
    const at = expected.data.findIndex((value, i) => value !== found[i]);
    if (at >= 0) {
      const row = Math.floor(at / expected.columns);
      return `${stage.name}: bit ${at % expected.columns} of row ${row % expected.rows}, head ${Math.floor(row / expected.rows)} is ${found[at]}`;
    }
  }
  return undefined;
}

const close = (a: number, b: number, most: number): boolean =>
  Object.is(a, b) || Math.abs(a - b) <= most || (Number.isNaN(a) && Number.isNaN(b));

function scratchBits(
  bits: Bits,
  evaluation: Evaluation,
  words: Uint32Array,
  { columns, data }: { columns: number; data: Uint8Array },
): Uint8Array {
  const base = evaluation.size(bits.base!);
  const stride = Math.ceil(columns / 32);
  return Uint8Array.from(
    data,
    (_, i) => (words[base + Math.floor(i / columns) * stride + ((i % columns) >> 5)]! >>> ((i % columns) & 31)) & 1,
  );
}
