import { sortKeys } from "./interpret-sort.js";
import { evaluateBool } from "../mask/evaluate.js";
import type { BitsValue } from "../mask/evaluate.js";
import { Evaluation } from "./evaluate.js";
import type { Frame } from "./evaluate.js";
import { ALWAYS, and, NEVER, ONE, shape, ZERO } from "./int.js";
import { keepUnits } from "./interpret-keep.js";
import { eachHead } from "./interpret-rows.js";
import type { Bits, DotStage, PairsStage, SelectionProgram, SnapStage, Stage, Tensor, WordsStage } from "./ir.js";
import { headsOf, Memory, storedRow } from "./memory.js";
import type { Origin, SelectionCall, StoredBits, StoredTensor } from "./memory.js";
import { firstHead, headCount } from "./places.js";
import { mapResults } from "./walk.js";
import { writeInteger, writeWord } from "./words.js";
import { partRuns, undivided, wholeEnv, type CallShape, type Division } from "../../runtime/launch/selection/parts.js";

/**
 * Runs a selection program on the CPU, element by element, in float32 at every operation: slow and obvious, the oracle
 * of the printed stages. Gives the bit matrices by the names of selections and flags. The call is run whole, or in parts of
 * the given size.
 */
export function interpretSelections(
  program: SelectionProgram,
  call: SelectionCall,
  division?: Division,
): Readonly<Record<string, BitsValue>> {
  const memory = runStages(program, call, division);
  const value = ({ kind, batch, heads, rows, columns, data }: StoredBits): BitsValue => ({ kind, batch, heads, rows, columns, data });
  return Object.fromEntries(program.matrices.map(({ bits }) => [bits.name, value(memory.bits(bits))]));
}

/** As {@link interpretSelections}, with what every stage has written last. */
export function runStages({ module, stages, matrices, parts: rules }: SelectionProgram, call: SelectionCall, division?: Division): Memory {
  const memory = new Memory();
  const { given = {} } = call;
  for (const { bits, with: other } of matrices) {
    const value = given[bits.name];
    // Some of its rows may be made all the same.
    if (value !== undefined)
      memory.writeBits(bits, { ...value, data: other === undefined ? value.data : value.data.slice(), first: START });
  }
  const guarded = new Set(matrices.flatMap(({ bits, with: other }) => (other === undefined ? [] : [bits.name])));
  const needed = stages.filter(({ serves }) => serves.some((name) => given[name] === undefined || guarded.has(name)));
  const lengths = shapeOf(call);
  const space = module.space.kind;
  const divided = { space, rules, shape: lengths, division: division ?? undivided(space, rules, lengths) };
  const whole = evaluateWhole({ module, parts: rules }, call, memory);
  // Nothing is like zeros: what was not given back is made.
  for (const { bits } of matrices) if (bits.remembers !== undefined) bitsOf(bits, whole, memory);
  for (const run of partRuns(needed, divided)) {
    const evaluation = new Evaluation(module, call, memory, { ...lengths, ...run.part });
    for (const stage of run.stages) runStage(stage, evaluation, memory);
  }
  return memory;
}

/** Expressions of a program for a whole call. */
export function evaluateWhole(
  { module, parts }: Pick<SelectionProgram, "module" | "parts">,
  call: SelectionCall,
  memory: Memory,
): Evaluation {
  return new Evaluation(module, call, memory, wholeEnv(module.space.kind, parts, shapeOf(call)));
}

const shapeOf = ({ env: { heads, kvHeads, N, NQ }, batch, headDim }: SelectionCall): CallShape => ({
  batch,
  heads,
  kvHeads,
  headDim,
  N,
  NQ,
});

/** What one stage writes. */
export function runStage(stage: Stage, evaluation: Evaluation, memory: Memory): void {
  switch (stage.kind) {
    case "map":
      for (const { to, value } of mapResults(stage))
        fillNumbers(stage, tensorOf(to, evaluation, memory), evaluation, evaluation.real(value));
      return;
    case "dot":
      fillNumbers(stage, tensorOf(stage.to, evaluation, memory), evaluation, dotOf(stage, evaluation));
      return;
    case "keep":
      keepUnits(stage, evaluation, bitsOf(stage.to, evaluation, memory));
      return;
    case "pairs":
      fillBits(stage, evaluation, memory, somePairOf(stage, evaluation));
      return;
    case "snap":
      fillBits(stage, evaluation, memory, touchesOf(stage, evaluation, memory));
      return;
    case "words":
      rememberWords(stage, evaluation, memory);
      return;
    case "sort":
      sortKeys(stage, evaluation, bitsOf(stage.to, evaluation, memory));
      return;
    case "flag": {
      const value = evaluation.real(stage.value);
      fillBits(stage, evaluation, memory, (frame) => value(frame) !== 0);
      return;
    }
  }
}

