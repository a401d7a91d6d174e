/** What turns CUDA C++ into machine code. */
export interface CudaCompiler {
  /** Differs where its results may. */
  readonly version: string;
  /** `architecture`: `sm_80`, `sm_90a`. Rejects with ATTN5305, which has the compiler's log. */
  compile(name: string, source: string, architecture: string): Promise<Uint8Array>;
}
