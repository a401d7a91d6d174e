import type { Diagnostic } from "../../diagnostics/diagnostic.js";
import { diagnostic } from "../../diagnostics/report.js";
import { positionAt, type Span } from "../../source/file.js";
import type { AttentionModel, AttendModel, BranchModel, FactorModel, MixModel } from "../../semantics/model.js";
import type { Branch, BranchedMask, Factor, Gates, Mix } from "../branched.js";
import { isEmpty } from "../contradiction.js";
import type { MaskModule, RuntimeParam } from "../ir.js";
import { some } from "../walk.js";
import type { Frame, Lowering } from "./lower.js";
import { examplePair } from "./overlap.js";
import { overWindows } from "./windows.js";
import { MOST_BRANCHES } from "../../../runtime/launch/branches/module.js";

/** As many keys as a call has at most. */
const MOST_KEYS = 2 ** 24;

/** What the builder of single attentions does for branches. */
export interface Builder {
  /** The module of an attention with `attend` and without `mix`; with `from` its `k` counts windows, and it is built over the space of the call. */
  readonly build: (attention: AttentionModel, add: (d: Diagnostic) => void, from?: BranchModel["from"]) => MaskModule | undefined;
  /** For the numbers of factors and inputs. */
  readonly lowering: Lowering;
  readonly frame: Frame;
}

/** An attention with branches: a module for each, the mix of their outputs, and the proof that merged ones are disjoint. */
export function buildBranched(attention: AttentionModel, builder: Builder, add: (d: Diagnostic) => void): BranchedMask | undefined {
  const mix = attention.mix!;
  const models = mixedBranches(mix);
  if (models.length > MOST_BRANCHES) {
    add(diagnostic("ATTN2361", attention.span, { name: attention.name, count: models.length, most: MOST_BRANCHES }));
    return undefined;
  }
  const plain = models.map((model) => buildBranch(attention, model, builder, add));
  if (plain.some((module) => module === undefined)) return undefined;
  const modules = plain as readonly MaskModule[];
  const branches = models.map((model, i) => branchOf(model, modules[i]!, builder));
  const gates = attention.inputs
    .filter((input) => input.kind === "gate")
    .map(({ name, ...input }): Gates => ({ name, count: builder.lowering.inputSizes({ name, ...input }, builder.frame)[0]! }));
  if (!areDisjoint(attention, mix, builder, add) || !windowsAgree(models, builder, add)) return undefined;
  if (!ofOneType(models, modules, add)) return undefined;
  const lowered = lowerMix(mix, models, gates, builder, add);
  if (lowered === undefined) return undefined;
  const [first] = modules as readonly [MaskModule];
  const { space, shape, phases } = first;
  const { line } = positionAt(attention.file, attention.span.start);
  return {
    name: attention.name,
    ...(attention.doc === undefined ? {} : { doc: attention.doc }),
    origin: `${attention.file.name}:${line}`,
    space,
    shape,
    phases,
    params: commonParams(modules),
    inputs: first.inputs,
    floatInputs: onceEach(modules.flatMap((module) => module.floatInputs ?? [])),
    selections: onceEach(modules.flatMap((module) => module.selections ?? [])),
    gates,
    branches,
    mix: lowered,
    emitLse: attention.emitLse,
    requireRowsNonempty: attention.requireRowsNonempty,
  };
}

const onceEach = <T extends { readonly name: string }>(items: readonly T[]): readonly T[] =>
  items.filter(({ name }, i) => items.findIndex((other) => other.name === name) === i);

/** Each once, in the order in which the mix names them. */
export function mixedBranches(mix: MixModel): readonly BranchModel[] {
  const all = (of: MixModel): readonly BranchModel[] => {
    switch (of.kind) {
      case "branch":
        return [of.branch];
      case "merge":
        return of.parts.map(({ branch }) => branch);
      case "scale":
        return all(of.of);
      default:
        return [...all(of.a), ...all(of.b)];
    }
  };
  return [...new Set(all(mix))];
}

/** The attention that one branch is. */
const alone = (attention: AttentionModel, name: string, attend: AttendModel): AttentionModel => ({
  ...attention,
  mix: undefined,
  name: `${attention.name}.${name}`,
  attend,
  emitLse: true,
  requireRowsNonempty: false,
});

function buildBranch(
  attention: AttentionModel,
  model: BranchModel,
  builder: Builder,
  add: (d: Diagnostic) => void,
): MaskModule | undefined {
  return builder.build(alone(attention, model.name, model.attend), add, model.from);
}

