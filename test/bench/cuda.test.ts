import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { libraryOperators, prepare } from "../../bench/cuda/prepare.js";
import type { Manifest } from "../../bench/cuda/prepare.js";
import { nodeHost } from "../../compiler/cli/host.js";
import { buildOperators, checkFile } from "../../compiler/driver/pipeline.js";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { BitsValue, MaskEnv } from "../../compiler/mask/evaluate.js";
import { sourceFile } from "../../compiler/source/file.js";
import { readNpy } from "../../runtime/tensor/npy.js";
import { denseAttention } from "../../runtime/reference/dense.js";
import type { AttentionProblem } from "../../runtime/reference/problem.js";
import { random } from "../../runtime/verify/random.js";
import { expectedWithin } from "../../runtime/verify/tolerance.js";
import { libraryFiles } from "../patterns/library.js";

const folder = join(import.meta.dirname, "../../bench/cuda");
const python = (code: string, input = ""): ReturnType<typeof spawnSync> & { readonly stdout: string } =>
  spawnSync("python3", ["-B", "-c", code], { input, encoding: "utf8", cwd: folder }) as never;
const hasPython = python("import sys; sys.exit(sys.version_info < (3, 9))").status === 0;
const hasNumpy = hasPython && python("import numpy").status === 0;

const NAMES = ["sliding_window", "block_lists", "minference_vertical_slash", "seer", "double_sparsity"];
let built = "";
let manifest: Manifest;

beforeAll(() => {
  built = join(mkdtempSync(join(tmpdir(), "attnc-cuda-")), "built");
  manifest = prepare({ out: built, only: NAMES, longest: 20000 });
}, 120_000);

afterAll(() => rmSync(join(built, ".."), { recursive: true, force: true }));

test("every attention of the library is verified but those with branches, or with selections beside other inputs", () => {
  const declared = libraryFiles.flatMap(({ text }) => text.split(/^(?=attention )/m).slice(1));
  const names = libraryOperators().map(({ name }) => name);
  const left = declared.filter((body) => !names.includes(/^attention (\w+)/.exec(body)![1]!));
  for (const body of left) expect(body).toMatch(/^\s*(branch|input\s.*: (ids|bits|blocks|columns|diagonals|csr))/m);
  expect(names.length).toBe(declared.length - left.length);
  expect(names).toContain("minference");
});

