import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { GeneratedFile } from "../../bindings/generated-file.js";
import type { CudaDtype } from "../../driver/cuda-launch.js";
import type { ScheduleChoice } from "../../driver/launch.js";
import type { BranchedMask } from "../../mask/branched.js";
import type { MaskModule } from "../../mask/ir.js";
import { badOption } from "../flags.js";
import type { ShapeFlags } from "../flags.js";
import { filesRead, packageRoot } from "../host.js";
import { print, say, sayDiagnostics } from "../io.js";
import { printLevel } from "../levels.js";
import type { Level } from "../levels.js";
import { findOperators } from "../operators.js";
import type { Branched, Operator } from "../operators.js";
import { Progress } from "../progress.js";
import { requireWgslDtype } from "../required.js";
import { splitTarget } from "../sources.js";
import { EXIT, Stop } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { tunedFile } from "../tuned-file.js";
import type { TunedFile } from "../tuned-file.js";
import { version } from "../version.js";
import { writeFiles } from "../write-files.js";

const TARGETS = ["wgsl", "cuda", "torch"] as const;
type Target = (typeof TARGETS)[number];

export interface BuildFlags extends ShapeFlags {
  readonly target: string;
  readonly out?: string;
  readonly dims?: readonly number[];
  readonly dtypes?: readonly CudaDtype[];
  readonly standalone?: boolean;
  readonly js?: boolean;
  readonly schedules?: ScheduleChoice;
  readonly tuned?: boolean;
  readonly emit?: Level;
  readonly watch?: boolean;
}

/** Flags that fit one another, with the targets taken apart. */
interface BuildPlan extends Omit<BuildFlags, "target"> {
  readonly targets: readonly Target[];
}

/** `attnc build`: bindings and kernels of every operator, or one level of them on stdout. */
export async function build(args: readonly string[], flags: BuildFlags): Promise<ExitCode> {
  const plan: BuildPlan = { ...flags, targets: targetsOf(flags.target) };
  checkFlags(plan);
  return plan.watch ? watch(args, plan) : buildOnce(args, plan);
}

function targetsOf(list: string): readonly Target[] {
  return list.split(",").map((text) => {
    const target = TARGETS.find((each) => each === text);
    return target ?? badOption("--target", `"${text}"`, `${TARGETS.join(", ")}, or some of them with commas between`);
  });
}

const printsCuda = ({ targets }: BuildPlan): boolean => targets.includes("cuda") || targets.includes("torch");

/** Refuses options that say nothing about the targets asked for. */
function checkFlags(plan: BuildPlan): void {
  const { targets, emit, tuned, schedules, dtypes, standalone } = plan;
  const wgsl = targets.includes("wgsl");
  const cuda = printsCuda(plan);
  if (tuned && emit !== undefined) badOption("--emit", emit, "no --emit with --tuned: that orders what is written to files");
  if (emit === "wgsl" && !wgsl) badOption("--emit", emit, "--target wgsl with it");
  if (emit === "cuda" && !cuda) badOption("--emit", emit, "--target cuda with it");
  if (tuned && !wgsl) badOption("--tuned", "given", "--target wgsl with it: CUDA sources have one schedule for each kernel");
  if (schedules !== undefined && !wgsl)
    badOption("--schedules", "given", "--target wgsl with it: CUDA sources have one schedule for each kernel");
  if (dtypes !== undefined && !cuda)
    badOption("--dtypes", dtypes.join(","), "--target cuda or torch with it; --dtype names the one of WGSL kernels");
  if (standalone && cuda)
    badOption("--standalone", "given", "--target wgsl alone with it: bindings for CUDA load the driver through the package attnc");
}

