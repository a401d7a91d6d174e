import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { printHeader } from "../../compiler/bindings/c/header.js";
import { fieldName } from "../../compiler/bindings/c/names.js";
import { compileCuda, cudaSource } from "../../compiler/driver/cuda-source.js";
import type { InputValue, MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import type { CudaDtype } from "../../runtime/cuda/module.js";
import { orderTable } from "../../runtime/launch/curves.js";
import { fromDeviceElements, toDeviceElements } from "../../runtime/launch/host-tensors.js";
import { packBits } from "../../runtime/launch/pack-bits.js";
import { emulatedLibraries } from "../cuda/driver.js";
import { emulatedDevice, type EmulatedDevice } from "../cuda/emulated-device.js";
import { nvccProblem, withoutNvcc } from "../cuda/nvcc.js";
import { libraryModule, moduleOfText } from "../targets/library-modules.js";
import { cProgram, type CCall, type CProgram, type CValue } from "./c-program.js";
import { dense, greatestDifference, noise } from "./dense.js";
import { EVERYTHING_SIZES, everythingInputs } from "./everything-inputs.js";
import { documents, everything, sliding } from "./modules.js";

const duo = libraryModule("head_tables.attn", "duo", { params: { sink: 3, recent: 9 }, shape: { headDim: 16, valueDim: 16 } }).module;

/** Parameters whose names mean something else in C. */
const awkward = moduleOfText(`/// A comment that ends in a backslash \\
attention template(int: runtime = 5, keys: runtime = 2, unsigned = 3) {
  space  seq causal
  shape  heads: 2, dim: 8
  attend q - k < int | k < keys | k < unsigned
}
`);

const curved = moduleOfText(`attention curved {
  space  grid(y: 5, x: 9) + text(6)
  shape  heads: 2, dim: 8
  layout curve(gilbert)
  attend near(y, window: 3) & near(x, window: 5)
}
`);

const modules = [sliding, documents, everything, duo, awkward, curved];

/** What a launch takes and gives, in numbers. */
interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly NQ: number;
  readonly N: number;
}

/** Inputs for the launcher and for the reference. */
interface Inputs {
  readonly call: CCall;
  readonly values: Readonly<Record<string, InputValue>>;
}

const libraries = emulatedLibraries();
const why = typeof libraries === "string" ? ` (skipped: ${libraries})` : "";

