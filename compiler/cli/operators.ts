import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import { suggest } from "../diagnostics/suggest.js";
import { buildOperators, checkFile, hasErrors } from "../driver/pipeline.js";
import type { Built, Checked } from "../driver/pipeline.js";
import type { BranchedMask } from "../mask/branched.js";
import { mixedBranches } from "../mask/build/branches.js";
import { fixedIntegers } from "../mask/build/build.js";
import { settableNames } from "../mask/build/settings.js";
import type { MaskSettings } from "../mask/build/settings.js";
import type { MaskModule } from "../mask/ir.js";
import type { AttentionModel } from "../semantics/model.js";
import { badOption, pairs } from "./flags.js";
import type { ShapeFlags } from "./flags.js";
import { nodeHost } from "./host.js";
import { findTargets } from "./sources.js";
import { EXIT, Stop } from "./stop.js";

/** An operator and the file it is declared in. */
export interface Operator {
  readonly module: MaskModule;
  readonly file: string;
  /** The settings it was built with: those of the command line that it takes. */
  readonly settings: MaskSettings;
  /** One of several attentions of a layer. */
  readonly isBranch?: boolean | undefined;
}

/** An attention with branches and the file it is declared in. */
export interface Branched {
  readonly mask: BranchedMask;
  readonly file: string;
  readonly settings: MaskSettings;
}

export interface Operators {
  /** Branches of attentions among them, each as an operator of its own. */
  readonly operators: readonly Operator[];
  /** The attentions with branches, but for those of which one branch was asked for. */
  readonly branched: readonly Branched[];
  /** Warnings about them, and what in the command line does not apply to some. */
  readonly warnings: readonly Diagnostic[];
  readonly notes: readonly string[];
}

interface Chosen {
  readonly checked: Checked;
  readonly attention: AttentionModel;
  /** Of an attention with branches the one that is meant; all where it is absent. */
  readonly branch?: string | undefined;
}

/**
 * All operators that the arguments name; stops with the errors of all files. A `--set` goes to the operators that have
 * such a parameter, and is an error where none has. Where several are named, one whose tables fix its heads keeps them.
 */
export function findOperators(args: readonly string[], flags: ShapeFlags): Operators {
  const { chosen, warnings } = choose(args);
  return build(chosen, warnings, flags);
}

function build(chosen: readonly Chosen[], warnings: readonly Diagnostic[], flags: ShapeFlags): Operators {
  const given = settingsOf(flags);
  checkNames(chosen, given);
  const built = chosen.map((one) => buildOne(one, given, chosen.length > 1));
  const errors = built.flatMap(({ result }) => result.diagnostics.filter((d) => d.severity === "error"));
  if (errors.length > 0) throw new Stop(errors);
  return {
    operators: built.flatMap(({ one, result, settings }) => operatorsOf(one, result, settings)),
    branched: built.flatMap(({ one, result, settings }) =>
      one.branch === undefined ? result.branched.map((mask) => ({ mask, file: one.checked.file.name, settings })) : [],
    ),
    warnings: [...warnings, ...built.flatMap(({ result }) => result.diagnostics)],
    notes: built.flatMap(({ note }) => (note === undefined ? [] : [note])),
  };
}

function operatorsOf({ checked, branch: wanted }: Chosen, result: Built, settings: MaskSettings): readonly Operator[] {
  const common = { file: checked.file.name, settings };
  const branches = result.branched.flatMap((mask) => mask.branches).filter(({ name }) => wanted === undefined || name === wanted);
  return [
    ...result.modules.map((module) => ({ module, ...common })),
    ...branches.map((branch) => ({ module: branch.module, isBranch: true, ...common })),
  ];
}

/** The one operator that a command works on. */
export function oneOperator(argument: string, flags: ShapeFlags): MaskModule {
  return oneOperatorWithVariants(argument, flags).module;
}