describe("prepare", () => {
  test("writes a source and an operator of PyTorch for each build", () => {
    expect(manifest.verify.map(({ name }) => name).sort()).toEqual([...NAMES].sort());
    for (const { stem, kernels } of [...manifest.verify.flatMap(({ builds }) => builds), ...manifest.timed.builds]) {
      const source = readFileSync(join(built, `${stem}.cu`), "utf8");
      for (const { symbol } of kernels) expect(source).toContain(`${symbol}(`);
      const operator = readFileSync(join(built, `${stem}.py`), "utf8");
      expect(operator).toContain(`def ${stem}(`);
      // What operators.py calls and replaces.
      expect(operator).toContain("def _launch(call, q, k, v, scale, return_lse, sizes, library):");
      expect(operator).toContain("def _build(architecture):");
      expect(operator).toContain("def _call(library, status):");
    }
    const stems = new Set(readdirSync(built).map((name) => name.replace(/\.\w+$/, "")));
    expect([...stems].filter((stem) => stem.startsWith("sliding_window_")).sort()).toEqual(
      ["cores", "mma", "wgmma"].map((family) => `sliding_window_${family}`),
    );
  });

  test("writes masks that are those of the formula", () => {
    const { cases } = manifest.verify.find(({ name }) => name === "sliding_window")!;
    const pool = readPool("sliding_window");
    // The window is wider than these sequences: what is left is causality.
    for (const { mask: given, batch, heads, queries, keys } of cases) {
      const mask = given!;
      const words = mask.shape[2]!;
      expect(mask.planes).toEqual(Array.from({ length: batch * heads }, () => 0));
      for (let i = 0; i < queries; i++) {
        for (let k = 0; k < keys; k++) {
          const word = pool[mask.at + i * words + (k >> 5)]!;
          if (((word >>> (k & 31)) & 1) !== Number(k <= keys - queries + i)) throw new Error(`query ${i}, key ${k}`);
        }
      }
    }
  });

  test.skipIf(!hasNumpy)("writes masks that read selections as expressions of Python", () => {
    for (const name of ["minference_vertical_slash", "seer", "double_sparsity"]) {
      const file = libraryOperators().find((each) => each.name === name)!.file;
      const { modules } = buildOperators(checkFile(sourceFile(file, readFileSync(file, "utf8")), nodeHost), name);
      const { cases } = manifest.verify.find((each) => each.name === name)!;
      for (const one of cases.filter(({ keys }) => keys < 300).slice(0, 3)) {
        const { batch, heads, kvHeads, queries, keys, selected } = one;
        const source = random(keys);
        const bits = Object.entries(selected!.columns).map(([each, columns]) => {
          const rows = Math.ceil(queries / 2);
          const words = Int32Array.from({ length: batch * heads * rows * Math.ceil(columns / 32) }, () => source.word() & source.word());
          const truth = Uint8Array.from({ length: batch * heads * rows * columns }, (_, i) => {
            const [row, column] = [Math.floor(i / columns), i % columns];
            return (words[row * Math.ceil(columns / 32) + (column >> 5)]! >>> (column & 31)) & 1;
          });
          const value: BitsValue = { kind: "bits", batch, heads, rows, columns, data: truth };
          return { each, value, words: [...words], shape: [batch, heads, rows, Math.ceil(columns / 32)] };
        });
        const code = `import json, sys, numpy
from selected import head_mask
given = json.load(sys.stdin)
case = given["case"]
bits = {each["each"]: numpy.array(each["words"], numpy.int32).reshape(each["shape"]) for each in given["bits"]}
masks = [head_mask(numpy, case["selected"], bits, case, b, h) for b in range(case["batch"]) for h in range(case["heads"])]
print("".join("".join(map(str, numpy.broadcast_to(mask, (case["queries"], case["keys"])).astype(int).flatten())) for mask in masks))`;
        const { stdout, stderr } = python(code, JSON.stringify({ case: one, bits: bits.map(({ value: _, ...rest }) => rest) }));
        expect(stderr).toBe("");
        const inputs = Object.fromEntries(bits.map(({ each, value }) => [each, value]));
        const env = { ...one.arguments, N: keys, NQ: queries, heads, kvHeads, inputs, params: one.arguments } as MaskEnv;
        let expected = "";
        for (let at = 0; at < batch * heads; at++) {
          const sees = headEvaluator(modules[0]!, env, Math.floor(at / heads), at % heads);
          for (let i = 0; i < queries * keys; i++) expected += sees(keys - queries + Math.floor(i / keys), i % keys) ? "1" : "0";
        }
        expect(stdout.trim() === expected, `${name}, ${one.name}`).toBe(true);
      }
    }
  });

  test("counts what a window looks at, and samples rows of it", () => {
    const row = manifest.timed.rows.find(({ label, length }) => label === "window 1024" && length === 8192)!;
    expect(row.pairs).toBe(16 * ((1024 * 1025) / 2 + (8192 - 1024) * 1024));
    for (const { query, runs } of row.sampled) expect(runs).toEqual([[Math.max(0, query - 1023), query + 1]]);
  });
});

const readPool = (name: string): Int32Array => {
  const read = readNpy(gunzipSync(readFileSync(join(built, `${name}.npy.gz`))));
  if (!("tensor" in read)) throw new Error("no pool");
  return Int32Array.from(read.tensor!.data as ArrayLike<number>);
};

