import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { diagnostic } from "../diagnostics/report.js";
import type { ScheduleChoice } from "../driver/launch.js";
import { DTYPES } from "../mask/ir.js";
import type { Dtype } from "../mask/ir.js";
import { PROFILES } from "../schedule/profiles.js";
import { EXIT, Stop } from "./stop.js";

/** What the shape options of a command hold. */
export interface ShapeFlags {
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
  readonly valueDim?: number;
  readonly dtype?: Dtype;
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
    const value = parseInteger(text, least);
    if (value === undefined) throw new InvalidArgumentError(`It should be an integer ${range(text, least)}.`);
    return value;
  };
}

/** A comma-separated list of integers. */
export function integers(least: number): (text: string) => readonly number[] {
  return (text) =>
    text.split(",").map((part) => {
      const value = parseInteger(part.trim(), least);
      if (value === undefined) throw new InvalidArgumentError(`It should be integers ${range(part, least)}, separated by commas.`);
      return value;
    });
}

/** No index of a kernel is longer. */
const GREATEST = 2 ** 31 - 1;

const range = (text: string, least: number): string => (Number(text) > GREATEST ? `from ${least} to ${GREATEST}` : `of at least ${least}`);

function parseInteger(text: string, least: number): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= least && value <= GREATEST ? value : undefined;
}

/** A comma-separated list of names. */
export const names = (text: string): readonly string[] => text.split(",").map((part) => part.trim());

/** A comma-separated list of element types, each once. */
export function dtypes(text: string): readonly Dtype[] {
  const words = names(text);
  const known = DTYPES.filter((dtype) => words.includes(dtype));
  if (known.length !== words.length) throw new InvalidArgumentError(`It should be some of ${DTYPES.join(", ")}, separated by commas.`);
  return known;
}

export function finite(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It should be a finite number.");
  return value;
}

export function choice<T extends string>(...names: readonly T[]): (text: string) => T {
  return (text) => {
    if (!(names as readonly string[]).includes(text)) throw new InvalidArgumentError(`It should be one of ${names.join(", ")}.`);
    return text as T;
  };
}

export const DEVICES = ["auto", "webgpu", "software", "cuda", "interpreter"] as const;
export type DeviceChoice = (typeof DEVICES)[number];

/** Refuses a part of the command line that is promised and not built. */
export function notYet(what: string, instead: string): Stop {
  return new Stop([diagnostic("ATTN6213", undefined, { what, instead })], EXIT.usage);
}

/** An option that may be given again. */
export const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

export function shapeOptions(command: Command): Command {
  return command
    .option("--heads <n>", "query heads", integer(1))
    .option("--kv-heads <n>", "key-value heads; they divide the query heads", integer(1))
    .option("--head-dim <n>", "dimension of queries and keys", integer(1))
    .option("--value-dim <n>", "dimension of values", integer(1))
    .option("--dtype <type>", "f32, f16 or bf16; WebGPU has no bf16", choice(...DTYPES))
    .option("--batch <n>", "batch entries; masks, tiles and kernels are the same for any number", integer(1))
    .option("--set <name=value>", "a parameter, or an extent given at run time; may be given again", collect);
}

export function lengthOptions(command: Command): Command {
  return callOptions(command.option("--seq <n>", "number of keys", integer(1)));
}

/** What a call takes besides its number of keys. */
export function callOptions(command: Command): Command {
  return command
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

export function deviceOption(command: Command): Command {
  return command.option(
    "--device <name>",
    "auto (a hardware adapter, else the software one), webgpu, software, cuda or interpreter",
    choice(...DEVICES),
    "auto",
  );
}

/** Which schedules a build carries: `best` or `all`, kinds of devices, or both. */
export function schedules(text: string): ScheduleChoice {
  const words = text.split(",").map((word) => word.trim());
  const profiles = PROFILES.filter((profile) => words.includes(profile));
  const known: readonly string[] = ["best", "all", ...PROFILES];
  if (words.some((word) => !known.includes(word)) || (words.includes("best") && words.includes("all"))) {
    throw new InvalidArgumentError(`It should be best or all, kinds of devices (${PROFILES.join(", ")}), or both, separated by commas.`);
  }
  return { all: words.includes("all"), ...(profiles.length > 0 ? { profiles } : {}) };
}

/** For commands that use what `attnc tune` found. */
export function tunedOption(command: Command): Command {
  return command.option("--no-tuned", "ignore what attnc tune found on this device");
}

/** For commands that run kernels: on CUDA, of those that suit the device one may be asked for. */
export function kernelOption(command: Command): Command {
  return command.option("--kernel <name>", "with --device cuda: a kernel by its name; the best for the device by default");
}

/** For commands that run kernels: in which order those of selections by queries go through their pairs. */
export function orderOption(command: Command): Command {
  return command.option(
    "--order <order>",
    "where queries choose blocks of keys: queries or keys first, or auto, the cheaper one",
    choice("auto", "queries", "keys"),
    "auto",
  );
}

/** Refuses a kernel by name where kernels are not chosen so. */
export function checkKernel({ device, kernel }: { readonly device: DeviceChoice; readonly kernel?: string }): void {
  if (kernel !== undefined && device !== "cuda") badOption("--kernel", kernel, "no --kernel without --device cuda");
}

/** `NAME=VALUE` pairs of an option that may be given again. */
export function pairs(option: string, values: readonly string[] | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const text of values ?? []) {
    const equals = text.indexOf("=");
    if (equals < 1) badOption(option, `"${text}"`, `${option} NAME=VALUE`);
    const name = text.slice(0, equals);
    if (found.has(name)) badOption(option, `"${text}"`, `${name} once: it was given before`);
    found.set(name, text.slice(equals + 1));
  }
  return found;
}

export function badOption(option: string, found: string, expected: string, hint?: string): never {
  throw new Stop([diagnostic("ATTN6204", undefined, { option, found, expected }, { hint })], EXIT.usage);
}
