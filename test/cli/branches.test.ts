import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readNpy, writeNpy } from "../../runtime/tensor/npy.js";
import { mixRow } from "../../runtime/reference/mix.js";
import { denseAttention } from "../../runtime/reference/dense.js";
import { random } from "../../runtime/verify/random.js";
import { softwareTest } from "../device/software.js";
import { attnc, folderWith, json } from "./attnc.js";

const TEXT = `attention parts(w = 6) {
  space  seq causal
  branch near { attend q - k < w }
  branch far { attend q - k >= w & k % 3 == 0 }
  output merge(near, far)
}

attention whole(w = 6) {
  space  seq causal
  attend q - k < w | k % 3 == 0
}

attention windows {
  space  seq causal
  input  ck, cv : pooled(4, 2)
  input  g      : gate(2)
  branch coarse { attend end(k) <= q from ck, cv }
  branch near { attend q - k < 5 }
  output g[1] * coarse + near
}

attention chosen(n = 2) {
  space  seq causal
  input  ck, cv : pooled(4, 2)
  select s {
    unit  q: token, k: block(4)
    score fold(softmax(dot(q, ck) * scale, where: end(ck) <= start(q)), 1, 2, 1)
    keep  top(n)
    force current
  }
  branch coarse { attend end(k) <= q from ck, cv }
  branch some { attend s }
  output coarse + some
}
`;

const [heads, kvHeads, queries, keys, dim] = [2, 1, 9, 14, 8];
const WINDOWS = 6;
const source = random(3);
const normal = (...shape: readonly number[]) => {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => source.normal());
  return { dtype: "f32", shape, data } as const;
};
const tensors = {
  q: normal(1, heads, queries, dim),
  k: normal(1, kvHeads, keys, dim),
  v: normal(1, kvHeads, keys, dim),
  ck: normal(1, kvHeads, WINDOWS, dim),
  cv: normal(1, kvHeads, WINDOWS, dim),
  g: normal(1, heads, queries, 2),
};
const folder = folderWith({
  "a.attn": TEXT,
  ...Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`${name}.npy`, writeNpy(tensor)])),
});

const QKV = ["--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--device", "interpreter"];
const INPUTS = ["--input", "ck=ck.npy", "--input", "cv=cv.npy", "--input", "g=g.npy"];
const read = (name: string): Float32Array => {
  const { tensor } = readNpy(new Uint8Array(readFileSync(join(folder, name))));
  return tensor!.data as Float32Array;
};

const dense = (k: Float32Array, v: Float32Array, count: number, mask: (q: number, k: number) => boolean) =>
  denseAttention({
    ...{ batch: 1, heads, kvHeads, queries, keys: count, headDim: dim, valueDim: dim, firstPosition: keys - queries },
    ...{ q: tensors.q.data, k, v, mask: (_b: number, _h: number, q: number, key: number) => mask(q, key) },
  });

test("run merges branches, and writes their common lse", async () => {
  const result = await attnc(folder, "run", "a.attn#parts", ...QKV, "--out", "out.npy", "--lse", "lse.npy");
  expect(result).toMatchObject({ code: 0 });
  const truth = dense(tensors.k.data, tensors.v.data, keys, (q, k) => k <= q && (q - k < 6 || k % 3 === 0));
  read("out.npy").forEach((value, i) => expect(value).toBeCloseTo(truth.out[i]!, 5));
  read("lse.npy").forEach((value, i) => expect(value).toBeCloseTo(truth.lse[i]!, 5));
});

test("run mixes branches by gates, some of them over windows", async () => {
  const result = await attnc(folder, "run", "a.attn#windows", ...QKV, ...INPUTS, "--out", "mixed.npy");
  expect(result).toMatchObject({ code: 0 });
  const coarse = dense(tensors.ck.data, tensors.cv.data, WINDOWS, (q, k) => 2 * k + 3 <= q);
  const near = dense(tensors.k.data, tensors.v.data, keys, (q, k) => k <= q && q - k < 5);
  const got = read("mixed.npy");
  for (let row = 0; row < heads * queries; row++) {
    const part = (values: Float64Array) => values.subarray(row * dim, (row + 1) * dim);
    const { out } = mixRow(
      {
        kind: "add",
        a: { kind: "scale", factor: { kind: "gate", input: "g", index: 1 }, of: { kind: "branch", branch: 0 } },
        b: { kind: "branch", branch: 1 },
      },
      { out: [part(coarse.out), part(near.out)], lse: [0, 0], gates: { g: tensors.g.data.subarray(row * 2, row * 2 + 2) } },
    );
    out.forEach(({ value }, d) => expect(got[row * dim + d]).toBeCloseTo(value, 5));
  }
});

softwareTest("windows may be attended to and chosen by", async () => {
  for (const device of ["interpreter", "software"]) {
    const result = await attnc(
      folder,
      "run",
      "a.attn#chosen",
      ...QKV.slice(0, -1),
      device,
      ...INPUTS.slice(0, 4),
      "--out",
      `${device}.npy`,
    );
    expect(result).toMatchObject({ code: 0 });
  }
  const interpreted = read("interpreter.npy");
  read("software.npy").forEach((value, i) => expect(value).toBeCloseTo(interpreted[i]!, 5));
});

