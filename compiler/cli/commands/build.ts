import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { diagnostic } from "../../diagnostics/report.js";
import { printModule } from "../../mask/print.js";
import type { MaskModule } from "../../mask/ir.js";
import { printProgram } from "../../program/print.js";
import { printSchedule } from "../../schedule/print.js";
import { dimsOf } from "../../driver/dims.js";
import type { ScheduleChoice } from "../../driver/launch.js";
import { wgslVariants } from "../../targets/wgsl/operator.js";
import { planTiles } from "../../tiles/plan.js";
import { printPlan } from "../../tiles/print.js";
import { badOption } from "../flags.js";
import type { ShapeFlags } from "../flags.js";
import { filesRead, packageRoot } from "../host.js";
import { print, say, sayDiagnostics } from "../io.js";
import { findOperators } from "../operators.js";
import type { Operator } from "../operators.js";
import { Progress } from "../progress.js";
import { splitTarget } from "../sources.js";
import { EXIT, Stop } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { tunedFile } from "../tuned-file.js";
import { version } from "../version.js";
import { writeFiles } from "../write-files.js";

export interface BuildFlags extends ShapeFlags {
  readonly target: string;
  readonly out?: string;
  readonly dims?: readonly number[];
  readonly standalone?: boolean;
  readonly js?: boolean;
  readonly schedules?: ScheduleChoice;
  readonly tuned?: boolean;
  readonly emit?: "mask" | "tiles" | "program" | "wgsl";
  readonly watch?: boolean;
}

/** `attnc build`: bindings and kernels of every operator, or one level of them on stdout. */
export async function build(args: readonly string[], flags: BuildFlags): Promise<ExitCode> {
  checkTargets(flags.target);
  if (flags.tuned && flags.emit !== undefined)
    badOption("--emit", flags.emit, "no --emit with --tuned: that orders what is written to files");
  if (flags.watch) return watch(args, flags);
  return buildOnce(args, flags);
}

function checkTargets(targets: string): void {
  for (const target of targets.split(",")) {
    if (target === "wgsl") continue;
    if (target === "cuda" || target === "torch") throw new Stop([diagnostic("ATTN4001", undefined, { target })], EXIT.usage);
    badOption("--target", `"${target}"`, "wgsl");
  }
}

async function buildOnce(args: readonly string[], flags: BuildFlags): Promise<ExitCode> {
  const { operators, warnings, notes } = findOperators(args, flags);
  // The rules for a head dim hold for each of these.
  for (const headDim of flags.dims ?? []) findOperators(args, { ...flags, headDim });
  await sayDiagnostics(warnings);
  notes.forEach(say);
  if (flags.emit !== undefined) {
    for (const { module } of operators) print(level(module, flags.emit, flags));
    return EXIT.ok;
  }
  const files = await generate(operators, flags);
  writeFiles(files);
  for (const path of files.keys()) say(`wrote ${path}`);
  return EXIT.ok;
}

/** Contents by path, for every file with operators. */
async function generate(operators: readonly Operator[], flags: BuildFlags): Promise<ReadonlyMap<string, string>> {
  const progress = new Progress();
  const sources = [...new Set(operators.map(({ file }) => file))];
  progress.update("loading the printers of bindings");
  const { buildFiles } = await import("../../driver/build.js");
  const files = new Map<string, string>();
  const winners: string[] = [];
  const memory = flags.tuned ? tunedFile() : undefined;
  for (const [i, source] of sources.entries()) {
    progress.update(`${i + 1}/${sources.length} ${source}`);
    const modules = operators.filter(({ file }) => file === source).map(({ module }) => module);
    const generated = await buildFiles(modules, {
      version,
      source,
      headDims: flags.dims ?? [],
      js: flags.js,
      schedules: flags.schedules,
      recall: memory?.latest,
      onWinner: (name, schedule) => winners.push(`${name}: ${schedule} comes first, which attnc tune found the fastest`),
      standalone: flags.standalone ? runtimeSources() : undefined,
    });
    const folder = flags.out ?? dirname(source);
    for (const { name, text } of generated) {
      const path = join(folder, name);
      if (files.has(path))
        badOption("--out", folder, `no --out, or one file of each name: ${source} is not the only one that makes ${path}`);
      files.set(path, text);
    }
  }
  progress.done();
  winners.forEach(say);
  if (memory !== undefined && winners.length === 0)
    say(`no schedule of these operators is remembered in ${memory.path}: attnc tune measures`);
  return files;
}

function level(module: MaskModule, emit: NonNullable<BuildFlags["emit"]>, { dims = [], schedules }: BuildFlags): string {
  switch (emit) {
    case "mask":
      return printModule(module);
    case "tiles":
      return `${module.name}\n${printPlan(planTiles(module))}`;
    case "program":
      return wgslVariants(module, dimsOf(module, dims), schedules)
        .map(({ program, schedule }) => printSchedule(schedule, program.module.shape) + printProgram(program))
        .join("\n");
    case "wgsl":
      return wgslVariants(module, dimsOf(module, dims), schedules)
        .map(({ variant }) => variant.wgsl)
        .join("\n");
  }
}

/** The sources of `runtime/launch`, as the package ships them. */
function runtimeSources(): ReadonlyMap<string, string> {
  const folder = join(packageRoot, "runtime", "launch");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return new Map(names.sort().map((name) => [name.replaceAll("\\", "/"), readFileSync(join(folder, name), "utf8")]));
}

/** Builds, and again after each change of a file that went into it, until the process is ended. */
async function watch(args: readonly string[], flags: BuildFlags): Promise<never> {
  const { watch: watchFiles } = await import("chokidar");
  const paths = args.map((argument) => splitTarget(argument).path);
  const watcher = watchFiles(paths, { ignoreInitial: true, ignored: /node_modules/ });
  const rebuild = async (): Promise<void> => {
    try {
      await buildOnce(args, flags);
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      await sayDiagnostics(error.diagnostics);
    }
    // Imports and tables may lie anywhere.
    watcher.add([...filesRead]);
  };
  let running = rebuild();
  const again = (path: string): void => {
    if (/\.(attn|tsv|csv|json)$/.test(path)) running = running.then(rebuild);
  };
  watcher.on("add", again).on("change", again);
  await running;
  say(`watching ${paths.join(", ")}`);
  return new Promise(() => undefined);
}
