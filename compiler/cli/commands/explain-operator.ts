import type { MaskEnv } from "../../mask/evaluate.js";
import type { MaskModule } from "../../mask/ir.js";
import { scheduledTiles } from "../../driver/cost.js";
import { expectedOrders } from "../../driver/orders.js";
import { costSvg } from "../../picture/cost-svg.js";
import { blockFor, tileGrid } from "../../picture/grid.js";
import type { TileGrid } from "../../picture/grid.js";
import { costReport } from "../../tiles/report.js";
import type { CostReport } from "../../tiles/report.js";
import type { Variant } from "../../tiles/suggest.js";
import { costJson } from "../cost-json.js";
import { costText, costTitle } from "../cost-text.js";
import { badOption } from "../flags.js";
import type { LengthFlags, ShapeFlags } from "../flags.js";
import { readInputs } from "../inputs.js";
import { print, say } from "../io.js";
import { envOf, fixedLength, runtimeParams } from "../lengths.js";
import { oneOperatorWithVariants } from "../operators.js";
import type { VariableOperator } from "../operators.js";
import { Progress } from "../progress.js";
import { requireCall } from "../required.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { writeFile } from "../write-files.js";

const FORMATS = ["text", "json", "svg"] as const;
type Format = (typeof FORMATS)[number];

export interface ExplainFlags extends ShapeFlags, LengthFlags {
  readonly input?: readonly string[];
  readonly format?: Format;
  readonly out?: string;
}

/** `attnc explain FILE#NAME`: the cost report of an operator. */
export function explainOperator(argument: string, flags: ExplainFlags): ExitCode {
  const format = flags.format ?? formatOf(flags.out);
  const operator = oneOperatorWithVariants(argument, flags);
  const { module } = operator;
  const bare = envOf(module, flags);
  requireCall(module, bare);
  const env: MaskEnv = { ...bare, inputs: readInputs(module, bare, flags.input, flags.batch, "mask").maskInputs };
  const progress = new Progress();
  const tiles = scheduledTiles(module);
  const report = costReport(module, env, {
    batch: flags.batch ?? 1,
    tiles,
    orders: expectedOrders(module, env, tiles[0]!),
    variants: variants(operator, env),
    onProgress: (what) => progress.update(`${module.name}: ${what}`),
  });
  const content = render(report, format, () => masks(module, env, report, progress));
  progress.done();
  if (flags.out === undefined) print(content);
  else {
    writeFile(flags.out, content);
    say(`wrote ${flags.out}`);
  }
  return EXIT.ok;
}

/** The format that the ending of the output's name says. */
function formatOf(out: string | undefined): Format {
  if (out === undefined) return "text";
  const ending = /\.([^./\\]+)$/.exec(out)?.[1]?.toLowerCase();
  if (ending === "txt") return "text";
  return FORMATS.find((format) => format === ending) ?? badOption("--out", out, "a name that ends in .txt, .json or .svg, or a --format");
}

function render(report: CostReport, format: Format, masksOf: () => readonly TileGrid[]): string {
  switch (format) {
    case "text":
      return costText(report);
    case "json":
      return `${JSON.stringify(costJson(report))}\n`;
    case "svg":
      return costSvg(report, masksOf(), costTitle(report));
  }
}

/** Tiles on the longer side of a mask in the picture, and masks in it. */
const MOST_TILES = 48;
const MOST_MASKS = 3;

/** The masks that differ, in tiles of the kernel's size or, at lengths that it would be too many at, of a multiple. */
function masks(module: MaskModule, env: MaskEnv, report: CostReport, progress: Progress): readonly TileGrid[] {
  const { tileQ, tileK } = report.tiles[0]!;
  const times = blockFor(Math.max(env.N / tileK, env.NQ / tileQ), MOST_TILES);
  return report.groups.slice(0, MOST_MASKS).map(({ heads }) => {
    progress.update(`${module.name}: picture of heads ${heads.join(", ")}`);
    return tileGrid(module, env, { head: heads[0]!, heads, blockQ: tileQ * times, blockK: tileK * times });
  });
}

/** Sizes that tiles have: parameters that are multiples of one often cut less across tiles. */
const GRAINS = [16, 32, 64, 128];
/** Further away, it is another pattern. */
const FURTHEST = 1.5;

/** The operator with each integer at the multiples next to its value, as far as they keep its length and its heads. */
function* variants({ module, integers, withInteger }: VariableOperator, env: MaskEnv): Generator<Variant> {
  const length = (of: MaskModule): number | undefined => fixedLength(of, runtimeParams(of));
  for (const { name, value } of integers) {
    const near = GRAINS.flatMap((grain) => [Math.floor(value / grain) * grain, Math.ceil(value / grain) * grain]);
    for (const other of new Set(near)) {
      if (other === value || other * FURTHEST < value || other > value * FURTHEST) continue;
      const variant = withInteger(name, other);
      if (!variant || length(variant) !== length(module)) continue;
      if (variant.shape.heads === env.heads && variant.shape.kvHeads === env.kvHeads) yield { name, value: other, module: variant };
    }
  }
}
