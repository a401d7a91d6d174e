import type { AttentionCall, ResolvedCall } from "../call.js";
import { AttnError } from "../errors.js";
import { SELECTION_FIELDS, TENSOR_NAMES } from "../input-names.js";
import { checkSelectionNames } from "../selection/rules.js";
import type { BranchedRules, BranchSpec } from "./module.js";
import { windowCount } from "./module.js";

/** The tensors of floats that a module takes besides its inputs. */
export interface FloatTensor {
  readonly name: string;
  readonly what: string;
  /** Whether its elements are of the module's dtype; float32 otherwise. */
  readonly own: boolean;
  readonly shape: readonly number[];
}

/** Gates and pooled tensors, each once, with the shapes that they have in a call. */
export function floatTensors({ gates, branches }: BranchedRules, call: ResolvedCall): readonly FloatTensor[] {
  const { batch, heads, kvHeads, nq, n, headDim, valueDim } = call;
  const tensors = new Map<string, FloatTensor>();
  for (const { name, count } of gates) tensors.set(name, { name, what: "gate", own: false, shape: [batch, heads, nq, count] });
  for (const { windows } of branches) {
    if (windows === undefined) continue;
    for (const [name, dim] of [
      [windows.key, headDim],
      [windows.value, valueDim],
    ] as const) {
      tensors.set(name, { name, what: "pooled", own: true, shape: [batch, kvHeads, windowCount(windows, n), dim] });
    }
  }
  return [...tensors.values()];
}

/** What the selections of the branches read beside queries and keys, by name: the inputs of those that have some. */
export const selectionInputs = ({ branches }: BranchedRules): ReadonlySet<string> =>
  new Set(
    branches.flatMap(({ module: { inputs, selection } }) =>
      selection === undefined ? [] : [...inputs, ...selection.floatInputs].map(({ name }) => name),
    ),
  );

/**
 * Throws ATTN5205 for the first name that is not an input, or the first input that is missing among those `needed`, all by
 * default, and ATTN5214 for a selection that no branch makes.
 */
export function checkBranchedNames(
  module: BranchedRules,
  floats: readonly FloatTensor[],
  given: Readonly<Record<string, unknown>>,
  needed?: ReadonlySet<string>,
): void {
  const selections = module.branches.flatMap((branch) => (branch.module.selection === undefined ? [] : [branch.module.selection]));
  const declared = [...module.call.inputs, ...selections.flatMap(({ floatInputs }) => floatInputs)];
  const inputs = [...declared.map(({ name, kind }) => ({ name, what: kind as string })), ...floats];
  const names = inputs.map(({ name }) => name);
  const known = [...TENSOR_NAMES, ...names, ...(selections.length === 0 ? [] : SELECTION_FIELDS)];
  const unknown = Object.keys(given).find((name) => !known.includes(name) && given[name] !== undefined);
  if (unknown !== undefined) {
    throw new AttnError("ATTN5205", {
      field: unknown,
      expected: names.length === 0 ? `no inputs: ${module.name} declares none` : `one of ${names.join(", ")}`,
      found: `\`${unknown}\``,
      remedy: "Remove it, or declare it with `input`.",
    });
  }
  const matrices = selections.flatMap((selection) => selection.matrices);
  for (const field of ["selected", "reuse"] as const) {
    const record = given[field];
    // `run` takes `true`: all of them.
    if (selections.length === 0 || typeof record !== "object" || record === null) continue;
    checkSelectionNames({ name: module.name, selection: { matrices } }, field, record as Readonly<Record<string, unknown>>);
  }
  const missing = inputs.find(({ name }) => given[name] === undefined && needed?.has(name) !== false);
  if (missing === undefined) return;
  throw new AttnError("ATTN5205", {
    field: missing.name,
    expected: `the input \`${missing.name}\` (${missing.what})`,
    found: "nothing",
    remedy: "Pass it beside q, k and v, under its own name.",
  });
}

/** Throws ATTN5230 where an lse is asked of an output that has none. */
export function checkLse(module: BranchedRules, lse: unknown): void {
  if (lse === undefined || module.mix.lse) return;
  throw new AttnError("ATTN5230", {
    field: "lse",
    expected: `no lse: the output of ${module.name} mixes its branches, and is no softmax over keys`,
    found: "an lse buffer",
    remedy: "Leave it out.",
  });
}

/**
 * The inputs of a branch among those given. A selection that several branches make is given to the app by the first of
 * them, and given back to all.
 */
export function inputsOf(all: BranchedRules, index: number, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { module } = all.branches[index]!;
  const inputs = Object.fromEntries([...module.inputs, ...(module.selection?.floatInputs ?? [])].map(({ name }) => [name, given[name]]));
  if (module.selection === undefined) return inputs;
  const own = matrixNames(all, index);
  const before = all.branches.slice(0, index).flatMap((_, i) => matrixNames(all, i));
  const first = own.filter((name) => !before.includes(name));
  return { ...inputs, ...among("selected", first, given), ...among("reuse", own, given) };
}

/**
 * Gates and pooled tensors with the shapes that they have. A selection that reads what a branch attends from could not
 * tell: its own inputs may leave out axes.
 */
export function withShapes(
  floats: readonly FloatTensor[],
  given: Readonly<Record<string, unknown>>,
  shaped: (value: unknown, shape: readonly number[]) => unknown,
): Readonly<Record<string, unknown>> {
  return { ...given, ...Object.fromEntries(floats.map(({ name, shape }) => [name, shaped(given[name], shape)])) };
}

const matrixNames = ({ branches }: BranchedRules, index: number): readonly string[] =>
  branches[index]!.module.selection?.matrices.map(({ name }) => name) ?? [];

/** The entries of a record that is given, of these names; nothing where there are none. */
function among(field: string, names: readonly string[], given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const record = given[field] as Readonly<Record<string, unknown>> | undefined;
  if (typeof record !== "object" || record === null) return {};
  const entries = Object.entries(record).filter(([name, value]) => names.includes(name) && value !== undefined);
  return entries.length === 0 ? {} : { [field]: Object.fromEntries(entries) };
}

/** A call as a branch sees it, of at least so many keys; undefined for a branch that has no keys in it. */
export function callOf({ module, windows }: BranchSpec, call: AttentionCall, resolved: ResolvedCall, least = 0): AttentionCall | undefined {
  const given = Object.entries(resolved.params).filter(([name]) => module.params.some((spec) => spec.name === name));
  const params: Record<string, number> = Object.fromEntries(given);
  const lengths = { length: undefined, queryLength: resolved.nq, keyLength: resolved.n };
  const scale = resolved.scale;
  if (windows === undefined) return { ...call, ...lengths, params, scale };
  const keys = Math.max(least, windowCount(windows, resolved.n));
  if (keys === 0) return undefined;
  return { ...call, ...lengths, keyLength: keys, params: { ...params, [windows.tokens]: resolved.n }, scale };
}
