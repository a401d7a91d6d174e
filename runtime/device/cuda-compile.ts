import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CudaSource } from "../cuda/device.js";
import { AttnError } from "../launch/errors.js";
import { cachedFolder } from "./cache-folder.js";
import type { CudaCompiler } from "./cuda-compiler.js";
import { loadNvrtc } from "./cuda-libraries.js";
import { nvccCompiler } from "./cuda-nvcc.js";
import { nvrtcCompiler } from "./cuda-nvrtc.js";

type Koffi = typeof import("koffi").default;

const CUBIN = "kernels.cubin";

/** NVRTC; without it nvcc, unless ATTNC_NVRTC asks for a library. Rejects with ATTN5304. */
async function findCompiler(koffi: Koffi): Promise<CudaCompiler> {
  const library = loadNvrtc(koffi);
  if (typeof library !== "string") return nvrtcCompiler(library);
  const nvcc = process.env["ATTNC_NVRTC"] ? undefined : await nvccCompiler();
  if (nvcc !== undefined) return nvcc;
  throw noCompiler(library);
}

/** The error for a machine without a compiler; `found` says what became of NVRTC. */
export function noCompiler(found: string): AttnError {
  const own = process.env["ATTNC_NVRTC"];
  return new AttnError("ATTN5304", {
    field: "compiler",
    expected: own ? "the NVRTC library that ATTNC_NVRTC names" : "NVRTC (libnvrtc.so.13 or .12) or nvcc, to compile kernels with",
    found,
    remedy:
      (own
        ? "Let the variable name NVRTC's library, or unset it"
        : "Install the CUDA toolkit, or let CUDA_HOME or ATTNC_NVRTC say where it is") + "; or give a cubin that nvcc made elsewhere.",
  });
}

/** The name of machine code for a device of compute capability `architecture` / 10: `sm_90a`, `sm_86`. */
export const targetOf = (architecture: number, architectureOnly: boolean): string => `sm_${architecture}${architectureOnly ? "a" : ""}`;

/** Machine code for a device, from the cache of earlier runs where it is there. Rejects with ATTN5304 and ATTN5305. */
export async function compileCubin(koffi: Koffi, source: CudaSource, architecture: number): Promise<Uint8Array> {
  const target = targetOf(architecture, source.architectureOnly);
  const compiler = await findCompiler(koffi);
  const key = createHash("sha256")
    .update(JSON.stringify([compiler.version, target, source.source]))
    .digest("hex");
  const folder = await cachedFolder(`cubin-${key.slice(0, 32)}`, async () => [
    { name: CUBIN, data: await compiler.compile(source.name, source.source, target) },
  ]);
  return readFile(join(folder, CUBIN));
}
