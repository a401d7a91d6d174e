import { expect, test } from "vitest";
import { attentionModule } from "../../compiler/targets/manifest.js";
import { wgslVariants } from "../../compiler/targets/wgsl/operator.js";
import { uniformFields } from "../../compiler/targets/print/uniforms.js";
import { resolveCall, resolveShape } from "../../runtime/launch/call.js";
import type { AttentionCall } from "../../runtime/launch/call.js";
import { layoutAux } from "../../runtime/launch/input-layout.js";
import { uniformWords } from "../../runtime/launch/uniform-words.js";
import { libraryModules, moduleOfText } from "./library-modules.js";

/** The members of the uniform struct of a kernel, as `name: type`. */
function structOf(wgsl: string): readonly string[] {
  const body = /struct Uniforms \{\n([^}]*)\}/.exec(wgsl)![1]!;
  return body
    .trim()
    .split("\n")
    .map((line) => line.trim().replace(/,$/, ""));
}

test.each(libraryModules().map((module) => [module.name, module] as const))("the struct of %s is what the launcher fills", (_, module) => {
  const fields = uniformFields(module);
  expect(new Set(fields.map((field) => field.name)).size).toBe(fields.length);
  for (const { variant } of wgslVariants(module, [{ headDim: 16, valueDim: 16 }])) {
    expect(structOf(variant.wgsl)).toEqual(fields.map((field) => `${field.name}: ${field.type}`));
  }
});

test("each word of a launch stands at the offset of its member", () => {
  const mask = moduleOfText(`attention a(w: runtime = 5, z: runtime = 6) {
  space seq causal
  shape heads: 6, kv_heads: 3, dim: 16
  input doc : ids
  input map : blocks(16, 8)
  attend (q - k < w | doc[q] == doc[k]) & (map | layer % 2 == step) & q / z == k / z
}`);
  const launch = attentionModule(mask, { uniforms: uniformFields(mask), variants: [] });
  const call: AttentionCall = {
    batch: 2,
    queryLength: 40,
    keyLength: 50,
    scale: 0.5,
    params: { w: 7, z: 9 },
    layer: 3,
    layers: 12,
    step: 1,
    steps: 2,
  };
  const resolved = resolveCall(launch, resolveShape(launch), call);
  const extents = new Map([
    ["doc", { elements: 100, shape: [2, 50] }],
    ["map", { elements: 6 * 4, shape: [1, 6, 4, 1] }],
  ]);
  const aux = layoutAux(launch, resolved, extents);
  const words = uniformWords(launch, { call: resolved, aux, tiles: 2, writeLse: true });
  const read = Object.fromEntries(
    launch.uniforms.map(({ name, type }, i) => [name, type === "f32" ? new Float32Array(words.buffer)[i]! : words[i]!]),
  );
  expect(read).toEqual({
    batch: 2,
    heads: 6,
    kv_heads: 3,
    queries: 40,
    keys: 50,
    offset: 10,
    tiles: 2,
    scale: Math.fround(0.5 * Math.LOG2E),
    write_lse: 1,
    slots: 0,
    busy: 0,
    least_share: 0,
    layer: 3,
    step: 1,
    p_w: 7,
    p_z: 9,
    in_doc_base: 0,
    in_doc_batchStride: 50,
    in_doc_length: 50,
    // Behind the ids of two batch entries; two pairs for each.
    in_doc_summary: 100,
    in_doc_summaryBatchStride: 4,
    in_map_base: 108,
    in_map_batchStride: 0,
    in_map_headCount: 6,
    in_map_headStride: 4,
    in_map_rowStride: 1,
    in_map_rows: 4,
    in_map_columns: 7,
  });
  // A uniform buffer is bound in whole vectors of four words.
  expect(words.length % 4).toBe(0);
  expect(words.length).toBeGreaterThanOrEqual(launch.uniforms.length);
});
