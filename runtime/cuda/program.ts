import type { CudaDevice, CudaProgram, CudaSource } from "./device.js";

/** Programs of each device by what they were made from: operators of one module with other heads share theirs. */
const programs = new WeakMap<CudaDevice, Map<string | Uint8Array, Promise<CudaProgram>>>();

/** The program of a source on a device, compiled and loaded once. Rejects with ATTN5303 to ATTN5305, and tries again the next time. */
export function loadProgram(device: CudaDevice, source: CudaSource): Promise<CudaProgram> {
  let known = programs.get(device);
  if (known === undefined) programs.set(device, (known = new Map()));
  const key = source.cubin ?? source.source;
  let program = known.get(key);
  if (program === undefined) {
    known.set(key, (program = device.load(source)));
    program.catch(() => known.delete(key));
  }
  return program;
}
