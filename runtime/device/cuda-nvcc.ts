import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { CudaCompiler } from "./cuda-compiler.js";
import { compileError } from "./cuda-nvrtc.js";

const run = promisify(execFile);

const PROGRAM = process.platform === "win32" ? "nvcc.exe" : "nvcc";

async function findNvcc(): Promise<string | undefined> {
  const toolkits = [process.env["CUDA_HOME"], process.env["CUDA_PATH"]].flatMap((root) => (root ? [join(root, "bin")] : []));
  const folders = [...toolkits, ...(process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""), "/usr/local/cuda/bin"];
  for (const folder of folders) {
    const path = join(folder, PROGRAM);
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}

/** The toolkit's compiler, where NVRTC is not installed; undefined where neither is. */
export async function nvccCompiler(): Promise<CudaCompiler | undefined> {
  const nvcc = await findNvcc();
  if (nvcc === undefined) return undefined;
  const version = (await run(nvcc, ["--version"]).catch(() => undefined))?.stdout.match(/V(\d+(\.\d+)+)/)?.[1];
  if (version === undefined) return undefined;
  return {
    version: `nvcc ${version}`,
    async compile(name, source, architecture) {
      const folder = await mkdtemp(join(tmpdir(), "attnc-nvcc-"));
      try {
        const [input, output] = [join(folder, `${name}.cu`), join(folder, `${name}.cubin`)];
        await writeFile(input, source);
        await run(nvcc, ["--cubin", `-arch=${architecture}`, "--std=c++17", "-o", output, input]).catch((error: unknown) => {
          const { stderr, stdout, message } = error as { stderr?: string; stdout?: string; message: string };
          throw compileError(name, architecture, `nvcc ${version}`, stderr || stdout || message);
        });
        return await readFile(output);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
