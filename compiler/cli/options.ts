import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { diagnostic } from "../diagnostics/report.js";
import type { MaskSettings } from "../mask/build/settings.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { fixedBaseLength, segmentsLength } from "../mask/space.js";
import { buildOperators, checkFile, hasErrors } from "../driver/pipeline.js";
import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { nodeHost } from "./host.js";
import { readTargets } from "./sources.js";
import { EXIT, Stop } from "./stop.js";

/** What the shape options of a command hold. */
export interface ShapeFlags {
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
  readonly valueDim?: number;
  readonly dtype?: "f32" | "f16";
  readonly batch?: number;
  readonly set?: readonly string[];
}

export interface LengthFlags {
  readonly seq?: number;
  readonly qSeq?: number;
  readonly layer?: number;
  readonly layers?: number;
  readonly step?: number;
  readonly steps?: number;
  readonly phase?: string;
}

/** An option value that is an integer of at least `least`. */
export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It should be an integer of at least ${least}.`);
    }
    return value;
  };
}

/** A comma-separated list of integers. */
export function integers(least: number): (text: string) => readonly number[] {
  return (text) => text.split(",").map((part) => integer(least)(part.trim()));
}

export function choice<T extends string>(...names: readonly T[]): (text: string) => T {
  return (text) => {
    if (!(names as readonly string[]).includes(text)) throw new InvalidArgumentError(`It should be one of ${names.join(", ")}.`);
    return text as T;
  };
}

const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

export function shapeOptions(command: Command): Command {
  return command
    .option("--heads <n>", "query heads", integer(1))
    .option("--kv-heads <n>", "key-value heads; they divide the query heads", integer(1))
    .option("--head-dim <n>", "dimension of queries and keys", integer(4))
    .option("--value-dim <n>", "dimension of values", integer(4))
    .option("--dtype <type>", "f32 or f16", choice("f32", "f16"))
    .option("--set <name=value>", "a parameter; may be given again", collect);
}

export function lengthOptions(command: Command): Command {
  return command
    .option("--seq <n>", "number of keys", integer(1))
    .option("--q-seq <n>", "number of queries; as many as keys by default", integer(1))
    .option("--layer <n>", "the layer, for masks that depend on it", integer(0))
    .option("--layers <n>", "number of layers", integer(1))
    .option("--step <n>", "the step, for masks that depend on it", integer(0))
    .option("--steps <n>", "number of steps", integer(1))
    .option("--phase <name>", "the phase, for masks that depend on it");
}

export function inputOption(command: Command): Command {
  return command.option("--input <name=file>", "a tensor for an input of the operator (.npy, or file.safetensors:name)", collect);
}

/** `NAME=VALUE` pairs of an option that may be given again. */
export function pairs(option: string, values: readonly string[] | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const text of values ?? []) {
    const equals = text.indexOf("=");
    if (equals < 1) badOption(option, `"${text}"`, `${option} NAME=VALUE`);
    found.set(text.slice(0, equals), text.slice(equals + 1));
  }
  return found;
}

export function badOption(option: string, found: string, expected: string): never {
  throw new Stop([diagnostic("ATTN6204", undefined, { option, found, expected })], EXIT.usage);
}

export function settingsOf(flags: ShapeFlags): MaskSettings {
  const params: Record<string, number | boolean> = {};
  for (const [name, text] of pairs("--set", flags.set)) {
    if (text === "true" || text === "false") params[name] = text === "true";
    else if (text.trim() !== "" && Number.isFinite(Number(text))) params[name] = Number(text);
    else badOption(`--set ${name}`, `"${text}"`, "a number, true or false");
  }
  const { heads, kvHeads, headDim, valueDim, dtype } = flags;
  // Fewer heads than the declaration has kv heads make no sense on their own: the kv heads follow.
  const shape = Object.fromEntries(Object.entries({ heads, kvHeads, headDim, valueDim, dtype }).filter(([, value]) => value !== undefined));
  return { params, shape };
}

/** An operator with the diagnostics (warnings at most) that its file gave. */
export interface Operator {
  readonly module: MaskModule;
  readonly file: string;
  readonly warnings: readonly Diagnostic[];
}

/** All operators that the arguments name; settings that a file does not know are errors only when no operator takes them. */
export function operators(args: readonly string[], flags: ShapeFlags): readonly Operator[] {
  return readTargets(args).flatMap(({ file, name }) => {
    const checked = checkFile(file, nodeHost);
    if (name !== undefined && checked.model && !checked.model.attentions.some((a) => a.name === name)) {
      const names = checked.model.attentions.map((a) => a.name).join(", ") || "none";
      throw new Stop([diagnostic("ATTN6202", undefined, { file: file.name, name, names })], EXIT.usage);
    }
    const built = buildOperators(checked, name, settingsOf(flags));
    if (hasErrors(built.diagnostics)) throw new Stop(built.diagnostics);
    return built.modules.map((module) => ({ module, file: file.name, warnings: built.diagnostics }));
  });
}

/** The one operator that a command works on. */
export function oneOperator(argument: string, flags: ShapeFlags): Operator {
  const found = operators([argument], flags);
  if (found.length === 1) return found[0]!;
  const names = found.map((o) => `${o.file}#${o.module.name}`).join(", ");
  const file = argument.split("#")[0]!;
  if (found.length === 0) throw new Stop([diagnostic("ATTN6202", undefined, { file, name: "any name", names: "none" })], EXIT.usage);
  throw new Stop([diagnostic("ATTN6203", undefined, { file, count: found.length, names })], EXIT.usage);
}

