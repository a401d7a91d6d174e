import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * The files that take longest, longest first. Without times of earlier runs vitest starts large files first, and some of
 * these are three lines long: started last, one of them keeps one core busy for minutes while the others have nothing to do.
 */
const LONGEST = [
  "test/cuda/library-wgmma.test.ts",
  "test/cuda/library-mma.test.ts",
  "test/cuda/library-cores.test.ts",
  "test/cuda/registers.test.ts",
  "test/targets/naga.test.ts",
  "test/patterns/lavapipe.test.ts",
  "test/cuda/wgmma.test.ts",
  "test/bindings/c.test.ts",
  "test/bindings/c-selections.test.ts",
  "test/tiles/library.test.ts",
  "test/kernels/layout.test.ts",
  "test/cuda/head-dims.test.ts",
  "test/patterns/verified.test.ts",
  "test/kernels/lavapipe.test.ts",
  "test/kernels/swiftshader.test.ts",
  "test/bindings/typescript.test.ts",
  "test/bindings/selections.test.ts",
  "test/cli/verify.test.ts",
  "test/bench/cuda.test.ts",
  "test/kernels/matrices.test.ts",
  "test/tiles/report.test.ts",
];

/** A process is shared by files that follow one another: those that share one come last. */
const rankOf = ({ moduleId, project }: TestSpecification): number => {
  const place = LONGEST.indexOf(relative(root, moduleId).replaceAll("\\", "/"));
  return place >= 0 ? place : LONGEST.length + Number(!project.config.isolate);
};

/** Starts the longest files first, and the others as vitest does. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
