/** A number for each batch entry, head and query, computed in float32. */
export type Factor =
  | { readonly kind: "number"; readonly value: number }
  /** Number `index` of an input [batch, heads, NQ, count]. */
  | { readonly kind: "gate"; readonly input: string; readonly index: number }
  | { readonly kind: "neg" | "exp" | "tanh" | "sigmoid"; readonly a: Factor }
  | { readonly kind: "add" | "sub" | "mul" | "div"; readonly a: Factor; readonly b: Factor };

/** An output made of those of branches, by their numbers. */
export type Mix =
  | { readonly kind: "branch"; readonly branch: number }
  /**
   * Attention over the keys of all; no two see the same pair. Each key of a branch counts as often as `counts` says, as if
   * the logarithm of that were added to its logit: once where there are none.
   */
  | { readonly kind: "merge"; readonly branches: readonly number[]; readonly counts?: readonly number[] | undefined }
  | { readonly kind: "scale"; readonly factor: Factor; readonly of: Mix }
  | { readonly kind: "add" | "sub"; readonly a: Mix; readonly b: Mix };