function branchOf(model: BranchModel, plain: MaskModule, { lowering, frame }: Builder): Branch {
  const { name, from } = model;
  if (from === undefined) return { name, module: withoutUnread(plain) };
  const [n, stride] = lowering.inputSizes(from.key, frame) as readonly [number, number];
  const tokens = freeName("tokens", [...plain.params, ...plain.inputs]);
  const module = withoutUnread(overWindows(plain, { n, stride, tokens }));
  return { name, module, from: { key: from.key.name, value: from.value.name } };
}

/** The name, or one like it that is not taken. */
function freeName(name: string, taken: readonly { readonly name: string }[]): string {
  let free = name;
  for (let i = 2; taken.some((each) => each.name === free); i++) free = `${name}${i}`;
  return free;
}

/** A module with those inputs and parameters only that its mask reads: what others read is not asked for nor converted twice. */
function withoutUnread(module: MaskModule): MaskModule {
  // What selections read is theirs to say: inputs that masks read are no part of it, nor of what is asked of windows.
  if ((module.selections ?? []).length > 0) return module.windows === undefined ? module : { ...module, inputs: [] };
  const always = new Set([...module.space.axes.map((axis) => axis.name), module.windows?.tokens]);
  const reads = (kinds: readonly string[], name: string): boolean =>
    some(
      module.mask,
      (node) => kinds.includes(node.kind) && (("input" in node && node.input === name) || ("name" in node && node.name === name)),
    );
  const inputs = module.inputs.filter(({ name }) => reads(["bit", "load"], name));
  const hostParams = JSON.stringify(module.scalars.map(({ expr }) => expr));
  const params = module.params.filter(
    ({ name }) => always.has(name) || reads(["param"], name) || hostParams.includes(JSON.stringify({ kind: "param", name })),
  );
  return { ...module, inputs, params };
}

/** The parameters of all branches: one that divides in some of them is at least 1. */
function commonParams(modules: readonly MaskModule[]): readonly RuntimeParam[] {
  return modules[0]!.params.map((param) => {
    const min = modules.map((module) => module.params.find(({ name }) => name === param.name)?.min).find((least) => least !== undefined);
    return min === undefined ? param : { ...param, min };
  });
}

/** Keys and values of a branch must be one for each of the same windows. */
function windowsAgree(models: readonly BranchModel[], { lowering, frame }: Builder, add: (d: Diagnostic) => void): boolean {
  const wrong = models.filter(({ from }) => {
    if (from === undefined) return false;
    const [a, b] = [from.key, from.value].map((input) => lowering.inputSizes(input, frame).join(", "));
    return a !== b;
  });
  for (const { from, span } of wrong) {
    const found = `of other windows than \`${from!.key.name}\``;
    add(diagnostic("ATTN2357", span, { name: from!.value.name, found }, { labels: [{ span: from!.value.span, text: "declared here" }] }));
  }
  return wrong.length === 0;
}

/** Selections read floats as float32; what a branch attends from is of the dtype. */
function ofOneType(models: readonly BranchModel[], modules: readonly MaskModule[], add: (d: Diagnostic) => void): boolean {
  if (modules[0]!.shape.dtype === "f32") return true;
  const read = new Set(modules.flatMap((module) => (module.floatInputs ?? []).map(({ name }) => name)));
  const both = models.flatMap(({ from }) => (from === undefined ? [] : [from.key, from.value])).filter(({ name }) => read.has(name));
  for (const { name, span } of both) {
    const found = `read by a selection too, as f32, and the attention is of ${modules[0]!.shape.dtype}`;
    add(diagnostic("ATTN2357", span, { name, found }));
  }
  return both.length === 0;
}

/** Whether no pair is in two branches of one merge; reports those of which it is not proved. */
function areDisjoint(attention: AttentionModel, mix: MixModel, builder: Builder, add: (d: Diagnostic) => void): boolean {
  switch (mix.kind) {
    case "branch":
      return true;
    case "scale":
      return areDisjoint(attention, mix.of, builder, add);
    case "merge": {
      const branches = mix.parts.map(({ branch }) => branch);
      const pairs = branches.flatMap((a, i) => branches.slice(i + 1).map((b) => [a, b] as const));
      const overlapping = pairs.flatMap(([a, b]) => overlapOf(attention, a, b, builder) ?? []);
      for (const overlap of overlapping) reportOverlap(overlap, mix.span, add);
      return overlapping.length === 0;
    }
    default: {
      const sides = [mix.a, mix.b].map((side) => areDisjoint(attention, side, builder, add));
      return sides.every((fine) => fine);
    }
  }
}

