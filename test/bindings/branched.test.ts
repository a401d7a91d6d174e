import { beforeAll, expect, test } from "vitest";
import { branchedOperator, generateTypeScript } from "../../compiler/bindings/typescript.js";
import { launchBranched } from "../../compiler/driver/branched.js";
import { launchModule } from "../../compiler/driver/launch.js";
import { compile } from "../semantics/compile.js";
import { runtimeSources } from "./runtime-sources.js";
import { strictProblems } from "./strict-project.js";

const ROOT = new URL("../..", import.meta.url).pathname;

const TEXT = `/// A window and what is far.
attention near_and_far(window = 64, reach: runtime = 100) {
  space  seq causal
  input  doc : ids
  branch near { attend q - k < window }
  branch far { attend q - k >= window & doc[q] == doc[k] & k < reach }
  output merge(near, far)
  emit   lse
}

/// Windows of keys, and keys.
attention compressed {
  space  seq causal
  input  ck, cv : pooled(32, 16)
  input  g      : gate(2)
  branch coarse { attend end(k) <= q from ck, cv }
  branch near { attend q - k < 512 }
  output g[0] * coarse + sigmoid(g[1]) * near
}

attention plain {
  space  seq causal
  attend q - k < 8
}
`;

/** What an app writes: all of it must have the types that the file says. */
const APP = (from: string) => `
import { createCompressed, createNearAndFar, createPlain, requirements, type CompressedBuffers } from "./${from}.js";

export async function use(device: GPUDevice, encoder: GPUCommandEncoder, buffers: CompressedBuffers, f: Float32Array, ids: Int32Array): Promise<number> {
  requirements();
  const both = await createNearAndFar(device, { heads: 4 });
  const merged = await both.run({ q: f, k: f, v: f, doc: ids }, { length: 8, params: { reach: 4 } });
  const one = await createCompressed(device);
  one.encode(encoder, buffers, { queryLength: 1, keyLength: 80 });
  const mixed = await one.run({ q: f, k: f, v: f, ck: f, cv: f, g: f }, { length: 80 });
  // @ts-expect-error a sum of branches has no lse
  mixed.lse;
  // @ts-expect-error the gates are missing
  await one.run({ q: f, k: f, v: f, ck: f, cv: f }, { length: 80 });
  await createPlain(device);
  both.destroy();
  return merged.lse.length + mixed.out.length;
}
`;

const files = new Map<string, string>();

beforeAll(async () => {
  const { modules, branched, diagnostics } = compile(TEXT);
  expect(diagnostics.filter((each) => each.severity === "error")).toEqual([]);
  const short = (module: Parameters<typeof launchModule>[0]) => {
    const launch = launchModule(module);
    return { ...launch, variants: launch.variants.map((variant) => ({ ...variant, split: undefined, wgsl: "// a kernel" })) };
  };
  const operators = [
    ...modules.map((mask) => ({ mask, launch: short(mask) })),
    ...branched.map((mask) => branchedOperator(mask, launchBranched(mask, short))),
  ];
  for (const [name, options] of [
    ["imports", {}],
    ["alone", { standalone: runtimeSources() }],
    ["script", { js: true }],
  ] as const) {
    for (const file of await generateTypeScript(operators, { version: "0.0.0-test", source: `${name}.attn`, ...options }))
      files.set(file.name, file.text);
  }
});

test("the types of an attention with branches", async () => {
  const text = files.get("script.attn.d.ts")!;
  await expect(text).toMatchFileSnapshot("../golden/bindings/branched.attn.d.ts.txt");
});

test("apps compile under the strictest options, with the runtime imported and in the file", () => {
  const paths = { "attnc/runtime": `${ROOT}runtime/index.ts` };
  const parts = ["imports", "alone"].flatMap((name): readonly (readonly [string, string])[] => [
    [`${name}.attn.ts`, files.get(`${name}.attn.ts`)!],
    [`${name}-app.ts`, APP(`${name}.attn`)],
  ]);
  expect(strictProblems(new Map(parts), paths)).toBe("");
});

test("the manifest says which branch has which tensors", () => {
  const text = files.get("script.attn.js")!;
  expect(text).toContain('windows: { key: "ck", value: "cv", n: 32, stride: 16, tokens: "tokens" }');
  expect(text).toContain('gates: [{ name: "g", count: 2 }]');
  expect(text).toContain("createBranchedAttention");
});
