import { chartsSvg } from "./plot.js";
import { sectionMarkdown } from "./markdown.js";
import type { Section } from "./section.js";

/** Everything of one bench. */
export interface Report {
  readonly version: 1;
  /** When it ended: ISO 8601. */
  readonly date: string;
  /** The adapter, or where none was asked for, `no device`. */
  readonly device: string;
  /** What it ran on, by name: processor, system, versions. */
  readonly environment: Readonly<Record<string, string>>;
  readonly sections: readonly Section[];
}

/** What the files of a report are called, without ending: the day and the device. */
export function reportName({ date, device }: Pick<Report, "date" | "device">): string {
  const slug = device.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return `${date.slice(0, 10)}-${slug.replace(/^-|-$/g, "").slice(0, 40).replace(/-$/, "")}`;
}

export function reportMarkdown(report: Report, picture: string | undefined): string {
  const environment = Object.entries(report.environment).map(([name, value]) => `- ${name}: ${value}`);
  const head = [`# Bench on ${report.device}, ${report.date.slice(0, 10)}`, environment.join("\n")];
  if (picture !== undefined) head.push(`![speed-ups and growth](${picture})`);
  return `${[...head, ...report.sections.map(sectionMarkdown)].join("\n\n")}`;
}

/** Undefined where no section has a chart. */
export function reportSvg(report: Report): string | undefined {
  const charts = report.sections.flatMap((section) => section.charts);
  return charts.length === 0 ? undefined : chartsSvg(charts, `${report.device}, ${report.date.slice(0, 10)}`);
}

/** JSON has no infinities: an error without bounds is the text "Infinity". */
export function reportJson(report: Report): string {
  return `${JSON.stringify(report, (_, value: unknown) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value), 2)}\n`;
}
