import { AttnError } from "./errors.js";
import { checkGiven } from "./given.js";
import type { AttentionModule } from "./module.js";
import { CALL_KEYS } from "./windows.js";

/** Names of the tensors that every module has. */
export const TENSOR_NAMES: readonly string[] = ["q", "k", "v", "out", "lse"];

/** What the buffers and arrays of a module with selections have besides tensors and inputs. */
export const SELECTION_FIELDS: readonly string[] = ["selected", "reuse"];

/** Throws the error for the first name that is not an input of the module, or the first input that is missing. */
export function checkInputNames(module: AttentionModule, given: Readonly<Record<string, unknown>>): void {
  checkGiven("tensors", given, "an object with q, k, v and the inputs");
  const inputs = [...module.inputs, ...(module.selection?.floatInputs ?? [])];
  const names = inputs.map((input) => input.name);
  const ofSelections = module.selection === undefined ? [] : SELECTION_FIELDS;
  const known = [...TENSOR_NAMES, ...names, ...ofSelections, ...(module.windows === undefined ? [] : [CALL_KEYS])];
  const unknown = Object.keys(given).find((name) => !known.includes(name) && given[name] !== undefined);
  const missing = names.find((name) => given[name] === undefined);
  if (unknown !== undefined) {
    throw new AttnError("ATTN5205", {
      field: unknown,
      expected: names.length === 0 ? `no inputs: ${module.name} declares none` : `one of ${names.join(", ")}`,
      found: `\`${unknown}\``,
      remedy: "Remove it, or declare it with `input`.",
    });
  }
  if (missing !== undefined) {
    const kind = inputs.find((input) => input.name === missing)!.kind;
    throw new AttnError("ATTN5205", {
      field: missing,
      expected: `the input \`${missing}\` (${kind})`,
      found: "nothing",
      remedy: "Pass it beside q, k and v, under its own name.",
    });
  }
}