/** The attention with branches that an argument names; undefined where it names something else. */
export function branchedAttention(argument: string, flags: ShapeFlags): Branched | undefined {
  const { chosen, warnings } = choose([argument]);
  const [only] = chosen;
  if (chosen.length !== 1 || only!.attention.mix === undefined || only!.branch !== undefined) return undefined;
  return build(chosen, warnings, flags).branched[0];
}

/** An operator, and how to build it with other values of the integers that are fixed when it is compiled. */
export interface VariableOperator {
  readonly module: MaskModule;
  readonly integers: readonly { readonly name: string; readonly value: number }[];
  /** Undefined where that value is refused, or warned about. */
  readonly withInteger: (name: string, value: number) => MaskModule | undefined;
}

export function oneOperatorWithVariants(argument: string, flags: ShapeFlags): VariableOperator {
  const { chosen, warnings } = choose([argument]);
  if (chosen.length > 1) {
    const names = chosen.map(({ checked, attention }) => `${checked.file.name}#${attention.name}`).join(", ");
    throw new Stop([diagnostic("ATTN6203", undefined, { file: argument, count: chosen.length, names })], EXIT.usage);
  }
  const [one] = chosen;
  const { operators } = build(chosen, warnings, flags);
  if (operators.length > 1) {
    const names = operators.map(({ module: { name }, file }) => `${file}#${name}`).join(", ");
    throw new Stop([diagnostic("ATTN6203", undefined, { file: argument, count: operators.length, names })], EXIT.usage);
  }
  const { module, settings } = operators[0]!;
  return {
    module,
    integers: fixedIntegers(one!.attention, settings),
    withInteger: (name, value) => {
      const varied: MaskSettings = { ...settings, params: { ...settings.params, [name]: value } };
      const built = buildAlone(one!, varied);
      return built.diagnostics.length > 0 ? undefined : operatorsOf(one!, built, varied)[0]?.module;
    },
  };
}

/** The attentions that arguments name, and warnings about their files. */
function choose(args: readonly string[]): { readonly chosen: readonly Chosen[]; readonly warnings: readonly Diagnostic[] } {
  const { targets, problems } = findTargets(args);
  const errors: Diagnostic[] = [];
  const unknown: Diagnostic[] = [];
  const warnings: Diagnostic[] = [];
  const chosen: Chosen[] = [];
  const files = new Map<string, Checked>();
  for (const { file, name } of targets) {
    let checked = files.get(file.name);
    if (!checked) {
      files.set(file.name, (checked = checkFile(file, nodeHost)));
      for (const d of checked.diagnostics) (d.severity === "error" ? errors : warnings).push(d);
    }
    if (!checked.model) continue;
    const { attentions } = checked.model;
    const { own, branch } = splitName(name);
    const found = attentions.filter((attention) => own === undefined || (attention.name === own && hasBranch(attention, branch)));
    if (found.length === 0 && name !== undefined) unknown.push(noSuchName(checked, name));
    for (const attention of found) chosen.push({ checked, attention, branch });
  }
  const wrongUse = [...problems, ...unknown];
  if (wrongUse.length > 0) throw new Stop([...errors, ...wrongUse], EXIT.usage);
  if (errors.length > 0) throw new Stop(errors);
  if (chosen.length === 0) throw new Stop([diagnostic("ATTN6212", undefined, { path: args.join(", ") })], EXIT.usage);
  return { chosen, warnings };
}

/** `ATTENTION` or `ATTENTION.BRANCH`. */
function splitName(name: string | undefined): { readonly own?: string | undefined; readonly branch?: string | undefined } {
  const [own, branch] = name?.split(".") ?? [];
  return { own, branch };
}

const branchNames = ({ mix }: AttentionModel): readonly string[] => (mix === undefined ? [] : mixedBranches(mix).map(({ name }) => name));

const hasBranch = (attention: AttentionModel, branch: string | undefined): boolean =>
  branch === undefined || branchNames(attention).includes(branch);

