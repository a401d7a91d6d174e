import { expect, test } from "vitest";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { wgslVariants } from "../../compiler/targets/wgsl/operator.js";
import type { Dims } from "../../compiler/targets/wgsl/operator.js";
import { libraryModule, libraryModules, moduleOfText } from "./library-modules.js";
import { nagaProblem } from "./naga.js";

/** Each kernel that naga refuses, by name, with the first lines of what it says. */
function refused(module: MaskModule, dims: readonly Dims[]): readonly string[] {
  return wgslVariants(module, dims, { profiles: ["gpu", "software", "simd"] }).flatMap(({ variant }) => {
    const texts = { kernel: variant.wgsl, ...variant.split, ...variant.keyOrder };
    const name = `${module.name} ${variant.headDim}x${variant.valueDim} ${variant.name}`;
    return Object.entries(texts).flatMap(([kind, text]) => {
      const problem = nagaProblem(text);
      return problem === undefined ? [] : [`${name} ${kind}: ${problem.split("\n").slice(0, 8).join("\n")}`];
    });
  });
}

test("naga itself refuses what is wrong", () => {
  expect(nagaProblem("fn f() -> i32 { return 1.5; }")).toMatch(/i32/);
  expect(nagaProblem("fn f() -> i32 { return 1; }")).toBeUndefined();
});

const f32 = libraryModules();

test.each(f32.map((module) => [module.name, module] as const))("every kernel of %s", (_, module) => {
  // A small head dim: what differs between operators is the mask and the visits, not the products.
  expect(refused(module, [{ headDim: 16, valueDim: 16 }])).toEqual([]);
});

const HEAD_DIMS: readonly Dims[] = [
  ...[4, 32, 64, 80, 96, 128, 256].map((dim) => ({ headDim: dim, valueDim: dim })),
  { headDim: 64, valueDim: 128 },
  { headDim: 192, valueDim: 128 },
  { headDim: 80, valueDim: 20 },
];

test.each(["f32", "f16"] as const)("every head dim in %s", (dtype) => {
  const { module } = libraryModule("windows.attn", "sliding_window", { shape: { dtype } });
  expect(refused(module, HEAD_DIMS)).toEqual([]);
});

test.each([
  ["caller_maps.attn", "vertical_slash"],
  ["head_tables.attn", "duo"],
  ["documents.attn", "packed_documents"],
])("every 16-bit kernel of %s#%s", (file, name) => {
  const { module } = libraryModule(file, name, { shape: { dtype: "f16" } });
  expect(refused(module, [{ headDim: 64, valueDim: 64 }])).toEqual([]);
});

/** Words of WGSL, names that kernels use themselves, and odd ones. */
const NAMES = [
  ...["array", "fn", "var", "struct", "loop", "vec4", "f32", "u32", "select", "main", "override", "ptr", "enable", "texture", "fma"],
  ...["looks", "looks_at", "lane", "u", "aux", "query", "key", "value", "output", "tile", "q0", "k1", "keys", "heads", "scale"],
  ...["scalars", "partial", "MASKED", "Uniforms", "floor_div", "t0", "s_0_0"],
  ...["_x", "x_", "x1", "X", "min_x", "_", "base", "a_base"],
];

const params = NAMES.map((name) => `${name}: runtime = 3`).join(", ");

test.each([
  ["parameters", `(${params})`, NAMES.map((name) => `q - k < ${name}`)],
  ["inputs of ids", "", NAMES.map((name) => `${name}[q] == ${name}[k]`), `input ${NAMES.join(", ")} : ids`],
  ["inputs of bits", "", NAMES, `input ${NAMES.join(", ")} : columns`],
])("words of WGSL and names of the kernel's own as %s", (_, list, terms, input = "") => {
  const module = moduleOfText(`attention main${list} {\n  space seq causal\n  ${input}\n  attend ${terms.join(" | ")}\n}`);
  expect(refused(module, [{ headDim: 16, valueDim: 16 }])).toEqual([]);
});

test("inputs whose names differ by what helpers put before them", () => {
  const module = moduleOfText(`attention a {
  space seq causal
  input x, min_x, max_x, id_x : ids
  input y, any_y, all_y, bit_y : columns
  attend x[q] == x[k] & min_x[q] == min_x[k] & max_x[q] == max_x[k] & id_x[q] == id_x[k] | y & any_y & all_y & bit_y
}`);
  expect(refused(module, [{ headDim: 16, valueDim: 16 }])).toEqual([]);
});
