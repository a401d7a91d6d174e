import { fidelityRaster, fidelitySvg } from "../../picture/fidelity.js";
import type { FidelityPicture } from "../../picture/fidelity.js";
import { blockFor, tileGrid } from "../../picture/grid.js";
import { attentionTiles, headFidelity, spreadRows } from "../../../runtime/verify/fidelity.js";
import type { HeadFidelity } from "../../../runtime/verify/fidelity.js";
import { readQueriesAndKeys, readValues } from "../call-tensors.js";
import { fidelityJson, fidelityText } from "../fidelity-report.js";
import type { FidelityReport } from "../fidelity-report.js";
import { fullOf, methodOf } from "../fidelity-method.js";
import type { Method } from "../fidelity-method.js";
import { badOption } from "../flags.js";
import { print, printJson, printPieces, say } from "../io.js";
import { Progress } from "../progress.js";
import type { SelectedCallFlags } from "../selected-call.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { writeFile } from "../write-files.js";

export const FIDELITY_FORMATS = ["text", "json", "svg", "png"] as const;
export type FidelityFormat = (typeof FIDELITY_FORMATS)[number];

export interface FidelityFlags extends SelectedCallFlags {
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly head?: number;
  readonly rows?: number;
  readonly format?: FidelityFormat;
  readonly out?: string;
}

/** Multiply-adds that all heads together may take where no number of rows is asked for: about a minute. */
const MOST_WORK = 2e10;
/** Most tiles on a side of the map, and pixels of a png's. */
const MAP_TILES = 64;
const PNG_SIDE = 640;

/** `attnc fidelity`: the method against full attention, on tensors from files. */
export async function fidelity(argument: string, flags: FidelityFlags): Promise<ExitCode> {
  const format = flags.format ?? formatOf(flags.out);
  if (flags.out === undefined && format === "png" && process.stdout.isTTY)
    badOption("--format", format, "--out FILE beside it, or a pipe: it is no text");
  const tensors = readQueriesAndKeys(flags);
  const v = readValues(flags, tensors);
  if (flags.head !== undefined && flags.head >= tensors.heads)
    badOption("--head", String(flags.head), `less than ${tensors.heads}, the number of heads`);
  const method = await methodOf(argument, flags, tensors, v);
  const report = measure(method, flags.rows, flags.device);
  const content = await render(report, method, format, flags.head);
  if (flags.out !== undefined) {
    writeFile(flags.out, [content]);
    say(`wrote ${flags.out}`);
  } else if (format === "json") printJson(fidelityJson(report));
  else if (format === "text") print(String(content).trimEnd());
  else printPieces([content]);
  return EXIT.ok;
}

/** The format that the ending of the output's name says. */
function formatOf(out: string | undefined): FidelityFormat {
  const ending = out === undefined ? "txt" : /\.([^./\\]+)$/.exec(out)?.[1]?.toLowerCase();
  if (ending === "txt") return "text";
  return (
    FIDELITY_FORMATS.find((format) => format === ending) ??
    badOption("--out", out!, "a name that ends in .txt, .json, .svg or .png, or a --format")
  );
}

function measure(method: Method, wanted: number | undefined, device: string | undefined): FidelityReport {
  const { module, problem, output, branches } = method;
  const { batch, heads, queries, keys, headDim, valueDim } = problem;
  const affordable = Math.max(batch, Math.floor(MOST_WORK / (heads * keys * (headDim + 2 * valueDim))));
  const rows = Math.min(batch * queries, wanted ?? affordable);
  const progress = new Progress();
  const results: HeadFidelity[] = [];
  for (let head = 0; head < heads; head++) {
    progress.update(`${module.name}: head ${head + 1} of ${heads}`);
    results.push(headFidelity(problem, fullOf(module), head, spreadRows(problem, head, rows), output));
  }
  progress.done();
  const selector = module.selections === undefined ? undefined : (device ?? "the oracle in float64");
  return { name: module.name, selector, branches, batch, queries, keys, heads: results };
}

async function render(
  report: FidelityReport,
  method: Method,
  format: FidelityFormat,
  head: number | undefined,
): Promise<string | Uint8Array> {
  switch (format) {
    case "text":
      return `${fidelityText(report)}\n`;
    case "json":
      return `${JSON.stringify(fidelityJson(report), undefined, 2)}\n`;
    case "svg":
      return fidelitySvg(pictureOf(report, method, head));
    case "png": {
      const picture = pictureOf(report, method, head);
      const tiles = Math.max(picture.grid.cells.length, picture.grid.cells[0]!.length);
      const { encodePng } = await import("../png.js");
      return encodePng(fidelityRaster(picture, Math.max(3, Math.floor(PNG_SIDE / tiles))));
    }
  }
}

/** The map is that of the head that is asked for, or of the one that keeps the least. */
function pictureOf(report: FidelityReport, { module, env, problem }: Method, wanted: number | undefined): FidelityPicture {
  const least = report.heads.reduce((a, b) => (b.mass.mean < a.mass.mean ? b : a)).head;
  const head = wanted ?? least;
  const block = blockFor(Math.max(problem.queries, problem.keys), MAP_TILES);
  const grid = tileGrid(module, env, { head, heads: [head], blockQ: block, blockK: block });
  const rows = spreadRows({ batch: 1, queries: problem.queries }, head, Math.max(1, report.heads[0]!.rows));
  return {
    title: `${report.name}: ${report.queries} queries, ${report.keys} keys`,
    heads: report.heads.map(({ head: own, mass }) => ({ head: own, mean: mass.mean, worst: mass.worst.value })),
    grid,
    weights: attentionTiles(problem, fullOf(module), rows, block),
  };
}
