import { inputHead } from "../mask/evaluate.js";
import type { BitsValue, MaskEnv } from "../mask/evaluate.js";
import { queryRows } from "../mask/layout/places.js";
import { HeadInterpreter } from "./interpret.js";
import type { AttentionResult, AttentionTensors, InterpretCall, KeepPart, TileTrace } from "./interpret.js";
import { MASKED } from "./ir.js";
import type { ChosenRows, TileProgram } from "./ir.js";
import type { KeyOrderPrograms } from "./lower.js";

/** The part of a query: its row of O and the log2 of its sum. */
interface Part {
  readonly out: Float32Array;
  readonly sum: number;
}

/**
 * Runs the programs of a key order on the CPU: block by block the queries that chose it, then what is left query by query, and
 * then the sum of each query's parts, weighed by theirs: the oracle of the kernels that are printed of them.
 */
export function interpretKeyOrder(
  { chosen, rest }: KeyOrderPrograms,
  tensors: AttentionTensors,
  call: InterpretCall,
  trace?: TileTrace,
): AttentionResult {
  const { env, batch, valueDim } = call;
  const out = new Float32Array(batch * env.heads * env.NQ * valueDim);
  const lse = new Float32Array(batch * env.heads * env.NQ);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < env.heads; h++) {
      const parts = Array.from({ length: env.NQ }, (): Part[] => []);
      const keep: KeepPart = (query, row, sum) => parts[query]!.push({ out: row.slice(), sum });
      const headOf = (program: TileProgram): HeadInterpreter =>
        new HeadInterpreter(program, tensors, call, { out, lse }, b, h, trace, keep);
      if (rest !== undefined) neighbours(headOf(rest), rest, env);
      chosenBlocks(headOf(chosen), chosen, env, b, h);
      parts.forEach((each, query) => {
        const row = (b * env.heads + h) * env.NQ + query;
        lse[row] = merge(each, out.subarray(row * valueDim, (row + 1) * valueDim));
      });
    }
  }
  return { out, lse };
}

function neighbours(head: HeadInterpreter, program: TileProgram, env: MaskEnv): void {
  const { first, end } = queryRows(program.module, env);
  for (let row = first; row < end; row += program.tileQ) head.queryTile(row, Math.min(row + program.tileQ, end));
}

function chosenBlocks(head: HeadInterpreter, { chosen, tileQ, module }: TileProgram, env: MaskEnv, b: number, h: number): void {
  const { first } = queryRows(module, env);
  const { unit } = chosen!;
  for (let block = 0; block * unit < env.N; block++) {
    const queries = choosers(chosen!, env, b, h, block);
    for (let at = 0; at < queries.length; at += tileQ) {
      const rows = queries.subarray(at, at + tileQ).map((query) => query + first);
      head.chosenTile(rows, block * unit, Math.min((block + 1) * unit, env.N));
    }
  }
}

/** The queries of a call that chose a block, rising. */
export function choosers({ selection }: ChosenRows, env: MaskEnv, b: number, h: number, block: number): Int32Array {
  const bits = env.inputs?.[selection] as BitsValue | undefined;
  if (bits?.kind !== "bits") throw new Error(`the mask environment lacks the selection ${selection}`);
  const head = (bits.batch === 1 ? 0 : b) * bits.heads + inputHead(bits.heads, h, env.heads, env.kvHeads);
  const bit = (query: number): boolean => bits.data[(head * bits.rows + query) * bits.columns + block] === 1;
  return Int32Array.from(Array.from({ length: bits.rows }, (_, query) => query).filter((query) => block < bits.columns && bit(query)));
}

/** Writes the sum of the parts of a query, each weighed by its own sum, and gives the natural logarithm of all. */
function merge(parts: readonly Part[], into: Float32Array): number {
  const most = parts.reduce((greatest, { sum }) => Math.max(greatest, sum), MASKED);
  if (most === MASKED) return -Infinity;
  const weights = parts.map(({ sum }) => Math.fround(2 ** (sum - most)));
  const all = weights.reduce((sum, weight) => Math.fround(sum + weight), 0);
  into.forEach((_, d) => {
    const sum = parts.reduce((before, { out }, i) => Math.fround(before + Math.fround(weights[i]! * out[d]!)), 0);
    into[d] = sum / all;
  });
  return Math.LN2 * (most + Math.log2(all));
}
