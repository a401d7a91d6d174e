import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.js";

/**
 * Folders whose tests are of functions from values to values: nothing that one file does is seen by another, so that they
 * share processes. A process of its own costs a file more than a second, for reading the compiler once more.
 */
const PURE = ["golden", "mask", "oracle", "program", "select", "semantics", "syntax", "targets", "tiles", "verify"].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "pure", include: PURE, isolate: false } },
      { extends: true, test: { name: "apart", include: ["test/**/*.test.ts"], exclude: PURE } },
    ],
    setupFiles: ["test/setup.ts"],
    // Native WebGPU objects do not survive worker threads.
    pool: "forks",
    // Left to itself vitest keeps one core free, which is half of them on small machines.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
