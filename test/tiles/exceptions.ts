import { nodeHost } from "../../compiler/cli/host.js";
import { buildOperators, checkFile } from "../../compiler/driver/pipeline.js";
import { settableNames } from "../../compiler/mask/build/settings.js";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule, Variable } from "../../compiler/mask/ir.js";
import { fixedBaseLength, segmentsLength } from "../../compiler/mask/space.js";
import { some } from "../../compiler/mask/walk.js";
import { tileFrame } from "../../compiler/tiles/evaluate.js";
import { classify, headKey, planTiles, queryOffset, visitedTiles } from "../../compiler/tiles/plan.js";
import type { TileClass } from "../../compiler/tiles/plan.js";

/** How the analysis of one operator compares with its pairs, over the launches and blocks that are tried. */
export interface Comparison {
  readonly tiles: number;
  /** Tiles without a pair that are called partial, and tiles with all pairs that are. */
  readonly emptyAsPartial: number;
  readonly fullAsPartial: number;
  /** Wrong claims: none may exist. */
  readonly wrong: readonly string[];
  /** Tiles that the key ranges visit, those of them that are computed, and those that hold a pair. */
  readonly visited: number;
  readonly computed: number;
  readonly nonempty: number;
  /** One exception, for people. */
  readonly example?: string | undefined;
}

const BLOCKS = [16, 32, 64, 128];
/** Queries and keys: no multiple of a block, fewer queries than keys, and longer than most windows. */
const LENGTHS: readonly (readonly [NQ: number, N: number])[] = [
  [257, 257],
  [170, 300],
  [100, 1333],
];
const LAYERS = 24;
/** Grids longer than this are tried with their last queries only. */
const MOST_ROWS = 1024;

/** Besides its defaults, the library is tried with extents that fit no tile, and with dilated and strided neighborhoods. */
const VARIANTS: readonly Readonly<Record<string, number>>[] = [
  { height: 27, width: 37 },
  { frames: 5, height: 11, width: 18 },
  { length: 1000, window: 50, stride: 3 },
  { length: 1000, window: 50, dilation: 3 },
  { height: 27, width: 37, window: 6, stride: 4, dilation: 2 },
];

/** The static operators of the library, by name and what is set. */
export function* staticOperators(): Generator<readonly [name: string, module: MaskModule]> {
  for (const file of nodeHost.library()) {
    const checked = checkFile(file, nodeHost);
    for (const attention of checked.model!.attentions) {
      const names = settableNames(attention);
      const own = VARIANTS.filter(
        (set) => Object.keys(set).every((name) => names.includes(name)) && (!names.includes("frames") || "frames" in set),
      );
      for (const params of [{}, ...own]) {
        const module = buildOperators(checked, attention.name, { params }).modules[0];
        if (!module || !isStatic(module)) continue;
        const set = Object.entries(params).map(([name, value]) => ` ${name}=${value}`);
        // With a layout: places as if they were positions.
        const { layout, ...rest } = module;
        yield [attention.name + set.join(""), { ...rest, mask: layout?.mask ?? module.mask }];
      }
    }
  }
}

export const isStatic = (module: MaskModule): boolean => !some(module.mask, (node) => node.kind === "load" || node.kind === "bit");

const mentions = (module: MaskModule, name: Variable): boolean =>
  JSON.stringify([module.mask, module.scalars]).includes(`"name":"${name}"`);

