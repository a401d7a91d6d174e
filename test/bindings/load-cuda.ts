import { generateCudaTypeScript } from "../../compiler/bindings/cuda-typescript.js";
import type { compileCuda } from "../../compiler/driver/cuda-source.js";
import * as runtime from "../../runtime/cuda-node.js";
import type { CudaAttention } from "../../runtime/cuda-node.js";

type Create = (device: runtime.CudaDevice, shape?: object, options?: object) => Promise<CudaAttention>;

/** Generates a script and loads it, with the runtime in the place of the package. */
export async function loadCuda(operator: ReturnType<typeof compileCuda>, create: string): Promise<Create> {
  const [script] = await generateCudaTypeScript([operator], { version: "0.0.0-test", source: "x.attn", js: true });
  (globalThis as Record<string, unknown>)["attncCudaForTests"] = runtime;
  const text = script!.text.replace(/^import (\{[^}]*\}) from "attnc\/cuda";/m, "const $1 = globalThis.attncCudaForTests;");
  return ((await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`)) as Record<string, Create>)[create]!;
}
