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

test.each(["mask", "tiles", "program", "wgsl"])("--emit %s prints that level alone", async (level) => {
  const { code, stdout, stderr } = await attnc(folder, "build", "two.attn", "--target", "wgsl", "--emit", level);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(level === "wgsl" ? /@compute/ : /sliding[^]*dense/);
});

test("a warning does not stop a build", async () => {
  const own = folderWith({ "w.attn": "attention late {\n  space  seq causal\n  attend q - k >= 4\n}\n" });
  const { code, stderr } = await attnc(own, "build", "w.attn", "--target", "wgsl", "--emit", "mask");
  expect(code).toBe(0);
  expect(stderr).toContain("warning ATTN4003");
});

test.each([
  [["two.attn", "--target", "cuda"], 2, "ATTN4001: the target cuda is not supported yet by this version"],
  [["two.attn", "--target", "metal"], 2, '--target is "metal"; expected wgsl'],
  [["two.attn", "--target", ""], 2, '--target is ""; expected wgsl'],
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
