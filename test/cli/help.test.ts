import { expect, test } from "vitest";
import { buildProgram } from "../../compiler/cli/program.js";
import { attnc, folderWith } from "./attnc.js";

const folder = folderWith({});
const commands = buildProgram(() => undefined)
  .commands.map((command) => command.name())
  .filter((name) => name !== "lsp");

test("the commands are those that scripts rely on", () => {
  expect(commands).toEqual(["check", "fmt", "build", "mask", "tiles", "explain", "run", "verify", "fidelity", "bench", "tune", "init"]);
});

test("the program says what it can do", async () => {
  const { code, stdout, stderr } = await attnc(folder, "--help");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  await expect(stdout).toMatchFileSnapshot("help/attnc.txt");
});

test.each(commands)("%s --help shows options and examples", async (name) => {
  const { code, stdout, stderr } = await attnc(folder, name, "--help");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(`Examples:\n  $ attnc ${name}`);
  await expect(stdout).toMatchFileSnapshot(`help/${name}.txt`);
});

test("the version is that of the package", async () => {
  const { code, stdout } = await attnc(folder, "--version");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  [["chek", "a.attn"], "Did you mean check?"],
  [["check"], "missing required argument 'file'"],
  [["check", "--fromat", "json", "a.attn"], "Did you mean --format?"],
  [["check", "a.attn", "--format", "xml"], "It should be one of pretty, json, github."],
  [["mask", "a.attn", "b.attn"], "too many arguments"],
  [["mask", "a.attn", "--seq", "1e3"], "It should be an integer of at least 1."],
  [["mask", "a.attn", "--seq", "NaN"], "It should be an integer of at least 1."],
  [["mask", "a.attn", "--seq", "9999999999"], "It should be an integer from 1 to 2147483647."],
  [["verify", "a.attn", "--seq", "64,"], "It should be integers of at least 1, separated by commas."],
  [["verify", "a.attn", "--device", "gpu"], "It should be one of auto, webgpu, software, cuda, interpreter."],
  [["verify", "a.attn", "--dtype", "bfloat16"], "It should be one of f32, f16, bf16."],
  [["verify", "a.attn", "--kernel", "cores-f32"], "no --kernel without --device cuda"],
  [["tune", "a.attn", "--device", "cuda"], "a WebGPU device: CUDA sources have one schedule for each kernel"],
  [["run", "a.attn", "--scale", "NaN"], "It should be a finite number."],
  [["run", "a.attn"], "required option '--q <file>' not specified"],
  [["build", "a.attn"], "required option '--target <targets>' not specified"],
  [["lsp", "--stdio"], "the language server is not supported yet by this version"],
])("wrong use: %j", async (args, words) => {
  const { code, stdout, stderr } = await attnc(folder, ...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(words);
});
