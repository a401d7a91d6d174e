import type { Evaluation } from "./evaluate.js";
import { eachHead } from "./interpret-rows.js";
import type { SortStage } from "./ir.js";
import { storedRow, type StoredBits } from "./memory.js";
import { writeInteger } from "./words.js";
import { SUMMARY_TOKENS } from "../tiles/expr.js";

/** The order of the keys of a part of a call, as words of `to`: see `SortStage`. */
export function sortKeys(stage: SortStage, evaluation: Evaluation, to: StoredBits): void {
  const length = evaluation.call.env.N;
  const score = evaluation.real(stage.score);
  eachHead(stage, evaluation, (b, head, _, frame) => {
    const scores = Array.from({ length }, (_, column) => score(evaluation.place(frame, 0, column)));
    const order = sortedBySegment(scores, stage.segment);
    const write = (row: number, word: number): void => {
      writeInteger(to.data, storedRow(to, b, head, row) * 32, word);
    };
    order.forEach((position, place) => write(place, position));
    for (let first = 0; first < length; first += SUMMARY_TOKENS) {
      const group = order.slice(first, first + SUMMARY_TOKENS);
      const row = length + (2 * first) / SUMMARY_TOKENS;
      write(row, Math.min(...group));
      write(row + 1, Math.max(...group));
    }
  });
}

/** Positions by place: within each segment by falling score, ties by position, NaN last. */
function sortedBySegment(scores: readonly number[], segment: number): readonly number[] {
  const segmentOf = (position: number): number => Math.floor(position / segment);
  const last = (position: number): number => Number(Number.isNaN(scores[position]));
  const falling = (i: number, j: number): number => (scores[i] === scores[j] || last(i) === 1 ? 0 : scores[j]! - scores[i]! > 0 ? 1 : -1);
  return Array.from(scores.keys()).sort((i, j) => segmentOf(i) - segmentOf(j) || last(i) - last(j) || falling(i, j) || i - j);
}
