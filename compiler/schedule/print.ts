import { columnsPerThread, rowsPerThread, threadsOf, valueGroups, workgroupBytes } from "./schedule.js";
import type { MatrixShape, Problem, Schedule } from "./schedule.js";

/** A schedule as text: part of `--emit program`. */
export function printSchedule(s: Schedule, p: Problem): string {
  const tiles = `tiles of ${s.tileQ} queries x ${s.tileK} keys`;
  const block = `${rowsPerThread(s)} rows x ${columnsPerThread(s)} columns of scores`;
  const lines =
    s.layout === "grid"
      ? [
          `schedule ${s.name}: ${s.rowThreads} x ${s.columnThreads} threads (${threadsOf(s)}), ${tiles}`,
          `  each thread: ${block}, ${valueGroups(s, p)} groups of 4 value columns`,
          `  chunks of ${s.chunk} head dims, query tile ${s.keepQuery ? "kept" : "read again for each key tile"}, ${workgroupBytes(s, p)} bytes of workgroup memory`,
          ...(s.matrices ? [`  products by matrix units, ${matrixName(s.matrices)}`] : []),
          ...(s.exchange === "subgroups" ? ["  row maxima and sums by shuffles, where subgroups hold whole rows of threads"] : []),
        ]
      : [
          `schedule ${s.name}: ${threadsOf(s)} threads with ${s.rowsPerThread} whole query rows each, ${tiles}`,
          `  each thread: ${block} at a time, all ${valueGroups(s, p)} groups of 4 value columns, no workgroup memory`,
        ];
  const loops = s.loops === "one" ? "one loop for full and partial tiles" : "a loop for full tiles and one for partial tiles";
  return [...lines, `  ${loops}`, ""].join("\n");
}

const matrixName = ({ m, n, k, component, result }: MatrixShape): string => `${m} x ${n} x ${k} from ${component} to ${result}`;
