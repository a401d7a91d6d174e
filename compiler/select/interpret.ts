import { evaluateBool } from "../mask/evaluate.js";
import type { BitsValue } from "../mask/evaluate.js";
import { Evaluation } from "./evaluate.js";
import type { Frame } from "./evaluate.js";
import { ALWAYS, and, ONE } from "./int.js";
import { keepUnits } from "./interpret-keep.js";
import type { Bits, DotStage, PairsStage, SelectionProgram, SnapStage, Stage, Tensor } from "./ir.js";
import { headsOf, Memory } from "./memory.js";
import type { SelectionCall, StoredTensor } from "./memory.js";

/**
 * Runs a selection program on the CPU, element by element, in float32 at every operation: slow and obvious, the oracle
 * of the printed stages. Gives the bit matrices by the names of selections and flags.
 */
export function interpretSelections(program: SelectionProgram, call: SelectionCall): Readonly<Record<string, BitsValue>> {
  const memory = runStages(program, call);
  return Object.fromEntries(program.matrices.map(({ bits }) => [bits.name, memory.bits(bits)]));
}

/** As {@link interpretSelections}, with what every stage has written. */
export function runStages(program: SelectionProgram, call: SelectionCall): Memory {
  const memory = new Memory();
  const evaluation = new Evaluation(program.module, call, memory);
  const { given = {} } = call;
  for (const { bits } of program.matrices) {
    const value = given[bits.name];
    if (value !== undefined) memory.writeBits(bits, value);
  }
  for (const stage of program.stages) if (stage.serves.some((name) => given[name] === undefined)) runStage(stage, evaluation, memory);
  return memory;
}

/** What one stage writes. */
export function runStage(stage: Stage, evaluation: Evaluation, memory: Memory): void {
  switch (stage.kind) {
    case "map":
      memory.writeTensor(stage.to, fillNumbers(stage.to, evaluation, evaluation.real(stage.value)));
      return;
    case "dot":
      memory.writeTensor(stage.to, fillNumbers(stage.to, evaluation, dotOf(stage, evaluation)));
      return;
    case "keep":
      memory.writeBits(stage.to, keepUnits(stage, evaluation, emptyBits(stage.to, evaluation)));
      return;
    case "pairs":
      memory.writeBits(stage.to, fillBits(stage.to, evaluation, somePairOf(stage, evaluation)));
      return;
    case "snap":
      memory.writeBits(stage.to, fillBits(stage.to, evaluation, touchesOf(stage, evaluation, memory)));
      return;
    case "flag": {
      const value = evaluation.real(stage.value);
      memory.writeBits(
        stage.to,
        fillBits(stage.to, evaluation, (frame) => value(frame) !== 0),
      );
      return;
    }
  }
}

function fillNumbers(to: Tensor, evaluation: Evaluation, value: (frame: Frame) => number): StoredTensor {
  const { batch, env } = evaluation.call;
  const [rows, columns, dim] = [to.rows, to.columns, to.dim].map((each) => evaluation.size(each ?? ONE)) as [number, number, number];
  const heads = headsOf(to.heads, env);
  const data = new Float32Array(batch * heads * rows * columns * dim);
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      const frame = evaluation.frame(to.heads, b, head);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          for (let d = 0; d < dim; d++) data[at++] = value(evaluation.place(frame, row, column, d));
        }
      }
    }
  }
  return { heads, rows, columns, dim, data };
}

function dotOf(stage: DotStage, evaluation: Evaluation): (frame: Frame) => number {
  const { headDim } = evaluation.call;
  const [a, b, value] = [evaluation.real(stage.a), evaluation.real(stage.b), evaluation.real(stage.value)];
  const among = evaluation.cond(and(stage.only ?? ALWAYS, stage.wanted ?? ALWAYS));
  return (frame) => {
    if (!among(frame)) return 0;
    let product = 0;
    for (let dim = 0; dim < headDim; dim++) {
      evaluation.setDim(frame, dim);
      product = Math.fround(product + Math.fround(a(frame) * b(frame)));
    }
    return value(evaluation.setProduct(frame, product));
  };
}

function emptyBits(bits: Bits, evaluation: Evaluation): BitsValue {
  const [rows, columns] = [evaluation.size(bits.rows), evaluation.size(bits.columns)];
  const { batch, env } = evaluation.call;
  const heads = headsOf(bits.heads, env);
  return { kind: "bits", batch, heads, rows, columns, data: new Uint8Array(batch * heads * rows * columns) };
}

function fillBits(to: Bits, evaluation: Evaluation, bit: (frame: Frame) => boolean): BitsValue {
  const value = emptyBits(to, evaluation);
  const { batch, heads, rows, columns, data } = value;
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      const frame = evaluation.frame(to.heads, b, head);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) data[at++] = bit(evaluation.place(frame, row, column)) ? 1 : 0;
      }
    }
  }
  return value;
}

function somePairOf(stage: PairsStage, evaluation: Evaluation): (frame: Frame) => boolean {
  const env = evaluation.envWith(stage.reads);
  const ends = [stage.q0, stage.q1, stage.k0, stage.k1].map((each) => evaluation.int(each));
  return (frame) => {
    const [q0, q1, k0, k1] = ends.map((each) => each(frame)) as [number, number, number, number];
    for (let q = q0; q <= q1; q++) {
      for (let each = k0; each <= k1; each++) {
        const k = stage.columns === "keys" ? each : q - each;
        if (k >= 0 && evaluateBool(stage.pairs, evaluation.pairEnv(frame, q, k, env))) return true;
      }
    }
    return false;
  };
}

function touchesOf(stage: SnapStage, evaluation: Evaluation, memory: Memory): (frame: Frame) => boolean {
  const ends = [stage.row0, stage.row1, stage.column0, stage.column1].map((each) => evaluation.int(each));
  const fine = memory.bits(stage.from);
  return (frame) => {
    const [row0, row1, column0, column1] = ends.map((each) => each(frame)) as [number, number, number, number];
    for (let row = row0; row < row1; row++) {
      for (let column = column0; column < column1; column++) if (evaluation.bitAt(fine, frame, row, column)) return true;
    }
    return false;
  };
}
