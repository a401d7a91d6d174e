import type { MaskEnv } from "../../mask/evaluate.js";
import type { MaskModule } from "../../mask/ir.js";
import { blockFor, intervals, tileGrid } from "../../picture/grid.js";
import type { TileGrid } from "../../picture/grid.js";
import { arrange, raster } from "../../picture/raster.js";
import { svg } from "../../picture/svg.js";
import { text } from "../../picture/text.js";
import { headGroups } from "../../tiles/head-groups.js";
import { requireTensors } from "../choose.js";
import { badOption } from "../flags.js";
import type { DeviceChoice, LengthFlags, ShapeFlags } from "../flags.js";
import { readInputs } from "../inputs.js";
import { printPieces, say } from "../io.js";
import { envOf } from "../lengths.js";
import { maskJson, maskNpy, MOST_NPY_BYTES } from "../mask-data.js";
import { oneOperator } from "../operators.js";
import { Progress } from "../progress.js";
import { requireCall } from "../required.js";
import { readQueriesAndKeys } from "../call-tensors.js";
import { selectedCall } from "../selected-call.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { writeFile } from "../write-files.js";

export const MASK_FORMATS = ["text", "json", "svg", "png", "npy"] as const;
export type MaskFormat = (typeof MASK_FORMATS)[number];

export interface MaskFlags extends ShapeFlags, LengthFlags {
  readonly head?: number;
  readonly block?: number;
  readonly q?: string;
  readonly k?: string;
  readonly scale?: number;
  readonly reuse?: readonly string[];
  readonly device?: DeviceChoice;
  readonly input?: readonly string[];
  readonly format?: MaskFormat;
  readonly out?: string;
}

/** Most tiles on a side of a picture: in the terminal for one mask and for several, in a file. */
const TERMINAL_TILES = [48, 24] as const;
const PICTURE_TILES = { svg: 96, png: 256 } as const;
/** Most tiles on a side that `--block` may ask for. */
const MOST_TILES = 4096;
/** Pixels on a side of a png with one mask, and what lies between several. */
const PNG_SIDE = 768;
const PNG_GAP = 16;

/** `attnc mask`: the mask itself, as data or as a picture. */
export async function mask(argument: string, flags: MaskFlags): Promise<ExitCode> {
  const format = flags.format ?? formatOf(flags.out);
  if (flags.out === undefined && (format === "png" || format === "npy") && process.stdout.isTTY)
    badOption("--format", format, "--out FILE beside it, or a pipe: it is no text");
  const { module, env } = await callOf(argument, flags);
  const heads = flags.head !== undefined ? [flags.head] : Array.from({ length: env.heads }, (_, h) => h);
  const progress = new Progress();
  const onRow = (done: number, total: number): void => progress.update(`${module.name}: row ${done} of ${total}`);
  const content = await render(module, env, heads, format, flags.block, onRow);
  // Made whole before anything is written: an interrupt while it is computed leaves no file behind.
  if (flags.out !== undefined) writeFile(flags.out, [...content]);
  else printPieces(content);
  progress.done();
  if (flags.out !== undefined) say(`wrote ${flags.out}`);
  return EXIT.ok;
}

/** The operator and its call: of lengths that options say, or of tensors, which its selections choose from. */
async function callOf(argument: string, flags: MaskFlags): Promise<{ readonly module: MaskModule; readonly env: MaskEnv }> {
  const { q, k } = flags;
  if (q !== undefined && k !== undefined) {
    const call = await selectedCall(argument, flags, readQueriesAndKeys({ ...flags, q, k }));
    return { module: call.module, env: checkedHead(call.env, flags.head) };
  }
  for (const option of ["scale", "reuse", "device"] as const)
    if (flags[option] !== undefined) badOption(`--${option}`, String(flags[option]), `no --${option} without --q and --k`);
  if (q !== undefined || k !== undefined) badOption(q === undefined ? "--k" : "--q", q ?? k!, "--q and --k, or neither");
  const module = oneOperator(argument, flags);
  requireTensors(module, flags.input);
  const bare = checkedHead(envOf(module, flags), flags.head);
  requireCall(module, bare);
  return { module, env: { ...bare, inputs: readInputs(module, bare, flags.input, flags.batch, "mask").maskInputs } };
}

function checkedHead(env: MaskEnv, head: number | undefined): MaskEnv {
  if (head !== undefined && head >= env.heads) badOption("--head", String(head), `less than ${env.heads}, the number of heads`);
  return env;
}

/** The format that the ending of the output's name says. */
function formatOf(out: string | undefined): MaskFormat {
  if (out === undefined) return "text";
  const ending = /\.([^./\\]+)$/.exec(out)?.[1]?.toLowerCase();
  if (ending === "txt") return "text";
  const found = MASK_FORMATS.find((format) => format === ending);
  return found ?? badOption("--out", out, "a name that ends in .txt, .json, .svg, .png or .npy, or a --format");
}

async function render(
  module: MaskModule,
  env: MaskEnv,
  heads: readonly number[],
  format: MaskFormat,
  block: number | undefined,
  onRow: (done: number, total: number) => void,
): Promise<Iterable<string | Uint8Array>> {
  switch (format) {
    case "json":
      return maskJson(module, env, heads, onRow);
    case "npy": {
      const bytes = heads.length * env.NQ * env.N;
      if (bytes > MOST_NPY_BYTES)
        badOption("--format", "npy", `a mask of at most ${MOST_NPY_BYTES} bytes, and this one takes ${bytes}`, "--head H writes one head");
      return [maskNpy(module, env, heads, onRow)];
    }
    case "svg":
      return [svg(grids(module, env, heads, block, PICTURE_TILES.svg, onRow))];
    case "png": {
      const { encodePng } = await import("../png.js");
      const drawn = grids(module, env, heads, block, PICTURE_TILES.png, onRow);
      const columns = Math.ceil(Math.sqrt(drawn.length));
      if (drawn.length > 1) say(`from left to right, in rows of ${columns}: heads ${drawn.map((g) => intervals(g.heads!)).join("; ")}`);
      const side = PNG_SIDE / Math.min(columns, 2);
      const pictures = drawn.map((g) => raster(g, Math.max(1, Math.floor(side / Math.max(g.cells.length, g.cells[0]!.length)))));
      return [encodePng(arrange(pictures, columns, PNG_GAP))];
    }
    case "text": {
      const several = headGroups(module, env, heads).length > 1;
      return [
        grids(module, env, heads, block, TERMINAL_TILES[several ? 1 : 0], onRow)
          .map(text)
          .join("\n"),
      ];
    }
  }
}

/** A picture for each mask that differs. */
function grids(
  module: MaskModule,
  env: MaskEnv,
  heads: readonly number[],
  wanted: number | undefined,
  most: number,
  onRow: (done: number, total: number) => void,
): readonly TileGrid[] {
  const longest = Math.max(env.N, env.NQ);
  if (wanted !== undefined && longest / wanted > MOST_TILES)
    badOption(
      "--block",
      String(wanted),
      `at least ${Math.ceil(longest / MOST_TILES)}: a picture has at most ${MOST_TILES} tiles on a side`,
    );
  const block = wanted ?? blockFor(longest, most);
  const groups = headGroups(module, env, heads);
  const rows = Math.ceil(env.NQ / block);
  return groups.map((group, i) =>
    tileGrid(module, env, {
      head: group[0]!,
      heads: group,
      blockQ: block,
      blockK: block,
      onRow: (done) => onRow(i * rows + done, groups.length * rows),
    }),
  );
}
