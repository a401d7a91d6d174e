import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { permute } from "../mask/layout/permute.js";
import { byResidues } from "../mask/layout/residues.js";
import { tileOrder } from "../mask/layout/tiles.js";
import { fixedBaseLength } from "../mask/space.js";
import { walk } from "../mask/walk.js";
import { groupCosts, idealCost, tileCost } from "./cost.js";
import type { CallShape, TileSize } from "./cost.js";
import { planTiles } from "./plan.js";
import type { TilePlan } from "./plan.js";

/** The figures of one way to run an operator. */
export interface Figures {
  /** Share of all pairs that stand in tiles which are computed, and that are looked at. */
  readonly computed: number;
  readonly density: number;
  /** The greatest speed-up over dense with such tiles. */
  readonly bound: number;
  readonly intensity: number;
}

/** A change that has a kernel compute less that is masked away, or read less for what it computes. */
export interface Suggestion {
  readonly kind: "tiles" | "parameter" | "layout";
  /** As it is written: `tiles of 64 x 32`, `--set stride=64`, `layout tiles(4, 8)`. */
  readonly change: string;
  /** The mask is another one then. */
  readonly changesMeaning: boolean;
  readonly before: Figures;
  readonly after: Figures;
}

/** The operator with another value of a parameter that is fixed when it is compiled. */
export interface Variant {
  readonly name: string;
  readonly value: number;
  readonly module: MaskModule;
}

export interface SuggestOptions {
  readonly shape: CallShape;
  readonly size: TileSize;
  readonly variants: Iterable<Variant>;
  readonly onProgress?: ((what: string) => void) | undefined;
}

const SIZES = [16, 32, 64, 128];
const MOST = 3;
/** What gains less than this is not worth a word. */
const LEAST_GAIN = 1.02;
/** Tiles of another size may compute so much more if they read less. */
const SAME_WORK = 1.02;
const LEAST_INTENSITY_GAIN = 1.2;

interface Candidate extends Suggestion {
  /** How many times less is computed for each pair that is looked at. */
  readonly gain: number;
}

/** The three most useful changes by the figures of the tiles; nothing here is measured. */
export function suggestions(module: MaskModule, env: MaskEnv, options: SuggestOptions): readonly Suggestion[] {
  const plan = planTiles(module);
  const before = figures(module, plan, env, options.shape, options.size);
  if (before.computed === 0 || before.density === 1) return [];
  const found = [
    ...tileSizes(module, plan, env, options, before),
    ...parameters(env, options, before),
    ...layouts(module, env, options, before),
  ];
  return found
    .sort((a, b) => b.gain - a.gain)
    .slice(0, MOST)
    .map(({ kind, change, changesMeaning, after }) => ({ kind, change, changesMeaning, before, after }));
}

function figures(module: MaskModule, plan: TilePlan, env: MaskEnv, shape: CallShape, size: TileSize): Figures {
  const groups = groupCosts(module, plan, env, size);
  const cost = tileCost(module, env, shape, size, groups);
  const { pairs } = idealCost(module, env, shape, groups);
  return {
    computed: 1 / cost.bound.dense,
    density: pairs / (env.heads * env.NQ * env.N),
    bound: cost.bound.dense,
    intensity: cost.intensity,
  };
}

/** What is computed for each pair that is looked at. */
const waste = ({ computed, density }: Figures): number => computed / density;

/** The size that computes least, and the one that reads least among those that compute hardly more. */
function tileSizes(
  module: MaskModule,
  plan: TilePlan,
  env: MaskEnv,
  { shape, size, onProgress }: SuggestOptions,
  before: Figures,
): readonly Candidate[] {
  const tried: Candidate[] = [];
  for (const tileQ of SIZES) {
    for (const tileK of SIZES) {
      if (tileQ === size.tileQ && tileK === size.tileK) continue;
      onProgress?.(`tiles of ${tileQ} x ${tileK}`);
      const after = figures(module, plan, env, shape, { tileQ, tileK });
      const gain = before.computed / after.computed;
      tried.push({ kind: "tiles", change: `tiles of ${tileQ} x ${tileK}`, changesMeaning: false, before, after, gain });
    }
  }
  const fewest = tried.filter((each) => each.gain >= LEAST_GAIN).sort((a, b) => b.gain - a.gain || b.after.intensity - a.after.intensity);
  const wider = tried
    .filter((each) => each.gain * SAME_WORK >= 1 && each.after.intensity >= LEAST_INTENSITY_GAIN * before.intensity)
    .sort((a, b) => b.after.intensity - a.after.intensity);
  return [...new Map([...fewest.slice(0, 1), ...wider.slice(0, 1)].map((each) => [each.change, each])).values()];
}

