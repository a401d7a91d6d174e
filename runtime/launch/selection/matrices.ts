import type { ResolvedCall } from "../call.js";
import { AttnError } from "../errors.js";
import type { AttentionModule, CallPart, InputField, SelectionSpec } from "../module.js";
import { wholeEnv, type CallShape } from "./parts.js";

type MatrixSpec = SelectionSpec["matrices"][number];

/** Where the bit matrix of a selection lies in the aux buffer, in 4-byte words. */
export interface MatrixLayout {
  readonly spec: MatrixSpec;
  readonly batch: number;
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  /** Words of a row. */
  readonly rowStride: number;
  readonly fields: Readonly<Record<InputField, number>>;
}

const MAX_SIZE = 0x7fffffff;

/** Lengths and counts of a call. */
export const callShape = ({ batch, heads, kvHeads, headDim, n, nq }: ResolvedCall): CallShape => ({
  ...{ batch, heads, kvHeads, headDim },
  N: n,
  NQ: nq,
});

/** The sizes of a module's selections in a whole call, which need not be run whole; none where it has no selections. */
export function selectionSizes({ space, selection }: AttentionModule, call: ResolvedCall): readonly number[] {
  return selection === undefined ? [] : selection.sizes(wholeEnv(space, selection.parts, callShape(call)));
}

/** The sizes of a module's selections in a part of a call. Throws ATTN5210 where one is beyond 31 bits. */
export function partSizes({ sizes: sizesOf }: SelectionSpec, shape: CallShape, part: CallPart): readonly number[] {
  const sizes = sizesOf({ ...shape, ...part });
  // The place of the last of no windows is -1.
  const wrong = sizes.find((size) => !Number.isInteger(size) || Math.abs(size) > MAX_SIZE);
  if (wrong !== undefined) {
    throw new AttnError("ATTN5210", {
      field: "call",
      expected: `selections whose tensors have at most ${MAX_SIZE} elements`,
      found: String(wrong),
      remedy: "Split the call by batch entries, heads or queries.",
    });
  }
  return sizes;
}

function headCount(heads: MatrixSpec["heads"], call: ResolvedCall): number {
  return heads === "query" ? call.heads : heads === "kv" ? call.kvHeads : 1;
}

/** Lays out the matrices of a module's selections one after another, from the word `start` on. */
export function layoutMatrices(
  module: AttentionModule,
  call: ResolvedCall,
  sizes: readonly number[],
  start: number,
): { readonly matrices: readonly MatrixLayout[]; readonly words: number } {
  let words = start;
  const matrices = (module.selection?.matrices ?? []).map((spec): MatrixLayout => {
    const [rows, columns] = [sizes[spec.rows]!, sizes[spec.columns]!];
    const heads = headCount(spec.heads, call);
    const rowStride = Math.ceil(columns / 32);
    const headStride = rows * rowStride;
    const fields = {
      base: words,
      batchStride: heads * headStride,
      length: columns,
      summary: 0,
      summaryBatchStride: 0,
      summaryHeadStride: 0,
      ...{ headCount: heads, headStride, rowStride, rows, columns },
    };
    words += call.batch * heads * headStride;
    return { spec, batch: call.batch, heads, rows, columns, rowStride, fields };
  });
  return { matrices, words };
}
