import type { OnnxRuntime } from "./session.js";

/** Where the peer's files are, and its version. Found in Node, used in Deno. */
export interface PeerFiles {
  /** URL of the module with the WebGPU provider. */
  readonly module: string;
  /** Path of its WebAssembly. */
  readonly wasm: string;
  readonly version: string;
}

/** Loads onnxruntime-web inside Deno. `readFile` reads the WebAssembly, which the package would otherwise fetch. */
export async function loadPeer(files: PeerFiles, readFile: (path: string) => Uint8Array): Promise<OnnxRuntime> {
  // Deno looks like Node to it, whose worker threads it would ask for; this says that it is a page.
  Object.assign((globalThis as { process?: object }).process ?? {}, { type: "renderer" });
  const ort = (await import(files.module)) as OnnxRuntime;
  ort.env.wasm.wasmBinary = readFile(files.wasm);
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return ort;
}