/** Where what the mask reads begins. */
const START: Origin = { b: 0, head: 0, row: 0 };

/** Where what a part computes begins. */
function originOf({ heads, firstRow }: Tensor | Bits, evaluation: Evaluation): Origin {
  return { b: evaluation.size(shape("firstBatch")), head: evaluation.size(firstHead[heads]), row: evaluation.size(firstRow ?? ZERO) };
}

/** Room for a tensor: that of an earlier part of the same rows, or with numbers that are none. */
function tensorOf(to: Tensor, evaluation: Evaluation, memory: Memory): StoredTensor {
  const first = originOf(to, evaluation);
  return memory.tensorFrom(to, first, () => {
    const [rows, columns, dim] = [to.rows, to.columns, to.dim].map((each) => evaluation.size(each ?? ONE)) as [number, number, number];
    const [batch, heads] = [evaluation.size(shape("partBatch")), evaluation.size(headCount[to.heads])];
    return { first, batch, heads, rows, columns, dim, data: new Float32Array(batch * heads * rows * columns * dim).fill(NaN) };
  });
}

function fillNumbers(stage: Stage, stored: StoredTensor, evaluation: Evaluation, value: (frame: Frame) => number): void {
  const { columns, dim, data } = stored;
  eachHead(stage, evaluation, (b, head, rows, frame) => {
    for (const row of rows) {
      let at = storedRow(stored, b, head, row) * columns * dim;
      for (let column = 0; column < columns; column++) {
        for (let d = 0; d < dim; d++) data[at++] = value(evaluation.place(frame, row, column, d));
      }
    }
  });
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

/** Room for a matrix: that which the mask reads is there for the whole call. */
function bitsOf(to: Bits, evaluation: Evaluation, memory: Memory): StoredBits {
  const isScratch = to.base !== undefined;
  const first = isScratch ? originOf(to, evaluation) : START;
  return memory.bitsFrom(to, first, () => {
    const [rows, columns] = [evaluation.size(to.rows), evaluation.size(to.columns)];
    const { call } = evaluation;
    const batch = isScratch ? evaluation.size(shape("partBatch")) : call.batch;
    const heads = isScratch ? evaluation.size(headCount[to.heads]) : headsOf(to.heads, call.env);
    return { first, kind: "bits", batch, heads, rows, columns, data: new Uint8Array(batch * heads * rows * columns) };
  });
}

function fillBits(stage: Stage & { readonly to: Bits }, evaluation: Evaluation, memory: Memory, bit: (frame: Frame) => boolean): void {
  const stored = bitsOf(stage.to, evaluation, memory);
  const { columns, data } = stored;
  eachHead(stage, evaluation, (b, head, rows, frame) => {
    for (const row of rows) {
      const at = storedRow(stored, b, head, row) * columns;
      for (let column = 0; column < columns; column++) data[at + column] = bit(evaluation.place(frame, row, column)) ? 1 : 0;
    }
  });
}

/** Numbers as words of the rows that do not stay as they are. */
function rememberWords(stage: WordsStage, evaluation: Evaluation, memory: Memory): void {
  const stored = bitsOf(stage.to, evaluation, memory);
  const [value, stays] = [evaluation.real(stage.value), evaluation.cond(stage.stays ?? NEVER)];
  const write = stage.whole === true ? writeInteger : writeWord;
  const { columns, data } = stored;
  eachHead(stage, evaluation, (b, head, rows, frame) => {
    for (const row of rows) {
      if (stays(evaluation.place(frame, row, 0))) continue;
      const at = storedRow(stored, b, head, row) * columns;
      for (let dim = 0; dim < columns / 32; dim++) write(data, at + dim * 32, value(evaluation.place(frame, row, 0, dim)));
    }
  });
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
