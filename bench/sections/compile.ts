import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../compiler/cli/host.js";
import { compileTimed, libraryFiles } from "../library.js";
import { pairedRatio, quantile, summarize } from "../measure/stats.js";
import type { Section, Table } from "../report/section.js";
import type { Context } from "./context.js";

const FILE = join(packageRoot, "bench", "patterns", "peer.attn");
const MAIN = join(packageRoot, "dist", "compiler", "cli", "main.js");
const GOALS = { check: 4, build: 20, kernelMs: 10 };

/** How long the command line takes to start, and one process to compile many kernels. */
export function compileSection(context: Context): Promise<Section> {
  const cold = coldTable(context);
  return Promise.resolve({
    name: "compile",
    title: "Compiling",
    notes: [
      `Cold start: a process of its own for each run, in turns; ${existsSync(MAIN) ? "the bundled command line of `dist/`" : "no `dist/`: run `npm run build` first"}. The file has two attentions.`,
      "Kernels: the library's files one after another in one process, from the text to the WGSL of all kernels; the first attention, which warms up, is a row of its own. An attention has a kernel for each kind of device, which the goal is about. The stages of its selections are kernels, too: they are in the times, and counted in a column of their own.",
    ],
    tables: [cold, kernelTable(context)],
    charts: [],
    failures: cold.rows.flatMap(({ label, note }) => (note === "" ? [] : [`${label}: ${note}`])),
  });
}

function coldTable({ options, progress }: Context): Table {
  const out = mkdtempSync(join(tmpdir(), "attnc-bench-"));
  const commands = [
    { label: "node -e 0", args: ["-e", "0"], goal: undefined },
    { label: "attnc --version", args: [MAIN, "--version"], goal: undefined },
    { label: "attnc check FILE", args: [MAIN, "check", FILE], goal: GOALS.check },
    { label: "attnc build FILE --target wgsl", args: [MAIN, "build", FILE, "--target", "wgsl", "--out", out], goal: GOALS.build },
  ];
  const times = commands.map((): number[] => []);
  const failures = commands.map((): string | undefined => undefined);
  const rounds = options.quick ? 1 : 2 * options.runs + 1;
  // The first round fills the system's caches of files.
  for (let round = -1; round < rounds; round++) {
    for (const [i, { label, args }] of commands.entries()) {
      progress(`${label}: run ${round + 1} of ${rounds}`);
      const start = performance.now();
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      if (status !== 0) failures[i] = stderr.trim().split("\n").at(-1) ?? `exit code ${status}`;
      else if (round >= 0) times[i]!.push(performance.now() - start);
    }
  }
  rmSync(out, { recursive: true, force: true });
  return {
    title: "cold start",
    columns: [
      { key: "label", title: "command", kind: "text" },
      { key: "median", title: "ms, median", kind: "milliseconds" },
      { key: "least", title: "least", kind: "milliseconds" },
      { key: "spread", title: "± quartile", kind: "percent" },
      { key: "runs", title: "runs", kind: "count" },
      { key: "ratio", title: "of bare Node", kind: "ratio" },
      { key: "goal", title: "goal", kind: "text" },
      { key: "note", title: "note", kind: "text" },
    ],
    rows: commands.map(({ label, goal }, i) => ({
      label,
      ...summarize(times[i]!),
      ratio: i > 0 && times[i]!.length > 0 ? pairedRatio(times[i]!, times[0]!) : undefined,
      goal: goal === undefined ? "" : `at most ${goal}x`,
      note: failures[i] ?? "",
    })),
  };
}

function kernelTable({ progress }: Context): Table {
  progress("compiling the library in one process");
  const operators = libraryFiles().flatMap((file) => compileTimed(file));
  const row = (label: string, chosen: typeof operators, goal: string) => {
    const kernels = chosen.reduce((sum, { module }) => sum + module.variants.length, 0);
    const stages = chosen.reduce((sum, { module }) => sum + (module.selection?.stages.length ?? 0), 0);
    const times = chosen.map(({ read, build }) => read + build);
    const total = times.reduce((sum, time) => sum + time, 0);
    return {
      label,
      attentions: chosen.length,
      kernels,
      stages,
      total,
      each: total / kernels,
      eachOfAll: total / (kernels + stages),
      middle: quantile(times, 0.5),
      most: Math.max(...times),
      goal,
    };
  };
  return {
    title: "kernels in one process",
    columns: [
      { key: "label", title: "attentions", kind: "text" },
      { key: "attentions", title: "attentions", kind: "count" },
      { key: "kernels", title: "kernels", kind: "count" },
      { key: "stages", title: "kernels of selections", kind: "count" },
      { key: "total", title: "ms, all", kind: "milliseconds" },
      { key: "each", title: "ms a kernel", kind: "milliseconds" },
      { key: "eachOfAll", title: "with those of selections", kind: "milliseconds" },
      { key: "middle", title: "ms an attention, median", kind: "milliseconds" },
      { key: "most", title: "most", kind: "milliseconds" },
      { key: "goal", title: "goal", kind: "text" },
    ],
    rows: [
      row("the first", operators.slice(0, 1), ""),
      row("the others of the library", operators.slice(1), `less than ${GOALS.kernelMs} ms a kernel`),
    ],
  };
}