describe.skipIf(!hasPython)("run.sh --dry-run", () => {
  const dryRun = (...steps: readonly string[]) =>
    spawnSync(join(folder, "run.sh"), [...steps, "--dry-run"], {
      encoding: "utf8",
      env: { ...process.env, ATTNC_CUDA_BUILT: built, PYTHONDONTWRITEBYTECODE: "1" },
    });

  test("lists every kernel of every operator", () => {
    const { status, stdout, stderr } = dryRun("verify");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    for (const { name, builds } of manifest.verify) {
      for (const { symbol } of builds.flatMap(({ kernels }) => kernels)) expect(stdout).toContain(`${name}  ${symbol}  `);
    }
  });

  test("lists every row with its bounds", () => {
    const { status, stdout } = dryRun("time", "flex");
    expect(status).toBe(0);
    for (const { label, length } of manifest.timed.rows) expect(stdout).toContain(`  ${label}: 16/16 heads, dim 128, ${length} tokens, `);
  });

  test("says what is missing", () => {
    const { status, stderr } = spawnSync(join(folder, "run.sh"), ["--dry-run"], {
      encoding: "utf8",
      env: { ...process.env, ATTNC_CUDA_BUILT: join(built, "nowhere") },
    });
    expect(status).toBe(2);
    expect(stderr).toContain("run `npm run bench:cuda:prepare`");
  });
});

describe.skipIf(!hasNumpy)("reference.py", () => {
  for (const weights of ["f32", "f16", "bf16"] as const) {
    test(`computes what the reference computes, weights in ${weights}`, () => {
      const [queries, keys, dim] = [24, 64, 8];
      const source = random(3);
      const normal = (count: number): Float32Array => Float32Array.from({ length: count }, () => source.normal() * 2);
      const problem: AttentionProblem = {
        ...{ batch: 1, heads: 1, kvHeads: 1, headDim: dim, valueDim: dim, queries, keys, firstPosition: 0, weights },
        ...{ q: normal(queries * dim), k: normal(keys * dim), v: normal(keys * dim) },
        // The first row sees nothing.
        mask: (_, __, q, k) => q > 0 && (q + k) % 3 !== 0,
      };
      const dtype = weights;
      const { out, lse, outRounding, outNarrowing, lseRounding } = denseAttention(problem);
      const { outTolerance, lseTolerance } = expectedWithin(problem, dtype);
      const program = `
import json, sys, warnings
import numpy
import reference
warnings.simplefilter("ignore")
case = json.load(sys.stdin)
q, k, v = (numpy.array(case[name], dtype=numpy.float32).reshape(-1, ${dim}) for name in "qkv")
mask = numpy.array(case["mask"]).reshape(len(q), len(k))
found = reference.expected_within(numpy, q, k, v, mask, ${dim} ** -0.5, "${dtype}", "${weights}")
names = ["out", "out_rounding", "narrowing", "lse", "lse_rounding", "out_tolerance", "lse_tolerance"]
print(json.dumps([[str(each) for each in found[name].flatten()] for name in names]))`;
      const mask = Array.from({ length: queries * keys }, (_, i) => problem.mask(0, 0, Math.floor(i / keys), i % keys));
      const input = JSON.stringify({ q: [...problem.q], k: [...problem.k], v: [...problem.v], mask });
      const { stdout, stderr } = python(program, input);
      expect(stderr).toBe("");
      const found = (JSON.parse(stdout) as string[][]).map((values) => values.map((value) => Number(value.replace("inf", "Infinity"))));
      [out, outRounding, outNarrowing, lse, lseRounding].forEach((expected, i) => {
        expected.forEach((value, j) => {
          if (value === found[i]![j]) return;
          expect(Math.abs(found[i]![j]! - value)).toBeLessThanOrEqual(1e-12 * Math.max(1e-6, Math.abs(value)) + 1e-15);
        });
      });
      // The errors that are measured differ by how exp2 and log2 of float32 are rounded.
      for (const [i, expected] of [
        [5, outTolerance],
        [6, lseTolerance],
      ] as const) {
        expected.forEach((value, j) => {
          expect(found[i]![j]! / value).toBeGreaterThan(0.4);
          expect(found[i]![j]! / value).toBeLessThan(2.5);
        });
      }
    });
  }
});

test("run.sh and its scripts are there", () => {
  for (const name of ["run.sh", "verify.py", "timing.py", "report.py"]) expect(existsSync(join(folder, name))).toBe(true);
});
