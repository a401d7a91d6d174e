import { rowsOf } from "./axes.js";
import type { Evaluation, Frame } from "./evaluate.js";
import { shape } from "./int.js";
import type { Stage } from "./ir.js";
import { firstHead, headCount } from "./places.js";

/** Calls `see` for each batch entry and head of a part, with the rows of it that a stage computes. */
export function eachHead(
  stage: Stage,
  evaluation: Evaluation,
  see: (b: number, head: number, rows: readonly number[], frame: Frame) => void,
): void {
  const { heads } = stage.to;
  const range = rowsOf(stage);
  const rows = upFrom(evaluation.size(range.first), evaluation.size(range.count));
  for (const b of upFrom(evaluation.size(shape("firstBatch")), evaluation.size(shape("partBatch")))) {
    for (const head of upFrom(evaluation.size(firstHead[heads]), evaluation.size(headCount[heads]))) {
      see(b, head, rows, evaluation.frame(heads, b, head));
    }
  }
}

const upFrom = (first: number, count: number): readonly number[] => Array.from({ length: count }, (_, i) => first + i);
