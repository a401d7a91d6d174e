import { expect, test } from "vitest";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { chooseSchedule } from "../../compiler/schedule/profiles.js";
import { BASELINE_LIMITS, illegal, threadsOf, workgroupBytes } from "../../compiler/schedule/schedule.js";
import type { GridSchedule, MatrixShape, Problem, RowsSchedule } from "../../compiler/schedule/schedule.js";
import { wgslVariants } from "../../compiler/targets/wgsl/operator.js";
import { libraryModule, moduleOfText } from "./library-modules.js";

const legal: GridSchedule = {
  name: "test",
  layout: "grid",
  profile: "gpu",
  tileQ: 32,
  tileK: 32,
  rowThreads: 8,
  columnThreads: 8,
  exchange: "memory",
  chunk: 32,
  keepQuery: true,
  half: "none",
  loops: "one",
};
const problem: Problem = { headDim: 64, valueDim: 64, dtype: "f32" };

test("a schedule that breaks no rule is legal", () => {
  expect(illegal(legal, problem)).toBeUndefined();
});

test.each<[string, Partial<GridSchedule>, Partial<Problem>, string]>([
  ["rows that the threads do not share evenly", { rowThreads: 3 }, {}, "each thread must own a multiple of 4 query rows"],
  ["two rows per thread", { rowThreads: 16 }, {}, "each thread must own a multiple of 4 query rows"],
  ["columns that the threads do not share evenly", { columnThreads: 5 }, {}, "each thread must own a multiple of 4 key columns"],
  ["two columns per thread", { columnThreads: 16 }, {}, "each thread must own a multiple of 4 key columns"],
  ["more rows than a word has bits", { tileQ: 64, rowThreads: 1 }, {}, "a thread can own at most 32 query rows"],
  ["a head dim that is no multiple of 4", {}, { headDim: 66 }, "head dims must be multiples of 4"],
  ["a value dim that is no multiple of 4", {}, { valueDim: 63 }, "head dims must be multiples of 4"],
  ["a chunk that does not divide the head dim", { chunk: 48 }, {}, "the chunk of 48 must divide the head dim 64 and be a multiple of 4"],
  ["a chunk that is no multiple of 4", { chunk: 2 }, {}, "the chunk of 2 must divide the head dim 64 and be a multiple of 4"],
  [
    "more threads than a workgroup may have",
    { tileQ: 128, tileK: 64, rowThreads: 32, columnThreads: 16, keepQuery: false, chunk: 4 },
    {},
    "512 threads are more than the 256 of the device",
  ],
  ["a query tile that does not fit", {}, { headDim: 256 }, "37888 bytes of workgroup memory are more than the 16384 of the device"],
])("refused: %s", (_, schedule, dims, reason) => {
  expect(illegal({ ...legal, ...schedule }, { ...problem, ...dims })).toBe(reason);
});

const rows: RowsSchedule = {
  name: "test",
  layout: "rows",
  profile: "simd",
  tileQ: 64,
  tileK: 32,
  rowsPerThread: 8,
  keysPerStep: 2,
  half: "none",
  loops: "one",
};

test("a schedule of whole rows that breaks no rule is legal", () => {
  expect(illegal(rows, problem)).toBeUndefined();
});

test.each<[string, Partial<RowsSchedule>, Partial<Problem>, string]>([
  ["two rows per thread", { rowsPerThread: 2 }, {}, "each thread must own a multiple of 4 query rows"],
  ["steps that leave a rest", { keysPerStep: 3 }, {}, "steps of 3 keys must divide the key tile of 32"],
  [
    "steps with keys of two words of the mask",
    { tileQ: 256, rowsPerThread: 32, keysPerStep: 2 },
    { headDim: 8, valueDim: 8 },
    "words of 32 rows x 1 keys must hold whole steps and divide the key tile",
  ],
  ["too long a step", { keysPerStep: 4 }, {}, "4096 multiply-adds in a row are more than the 2048 a compiler is asked to take"],
  ["too many threads", { tileQ: 4096 }, {}, "512 threads are more than the 256 of the device"],
])("whole rows refused: %s", (_, schedule, dims, reason) => {
  expect(illegal({ ...rows, ...schedule }, { ...problem, ...dims })).toBe(reason);
});

test("limits of a larger device let larger schedules through", () => {
  expect(illegal(legal, { ...problem, headDim: 256 }, { workgroupBytes: 65536, threads: 256 })).toBeUndefined();
});

const dims = Array.from({ length: 64 }, (_, i) => 4 * (i + 1));

test.each(["gpu", "software", "simd"] as const)(
  "the schedule chosen for %s is legal under the baseline for every head dim up to 256",
  (profile) => {
    for (const headDim of dims) {
      for (const valueDim of new Set([headDim, 4, 64, 128, 256])) {
        const shape: Problem = { headDim, valueDim, dtype: "f32" };
        const schedule = chooseSchedule(profile, shape, "none");
        expect(illegal(schedule, shape)).toBeUndefined();
        expect(schedule.profile).toBe(profile);
      }
    }
  },
);

test("a problem that no schedule fits is a bug of the caller, and says so", () => {
  expect(() => chooseSchedule("gpu", { ...problem, headDim: 6 }, "none")).toThrow("no legal schedule for head dim 6, value dim 64");
});

