import { execFile, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { printHeader } from "../../compiler/bindings/c/header.js";
import { compileCuda, cudaSource } from "../../compiler/driver/cuda-source.js";
import { emulatedLibraries } from "../cuda/driver.js";
import { compileProgram } from "../cuda/emulated-program.js";
import { withoutNvcc } from "../cuda/nvcc.js";
import { moduleOf } from "../semantics/compile.js";
import { ROOT } from "./example.js";

const libraries = emulatedLibraries();
const skipped = typeof libraries === "string" ? libraries : undefined;
const folder = mkdtempSync(join(tmpdir(), "attnc-example-cuda-"));

beforeAll(() => {
  cpSync(join(ROOT, "examples/cuda"), folder, { recursive: true, filter: (path) => !path.endsWith("generated") });
  const operator = compileCuda(moduleOf(readFileSync(join(folder, "chat.attn"), "utf8")), { headDims: [], dtypes: [] });
  mkdirSync(join(folder, "generated"), { recursive: true });
  writeFileSync(join(folder, "generated/chat.chat.cu"), cudaSource(operator));
  writeFileSync(join(folder, "generated/chat.chat.h"), printHeader(operator.mask, operator.launch));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.skipIf(skipped)(`examples/cuda: the program's own check holds${skipped === undefined ? "" : ` (skipped: ${skipped})`}`, async () => {
  const library = join(folder, "chat.so");
  compileProgram(join(folder, "generated/chat.chat.cu"), "sm_90a", library, join(folder, "main.cpp"));
  const script = `const koffi = (await import("koffi")).default;
koffi.load(${JSON.stringify((libraries as { cuda: string }).cuda)}, { global: true });
process.exitCode = koffi.load(${JSON.stringify(library)}).func("main", "int", [])();`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { cwd: ROOT });
  expect(stdout).toMatch(/^Head 5, query 660: sees 132 keys; off by \d.\de-\d+ from plain loops\.$/m);
});

test.skipIf(withoutNvcc)(`examples/cuda: nvcc links it${withoutNvcc === undefined ? "" : ` (skipped: ${withoutNvcc})`}`, () => {
  const flags = ["-std=c++17", "-arch=sm_80", "-Werror", "all-warnings", "main.cpp", "generated/chat.chat.cu", "-o", "chat"];
  const { status, stderr } = spawnSync("nvcc", flags, { cwd: folder, encoding: "utf8" });
  expect(status, stderr).toBe(0);
});
