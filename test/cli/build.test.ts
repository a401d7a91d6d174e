import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attnc, BROKEN, folderWith, SLIDING, TWO } from "./attnc.js";

const folder = folderWith({
  "two.attn": TWO,
  "a/same.attn": SLIDING,
  "b/same.attn": SLIDING,
  "parts.attn": "pattern band(w = 4) {\n  attend q - k < w\n}\n",
  "mixed/parts.attn": "pattern band(w = 4) {\n  attend q - k < w\n}\n",
  "mixed/one.attn": SLIDING,
  "broken/a.attn": BROKEN,
  "broken/b.attn": BROKEN.replace("kk", "kkk"),
  "broken/c.attn": SLIDING,
});

test("build writes bindings and kernels, and says which", async () => {
  const result = await attnc(folder, "build", "two.attn", "--target", "wgsl", "--out", "gen", "--dims", "32,64", "--js", "--standalone");
  const names = [
    ...["two.attn.js", "two.attn.d.ts"],
    ...["sliding.d32", "sliding.d64", "dense.d32", "dense.d64"].flatMap((name) => [
      `two.${name}.f32-gpu.wgsl`,
      `two.${name}.f32-software.wgsl`,
    ]),
  ];
  expect(result).toMatchObject({ code: 0, stdout: "" });
  expect(readdirSync(join(folder, "gen")).sort()).toEqual([...names].sort());
  for (const name of names) expect(result.stderr).toContain(`wrote gen/${name}\n`);
  const module = readFileSync(join(folder, "gen/two.attn.js"), "utf8");
  expect(module).toContain("export async function createSliding");
  expect(module).not.toMatch(/\bfrom\s*"/);
});

test("beside the file by default, one declaration where one is named, and nothing for files of patterns", async () => {
  expect((await attnc(folder, "build", "a/same.attn#sliding", "mixed", "--target", "wgsl")).code).toBe(0);
  expect(readdirSync(join(folder, "a")).sort()).toEqual([
    "same.attn",
    "same.attn.ts",
    "same.sliding.d64.f32-gpu.wgsl",
    "same.sliding.d64.f32-software.wgsl",
  ]);
  expect(readdirSync(join(folder, "mixed")).filter((name) => name.startsWith("parts"))).toEqual(["parts.attn"]);
});

test("build for CUDA and PyTorch writes a source for each operator, headers, bindings and Python files", async () => {
  const result = await attnc(
    folder,
    "build",
    "two.attn",
    "--target",
    "cuda,torch",
    "--out",
    "cuda",
    "--dims",
    "32,64",
    "--dtypes",
    "f16,f32",
    "--js",
  );
  const names = [
    ...["two.attn.cuda.js", "two.attn.cuda.d.ts", "two_sliding.py", "two_dense.py"],
    ...["two.sliding", "two.dense"].flatMap((name) => [`${name}.cu`, `${name}.h`]),
  ];
  expect(result).toMatchObject({ code: 0, stdout: "" });
  expect(readdirSync(join(folder, "cuda")).sort()).toEqual([...names].sort());
  const text = (name: string) => readFileSync(join(folder, "cuda", name), "utf8");
  for (const [dtype, dim] of [
    ["f16", 32],
    ["f16", 64],
    ["f32", 32],
    ["f32", 64],
  ]) {
    expect(text("two.sliding.cu")).toContain(`attnc_sliding_cores_${dtype}_d${dim}(`);
  }
  expect(text("two.dense.h")).toContain("attnc_status attnc_dense_launch(const attnc_dense_call* call, cudaStream_t stream);");
  expect(text("two_dense.py")).toContain(
    "KERNELS = [(torch.float32, 32, 32), (torch.float32, 64, 64), (torch.float16, 32, 32), (torch.float16, 64, 64)]",
  );
  expect(text("two.attn.cuda.js")).toContain('from "attnc/cuda"');
});

test("the type of the shape is the default, or else the first of those asked for", async () => {
  for (const [flags, dtype] of [
    [["--dtype", "bf16"], "ATTNC_BF16"],
    [["--dtypes", "f16,bf16"], "ATTNC_F16"],
    [["--dtype", "bf16", "--dtypes", "f16,bf16"], "ATTNC_BF16"],
  ] as const) {
    const { code, stdout } = await attnc(folder, "build", "two.attn#sliding", "--target", "cuda", "--emit", "cuda", ...flags);
    expect(code).toBe(0);
    expect(stdout).toContain(`  p.dtype = ${dtype};\n`);
  }
});

test("the program of each CUDA kernel is printed with its schedule", async () => {
  const { code, stdout } = await attnc(folder, "build", "two.attn#sliding", "--target", "cuda", "--emit", "program", "--dtype", "f16");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^schedule wgmma-f16\.d64: \d+ threads, tiles of \d+ queries x \d+ keys$/m);
  expect(stdout).toMatch(/^schedule cores-f16\.d64: 128 threads/m);
});

