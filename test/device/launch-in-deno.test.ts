import { expect } from "vitest";
import type { AttentionOutput, InputSpec, LaunchVariable } from "../../runtime/index.js";
import { copyModule, denseModule, denseReference, distance, noise, variant } from "../runtime/launch/fixture.js";
import { denoTest } from "./deno.js";
import { launchInDeno } from "./launch-in-deno.js";

const SIZES = { heads: 4, kvHeads: 2, headDim: 8, valueDim: 4 };

function tensors(n: number) {
  return { q: noise(4 * n * 8, 1), k: noise(2 * n * 8, 2), v: noise(2 * n * 4, 3) };
}

/** out = 2 q in f16, with one head of one dimension: an odd number of elements does not fill its last word. */
const DOUBLE_WGSL = /* wgsl */ `
enable f16;
@group(0) @binding(1) var<storage, read> q: array<f16>;
@group(0) @binding(5) var<storage, read_write> out: array<f16>;
@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 32u + lane;
  if (i < arrayLength(&out) && i < arrayLength(&q)) { out[i] = q[i] * 2.0h; }
}
`;

denoTest("the launcher does on wgpu what it does on Dawn", async () => {
  const n = 50;
  const arrays = tensors(n);
  const inputs: InputSpec[] = [
    { kind: "ids", name: "doc", axis: "k" },
    { kind: "diagonals", name: "diag" },
    { kind: "csr", name: "lists", n: 32, m: 2 },
    { kind: "blocks", name: "map", n: 64, m: 16 },
  ];
  const doc = Int32Array.from({ length: n }, (_, i) => i * 3 - 7);
  const given = { doc, diag: { data: [0, -(n - 1)], shape: [2] }, lists: { offsets: [0, 1, 3], indices: [24, 0, 9] }, map: [1, 0, 1, 1] };
  const uses: LaunchVariable[] = ["layer"];
  const answers = await launchInDeno([
    { module: denseModule(), calls: [1, 7, 99].map((window) => ({ arrays, call: { length: n, params: { window } } })) },
    {
      module: copyModule(inputs, { uses }),
      calls: [
        { arrays: { ...arrays, ...given }, call: { length: n, layer: 0 }, scalars: [[5], [6], [7], [-8]] },
        { arrays: { ...arrays, ...given }, call: { length: n } },
      ],
    },
  ]);
  for (const [i, window] of [1, 7, 99].entries()) {
    const { out, lse } = answers[0]![i] as AttentionOutput;
    const expected = denseReference(arrays, { ...SIZES, batch: 1, n, nq: n, window });
    expect(distance(out, expected.out)).toBeLessThan(1e-5);
    expect(distance(lse, expected.lse)).toBeLessThan(1e-5);
  }
  const copied = new Int32Array((answers[1]![0] as AttentionOutput).out.buffer, 0, 4 + n + 4 + 4 + 2 + 1);
  expect([...copied]).toEqual([
    5,
    6,
    7,
    -8,
    ...doc,
    -7,
    31 * 3 - 7,
    32 * 3 - 7,
    49 * 3 - 7,
    1,
    1 << (49 - 32),
    0,
    0,
    1 << 24,
    (1 << 9) | 1,
    13,
  ]);
  expect(answers[1]![1]).toMatchObject({ error: { code: "ATTN5204" } });
});

denoTest("f16 tensors are rounded, run and widened; a shader's error carries its text", async () => {
  const module = denseModule({
    dtype: "f16",
    params: [],
    uniforms: [],
    defaults: { heads: 1, kvHeads: 1, headDim: 1, valueDim: 1 },
    variants: [variant({ name: "f16", features: ["shader-f16"], headDim: 1, valueDim: 1, wgsl: DOUBLE_WGSL })],
  });
  const values = Float32Array.of(0.1, -3, 70000, 2 ** -24, 5);
  const halves = Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400, 0x8000);
  const broken = denseModule({ variants: [variant({ wgsl: "@compute @workgroup_size(1) fn main() { let a: i32 = 1.5; }" })] });
  const [answers, errors] = await launchInDeno([
    { module, calls: [values, halves].map((q) => ({ arrays: { q, k: values, v: values }, call: { length: 5 } })) },
    { module: broken, calls: [{ arrays: tensors(1), call: { length: 1 } }] },
  ]);
  expect([...(answers![0] as AttentionOutput).out]).toEqual([0.199951171875, -6, Infinity, 2 ** -23, 10]);
  expect([...(answers![1] as AttentionOutput).out]).toEqual([2, 4, 6, 8, -0]);
  expect(errors![0]).toMatchObject({ error: { code: "ATTN5104", message: expect.stringContaining("i32") as string } });
});
