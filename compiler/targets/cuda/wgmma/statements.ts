import type { Stmt } from "../../../program/ir.js";
import { indent } from "../../print/indent.js";
import { operation } from "../statements.js";

type KeyTiles = Extract<Stmt, { op: "keyTiles" }>;

/**
 * The statements of a tile program with its loop turned: the scores of a tile of keys are started together with the
 * product of the probabilities and values of the tile before, and the operations between them run under the latter.
 */
export function printTurned(body: readonly Stmt[]): string {
  return body.map((stmt) => (stmt.op === "keyTiles" ? printKeyTiles(stmt) : operation(stmt))).join("\n");
}

/** The parts of one step of the loop over key tiles. */
interface Step {
  /** Starts S = Q K^T. */
  readonly dot: string;
  /** What is done to the scores, rows' maxima and sums, without and with a mask. */
  readonly softmax: (masked: boolean) => readonly string[];
  /** What is done to the outputs before the product is added. */
  readonly outputs: readonly string[];
  /** Starts O += P V. */
  readonly accumulate: readonly string[];
}

function partsOf({ body }: KeyTiles): Step {
  const printed = (which: (stmt: Stmt) => boolean): readonly string[] => body.filter(which).map(operation);
  const onScores = (stmt: Stmt): boolean =>
    stmt.op === "when" || ["rowMax", "exp2", "copy", "addRowSum"].includes(stmt.op) || (stmt.op === "scale" && stmt.to === "l");
  return {
    dot: printed((stmt) => (stmt.op === "load" && stmt.to === "K") || stmt.op === "dot").join("\n"),
    softmax: (masked) =>
      body.filter(onScores).flatMap((stmt) => (stmt.op === "when" ? (masked ? stmt.body.map(operation) : []) : [operation(stmt)])),
    outputs: printed((stmt) => stmt.op === "scale" && stmt.to === "O"),
    accumulate: printed((stmt) => (stmt.op === "load" && stmt.to === "V") || stmt.op === "accumulate"),
  };
}

function printKeyTiles(loop: KeyTiles): string {
  const step = partsOf(loop);
  const look = (masked: boolean): readonly string[] => (masked ? ["tile.look();"] : []);
  const first = (masked: boolean): string =>
    [...look(masked), step.dot, "tile.scores<0>();", ...step.softmax(masked), "tile.probabilities();", "tile.next();"].join("\n");
  const next = (masked: boolean): string =>
    [
      ...look(masked),
      "tile.wait_turn();",
      step.dot,
      ...step.accumulate,
      "tile.pass_turn();",
      "tile.scores<1>();",
      ...step.softmax(masked),
      "tile.outputs();",
      ...step.outputs,
      "tile.probabilities();",
      "tile.next();",
    ].join("\n");
  return `tile.next();
if (tile.more()) {
  // The first scores stand alone. Later ones are started together with the product of the values before them:
  // while that runs, their maxima, exponentials and sums are found.
  if (tile.full()) {
${indent(first(false), 2)}
  } else {
${indent(first(true), 2)}
  }
  while (tile.more()) {
    while (tile.full()) {
${indent(next(false), 3)}
    }
    while (tile.partial()) {
${indent(next(true), 3)}
    }
  }
${indent([...step.accumulate, "tile.outputs();"].join("\n"))}
}`;
}