/** Environments in which an operator is tried: lengths, layers, parameters. */
export function environments(module: MaskModule): readonly MaskEnv[] {
  const { heads, kvHeads } = module.shape;
  const layers = module.tables.reduce((most, table) => Math.max(most, table.rows), 1) > 1 ? module.tables[0]!.rows : LAYERS;
  const tried = mentions(module, "layer") ? [...new Set([0, layers >> 1, layers - 1])] : [0];
  const extents = new Map(module.space.axes.map((axis, i) => [axis.name, axis.extent === "runtime" ? [13, 23, 5][i]! : axis.extent]));
  const params = Object.fromEntries(module.params.map((param) => [param.name, extents.get(param.name) ?? param.default ?? 8]));
  const own = module.space.axes.some((axis) => axis.extent === "runtime")
    ? [...extents.values()].reduce((x, y) => x * y) + segmentsLength(module.space)
    : module.space.axes.length > 0
      ? fixedBaseLength(module.space)! + segmentsLength(module.space)
      : undefined;
  const lengths = own === undefined ? LENGTHS : ([[Math.min(own, own > 4 * MOST_ROWS ? 16 : MOST_ROWS), own]] as const);
  return lengths.flatMap(([NQ, N]) =>
    tried.map((layer) => ({ N, NQ, heads, kvHeads, params, layer, layers, step: 0, steps: 4, phase: 0 })),
  );
}

/** Numbers of pairs in any rectangle of one head, in constant time. */
function pairCounter(module: MaskModule, env: MaskEnv, head: number): (q0: number, q1: number, k0: number, k1: number) => number {
  const looks = headEvaluator(module, env, 0, head);
  const offset = queryOffset(module, env);
  const width = env.N + 1;
  const sums = new Int32Array((env.NQ + 1) * width);
  for (let row = 0; row < env.NQ; row++) {
    let inRow = 0;
    for (let k = 0; k < env.N; k++) {
      if (looks(offset + row, k)) inRow++;
      sums[(row + 1) * width + k + 1] = sums[row * width + k + 1]! + inRow;
    }
  }
  const at = (q: number, k: number): number => sums[(q - offset) * width + k]!;
  return (q0, q1, k0, k1) => at(q1 + 1, k1 + 1) - at(q0, k1 + 1) - at(q1 + 1, k0) + at(q0, k0);
}

export function compare(
  module: MaskModule,
  envs: readonly MaskEnv[] = environments(module),
  blocks: readonly number[] = BLOCKS,
): Comparison {
  const plan = planTiles(module);
  const sum = { tiles: 0, emptyAsPartial: 0, fullAsPartial: 0, visited: 0, computed: 0, nonempty: 0 };
  const wrong: string[] = [];
  let example: string | undefined;
  for (const env of envs) {
    const seen = new Set<string>();
    for (let head = 0; head < env.heads; head++) {
      const key = headKey(module, env, head);
      if (seen.has(key)) continue;
      seen.add(key);
      const count = pairCounter(module, env, head);
      const frame = tileFrame(module, env, 0, head);
      const offset = queryOffset(module, env);
      for (const block of blocks) {
        for (let q0 = offset; q0 < offset + env.NQ; q0 += block) {
          const q1 = Math.min(q0 + block, offset + env.NQ) - 1;
          const visited = visitedTiles(plan.ranges, frame, q0, q1, block);
          for (let tile = 0; tile * block < env.N; tile++) {
            const [k0, k1] = [tile * block, Math.min((tile + 1) * block, env.N) - 1];
            const pairs = count(q0, q1, k0, k1);
            const truth: TileClass = pairs === 0 ? "empty" : pairs === (q1 - q0 + 1) * (k1 - k0 + 1) ? "full" : "partial";
            const inRange = visited.some(([first, end]) => first <= tile && tile < end);
            const claimed = inRange ? classify(plan, frame, q0, q1, k0, k1) : "empty";
            sum.tiles++;
            if (inRange) sum.visited++;
            if (claimed !== "empty") sum.computed++;
            if (truth !== "empty") sum.nonempty++;
            if (claimed === truth) continue;
            const place = `N ${env.N} layer ${env.layer} head ${head} q ${q0}..${q1} k ${k0}..${k1}: ${truth} called ${claimed}`;
            if (claimed !== "partial") wrong.push(place);
            else if (truth === "empty") sum.emptyAsPartial++;
            else sum.fullAsPartial++;
            example ??= place;
          }
        }
      }
    }
  }
  return { ...sum, wrong, example };
}
