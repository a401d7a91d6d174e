import { columnsPerThread, rowsPerThread, threadsOf, valueGroups, workgroupBytes } from "./schedule.js";
import type { Problem, Schedule } from "./schedule.js";

/** A schedule as text: part of `--emit program`. */
export function printSchedule(s: Schedule, p: Problem): string {
  return [
    `schedule ${s.name}: ${s.rowThreads} x ${s.columnThreads} threads (${threadsOf(s)}), tiles of ${s.tileQ} queries x ${s.tileK} keys`,
    `  each thread: ${rowsPerThread(s)} rows x ${columnsPerThread(s)} columns of scores, ${valueGroups(s, p)} groups of 4 value columns`,
    `  chunks of ${s.chunk} head dims, query tile ${s.keepQuery ? "kept" : "read again for each key tile"}, ${workgroupBytes(s, p)} bytes of workgroup memory`,
    "",
  ].join("\n");
}