describe.skipIf(typeof libraries === "string")(`the launcher in C${why}`, () => {
  const device = emulatedDevice() as EmulatedDevice;
  const programs = new Map<string, CProgram>();
  afterAll(() => device.reset());

  const programOf = (mask: MaskModule, dtypes: readonly CudaDtype[] = ["f32"]): CProgram => {
    const key = `${mask.name} ${dtypes.join()}`;
    if (!programs.has(key)) programs.set(key, cProgram(mask, "sm_90a", dtypes));
    return programs.get(key)!;
  };

  /** Launches and compares with dense attention; numbers are such that 16-bit types hold them exactly. */
  function expectDense(
    mask: MaskModule,
    sizes: Sizes,
    dtype: CudaDtype,
    more: CCall = {},
    env: Partial<MaskEnv> = {},
    inputs?: Inputs,
  ): void {
    const { batch, heads, kvHeads, NQ, N } = sizes;
    const { headDim, valueDim } = mask.shape;
    const exact = (length: number, seed: number) => noise(length, seed).map((x) => Math.round(x * 64) / 64);
    const [q, k, v] = [
      exact(batch * heads * NQ * headDim, 1),
      exact(batch * kvHeads * N * headDim, 2),
      exact(batch * kvHeads * N * valueDim, 3),
    ];
    const program = programOf(mask, dtype === "f32" ? ["f32"] : ["f16", "bf16"]);
    const rows = batch * heads * NQ;
    const held = (data: Float32Array) => device.holding(toDeviceElements(dtype, data));
    const [out, lse] = [device.buffer(rows * valueDim * (dtype === "f32" ? 4 : 2)), device.buffer(rows * 4)];
    const tensors = { q: held(q).pointer, k: held(k).pointer, v: held(v).pointer, out: out.pointer, lse: lse.pointer };
    const lengths = { batch, heads, kv_heads: kvHeads, queries: NQ, keys: N };
    const call = { ...program.defaults(), ...tensors, ...lengths, dtype: ["f32", "f16", "bf16"].indexOf(dtype), ...more, ...inputs?.call };
    const { status, bytes } = program.workspace(call);
    expect({ status, error: status === 0 ? "" : program.error() }).toEqual({ status: 0, error: "" });
    const workspace = bytes === 0 ? 0 : device.buffer(bytes).pointer;
    const launched = program.launch({ ...call, workspace, workspace_bytes: bytes });
    expect({ launched, error: launched === 0 ? "" : program.error() }).toEqual({ launched: 0, error: "" });
    const found = fromDeviceElements(
      dtype,
      out.download(new Uint8Array(rows * valueDim * (dtype === "f32" ? 4 : 2))).buffer,
      rows * valueDim,
    );
    const whole: MaskEnv = { N, NQ, heads, kvHeads, ...env, ...(inputs === undefined ? {} : { inputs: inputs.values }) };
    const expected = dense(mask, { batch, env: whole, headDim, valueDim, q, k, v });
    // Weights and results are rounded to the type: each by half a step of numbers up to 1, beside float32's own rounding.
    const half = { f32: 0, f16: 2 ** -11, bf16: 2 ** -8 }[dtype];
    expect(greatestDifference(found, expected.out)).toBeLessThan(4e-6 + 2 * half);
    expect(greatestDifference(lse.download(new Float32Array(rows)), expected.lse)).toBeLessThan(1e-5);
    device.freeBuffers();
  }

  const ints = (values: readonly number[] | Uint32Array): bigint => device.holding(Int32Array.from(values)).pointer;

  test("a window, in every type, with grouped heads and fewer queries than keys", () => {
    for (const dtype of ["f32", "f16", "bf16"] as const) expectDense(sliding, { batch: 2, heads: 4, kvHeads: 2, NQ: 37, N: 70 }, dtype);
  });

  test("heads by a table, and a scale of the caller's", () => {
    const layers = duo.tables[0]!.rows;
    expectDense(duo, { batch: 1, heads: 8, kvHeads: 4, NQ: 50, N: 50 }, "f32", { layer: 1 }, { layer: 1, layers });
    expectDense(duo, { batch: 1, heads: 8, kvHeads: 4, NQ: 3, N: 41 }, "f16", { layer: 0, scale: 1 / 4 }, { layer: 0, layers });
  });

  test("documents, with ids for each batch entry or for all", () => {
    const sizes = { batch: 2, heads: 4, kvHeads: 2, NQ: 37, N: 70 };
    const ids = (batch: number) => Array.from({ length: batch * 70 }, (_, i) => Math.floor((i % 70) / (i < 70 ? 30 : 9)));
    for (const batch of [1, 2]) {
      const data = ids(batch);
      const doc = { data: ints(data), batch, heads: 0, entries: 0, indices: 0, index_count: 0 };
      const values = { doc: { kind: "ids", batch, length: 70, data: Int32Array.from(data) } } as const;
      expectDense(documents, sizes, "f32", { window: 20 }, { params: { window: 20 } }, { call: { doc }, values });
    }
  });

  test("tables, layers, phases, bits, blocks, lists and lists by offsets", () => {
    const { heads, kvHeads } = EVERYTHING_SIZES;
    const { columns, diagonals, offsets, indices, values } = everythingInputs();
    const input = (data: bigint, more: CCall = {}): CValue => ({
      data,
      batch: 0,
      heads: 0,
      entries: 0,
      indices: 0,
      index_count: 0,
      ...more,
    });
    const packed = ({ data, heads: count, rows: r, columns: c }: (typeof values)["tree"]) => ints(packBits(data, r, c, count));
    for (const [layer, phase] of [
      [0, 0],
      [1, 1],
    ] as const) {
      const call = {
        tree: input(packed(values.tree)),
        map: input(packed(values.map), { heads }),
        cols: input(ints(columns), { entries: 4 }),
        diags: input(ints(diagonals), { entries: 3 }),
        lists: input(ints(offsets), { heads: kvHeads, indices: ints(indices), index_count: indices.length }),
      };
      const env = { layer, layers: 2, phase, params: { rows: 6, sink: 4 } };
      expectDense(everything, EVERYTHING_SIZES, "f32", { rows: 6, layer, phase }, env, { call, values });
    }
  });

  test("a parameter whose name is a word of C, and one whose name is a field", () => {
    const program = programOf(awkward);
    expect(program.defaults()).toMatchObject({ int_: 5, keys_: 2, keys: 0 });
    expectDense(awkward, { batch: 1, heads: 2, kvHeads: 2, NQ: 30, N: 30 }, "f32", { int_: 4 }, { params: { int: 4, keys: 2 } });
  });

  test("the tables of a layout, and a launch with them", () => {
    const N = 5 * 9 + 6;
    const program = programOf(curved);
    const tables = curved.orders!.map((spec) => {
      const table = new Int32Array(N);
      program.order(spec.name.slice(1), table);
      expect(table).toEqual(orderTable(spec));
      return [fieldName(spec.name), { data: ints([...table]), batch: 0, heads: 0, entries: 0, indices: 0, index_count: 0 }] as const;
    });
    expectDense(curved, { batch: 2, heads: 2, kvHeads: 1, NQ: 30, N }, "f32", Object.fromEntries(tables));
  });

  test.each<readonly [MaskModule, CCall, number, string]>([
    [sliding, { q: 0 }, 1, "q: expected a pointer, found NULL"],
    [sliding, { out: 4104 }, 1, "out: expected an address that is a multiple of 16, found 0x1008"],
    [sliding, { dtype: 3 }, 1, "dtype: expected ATTNC_F32, ATTNC_F16 or ATTNC_BF16, found 3"],
    [sliding, { dtype: 2 }, 2, "no kernel for bf16 and dims 64, 64: build with --dtypes and --dims"],
    [sliding, { head_dim: 96 }, 2, "no kernel for f32 and dims 96, 64: build with --dtypes and --dims"],
    [sliding, { keys: 0 }, 1, "keys: expected at least 1, found 0"],
    [sliding, { queries: 65 }, 1, "queries: expected at most as many as keys, found 65"],
    [sliding, { keys: 16777217 }, 1, "keys: expected at most 16777216, found 16777217"],
    [sliding, { kv_heads: 3 }, 1, "kv_heads: expected a divisor of heads, found 3"],
    [sliding, { scale: Infinity }, 1, "scale: expected a finite number, or NaN, found inf"],
    [documents, { window: 0 }, 1, "window: expected at least 1, found 0"],
    [documents, {}, 1, "doc.data: expected a pointer, found NULL"],
    [documents, { doc: { data: 4096, batch: 2 } }, 1, "doc.batch: expected 1 or 1, found 2"],
    [documents, { doc: { data: 4096, heads: 2 } }, 1, "doc.heads: expected 1, found 2"],
    [documents, { doc: { data: 4096 }, workspace: 4096, workspace_bytes: 8 }, 1, "workspace: expected 272 bytes, found 8"],
    [everything, {}, 1, "rows: expected a whole number within 16777216 of 0, found nan"],
    [everything, { rows: 2.5 }, 1, "rows: expected a whole number within 16777216 of 0, found 2.5"],
    [everything, { rows: 3, layer: 0, phase: 0 }, 1, "keys: expected 37, the size of the declaration's grid, found 64"],
    [everything, { rows: 3, keys: 37 }, 1, "layer: expected 0 to 16777216, found -1"],
    [everything, { rows: 3, keys: 37, layer: 2, phase: 0 }, 1, "layer: expected less than layers, found 2"],
    [everything, { rows: 3, keys: 37, layer: 0, phase: 2 }, 1, "phase: expected 0 to 1, found 2"],
    [everything, { rows: 3, keys: 37, layer: 0, phase: 0, heads: 8 }, 1, "heads: expected 4, as in a table of the declaration, found 8"],
  ])("a wrong call: %#", (mask, wrong, status, words) => {
    const program = programOf(mask);
    const defaults = program.defaults();
    const inputs = Object.fromEntries(
      Object.entries(wrong).map(([name, value]) => [name, typeof value === "object" ? { ...(defaults[name] as object), ...value } : value]),
    );
    const call = { ...defaults, q: 4096, k: 4096, v: 4096, out: 4096, dtype: 0, queries: 20, keys: 64, ...inputs };
    expect({ status: program.launch(call as CCall), error: program.error() }).toEqual({ status, error: words });
  });

  test("a call that is not there, and a device without what the kernels need", () => {
    const program = cProgram(sliding, "sm_75", ["f16"]);
    expect([program.launch(null), program.error()]).toEqual([1, "call: expected a pointer, found NULL"]);
    const tensor = device.buffer(4 * 64 * 64 * 4).pointer;
    const call = { ...program.defaults(), q: tensor, k: tensor, v: tensor, out: tensor, queries: 64, keys: 64 };
    // Compiled for an old device it has the kernels for tensor cores without their bodies; the one for CUDA cores runs.
    expect(program.launch(call)).toBe(0);
    device.freeBuffers();
  });
});

