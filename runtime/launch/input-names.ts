import { AttnError } from "./errors.js";
import type { AttentionModule } from "./module.js";

/** Names of the tensors that every module has. */
const TENSOR_NAMES: readonly string[] = ["q", "k", "v", "out", "lse"];

/** Throws the error for the first name that is not an input of the module, or the first input that is missing. */
export function checkInputNames(module: AttentionModule, given: Readonly<Record<string, unknown>>): void {
  const names = module.inputs.map((input) => input.name);
  const unknown = Object.keys(given).find((name) => !TENSOR_NAMES.includes(name) && !names.includes(name) && given[name] !== undefined);
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
    const kind = module.inputs.find((input) => input.name === missing)!.kind;
    throw new AttnError("ATTN5205", {
      field: missing,
      expected: `the input \`${missing}\` (${kind})`,
      found: "nothing",
      remedy: "Pass it beside q, k and v, under its own name.",
    });
  }
}
