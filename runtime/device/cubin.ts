import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { CudaBranchedModule } from "../cuda/branches/module.js";
import { createCudaBranchedAttention as createBranched, type CudaBranchedAttention } from "../cuda/branches/operator.js";
import type { CudaDevice } from "../cuda/device.js";
import type { CudaModule } from "../cuda/module.js";
import { createCudaAttention as create, type CudaAttention, type CudaAttentionOptions } from "../cuda/operator.js";
import type { BranchedOutput } from "../launch/branches/run.js";
import type { AttentionShape } from "../launch/call.js";
import { AttnError } from "../launch/errors.js";

/** As {@link CudaAttentionOptions}, with files. */
export interface CudaOptions extends Omit<CudaAttentionOptions, "cubin"> {
  /**
   * What `nvcc --cubin -arch=sm_90a FILE.NAME.cu` made for this device, or where that is: it is loaded instead of
   * compiling the source. Rejects with ATTN5304 where it cannot be read.
   */
  readonly cubin?: Uint8Array | string | URL | undefined;
}

/** Files that were read, so that operators with other heads share a program; a file that has changed is read again. */
const read = new Map<string, { readonly changed: number; readonly bytes: Promise<Uint8Array> }>();

async function readCubin(file: string | URL): Promise<Uint8Array> {
  const path = typeof file === "string" ? resolve(file) : fileURLToPath(file);
  try {
    const changed = (await stat(path)).mtimeMs;
    const known = read.get(path);
    if (known?.changed === changed) return await known.bytes;
    const bytes = readFile(path);
    read.set(path, { changed, bytes });
    return await bytes;
  } catch (cause) {
    read.delete(path);
    throw new AttnError("ATTN5304", {
      field: "cubin",
      expected: "a file that nvcc --cubin made",
      found: cause instanceof Error ? cause.message : String(cause),
      remedy: "Check the path, or leave `cubin` out to have the source compiled here.",
      cause,
    });
  }
}

const cubinBytes = async (cubin: CudaOptions["cubin"]): Promise<Uint8Array | undefined> =>
  typeof cubin === "string" || cubin instanceof URL ? readCubin(cubin) : cubin;

/** As `createCudaAttention` of the runtime, which knows no files. */
export async function createCudaAttention(
  device: CudaDevice,
  module: CudaModule,
  shape: AttentionShape = {},
  { cubin, ...options }: CudaOptions = {},
): Promise<CudaAttention> {
  return create(device, module, shape, { ...options, cubin: await cubinBytes(cubin) });
}

/** As `createCudaBranchedAttention` of the runtime, which knows no files. */
export async function createCudaBranchedAttention<Output extends BranchedOutput = BranchedOutput>(
  device: CudaDevice,
  module: CudaBranchedModule,
  shape: AttentionShape = {},
  { cubin, ...options }: CudaOptions = {},
): Promise<CudaBranchedAttention<Output>> {
  return createBranched<Output>(device, module, shape, { ...options, cubin: await cubinBytes(cubin) });
}
