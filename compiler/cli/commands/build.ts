import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { diagnostic } from "../../diagnostics/report.js";
import { renderPretty } from "../../diagnostics/render.js";
import { buildFiles, dimsOf } from "../../driver/build.js";
import { buildOperators, checkFile, hasErrors } from "../../driver/pipeline.js";
import { printModule } from "../../mask/print.js";
import type { MaskModule } from "../../mask/ir.js";
import { printProgram } from "../../program/print.js";
import { printSchedule } from "../../schedule/print.js";
import { wgslVariants } from "../../targets/wgsl/operator.js";
import { planTiles } from "../../tiles/plan.js";
import { printPlan } from "../../tiles/print.js";
import { nodeHost, packageRoot } from "../host.js";
import { colours, print, say, writeFiles } from "../io.js";
import { badOption, settingsOf } from "../options.js";
import type { ShapeFlags } from "../options.js";
import { readTargets } from "../sources.js";
import { EXIT, Stop } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { version } from "../version.js";

export interface BuildFlags extends ShapeFlags {
  readonly target: string;
  readonly out?: string;
  readonly dims?: readonly number[];
  readonly standalone?: boolean;
  readonly js?: boolean;
  readonly emit?: "mask" | "tiles" | "program" | "wgsl";
  readonly watch?: boolean;
}

/** `attnc build`: bindings and kernels of every operator, or one level of them on stdout. */
export async function build(args: readonly string[], flags: BuildFlags): Promise<ExitCode> {
  checkTargets(flags.target);
  const code = await buildOnce(args, flags);
  if (!flags.watch) return code;
  await watch(args, flags);
  return EXIT.ok;
}

function checkTargets(targets: string): void {
  for (const target of targets.split(",")) {
    if (target === "wgsl") continue;
    if (target === "cuda" || target === "torch") throw new Stop([diagnostic("ATTN4001", undefined, { target })], EXIT.usage);
    badOption("--target", `"${target}"`, "wgsl");
  }
}

async function buildOnce(args: readonly string[], flags: BuildFlags): Promise<ExitCode> {
  const files = new Map<string, string>();
  for (const { file, name } of readTargets(args)) {
    const checked = checkFile(file, nodeHost);
    const built = buildOperators(checked, name, settingsOf(flags));
    if (built.diagnostics.length > 0) say(renderPretty(built.diagnostics, { color: colours(process.stderr) }));
    if (hasErrors(built.diagnostics)) return EXIT.diagnostics;
    if (flags.emit !== undefined) {
      for (const module of built.modules) print(level(module, flags.emit, flags.dims ?? []));
      continue;
    }
    // A file of patterns only has nothing to run.
    if (built.modules.length === 0) continue;
    const generated = await buildFiles(built.modules, {
      version,
      source: file.name,
      headDims: flags.dims ?? [],
      js: flags.js,
      standalone: flags.standalone ? runtimeSources() : undefined,
    });
    const folder = flags.out ?? dirname(file.name);
    for (const { name: output, text } of generated) files.set(join(folder, output), text);
  }
  writeFiles(files);
  for (const path of files.keys()) say(`wrote ${path}`);
  return EXIT.ok;
}

function level(module: MaskModule, emit: NonNullable<BuildFlags["emit"]>, headDims: readonly number[]): string {
  switch (emit) {
    case "mask":
      return printModule(module);
    case "tiles":
      return `${module.name}\n${printPlan(planTiles(module))}`;
    case "program":
      return wgslVariants(module, dimsOf(module, headDims))
        .map(({ program, schedule }) => printSchedule(schedule, program.module.shape) + printProgram(program))
        .join("\n");
    case "wgsl":
      return wgslVariants(module, dimsOf(module, headDims))
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

/** Builds again after each change, until the process is ended. */
async function watch(args: readonly string[], flags: BuildFlags): Promise<never> {
  const { watch: watchFiles } = await import("chokidar");
  const paths = args.map((argument) => argument.split("#")[0]!);
  say(`watching ${paths.join(", ")}`);
  let running: Promise<unknown> = Promise.resolve();
  const again = (path: string): void => {
    if (!/\.(attn|tsv|csv|json)$/.test(path)) return;
    running = running
      .then(() => buildOnce(args, flags))
      .catch((error: unknown) => {
        if (!(error instanceof Stop)) throw error;
        say(renderPretty(error.diagnostics, { color: colours(process.stderr) }));
      });
  };
  watchFiles(paths, { ignoreInitial: true, ignored: /node_modules/ })
    .on("add", again)
    .on("change", again);
  return new Promise(() => undefined);
}
