import { createAttention, tuneAttention, type AttentionModule, type TuneResult } from "../../../runtime/index.js";

/** A module, without host scalars, and the lengths and dims to measure it on. */
export interface TuneRequest {
  readonly module: AttentionModule;
  readonly shape: { readonly heads: number; readonly kvHeads: number };
  readonly length: number;
  readonly variants?: readonly string[] | undefined;
}

/** What was measured, what the storage holds after that, and which kernel is chosen then. */
export interface TuneAnswer extends TuneResult {
  readonly stored: readonly (readonly [string, string])[];
  readonly chosen: string;
}

export async function job(device: GPUDevice, { module, shape, length, variants }: TuneRequest): Promise<TuneAnswer> {
  const storage = new Map<string, string>();
  const result = await tuneAttention(device, module, shape, { length, variants, storage, rounds: 2 });
  const operator = await createAttention(device, module, shape);
  return { ...result, stored: [...storage], chosen: operator.variant.name };
}
