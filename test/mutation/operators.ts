import { verifyCases } from "../../compiler/cli/verify-plan.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import type { VerifyCase } from "../../runtime/verify/cases.js";
import { libraryModule, moduleOfText } from "../targets/library-modules.js";

const shape = "shape heads: 4, kv_heads: 2, dim: 16, value_dim: 20\n  emit lse";

/** The operators whose kernels are mutated; between them they have every part that a kernel may have. */
export const operators: Readonly<Record<string, MaskModule>> = {
  /** Full tiles, partial ones on both sides, and skipped ones. */
  sliding: moduleOfText(`attention sliding {\n  space seq causal\n  ${shape}\n  attend q - k < 80\n}`),
  /** No tile is masked but the one past the end. */
  dense: moduleOfText(`attention dense {\n  space seq full\n  ${shape}\n  attend all\n}`),
  /** Two ranges of key tiles that meet near the start. */
  streaming: moduleOfText(`attention streaming {\n  space seq causal\n  ${shape}\n  attend k < 4 | q - k < 40\n}`),
  /** Rows without a key in tiles that are visited. */
  gaps: moduleOfText(`attention gaps {\n  space seq causal\n  ${shape}\n  attend k < q & q % 5 < 3\n}`),
  lists: moduleOfText(
    `attention lists {\n  space seq causal\n  ${shape}\n  input cols : columns\n  input diags : diagonals\n  attend cols | diags\n}`,
  ),
  documents: moduleOfText(`attention documents {\n  space seq causal\n  ${shape}\n  input doc : ids\n  attend doc[q] == doc[k]\n}`),
  heads: libraryModule("head_tables.attn", "duo", {
    params: { sink: 4, recent: 24 },
    shape: { headDim: 16, valueDim: 16, dtype: "f16" },
  }).module,
};

/** The verifier's own cases, with one pair of head counts: another pair is another pipeline to compile. */
export function casesOf(module: MaskModule, lengths: readonly number[] = [64, 257], pairs = 3e7): readonly VerifyCase[] {
  const { heads, kvHeads } = module.shape;
  return verifyCases(module, { lengths, seeds: 1, heads, kvHeads, pairs });
}
