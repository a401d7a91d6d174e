import { AttnError } from "./errors.js";

/** What stands in the place of the tensors, or of a call, must be an object. Throws ATTN5212. */
export function checkGiven(field: string, value: unknown, expected: string): void {
  if (typeof value === "object" && value !== null) return;
  throw new AttnError("ATTN5212", { field, expected, found: String(value), remedy: "Pass the tensors first, then the call." });
}