/** The best value of each parameter. */
function parameters(env: MaskEnv, { shape, size, variants, onProgress }: SuggestOptions, before: Figures): readonly Candidate[] {
  const best = new Map<string, Candidate>();
  for (const { name, value, module } of variants) {
    onProgress?.(`${name} = ${value}`);
    const after = figures(module, planTiles(module), env, shape, size);
    const gain = waste(before) / waste(after);
    if (after.computed === 0 || gain < LEAST_GAIN || gain <= (best.get(name)?.gain ?? 0)) continue;
    best.set(name, { kind: "parameter", change: `--set ${name}=${value}`, changesMeaning: true, before, after, gain });
  }
  return [...best.values()];
}

/** The best other order of the tokens. */
function layouts(module: MaskModule, env: MaskEnv, { shape, size, onProgress }: SuggestOptions, before: Figures): readonly Candidate[] {
  if (module.layout !== undefined) return [];
  let best: Candidate | undefined;
  for (const reordered of [...boxLayouts(module, size), ...residueLayouts(module, env)]) {
    const { name } = reordered.layout!;
    onProgress?.(`layout ${name}`);
    const after = figures(reordered, planTiles(reordered), env, shape, size);
    const gain = before.computed / after.computed;
    if (gain < LEAST_GAIN || gain <= (best?.gain ?? 0)) continue;
    best = { kind: "layout", change: `layout ${name}`, changesMeaning: false, before, after, gain };
  }
  return best === undefined ? [] : [best];
}

/** A grid in boxes of as many tokens as a tile has queries, none cut off if that can be. */
function* boxLayouts(module: MaskModule, size: TileSize): Generator<MaskModule> {
  if (module.space.axes.length < 2 || fixedBaseLength(module.space) === undefined) return;
  const extents = module.space.axes.map((axis) => axis.extent as number);
  const all = boxes(extents, size.tileQ);
  const even = all.filter((sizes) => sizes.every((side, axis) => extents[axis]! % side === 0));
  for (const sizes of even.length > 0 ? even : all) yield permute(module, tileOrder(extents, sizes));
}

/** Remainders of greater divisors have no tile of their own in sequences of a usual length. */
const MOST_RESIDUES = 64;

/** A sequence with the tokens of a residue class side by side, for each divisor of a remainder in the mask. */
function* residueLayouts(module: MaskModule, env: MaskEnv): Generator<MaskModule> {
  const { kind, axes, segments } = module.space;
  if (kind !== "self" || axes.length > 1 || segments.length > 0) return;
  const moduli = new Set<number>();
  walk(module.mask, (node) => {
    if (node.kind === "mod" && node.b.kind === "int" && node.b.value > 1) moduli.add(node.b.value);
  });
  for (const modulus of moduli) if (modulus <= MOST_RESIDUES && modulus * MOST_RESIDUES <= env.N) yield byResidues(module, modulus);
}

/** Boxes with so many tokens, powers of two on each axis and no longer than it. */
export function boxes(extents: readonly number[], tokens: number): readonly (readonly number[])[] {
  const [extent, ...rest] = extents;
  if (extent === undefined) return tokens === 1 ? [[]] : [];
  const found: (readonly number[])[] = [];
  for (let side = 1; side <= Math.min(extent, tokens); side *= 2) {
    for (const others of boxes(rest, tokens / side)) found.push([side, ...others]);
  }
  return found;
}
