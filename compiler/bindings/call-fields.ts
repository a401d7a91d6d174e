import type { MaskModule } from "../mask/ir.js";
import type { AttentionModule, LaunchVariable } from "../../runtime/launch/module.js";
import { dataText } from "./literals.js";
import { objectType, type Field } from "./descriptions.js";

/** What a kernel was compiled for. */
export interface KernelDims {
  readonly headDim: number;
  readonly valueDim: number;
}

/** Head counts and dimensions: numbers that tables or the compiled kernels fix are literal types. */
export function shapeFields({ defaults, fixed }: AttentionModule, kernels: readonly KernelDims[]): readonly Field[] {
  const count = (name: "heads" | "kvHeads", doc: string): Field => {
    const only = fixed[name];
    const type = only === undefined ? "number" : String(only);
    return {
      name,
      type,
      optional: only === undefined || only === defaults[name],
      doc: only === undefined ? doc : `${doc} A table fixes it.`,
    };
  };
  const dim = (name: "headDim" | "valueDim", doc: string): Field => {
    const sizes = [...new Set(kernels.map((kernel) => kernel[name]))].sort((a, b) => a - b);
    return { name, type: sizes.join(" | "), optional: sizes.includes(defaults[name]), doc };
  };
  const sameHeads = defaults.kvHeads === defaults.heads && fixed.kvHeads === undefined;
  const sameDim = defaults.valueDim === defaults.headDim;
  return [
    count("heads", `Query heads; ${defaults.heads} when left out.`),
    count("kvHeads", `Key-value heads, a divisor of \`heads\`; ${sameHeads ? "as many as `heads`" : defaults.kvHeads} when left out.`),
    dim("headDim", `Size of a query and a key; ${defaults.headDim} when left out.`),
    dim("valueDim", `Size of a value; ${sameDim ? "as `headDim`" : defaults.valueDim} when left out.`),
  ];
}

/** What a call takes besides its lengths. */
export function callFields(mask: MaskModule, launch: AttentionModule): readonly Field[] {
  const params = mask.params.map(({ name, default: value, min, doc }): Field => {
    const facts = [value === undefined ? undefined : `${value} when left out`, min === undefined ? undefined : `at least ${min}`];
    const sentence = facts.filter((fact) => fact !== undefined).join("; ");
    const lead =
      doc ?? (launch.length.extents.includes(name) ? `Extent of the axis \`${name}\`, in tokens.` : `Runtime parameter \`${name}\`.`);
    return {
      name,
      type: "number",
      optional: value !== undefined,
      doc: sentence === "" ? lead : `${lead} ${sentence[0]!.toUpperCase()}${sentence.slice(1)}.`,
    };
  });
  const fields: Field[] = [{ name: "batch", type: "number", optional: true, doc: "Batch entries; 1 when left out." }];
  if (params.length > 0) {
    fields.push({
      name: "params",
      type: objectType(params),
      optional: params.every((field) => field.optional),
      doc: "Values of the runtime parameters for this call.",
    });
  }
  fields.push(...launch.uses.map((name) => launchField(name, launch)));
  fields.push({ name: "scale", type: "number", optional: true, doc: "Factor of the logits; 1 / sqrt(headDim) when left out." });
  return fields;
}

function launchField(name: LaunchVariable, { phases, fixed }: AttentionModule): Field {
  switch (name) {
    case "layer":
      return { name, type: "number", doc: `Number of the layer, from 0${fixed.layers === undefined ? "" : ` to ${fixed.layers - 1}`}.` };
    case "layers":
      return fixed.layers === undefined
        ? { name, type: "number", doc: "How many layers the model has." }
        : { name, type: String(fixed.layers), optional: true, doc: "How many layers the model has; a table fixes it." };
    case "step":
      return { name, type: "number", doc: "Number of the step, from 0: of denoising or of decoding." };
    case "steps":
      return { name, type: "number", doc: "How many steps there are." };
    case "phase":
      return { name, type: phases.map(dataText).join(" | "), doc: "The phase that this call belongs to." };
  }
}

/** The two ways of saying how long a call is, each as the fields of one object type. */
export function lengthFields({ space, length, maxLength }: AttentionModule): readonly (readonly Field[])[] {
  const absent = (name: string): Field => ({ name, type: "undefined", optional: true, doc: "" });
  const rule = `${ruleText(length)}At most ${maxLength}.`;
  const keys = `Number of keys${space === "self" ? ": the tokens of the whole sequence" : ""}. ${rule}`;
  const queries = space === "self" ? "Number of queries: they are the last tokens of the sequence." : "Number of queries.";
  return [
    [
      { name: "length", type: "number", doc: `Number of tokens, where there are as many queries as keys. ${rule}` },
      absent("queryLength"),
      absent("keyLength"),
    ],
    [{ name: "queryLength", type: "number", doc: queries }, { name: "keyLength", type: "number", doc: keys }, absent("length")],
  ];
}

function ruleText({ kind, extents, extra }: AttentionModule["length"]): string {
  if (kind === "any") return extra === 0 ? "" : `At least ${extra}, the length of the segments. `;
  const product = extents.every((extent) => typeof extent === "number") ? String(extents.reduce((a, b) => a * b, 1) + extra) : undefined;
  const formula = `${extents.join(" * ")}${extra === 0 ? "" : ` + ${extra}`}`;
  return product === undefined || product === formula ? `Must be ${formula}. ` : `Must be ${product} = ${formula}. `;
}
