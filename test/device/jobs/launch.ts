import {
  AttnError,
  createAttention,
  type AttentionArrays,
  type AttentionCall,
  type AttentionModule,
  type AttentionOptions,
  type AttentionOutput,
  type AttentionShape,
} from "../../../runtime/index.js";

/** One operator, and calls of it. A module's host scalars are functions, so each call brings their values. */
export interface LaunchRequest {
  readonly module: Omit<AttentionModule, "scalars">;
  readonly shape?: AttentionShape | undefined;
  readonly options?: AttentionOptions | undefined;
  readonly calls: readonly LaunchCall[];
}

export interface LaunchCall {
  readonly arrays: AttentionArrays;
  readonly call: AttentionCall;
  /** `[head][slot]` */
  readonly scalars?: readonly (readonly number[])[] | undefined;
}

/** What came of a call. */
export type LaunchAnswer = AttentionOutput | { readonly error: { readonly code: string; readonly message: string } };

/** Runs each call of each request; answers lie in the same order. */
export async function job(device: GPUDevice, input: readonly LaunchRequest[]): Promise<LaunchAnswer[][]> {
  const answers: LaunchAnswer[][] = [];
  for (const request of input) {
    const own: LaunchAnswer[] = [];
    for (const call of request.calls) own.push(await answer(device, request, call));
    answers.push(own);
  }
  return answers;
}

async function answer(device: GPUDevice, request: LaunchRequest, { arrays, call, scalars }: LaunchCall): Promise<LaunchAnswer> {
  const module: AttentionModule =
    scalars === undefined
      ? request.module
      : { ...request.module, scalars: { count: scalars[0]?.length ?? 0, evaluate: ({ h }) => scalars[h] ?? [] } };
  try {
    const operator = await createAttention(device, module, request.shape, request.options);
    const output = await operator.run(arrays, call);
    operator.destroy();
    return output;
  } catch (error) {
    if (error instanceof AttnError) return { error: { code: error.code, message: error.message } };
    throw error;
  }
}
