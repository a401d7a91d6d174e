import type { Space } from "../mask/ir.js";
import { stripRoom, stripRows } from "./axes.js";
import type { Bits, Stage, Tensor } from "./ir.js";
import { readsOf } from "./walk.js";

/** What is settled when all stages are known: where tensors lie, and for which rows. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

/**
 * How a stage is run in a loop over strips of rows. `rows`: what it writes has a row axis, and each row needs the same
 * rows of what it reads. `sums`: it adds what a strip gives to what those before it gave. `whole`: outside of any loop.
 */
type Way = "rows" | "sums" | "whole";

export function wayOf(stage: Stage): Way {
  if (readsOf(stage).includes(stage.to)) return "sums";
  return stage.to.rowUnit === undefined || (stage.kind === "keep" && stage.scope === "head") ? "whole" : "rows";
}

/**
 * Puts stages into loops over strips of rows, as few as there can be, and in their order. Of what is written and read in
 * one loop only the rows of a strip are stored.
 *
 * Tensors with a row axis are read row by row, or by stages that reduce all rows: the selection IR has nothing between.
 */
export function arrange(stages: readonly Stage[], space: Space): readonly Stage[] {
  const levels = latest(stages, earliest(stages));
  const inOrder = stages
    .map((stage) => ({ stage, level: levels.get(stage)!, way: wayOf(stage) }))
    .sort((a, b) => a.level - b.level || Number(a.way !== "whole") - Number(b.way !== "whole"));
  const loops = new Map(inOrder.map(({ stage, level, way }) => [stage, way === "whole" ? undefined : level]));
  const readers = readersOf(stages);
  return inOrder.map(({ stage, level, way }) => {
    if (way === "whole") return stage;
    const { to } = stage;
    if (way === "sums") return { ...stage, strips: level };
    const rows = stripRows(space, to.rowUnit!);
    if (isScratch(to) && readers.get(to)!.every((reader) => loops.get(reader) === level)) {
      const draft: Draft<Tensor | Bits> = to;
      draft.firstRow = rows.first;
      draft.rows = stripRoom(space, to.rowUnit!);
    }
    return { ...stage, strips: level, rows };
  });
}

/** Whether something lies in the scratch buffer, and not where the mask reads it. */
export const isScratch = ({ base }: Tensor | Bits): boolean => base !== undefined;

function writersOf(stages: readonly Stage[]): ReadonlyMap<Tensor | Bits, Stage> {
  return new Map(stages.map((stage) => [stage.to, stage]));
}

function readersOf(stages: readonly Stage[]): ReadonlyMap<Tensor | Bits, readonly Stage[]> {
  const readers = new Map<Tensor | Bits, Stage[]>(stages.map(({ to }) => [to, []]));
  for (const stage of stages) for (const read of readsOf(stage)) if (read !== stage.to) readers.get(read)!.push(stage);
  return readers;
}

/** The number of loops that must have ended before a stage, or before the loop that it stands in. */
function earliest(stages: readonly Stage[]): ReadonlyMap<Stage, number> {
  const writers = writersOf(stages);
  const levels = new Map<Stage, number>();
  for (const stage of stages) {
    let level = 0;
    for (const read of readsOf(stage)) {
      if (read === stage.to) continue;
      const writer = writers.get(read)!;
      level = Math.max(level, levels.get(writer)! + afterLoop(wayOf(writer), wayOf(stage)));
    }
    levels.set(stage, level);
  }
  return levels;
}

/** 1 where what a stage of a loop writes is whole only after the loop, and is read whole. */
const afterLoop = (writer: Way, reader: Way): 0 | 1 => ((writer === "rows" && reader === "whole") || writer === "sums" ? 1 : 0);

/** Stages whose results all later loops read move there: then the results need not be stored whole. */
function latest(stages: readonly Stage[], levels: ReadonlyMap<Stage, number>): ReadonlyMap<Stage, number> {
  const readers = readersOf(stages);
  const moved = new Map(levels);
  for (const stage of [...stages].reverse()) {
    const way = wayOf(stage);
    const all = readers.get(stage.to)!;
    if (way === "whole" || all.length === 0) continue;
    moved.set(stage, Math.min(...all.map((reader) => moved.get(reader)! - afterLoop(way, wayOf(reader)))));
  }
  return moved;
}
