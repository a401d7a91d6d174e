import type { ResolvedCall } from "../call.js";
import { AttnError } from "../errors.js";
import { tensorBytes } from "../host-tensors.js";
import type { AttentionModule, Dtype, SelectionSpec } from "../module.js";
import { selectedShapes } from "../selection/arrays.js";
import { floatWords } from "../selection/float-inputs.js";
import type { MatrixLayout } from "../selection/matrices.js";
import { moduleOfCall } from "../windows.js";
import { floatTensors, inputsOf, withShapes, type FloatTensor } from "./inputs.js";
import type { BranchedRules } from "./module.js";

type Arrays = Readonly<Record<string, unknown>>;

/** Queries, keys, values, gates and pooled tensors of a run as bytes, checked. Throws ATTN5207, ATTN5208 and ATTN5212. */
export function branchedBytes(
  module: BranchedRules,
  dtype: Dtype,
  call: ResolvedCall,
  arrays: Arrays,
): Readonly<Record<string, ArrayBufferView<ArrayBuffer>>> {
  const { batch, heads, kvHeads, n, nq, headDim, valueDim } = call;
  const data: Record<string, ArrayBufferView<ArrayBuffer>> = {
    q: tensorBytes(dtype, "q", arrays["q"], [batch, heads, nq, headDim]),
    k: tensorBytes(dtype, "k", arrays["k"], [batch, kvHeads, n, headDim]),
    v: tensorBytes(dtype, "v", arrays["v"], [batch, kvHeads, n, valueDim]),
  };
  for (const { name, shape, own } of floatTensors(module, call)) data[name] = tensorBytes(own ? dtype : "f32", name, arrays[name], shape);
  for (const { name } of module.gates) checkFinite(name, data[name]!);
  return data;
}

/**
 * The inputs and selections given back of a run, as they are uploaded, each once: those of the call, then what the selections
 * of each branch read besides. A selection that several branches make is the same in all. What a branch attends from is among
 * the tensors of {@link branchedBytes}: that its numbers are finite, as selections ask, is checked here. Throws ATTN5213.
 */
export function uploadsOf(
  module: BranchedRules,
  floats: readonly FloatTensor[],
  arrays: Arrays,
  call: ResolvedCall,
): readonly { readonly module: AttentionModule; readonly call: ResolvedCall; readonly arrays: Arrays }[] {
  const shaped = withShapes(floats, arrays, (data, shape) => ({ data, shape }));
  const attended = new Set(floats.map(({ name }) => name));
  const known = new Set([...attended, ...module.call.inputs.map(({ name }) => name)]);
  const isNew = ({ name }: { readonly name: string }): boolean => !known.has(name);
  const selecting = module.branches.flatMap((branch, i) => {
    const { module: whole, call: own } = asSelected(branch.module, call);
    const { inputs, selection } = whole;
    if (selection === undefined) return [];
    const { floatInputs, matrices } = selection;
    for (const spec of floatInputs) if (attended.has(spec.name)) floatWords(whole, spec, own, shaped[spec.name]);
    const kept = matrices.map(isNew);
    // Its rules are in the order of all matrices.
    const { reuse: rulesOf } = selection;
    const rules: SelectionSpec["reuse"] = rulesOf && ((env) => rulesOf(env).filter((_, at) => kept[at]));
    const rest = { floatInputs: floatInputs.filter(isNew), matrices: matrices.filter((_, at) => kept[at]), reuse: rules };
    const others: AttentionModule = { ...whole, inputs: inputs.filter(isNew), selection: { ...selection, ...rest } };
    for (const { name } of [...others.inputs, ...rest.floatInputs, ...rest.matrices]) known.add(name);
    return [{ module: others, call: own, arrays: givenTo(others, inputsOf(module, i, shaped)) }];
  });
  return [{ module: module.call, call, arrays: { ...arrays, reuse: undefined } }, ...selecting];
}

/** A branch's module, and the call of the whole, as its selections see them. */
function asSelected(module: AttentionModule, call: ResolvedCall): { readonly module: AttentionModule; readonly call: ResolvedCall } {
  const tokens = module.windows === undefined ? {} : { [module.windows.tokens]: call.n };
  return { module: moduleOfCall(module), call: { ...call, params: { ...call.params, ...tokens } } };
}

/** Arrays without the selections that a module does not make. */
function givenTo({ selection }: AttentionModule, { reuse, ...others }: Arrays): Arrays {
  const names = selection!.matrices.map(({ name }) => name);
  const given = Object.entries((reuse ?? {}) as Arrays).filter(([name]) => names.includes(name));
  return { ...others, reuse: Object.fromEntries(given) };
}

/** The shapes of all selections, each name once. */
export function selectedOf({ branches }: BranchedRules, call: ResolvedCall): readonly MatrixLayout[] {
  const shapes = branches.flatMap(({ module }) => (module.selection === undefined ? [] : selectedShapes(moduleOfCall(module), call)));
  return shapes.filter(({ spec }, i) => shapes.findIndex((other) => other.spec.name === spec.name) === i);
}

/** Throws ATTN5207 for a gate that is NaN or infinite: it would make whole rows so. */
function checkFinite(name: string, data: ArrayBufferView<ArrayBuffer>): void {
  const values = data as Float32Array;
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new AttnError("ATTN5207", {
    field: `${name}[${at}]`,
    expected: "a finite number",
    found: String(values[at]),
    remedy: "Pass gates that are numbers.",
  });
}