describe.skipIf(withoutNvcc)(
  `nvcc compiles sources with their launchers${withoutNvcc === undefined ? "" : ` (skipped: ${withoutNvcc})`}`,
  () => {
    test.each(modules.map((mask) => [mask.name, mask] as const))("%s", (_, mask) => {
      const source = cudaSource(compileCuda(mask, { headDims: [], dtypes: ["f32", "f16"] }));
      expect(nvccProblem(source, "sm_80")).toBe("");
    });
  },
);

const withoutGcc = spawnSync("gcc", ["--version"]).status === 0 ? undefined : "gcc is not installed";

test.skipIf(withoutGcc)(`all headers together are C99 and C++${withoutGcc === undefined ? "" : ` (skipped: ${withoutGcc})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "attnc-headers-"));
  try {
    // What the header needs of CUDA's own.
    writeFileSync(join(folder, "cuda_runtime_api.h"), "#pragma once\ntypedef struct CUstream_st* cudaStream_t;\n");
    const headers = modules.map((mask) => {
      const { launch, mask: typed } = compileCuda(mask, { headDims: [], dtypes: [] });
      writeFileSync(join(folder, `${mask.name}.h`), printHeader(typed, launch));
      return `#include "${mask.name}.h"\n#include "${mask.name}.h"\n`;
    });
    const calls = modules.map(
      ({ name }) =>
        `  attnc_${name}_call ${name}_ = attnc_${name}_defaults();\n  if (attnc_${name}_launch(&${name}_, 0) != ATTNC_OK) return 1;\n`,
    );
    writeFileSync(join(folder, "use.c"), `${headers.join("")}int main(void) {\n${calls.join("")}  return 0;\n}\n`);
    for (const [compiler, ...options] of [
      ["gcc", "-std=c99", "-x", "c"],
      ["g++", "-std=c++17", "-x", "c++"],
    ]) {
      const strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wcomment", "-I", folder, "-fsyntax-only", join(folder, "use.c")];
      expect(spawnSync(compiler!, [...options, ...strict], { encoding: "utf8" }).stderr).toBe("");
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