test.each(["f32", "f16"] as const)("what a %s kernel declares is what its schedule says", (dtype) => {
  const { module } = libraryModule("windows.attn", "sliding_window", { shape: { dtype } });
  const variants = wgslVariants(
    module,
    [32, 64, 80, 96, 128, 256].map((dim) => ({ headDim: dim, valueDim: dim })),
    { profiles: ["gpu", "software", "simd"] },
  );
  expect(variants.length).toBe(6 * 3 * (dtype === "f16" ? 2 : 1));
  for (const { schedule, variant } of variants) {
    const declared = [...variant.wgsl.matchAll(/^var<workgroup> \w+: array<vec4<f32>, (\d+)>;/gm)];
    expect(declared.reduce((sum, [, count]) => sum + 16 * Number(count), 0)).toBe(variant.workgroupBytes);
    expect(variant.workgroupBytes).toBe(workgroupBytes(schedule, { headDim: variant.headDim, valueDim: variant.valueDim, dtype }));
    expect(variant.workgroupBytes).toBeLessThanOrEqual(BASELINE_LIMITS.workgroupBytes);
    expect(variant.wgsl).toContain(`@workgroup_size(${variant.threads})`);
    expect(variant.threads).toBe(threadsOf(schedule));
    // Features by the directive that the text opens with, and no other.
    expect(/^enable /m.test(variant.wgsl)).toBe(variant.features.length > 0);
    expect(variant.wgsl.includes("enable f16;")).toBe(variant.features.includes("shader-f16"));
    expect([...variant.wgsl.matchAll(/var<storage/g)].length).toBeLessThanOrEqual(8);
  }
});

const texts = (module: MaskModule): Record<string, string> => {
  const every = wgslVariants(module, [{ headDim: 16, valueDim: 16 }], { profiles: ["gpu", "software", "simd"] });
  return Object.fromEntries(every.map(({ schedule, variant }) => [schedule.profile, variant.wgsl]));
};

test("two loops: full tiles have one without the mask, and each tile is asked once", () => {
  const { gpu, software, simd } = texts(moduleOfText("attention a {\n  space seq causal\n  attend q - k < 100\n}"));
  const works = gpu!.split("for (var own = run; own < tile; own++)");
  expect(works.map((part) => part.includes("= band_0("))).toEqual([false, false, true]);
  expect(works.map((part) => part.includes("select(FULL, PARTIAL,"))).toEqual([true, false, false]);
  for (const one of [software!, simd!]) {
    expect(one).not.toContain("FULL");
    expect(one.match(/let masked = /g)).toHaveLength(1);
  }
});

const square = (size: number, component: MatrixShape["component"]): MatrixShape => ({
  m: size,
  n: size,
  k: size,
  component,
  result: "f32",
});
const units: GridSchedule = { ...legal, keepQuery: false, matrices: square(8, "f32") };
const half: Partial<GridSchedule> = { half: "native", matrices: square(16, "f16") };

test("schedules for matrix units that break no rule are legal", () => {
  expect(illegal(units, problem)).toBeUndefined();
  expect(illegal({ ...units, ...half, keepQuery: true }, problem)).toBeUndefined();
});

test.each<[string, Partial<GridSchedule>, Partial<Problem>, string]>([
  ["matrices that are larger than the chunk", { ...half, chunk: 8 }, {}, "matrices of 16 x 16 x 16 must divide the tiles and the chunks"],
  ["matrices that leave rows", { ...half, tileQ: 24, rowThreads: 6 }, {}, "matrices of 16 x 16 x 16 must divide the tiles and the chunks"],
  ["f16 from tensors of f32", { matrices: square(8, "f16") }, {}, "matrices of f16 need tensors of f16, read as such"],
  ["a query tile that is overwritten", { keepQuery: true }, {}, "products of f32 matrices take the place of the query tile"],
  ["tiles that do not fit", { chunk: 64 }, {}, "21504 bytes of workgroup memory are more than the 16384 of the device"],
])("matrix units refused: %s", (_, schedule, dims, reason) => {
  expect(illegal({ ...units, ...schedule }, { ...problem, ...dims })).toBe(reason);
});

const BYTES: Readonly<Record<string, number>> = { "vec4<f32>": 16, f32: 4, f16: 2 };

test.each(["f32", "f16"] as const)(
  "kernels for matrix units of %s tensors are offered for measuring only, and declare what they say",
  (dtype) => {
    const { module } = libraryModule("windows.attn", "sliding_window", { shape: { dtype } });
    const pairs = [16, 32, 64, 80, 128, 256].map((dim) => ({ headDim: dim, valueDim: dim }));
    expect(wgslVariants(module, pairs).filter(({ variant }) => variant.matrices !== undefined)).toEqual([]);
    const all = wgslVariants(module, pairs, { profiles: ["gpu", "software", "simd"], all: true });
    const kernels = all.filter(({ variant }) => variant.matrices !== undefined);
    expect(new Set(kernels.map(({ variant }) => variant.headDim)).size).toBe(pairs.length);
    for (const { variant, schedule } of kernels) {
      const declared = [...variant.wgsl.matchAll(/^var<workgroup> \w+: array<(vec4<f32>|f32|f16), (\d+)>;/gm)];
      expect(declared.reduce((sum, [, type, count]) => sum + BYTES[type!]! * Number(count), 0)).toBe(variant.workgroupBytes);
      expect(variant.workgroupBytes).toBeLessThanOrEqual(BASELINE_LIMITS.workgroupBytes);
      expect(schedule.profile).toBe("gpu");
      expect(variant.features).toEqual(expect.arrayContaining(["subgroups", "chromium-experimental-subgroup-matrix"]));
      const { m, n, k, component } = variant.matrices!;
      expect(variant.wgsl).toContain(`subgroup_matrix_left<${component}, ${k}, ${m}>`);
      expect(variant.wgsl).toContain(`subgroup_matrix_right<${component}, ${n}, ${k}>`);
      for (const other of all) if (other.variant.matrices === undefined) expect(other.variant.wgsl).not.toContain("matrix");
    }
  },
);
