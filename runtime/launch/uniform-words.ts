import type { ResolvedCall } from "./call.js";
import { AttnError } from "./errors.js";
import type { AuxLayout } from "./input-layout.js";
import { isListField } from "./key-lists.js";
import type { AttentionModule, UniformSource } from "./module.js";
import type { FloatLayout } from "./selection/float-inputs.js";
import type { Split } from "./split.js";

/** What the uniforms of one launch are computed from. */
export interface LaunchValues {
  readonly call: ResolvedCall;
  readonly aux: AuxLayout;
  /** Number of query tiles. */
  readonly tiles: number;
  readonly writeLse: boolean;
  /** Absent where rows are computed whole. */
  readonly split?: Split | undefined;
  /** Where the float inputs of selections have their batch entries and heads. */
  readonly floats?: readonly FloatLayout[] | undefined;
}

function uniformValue(module: AttentionModule, source: UniformSource, values: LaunchValues): number {
  const { call, aux, tiles, writeLse, split } = values;
  switch (source.kind) {
    case "shape":
      switch (source.name) {
        case "batch":
          return call.batch;
        case "heads":
          return call.heads;
        case "kvHeads":
          return call.kvHeads;
        case "N":
          return call.n;
        case "NQ":
          return call.nq;
        case "headDim":
          return call.headDim;
        case "offset":
          return module.space === "self" ? call.n - call.nq : 0;
        case "tiles":
          return tiles;
      }
    // falls through: every name returns
    case "scale":
      return call.scale * Math.LOG2E;
    case "plainScale":
      return call.scale;
    case "size":
      return aux.sizes[source.index]!;
    case "floatInput":
      return values.floats!.find(({ spec }) => spec.name === source.input)!.fields[source.field];
    case "writeLse":
      return writeLse ? 1 : 0;
    case "split":
      return split?.[source.field] ?? 0;
    case "param":
      return call.params[source.name]!;
    case "launch":
      return call.launch[source.name];
    case "scalars":
      return aux.scalars;
    case "input": {
      const { field } = source;
      if (isListField(field)) return aux.lists.find(({ name }) => name === source.input)!.fields[field];
      return [...aux.inputs, ...aux.matrices].find(({ spec }) => spec.name === source.input)!.fields[field];
    }
  }
}

/** The uniform words of a launch, in the order of `module.uniforms`, padded to 16 bytes. */
export function uniformWords(module: AttentionModule, values: LaunchValues): Int32Array<ArrayBuffer> {
  const words = new Int32Array(Math.max(4, Math.ceil(module.uniforms.length / 4) * 4));
  const floats = new Float32Array(words.buffer);
  module.uniforms.forEach(({ type, source }, i) => {
    const value = uniformValue(module, source, values);
    if (type === "f32") floats[i] = value;
    else words[i] = value;
  });
  return words;
}

/**
 * The host scalars of a launch, `[head][slot]`: integers, and in the slots that the module says the bits of float32
 * numbers. Throws ATTN5203 where one is no 32-bit integer, or no number.
 */
export function scalarWords(module: AttentionModule, call: ResolvedCall): Int32Array<ArrayBuffer> {
  const scalars = module.scalars;
  if (scalars === undefined) return new Int32Array(0);
  const words = new Int32Array(call.heads * scalars.count);
  const numbers = new Float32Array(words.buffer);
  const floats = new Set(scalars.floats);
  for (let h = 0; h < call.heads; h++) {
    const kvh = Math.floor((h * call.kvHeads) / call.heads);
    const row = scalars.evaluate({ h, kvh, N: call.n, NQ: call.nq, ...call.launch, params: call.params });
    for (let slot = 0; slot < scalars.count; slot++) {
      const value = row[slot]!;
      const isFloat = floats.has(slot);
      (isFloat ? numbers : words)[h * scalars.count + slot] = value;
      if (isFloat ? !Number.isNaN(value) : words[h * scalars.count + slot] === value) continue;
      throw new AttnError("ATTN5203", {
        field: "params",
        expected: `values from which the ${isFloat ? "numbers of the selections" : "mask's integers"} of each head can be computed in 32 bits`,
        found: `${value} for head ${h}`,
        remedy: "Check parameters and lengths against the expressions over tables in the declaration.",
      });
    }
  }
  return words;
}
