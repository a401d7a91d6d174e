import type { MaskNode } from "../../mask/walk.js";

/** What the languages of kernels say in different words; the rest of an expression they write alike. */
export interface Dialect {
  /** `yes` where the condition holds; both may be evaluated. */
  readonly select: (condition: string, yes: string, no: string) => string;
  /** Parts of a mask that have been computed before, by name. */
  readonly named?: ReadonlyMap<MaskNode, string> | undefined;
}