test.each(["mask", "tiles", "program", "wgsl"])("--emit %s prints that level alone", async (level) => {
  const { code, stdout, stderr } = await attnc(folder, "build", "two.attn", "--target", "wgsl", "--emit", level);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(level === "wgsl" ? /@compute/ : /sliding[^]*dense/);
});

test("--emit program prints what selections compute before the programs of kernels", async () => {
  const own = folderWith({
    "s.attn":
      "attention some {\n  space  seq causal\n  select b {\n    unit  q: token, k: block(8)\n    score dot(q, mean(k))\n    keep  top(2)\n  }\n  attend b | k == q\n}\n",
  });
  const { code, stdout } = await attnc(own, "build", "s.attn", "--target", "wgsl", "--emit", "program");
  expect(code).toBe(0);
  expect(stdout).toMatch(/selections of some: [^]*keep top 2 of a row by [^]*program some: tiles of/);
});

test("a warning does not stop a build", async () => {
  const own = folderWith({ "w.attn": "attention late {\n  space  seq causal\n  attend q - k >= 4\n}\n" });
  const { code, stderr } = await attnc(own, "build", "w.attn", "--target", "wgsl", "--emit", "mask");
  expect(code).toBe(0);
  expect(stderr).toContain("warning ATTN4003");
});

test.each([
  [["two.attn", "--target", "metal"], 2, '--target is "metal"; expected wgsl, cuda, torch, or some of them with commas between'],
  [["two.attn", "--target", ""], 2, '--target is ""; expected wgsl, cuda, torch'],
  [["two.attn", "--target", "wgsl,cuda", "--dtype", "bf16"], 1, "ATTN4004: sliding is of dtype bf16, and WebGPU has none"],
  [["two.attn", "--target", "wgsl", "--dtypes", "f16"], 2, "--dtypes is f16; expected --target cuda or torch with it"],
  [["two.attn", "--target", "cuda", "--dtypes", "f16,f8"], 2, "It should be some of f32, f16, bf16, separated by commas."],
  [["two.attn", "--target", "wgsl,cuda", "--standalone"], 2, "expected --target wgsl alone with it"],
  [["two.attn", "--target", "cuda", "--schedules", "all"], 2, "--schedules is given; expected --target wgsl with it"],
  [["two.attn", "--target", "torch", "--tuned"], 2, "--tuned is given; expected --target wgsl with it"],
  [["two.attn", "--target", "cuda", "--emit", "wgsl"], 2, "--emit is wgsl; expected --target wgsl with it"],
  [["two.attn", "--target", "wgsl", "--emit", "cuda"], 2, "--emit is cuda; expected --target cuda with it"],
  [["two.attn#slidin", "--target", "wgsl"], 2, "did you mean two.attn#sliding?"],
  [["parts.attn", "--target", "wgsl"], 2, "ATTN6212: parts.attn declares no attention"],
  [["parts.attn#band", "--target", "wgsl"], 2, "ATTN6212: parts.attn declares no attention"],
  [["two.attn", "--target", "wgsl", "--dims", "64,63"], 1, "`dim` must be a multiple of 4 from 4 to 256, and is 63"],
  [["two.attn", "--target", "wgsl", "--set", "windo=3"], 2, "did you mean `window`?"],
  [["a", "b", "--target", "wgsl", "--out", "same"], 2, "b/same.attn is not the only one that makes same/same.attn.ts"],
  [["two.attn", "--target", "wgsl", "--out", "/proc/none"], 2, "cannot write /proc/none/two.attn.ts"],
])("bad input: build %j", async (args, code, words) => {
  const result = await attnc(folder, "build", ...args);
  expect(result).toMatchObject({ code, stdout: "" });
  expect(result.stderr).toContain(words);
});

test("all files with errors are reported before anything is written", async () => {
  const { code, stderr } = await attnc(folder, "build", "broken", "--target", "wgsl");
  expect(code).toBe(1);
  expect(stderr).toContain("broken/a.attn:3:14");
  expect(stderr).toContain("broken/b.attn:3:14");
  expect(readdirSync(join(folder, "broken")).sort()).toEqual(["a.attn", "b.attn", "c.attn"]);
});

test("either all files appear or none", async () => {
  const own = folderWith({ "two.attn": TWO });
  // A folder stands where the last file should.
  mkdirSync(join(own, "gen", "two.dense.d64.f32-software.wgsl"), { recursive: true });
  writeFileSync(join(own, "gen", "two.attn.ts"), "mine");
  const { code, stderr } = await attnc(own, "build", "two.attn", "--target", "wgsl", "--out", "gen");
  expect(code).toBe(2);
  expect(stderr).toContain("two.dense.d64.f32-software.wgsl: it is a folder");
  expect(readdirSync(join(own, "gen")).sort()).toEqual(["two.attn.ts", "two.dense.d64.f32-software.wgsl"]);
  expect(readFileSync(join(own, "gen", "two.attn.ts"), "utf8")).toBe("mine");
});