test.each([
  ["a gate that is missing", INPUTS.slice(0, 4), "ATTN6206"],
  ["an input that is none", [...INPUTS, "--input", "x=g.npy"], "ATTN6207"],
  ["gates of another shape", [...INPUTS.slice(0, 4), "--input", "g=ck.npy"], "ATTN6209"],
  ["an lse where there is none", [...INPUTS, "--lse", "lse2.npy"], "ATTN5230"],
])("run says of %s what is wrong", async (_, options, code) => {
  const result = await attnc(folder, "run", "a.attn#windows", ...QKV, ...options, "--out", "wrong.npy");
  expect(result.code).not.toBe(0);
  expect(result.stderr).toContain(code);
  expect(existsSync(join(folder, "wrong.npy"))).toBe(false);
});

test("verify holds each branch to dense attention and the whole to the mix", async () => {
  const result = await attnc(folder, "verify", "a.attn", "--device", "interpreter", "--quick", "--seq", "33", "--format", "json");
  expect(result.code).toBe(0);
  const { results } = json(result) as { results: readonly { name: string; ok: boolean; cases: readonly unknown[] }[] };
  expect(results.map(({ name, ok }) => [name, ok])).toEqual(
    [
      "parts.near",
      "parts.far",
      "whole",
      "windows.coarse",
      "windows.near",
      "chosen.coarse",
      "chosen.some",
      "parts",
      "windows",
      "chosen",
    ].map((name) => [name, true]),
  );
  expect(results.every(({ cases }) => cases.length > 0)).toBe(true);
});

interface Fidelity {
  readonly branches?: unknown;
  readonly heads: readonly {
    readonly density: number;
    readonly mass: { readonly mean: number };
    readonly error: { readonly relL2: number };
  }[];
}

test("fidelity of a merge is that of attention to the keys of its branches", async () => {
  const of = async (name: string): Promise<Fidelity> =>
    json(await attnc(folder, "fidelity", `a.attn#${name}`, ...QKV.slice(0, 6), "--format", "json")) as Fidelity;
  const [parts, whole] = [await of("parts"), await of("whole")];
  expect(parts.branches).toEqual({ keys: ["near", "far"], windows: [] });
  parts.heads.forEach(({ density, mass, error }, head) => {
    const same = whole.heads[head]!;
    expect([density, mass]).toEqual([same.density, same.mass]);
    expect(error.relL2).toBeGreaterThan(0);
    expect(error.relL2).toBeCloseTo(same.error.relL2, 12);
  });
});

test("fidelity of a mix counts the keys that are seen one by one, and the output of all", async () => {
  const options = ["a.attn#windows", ...QKV.slice(0, 6), ...INPUTS];
  const { stdout } = await attnc(folder, "fidelity", ...options);
  expect(stdout.split("\n")[1]).toBe(
    "density and mass: keys that near sees; output error: the mix of all branches, coarse over windows of keys among them",
  );
  const { heads: each } = json(await attnc(folder, "fidelity", ...options, "--format", "json")) as Fidelity;
  const near = json(await attnc(folder, "fidelity", "a.attn#windows.near", ...QKV.slice(0, 6), "--format", "json")) as Fidelity;
  each.forEach(({ mass, error }, head) => {
    expect(mass).toEqual(near.heads[head]!.mass);
    expect(error.relL2).not.toBeCloseTo(near.heads[head]!.error.relL2, 3);
  });
  expect(await attnc(folder, "fidelity", "a.attn#windows.coarse", ...QKV.slice(0, 6), ...INPUTS.slice(0, 2))).toMatchObject({ code: 2 });
});

test("branches are operators of their own by name", async () => {
  const tiles = await attnc(folder, "tiles", "a.attn#windows.coarse", "--seq", "130", "--format", "json");
  expect(json(tiles)).toMatchObject({ name: "windows.coarse" });
  const several = await attnc(folder, "tiles", "a.attn#parts", "--seq", "64");
  expect(several).toMatchObject({ code: 2 });
  expect(several.stderr).toContain("a.attn#parts.near, a.attn#parts.far");
  const unknown = await attnc(folder, "mask", "a.attn#parts.fra", "--seq", "8");
  expect(unknown.stderr).toContain("did you mean a.attn#parts.far");
});

test("build writes one file for all, with the kernels of each branch and of the mix", async () => {
  const result = await attnc(folder, "build", "a.attn#parts", "--target", "wgsl", "--out", ".");
  expect(result.code).toBe(0);
  const written = [...result.stderr.matchAll(/wrote (\S+)/g)].map((match) => match[1]);
  expect(written).toContain("a.attn.ts");
  expect(written).toContain("a.parts.mix.wgsl");
  expect(written.filter((name) => name!.startsWith("a.parts.near."))).not.toEqual([]);
  const branch = await attnc(folder, "build", "a.attn#parts.near", "--target", "wgsl", "--out", ".");
  expect(branch.code).toBe(2);
});