/** Whether a file declares what `FILE#NAME` or `FILE#NAME.BRANCH` names. */
export function declares(checked: Checked, name: string): boolean {
  const { own, branch } = splitName(name);
  return checked.model!.attentions.some((attention) => attention.name === own && hasBranch(attention, branch));
}

/** Why `FILE#NAME` means nothing. */
export function noSuchName(checked: Checked, name: string): Diagnostic {
  const { attentions, patterns } = checked.model!;
  const file = checked.file.name;
  const names = attentions.flatMap((attention) => [
    attention.name,
    ...branchNames(attention).map((branch) => `${attention.name}.${branch}`),
  ]);
  if (names.length === 0) return diagnostic("ATTN6212", undefined, { path: file });
  const near = suggest(name, names);
  const pattern = patterns.some((each) => each.name === name) ? `${name} is a pattern: a piece that attentions use; ` : "";
  const meant = near === undefined ? pattern : `did you mean ${file}#${near}? `;
  return diagnostic("ATTN6202", undefined, { file, name, names: names.join(", ") }, { hint: `${meant}it has ${names.join(", ")}` });
}

function settingsOf(flags: ShapeFlags): MaskSettings {
  const params: Record<string, number | boolean> = {};
  for (const [name, text] of pairs("--set", flags.set)) {
    if (text === "true" || text === "false") params[name] = text === "true";
    else if (text.trim() !== "" && Number.isFinite(Number(text))) params[name] = Number(text);
    else badOption(`--set ${name}`, `"${text}"`, "a number, true or false");
  }
  const { heads, kvHeads, headDim, valueDim, dtype } = flags;
  const shape = Object.fromEntries(Object.entries({ heads, kvHeads, headDim, valueDim, dtype }).filter(([, value]) => value !== undefined));
  return { params, shape };
}

/** Every name of a `--set` belongs to some operator. */
function checkNames(chosen: readonly Chosen[], given: MaskSettings): void {
  const names = new Set(chosen.flatMap(({ attention }) => settableNames(attention)));
  const at = chosen.length === 1 ? chosen[0]!.attention.node.name.span : undefined;
  const have = names.size === 0 ? "there are no parameters" : `the parameters are ${[...names].join(", ")}`;
  const unknown = Object.keys(given.params ?? {}).filter((name) => !names.has(name));
  if (unknown.length === 0) return;
  throw new Stop(
    unknown.map((name) => {
      const near = suggest(name, names);
      return diagnostic("ATTN3009", at, { name, have }, near === undefined ? {} : { hint: `did you mean \`${near}\`?` });
    }),
    EXIT.usage,
  );
}

interface BuiltOne {
  readonly one: Chosen;
  readonly settings: MaskSettings;
  /** Diagnostics of this operator only, without those of its file. */
  readonly result: Built;
  readonly note?: string | undefined;
}

function buildOne(one: Chosen, given: MaskSettings, several: boolean): BuiltOne {
  const names = new Set(settableNames(one.attention));
  const params = Object.fromEntries(Object.entries(given.params ?? {}).filter(([name]) => names.has(name)));
  const settings: MaskSettings = { params, shape: given.shape };
  const result = buildAlone(one, settings);
  const { heads, kvHeads, ...dims } = given.shape ?? {};
  if (!several || !hasErrors(result.diagnostics) || (heads === undefined && kvHeads === undefined)) return { one, settings, result };
  const own: MaskSettings = { params, shape: dims };
  const without = buildAlone(one, own);
  if (hasErrors(without.diagnostics)) return { one, settings, result };
  const { name } = one.attention;
  const reason = result.diagnostics.find((d) => d.severity === "error")!.message;
  return { one, settings: own, result: without, note: `${name} keeps its own numbers of heads: ${reason}` };
}

function buildAlone({ checked, attention }: Chosen, settings: MaskSettings): Built {
  return buildOperators({ ...checked, diagnostics: [] }, attention.name, settings);
}
