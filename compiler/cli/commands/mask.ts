import { headEvaluator } from "../../mask/evaluate.js";
import type { MaskEnv } from "../../mask/evaluate.js";
import type { MaskModule } from "../../mask/ir.js";
import { blockFor, tileGrid } from "../../picture/grid.js";
import { raster } from "../../picture/raster.js";
import { svg } from "../../picture/svg.js";
import { text } from "../../picture/text.js";
import { queryOffset } from "../../tiles/plan.js";
import { writeNpy } from "../../../runtime/tensor/npy.js";
import { readInputs } from "../inputs.js";
import { print, say, writeFile } from "../io.js";
import { badOption, envOf, oneOperator } from "../options.js";
import type { LengthFlags, ShapeFlags } from "../options.js";
import { encodePng } from "../png.js";
import { requireCall } from "../required.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";

export type MaskFormat = "text" | "json" | "svg" | "png" | "npy";

export interface MaskFlags extends ShapeFlags, LengthFlags {
  readonly head?: number;
  readonly block?: number;
  readonly input?: readonly string[];
  readonly format?: MaskFormat;
  readonly out?: string;
}

/** Most tiles on a side of a picture for the terminal, and of one for a file. */
const TERMINAL_TILES = 48;
const PICTURE_TILES = 96;

/** `attnc mask`: the mask itself, as data or as a picture. */
export function mask(argument: string, flags: MaskFlags): ExitCode {
  const { module } = oneOperator(argument, flags);
  const bare = envOf(module, flags);
  requireCall(module, bare);
  const env: MaskEnv = { ...bare, inputs: readInputs(module, bare, flags.input).maskInputs };
  if (flags.head !== undefined && flags.head >= env.heads)
    badOption("--head", String(flags.head), `less than ${env.heads}, the number of heads`);
  const format = flags.format ?? formatOf(flags.out);
  const heads = flags.head !== undefined ? [flags.head] : Array.from({ length: env.heads }, (_, h) => h);
  const content = render(module, env, heads, format, flags);
  if (flags.out !== undefined) {
    writeFile(flags.out, content);
    say(`wrote ${flags.out}`);
  } else if (typeof content === "string") {
    print(content);
  } else {
    process.stdout.write(content);
  }
  return EXIT.ok;
}

function formatOf(out: string | undefined): MaskFormat {
  const ending = out?.split(".").pop();
  return ending === "json" || ending === "svg" || ending === "png" || ending === "npy" ? ending : "text";
}

function render(module: MaskModule, env: MaskEnv, heads: readonly number[], format: MaskFormat, flags: MaskFlags): string | Uint8Array {
  const longest = Math.max(env.N, env.NQ);
  const grid = (head: number, most: number) => {
    const block = flags.block ?? blockFor(longest, most);
    return tileGrid(module, env, { head, blockQ: block, blockK: block });
  };
  switch (format) {
    case "json":
      return JSON.stringify({
        version: 1,
        name: module.name,
        q: env.NQ,
        k: env.N,
        heads: heads.map((head) => maskRows(module, env, head)),
      });
    case "npy": {
      const data = new Uint8Array(heads.length * env.NQ * env.N);
      heads.forEach((head, i) => fill(module, env, head, data.subarray(i * env.NQ * env.N)));
      return writeNpy({ dtype: "bool", shape: [heads.length, env.NQ, env.N], data });
    }
    case "svg":
      return svg(heads.map((head) => grid(head, PICTURE_TILES)));
    case "png": {
      const drawn = grid(heads[0]!, 256);
      return encodePng(raster(drawn, Math.max(1, Math.floor(768 / Math.max(drawn.cells.length, 1)))));
    }
    case "text":
      return text(grid(heads[0]!, TERMINAL_TILES));
  }
}

/** Runs of keys `[start, end)` for each query of a head, and the number of pairs. */
function maskRows(module: MaskModule, env: MaskEnv, head: number): { head: number; pairs: number; rows: [number, number][][] } {
  const looks = headEvaluator(module, env, 0, head);
  const offset = queryOffset(module, env);
  let pairs = 0;
  const rows = Array.from({ length: env.NQ }, (_, i) => {
    const runs: [number, number][] = [];
    for (let k = 0; k < env.N; k++) {
      if (!looks(offset + i, k)) continue;
      pairs++;
      const last = runs[runs.length - 1];
      if (last && last[1] === k) last[1] = k + 1;
      else runs.push([k, k + 1]);
    }
    return runs;
  });
  return { head, pairs, rows };
}

function fill(module: MaskModule, env: MaskEnv, head: number, into: Uint8Array): void {
  const looks = headEvaluator(module, env, 0, head);
  const offset = queryOffset(module, env);
  for (let i = 0; i < env.NQ; i++) for (let k = 0; k < env.N; k++) into[i * env.N + k] = looks(offset + i, k) ? 1 : 0;
}
