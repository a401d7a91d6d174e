/**
 * The bench: `npm run bench -- [SECTION…] [options]`, see `--help`. Tables go to stdout, and with charts
 * into files; progress goes to stderr.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchDevice } from "./device/bench-device.js";
import { openBenchDevice } from "./device/open.js";
import { environmentOf } from "./environment.js";
import { parseOptions, USAGE, type BenchOptions, type SectionName } from "./options.js";
import { sectionMarkdown } from "./report/markdown.js";
import { reportJson, reportMarkdown, reportName, reportSvg, type Report } from "./report/report.js";
import type { Section } from "./report/section.js";
import { compileSection } from "./sections/compile.js";
import type { Context } from "./sections/context.js";
import { denseSection } from "./sections/dense.js";
import { growthSection } from "./sections/growth.js";
import { peerSection } from "./sections/peer.js";
import { planSection } from "./sections/plan.js";
import { selectSection } from "./sections/select.js";

const RUN: Record<SectionName, (context: Context) => Promise<Section>> = {
  peer: peerSection,
  dense: denseSection,
  select: selectSection,
  growth: growthSection,
  plan: planSection,
  compile: compileSection,
};

const terminal = process.stderr.isTTY;
const progress = (text: string): void => void process.stderr.write(terminal ? `\r\x1b[K${text}` : `${text}\n`);

/** What is said of a section that could not be run to its end: the others go on. */
const unfinished = (name: SectionName, { message }: Error): Section => {
  return {
    name,
    title: `Section ${name}`,
    notes: [`Could not be run: ${message}`],
    tables: [],
    charts: [],
    failures: [`${name}: ${message}`],
  };
};

async function runSections(options: BenchOptions): Promise<Report> {
  let opened: Promise<BenchDevice> | undefined;
  const context: Context = { options, progress, device: () => (opened ??= openBenchDevice(options.device, progress)) };
  const sections: Section[] = [];
  for (const name of options.sections) {
    const section = await RUN[name](context).catch((error: Error) => unfinished(name, error));
    if (terminal) process.stderr.write("\r\x1b[K");
    process.stdout.write(`${sectionMarkdown(section)}\n`);
    sections.push(section);
  }
  // A device that could not be opened is told by the sections that asked for it.
  const device = await (opened as Promise<BenchDevice> | undefined)?.catch(() => undefined);
  await device?.close();
  return {
    version: 1,
    date: new Date().toISOString(),
    device: device?.adapter ?? "no device",
    environment: environmentOf(device),
    sections,
  };
}

function writeReport(report: Report, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const name = reportName(report);
  const svg = reportSvg(report);
  const files = { md: reportMarkdown(report, svg && `${name}.svg`), json: reportJson(report), svg };
  for (const [ending, text] of Object.entries(files)) {
    if (text === undefined) continue;
    writeFileSync(join(folder, `${name}.${ending}`), text);
    process.stderr.write(`wrote ${join(folder, `${name}.${ending}`)}\n`);
  }
}

/** Exit codes as the command line's: 2 for wrong use, 1 where a part of attnc's own failed. */
async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions | undefined;
  try {
    options = parseOptions(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const report = await runSections(options);
  if (options.out !== undefined) writeReport(report, options.out);
  const failures = report.sections.flatMap((section) => section.failures);
  for (const failure of failures) process.stderr.write(`failed: ${failure}\n`);
  return failures.length > 0 ? 1 : 0;
}

// Devices of Node keep the process alive.
process.exit(await main(process.argv.slice(2)));
