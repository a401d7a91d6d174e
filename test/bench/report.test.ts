import { expect, test } from "vitest";
import { parseOptions } from "../../bench/options.js";
import { formatCell, sectionMarkdown } from "../../bench/report/markdown.js";
import { chartsSvg } from "../../bench/report/plot.js";
import { reportJson, reportMarkdown, reportName, reportSvg, type Report } from "../../bench/report/report.js";
import type { Chart, Section } from "../../bench/report/section.js";

const bars: Chart = {
  kind: "bars",
  title: "a < b",
  unit: "x",
  series: ["measured", "possible"],
  groups: [
    { label: "window", values: [4, 8] },
    { label: "missing", values: [undefined, NaN] },
  ],
};

const section: Section = {
  name: "sample",
  title: "A sample",
  notes: ["one note"],
  tables: [
    {
      title: "rows",
      columns: [
        { key: "who", title: "who", kind: "text" },
        { key: "ms", title: "ms", kind: "milliseconds" },
        { key: "error", title: "error", kind: "error" },
      ],
      rows: [
        { who: "a|b", ms: 12.345, error: Infinity },
        { who: "nobody", ms: NaN },
      ],
    },
  ],
  charts: [bars],
  failures: [],
};

test("cells have three digits, and a dash where there is nothing", () => {
  expect(formatCell("milliseconds", 1234.5)).toBe("1235");
  expect(formatCell("ratio", 3.14159)).toBe("3.14x");
  expect(formatCell("percent", 0.034)).toBe("3.4%");
  expect(formatCell("percent", -0.2)).toBe("-20.0%");
  expect(formatCell("bytes", 0)).toBe("0 B");
  expect(formatCell("bytes", 2 ** 40)).toBe("1.00 TiB");
  expect(formatCell("error", 1.27e-7)).toBe("1.3e-7");
  expect([undefined, NaN].map((cell) => formatCell("count", cell))).toEqual(["–", "–"]);
});

test("a section is Markdown", () => {
  expect(sectionMarkdown(section)).toBe(`## A sample

- one note

### rows

| who    |   ms | error |
| ------ | ---: | ----: |
| a\\|b   | 12.3 |     ∞ |
| nobody |    – |     – |
`);
});

test("bars are as long as their values, and what is missing has none", () => {
  const svg = chartsSvg([bars], "on a device");
  const widths = [...svg.matchAll(/<rect x="230" y="\d+" width="([\d.]+)" height="11"/g)].map(([, width]) => Number(width));
  expect(widths).toHaveLength(2);
  expect(widths[0]).toBeGreaterThan(0);
  expect(widths[1]).toBe(2 * widths[0]!);
  expect(svg).toContain("a &lt; b");
  expect(svg).toContain(">8.00x<");
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  expect(svg.match(/<g /g)).toHaveLength(svg.match(/<\/g>/g)!.length);
});

test("lines rise with their values over powers of two, also of one point or none", () => {
  const chart = (points: [number, number][]): Chart => ({
    kind: "lines",
    title: "t",
    xTitle: "x",
    yTitle: "y",
    series: [{ label: "a", points }],
  });
  const svg = chartsSvg([chart([[1024, 10], [2048, 20], [8192, 5]])], ""); // prettier-ignore
  const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
  const [a, b, c] = circles as [readonly [number, number], readonly [number, number], readonly [number, number]];
  expect((c[0] - b[0]) / (b[0] - a[0])).toBeCloseTo(2, 2);
  expect(b[1]).toBeLessThan(a[1]);
  expect(c[1]).toBeGreaterThan(a[1]);
  for (const points of [[], [[64, 3]]] as [number, number][][]) expect(chartsSvg([chart(points)], "")).not.toMatch(/NaN|Infinity/);
});

test("a report is Markdown, JSON without infinities, and a picture", () => {
  const report: Report = {
    version: 1,
    date: "2030-01-02T03:04:05.000Z",
    device: "llvmpipe (LLVM 15.0.6, 256 bits)",
    environment: { attnc: "1.0.0" },
    sections: [section],
  };
  expect(reportName(report)).toBe("2030-01-02-llvmpipe-llvm-15-0-6-256-bits");
  expect(reportMarkdown(report, "p.svg")).toMatch(/^# Bench on llvmpipe .*\n\n- attnc: 1\.0\.0\n\n!\[.*\]\(p\.svg\)\n\n## A sample/);
  expect(JSON.parse(reportJson(report))).toMatchObject({
    version: 1,
    sections: [{ tables: [{ rows: [{ error: "Infinity" }, { ms: "NaN" }] }] }],
  });
  expect(reportSvg(report)).toContain("<svg");
  expect(reportSvg({ ...report, sections: [] })).toBeUndefined();
});

test("options have defaults, and what is wrong is said", () => {
  expect(parseOptions([])).toMatchObject({
    sections: ["peer", "dense", "select", "growth", "plan", "compile"],
    runs: 7,
    out: "bench/results",
    quick: false,
  });
  expect(parseOptions(["peer", "--length", "64", "--length", "128", "--runs", "3"])).toMatchObject({
    sections: ["peer"],
    lengths: [64, 128],
    runs: 3,
  });
  expect(parseOptions(["--quick"])).toMatchObject({ runs: 1, out: undefined });
  expect(parseOptions(["--help"])).toBeUndefined();
  expect(() => parseOptions(["pear"])).toThrow(/section pear: there is peer, dense/);
  expect(() => parseOptions(["--device", "toaster"])).toThrow(/--device toaster/);
  expect(parseOptions(["--mode", "kernel"])).toMatchObject({ mode: "kernel" });
  expect(() => parseOptions(["--mode", "fast"])).toThrow(/--mode fast: there is kernel, transfers/);
  expect(() => parseOptions(["--runs", "0"])).toThrow(/--runs takes a whole number/);
  expect(() => parseOptions(["--nothing"])).toThrow();
});
