import { formatCell } from "./markdown.js";
import type { Chart } from "./section.js";

/** Colours that stay apart for colour-blind readers (Okabe and Ito's). */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7"];

const WIDTH = 860;
const LABELS = 230;
const BAR = 13;
const LINES = 300;

interface Drawing {
  readonly height: number;
  readonly parts: readonly string[];
}

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

interface TextStyle {
  readonly anchor?: "start" | "middle" | "end";
  readonly size?: number;
  readonly bold?: boolean;
}

function text(x: number, y: number, words: string, { anchor = "start", size = 12, bold = false }: TextStyle = {}): string {
  const weight = bold ? ` font-weight="bold"` : "";
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}"${weight}>${escape(words)}</text>`;
}

const round = (value: number): string => String(Math.round(value * 10) / 10);

function legend(names: readonly string[], y: number): readonly string[] {
  return names.flatMap((name, i) => {
    const x = LABELS + i * 190;
    return [`<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${COLOURS[i % COLOURS.length]}"/>`, text(x + 15, y, name)];
  });
}

/** Horizontal bars: a group of them for each row, their values beside them. */
function bars({ title, unit, series, groups }: Extract<Chart, { kind: "bars" }>): Drawing {
  const known = groups.flatMap(({ values }) => values).filter((value) => value !== undefined && Number.isFinite(value));
  const most = Math.max(...(known as number[]), 0);
  const scale = most > 0 ? (WIDTH - LABELS - 80) / most : 0;
  const group = BAR * series.length + 10;
  const parts = [text(10, 20, title, { size: 14, bold: true }), ...legend(series, 42)];
  groups.forEach(({ label, values }, row) => {
    const top = 60 + row * group;
    parts.push(text(LABELS - 8, top + (BAR * series.length) / 2 + 4, label, { anchor: "end" }));
    values.forEach((value, i) => {
      const y = top + i * BAR;
      if (value === undefined || !Number.isFinite(value)) return;
      const width = value * scale;
      parts.push(`<rect x="${LABELS}" y="${y}" width="${round(width)}" height="${BAR - 2}" fill="${COLOURS[i % COLOURS.length]}"/>`);
      parts.push(text(LABELS + width + 5, y + BAR - 3, formatCell("text", value) + unit, { size: 10 }));
    });
  });
  return { height: 70 + groups.length * group, parts };
}

/** Lines over powers of two, from zero upwards. */
function lines({ title, xTitle, yTitle, series }: Extract<Chart, { kind: "lines" }>): Drawing {
  const points = series.flatMap(({ points }) => points);
  const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
  const [first, last] = [Math.log2(xs[0] ?? 1), Math.log2(xs.at(-1) ?? 2)];
  const most = Math.max(...points.map(([, y]) => y), Number.MIN_VALUE) * 1.1;
  const [left, right, top, bottom] = [80, WIDTH - 40, 60, 60 + LINES];
  const placeX = (x: number): number => (last > first ? left + ((Math.log2(x) - first) / (last - first)) * (right - left) : left);
  const placeY = (y: number): number => bottom - (y / most) * (bottom - top);
  const names = series.map(({ label }) => label);
  const parts = [text(10, 20, title, { size: 14, bold: true }), ...legend(names, 42)];
  parts.push(`<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="#888"/>`);
  for (const x of xs) parts.push(text(placeX(x), bottom + 16, String(x), { anchor: "middle", size: 10 }));
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const y = part * most;
    parts.push(text(left - 6, placeY(y) + 4, formatCell("text", y), { anchor: "end", size: 10 }));
  }
  parts.push(text(right, bottom + 32, xTitle, { anchor: "end" }), text(left - 6, top - 6, yTitle, { anchor: "end" }));
  series.forEach(({ points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = points.map(([x, y], at) => `${at === 0 ? "M" : "L"}${round(placeX(x))} ${round(placeY(y))}`).join("");
    parts.push(`<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [x, y] of points) parts.push(`<circle cx="${round(placeX(x))}" cy="${round(placeY(y))}" r="3" fill="${colour}"/>`);
  });
  return { height: 60 + LINES + 50, parts };
}

/** All charts under one another, as one SVG. */
export function chartsSvg(charts: readonly Chart[], subtitle: string): string {
  let height = 30;
  const parts: string[] = [text(10, 18, subtitle, { size: 11 })];
  for (const chart of charts) {
    const drawing = chart.kind === "bars" ? bars(chart) : lines(chart);
    parts.push(`<g transform="translate(0 ${height})">`, ...drawing.parts, "</g>");
    height += drawing.height + 20;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" fill="#222">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}