interface Overlap {
  readonly branches: readonly [BranchModel, BranchModel];
  /** A pair that is in both, where one was found. */
  readonly pair?: string | undefined;
}

/** Undefined where it is proved that no pair is in both. */
function overlapOf(attention: AttentionModel, a: BranchModel, b: BranchModel, builder: Builder): Overlap | undefined {
  // Other tensors are other keys.
  if (a.from?.key !== b.from?.key || a.from?.value !== b.from?.value) return undefined;
  const both: AttendModel = { kind: "both", items: [a.attend, b.attend] };
  // What is wrong with one of them has been said.
  const module = builder.build(alone(attention, `${a.name}_${b.name}`, both), () => undefined, a.from);
  if (module !== undefined && isEmpty(module)) return undefined;
  return { branches: [a, b], pair: module && a.from === undefined ? examplePair(module) : undefined };
}

function reportOverlap({ branches, pair }: Overlap, span: Span, add: (d: Diagnostic) => void): void {
  const labels = branches.map((branch) => ({ span: branch.span, text: `the branch \`${branch.name}\`` }));
  const [a, b] = branches.map(({ name }) => name) as [string, string];
  const reason = pair === undefined ? "it is not proved that no pair is in both" : `${pair} are in both`;
  add(diagnostic("ATTN2356", span, { a, b, reason }, { labels }));
}

function lowerMix(
  mix: MixModel,
  models: readonly BranchModel[],
  gates: readonly Gates[],
  builder: Builder,
  add: (d: Diagnostic) => void,
): Mix | undefined {
  const lower = (side: MixModel): Mix | undefined => lowerMix(side, models, gates, builder, add);
  switch (mix.kind) {
    case "branch":
      return { kind: "branch", branch: models.indexOf(mix.branch) };
    case "merge":
      return lowerMerge(mix, models, builder, add);
    case "scale": {
      const [factor, of] = [lowerFactor(mix.factor, gates, builder, add), lower(mix.of)];
      return factor && of && { kind: "scale", factor, of };
    }
    default: {
      const [a, b] = [lower(mix.a), lower(mix.b)];
      return a && b && { kind: mix.kind, a, b };
    }
  }
}

function lowerMerge(
  { parts }: Extract<MixModel, { readonly kind: "merge" }>,
  models: readonly BranchModel[],
  { lowering, frame }: Builder,
  add: (d: Diagnostic) => void,
): Mix | undefined {
  const branches = parts.map(({ branch }) => models.indexOf(branch));
  const what = "the number before a branch of `merge`, of keys that one of its keys stands for,";
  const counts = parts.map(({ count }): number | undefined => {
    if (count === undefined) return 1;
    const found = lowering.known(count, frame, what);
    if (found === undefined || (found >= 1 && found <= MOST_KEYS)) return found;
    add(diagnostic("ATTN3001", count.span, { what, rule: `from 1 to ${MOST_KEYS}`, found }));
    return undefined;
  });
  if (counts.includes(undefined)) return undefined;
  return counts.every((count) => count === 1) ? { kind: "merge", branches } : { kind: "merge", branches, counts: counts as number[] };
}

function lowerFactor(model: FactorModel, gates: readonly Gates[], builder: Builder, add: (d: Diagnostic) => void): Factor | undefined {
  const { lowering, frame } = builder;
  switch (model.kind) {
    case "number": {
      const value = lowering.known(model.value, frame, "a factor of an output");
      return value === undefined ? undefined : { kind: "number", value };
    }
    case "gate": {
      const { name } = model.input;
      const index = lowering.known(model.index, frame, `the number of a gate of \`${name}\``);
      const { count } = gates.find((gate) => gate.name === name)!;
      if (index !== undefined && index >= 0 && index < count) return { kind: "gate", input: name, index };
      const problem = `there is no gate ${index ?? ""}: they are counted from 0`;
      if (index !== undefined) add(diagnostic("ATTN2355", model.index.span, { name, problem, rule: `0 to ${count - 1}` }));
      return undefined;
    }
    case "add":
    case "sub":
    case "mul":
    case "div": {
      const [a, b] = [lowerFactor(model.a, gates, builder, add), lowerFactor(model.b, gates, builder, add)];
      return a && b && { kind: model.kind, a, b };
    }
    default: {
      const a = lowerFactor(model.a, gates, builder, add);
      return a && { kind: model.kind, a };
    }
  }
}