/** Number of keys and queries of a call: given, or those of a grid with fixed extents. */
export function lengthsOf(module: MaskModule, flags: LengthFlags, params: Readonly<Record<string, number>>): { N: number; NQ: number } {
  const own = fixedLength(module, params);
  if (own !== undefined && flags.seq !== undefined && flags.seq !== own) {
    badOption("--seq", String(flags.seq), `${own}, the number of tokens that the space of ${module.name} has`);
  }
  const N = own ?? flags.seq;
  if (N === undefined) throw new Stop([diagnostic("ATTN6205", undefined, { name: module.name })], EXIT.usage);
  const NQ = flags.qSeq ?? N;
  if (module.space.kind === "self" && NQ > N) badOption("--q-seq", String(NQ), `at most ${N}, the number of keys`);
  if (N < segmentsLength(module.space))
    badOption("--seq", String(N), `at least ${segmentsLength(module.space)}, the length of the segments`);
  return { N, NQ };
}

/** The length of a space whose extents are all known; runtime extents may be given as parameters. */
export function fixedLength(module: MaskModule, params: Readonly<Record<string, number>>): number | undefined {
  if (module.space.axes.length === 0) return undefined;
  const fixed = fixedBaseLength(module.space);
  if (fixed !== undefined) return fixed + segmentsLength(module.space);
  let product = 1;
  for (const axis of module.space.axes) {
    const extent = axis.extent === "runtime" ? params[axis.name] : axis.extent;
    if (extent === undefined) return undefined;
    product *= extent;
  }
  return product + segmentsLength(module.space);
}

/** Values of the runtime parameters: defaults, overridden by `--set` while the operator was built. */
export function runtimeParams(module: MaskModule): Readonly<Record<string, number>> {
  const params: Record<string, number> = {};
  for (const param of module.params) if (param.default !== undefined) params[param.name] = param.default;
  return params;
}

/** The environment of one call without its inputs; what the mask depends on must be given. */
export function envOf(module: MaskModule, flags: LengthFlags & ShapeFlags): MaskEnv {
  const params = runtimeParams(module);
  const { N, NQ } = lengthsOf(module, flags, params);
  const phase = phaseOf(module, flags.phase);
  const { layer, layers, step, steps } = flags;
  return { N, NQ, heads: module.shape.heads, kvHeads: module.shape.kvHeads, params, phase, layer, layers, step, steps };
}

function phaseOf(module: MaskModule, name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  const index = module.phases.indexOf(name);
  if (index < 0)
    badOption("--phase", `"${name}"`, module.phases.length > 0 ? module.phases.join(" or ") : `no phase: ${module.name} declares none`);
  return index;
}