async function buildOnce(args: readonly string[], plan: BuildPlan): Promise<ExitCode> {
  const { operators, branched, warnings, notes } = findOperators(args, plan);
  // The rules for a head dim hold for each of these.
  for (const headDim of plan.dims ?? []) findOperators(args, { ...plan, headDim });
  const { emit, targets } = plan;
  if (targets.includes("wgsl") && emit !== "mask" && emit !== "tiles" && emit !== "cuda")
    for (const { module } of operators) requireWgslDtype(module);
  if (emit === undefined && branched.length === 0 && operators.length > 0 && operators.every(({ isBranch }) => isBranch === true))
    badOption("the argument", args.join(" "), "whole attentions: files are made of all branches and their mix");
  await sayDiagnostics(warnings);
  notes.forEach(say);
  if (emit !== undefined) {
    const options = {
      target: targets.includes("wgsl") ? "wgsl" : "cuda",
      headDims: plan.dims ?? [],
      dtypes: plan.dtypes ?? [],
      schedules: plan.schedules,
    } as const;
    for (const { module } of operators) print(printLevel(module, emit, options));
    return EXIT.ok;
  }
  const files = await generate(
    operators.filter(({ isBranch }) => isBranch !== true),
    branched,
    plan,
  );
  writeFiles(files);
  for (const path of files.keys()) say(`wrote ${path}`);
  return EXIT.ok;
}

/** Contents by path, for every file with operators. */
async function generate(
  operators: readonly Operator[],
  branched: readonly Branched[],
  plan: BuildPlan,
): Promise<ReadonlyMap<string, string>> {
  const progress = new Progress();
  const sources = [...new Set([...operators, ...branched].map(({ file }) => file))];
  progress.update("loading the printers of bindings");
  const printers = await loadPrinters(plan);
  const files = new Map<string, string>();
  for (const [i, source] of sources.entries()) {
    progress.update(`${i + 1}/${sources.length} ${source}`);
    const modules = operators.filter(({ file }) => file === source).map(({ module }) => module);
    const folder = plan.out ?? dirname(source);
    const masks = branched.filter(({ file }) => file === source).map(({ mask }) => mask);
    for (const generated of await printers.print(modules, masks, source)) {
      const path = join(folder, generated.name);
      if (files.has(path))
        badOption("--out", folder, `no --out, or one file of each name: ${source} is not the only one that makes ${path}`);
      files.set(path, generated.text);
    }
  }
  progress.done();
  printers.notes().forEach(say);
  return files;
}

/** What prints the files of one source for all targets. */
interface Printers {
  print(modules: readonly MaskModule[], branched: readonly BranchedMask[], source: string): Promise<readonly GeneratedFile[]>;
  /** What there is to say at the end. */
  notes(): readonly string[];
}

async function loadPrinters(plan: BuildPlan): Promise<Printers> {
  const { targets, dims: headDims = [], dtypes = [], js, schedules } = plan;
  const cudaTargets = targets.filter((target) => target !== "wgsl");
  const memory = plan.tuned ? tunedFile() : undefined;
  const winners: string[] = [];
  const onWinner = (name: string, schedule: string): void =>
    void winners.push(`${name}: ${schedule} comes first, which attnc tune found the fastest`);
  const standalone = plan.standalone ? runtimeSources() : undefined;
  const { buildFiles } = await import("../../driver/build.js");
  const { buildCudaFiles } = await import("../../driver/build-cuda.js");
  return {
    async print(modules, branched, source) {
      const common = { version, source, headDims, js };
      const wgsl = { ...common, schedules, recall: memory?.latest, onWinner, standalone };
      return [
        ...(targets.includes("wgsl") ? await buildFiles(modules, wgsl, branched) : []),
        ...(cudaTargets.length > 0 ? await buildCudaFiles(modules, { ...common, targets: cudaTargets, dtypes }, branched) : []),
      ];
    },
    notes: () => (winners.length === 0 ? notesWithout(memory) : winners),
  };
}

const notesWithout = (memory: TunedFile | undefined): readonly string[] =>
  memory === undefined ? [] : [`no schedule of these operators is remembered in ${memory.path}: attnc tune measures`];

/** The sources of `runtime/launch`, as the package ships them. */
function runtimeSources(): ReadonlyMap<string, string> {
  const folder = join(packageRoot, "runtime", "launch");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return new Map(names.sort().map((name) => [name.replaceAll("\\", "/"), readFileSync(join(folder, name), "utf8")]));
}

/** Builds, and again after each change of a file that went into it, until the process is ended. */
async function watch(args: readonly string[], plan: BuildPlan): Promise<never> {
  const { watch: watchFiles } = await import("chokidar");
  const paths = args.map((argument) => splitTarget(argument).path);
  const watcher = watchFiles(paths, { ignoreInitial: true, ignored: /node_modules/ });
  const rebuild = async (): Promise<void> => {
    try {
      await buildOnce(args, plan);
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
