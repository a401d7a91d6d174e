import { diagnostic } from "../diagnostics/report.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { KeyWindows, MaskModule } from "../mask/ir.js";
import { fixedBaseLength, segmentsLength } from "../mask/space.js";
import { fixedCounts } from "../targets/manifest.js";
import { windowCount } from "../../runtime/launch/branches/module.js";
import { badOption } from "./flags.js";
import type { LengthFlags } from "./flags.js";
import { missing } from "./required.js";
import { EXIT, Stop } from "./stop.js";

/** Number of keys and queries of a call: given, or those of a grid whose extents are known. */
export function lengthsOf(module: MaskModule, flags: LengthFlags, params: Readonly<Record<string, number>>): { N: number; NQ: number } {
  const unknown = module.space.axes.filter((axis) => axis.extent === "runtime" && params[axis.name] === undefined);
  if (unknown.length > 0) {
    const extents = unknown.map(({ name }) => ({ what: `the extent of its axis \`${name}\``, option: `--set ${name}=VALUE` }));
    throw missing(module.name, extents);
  }
  const own = fixedLength(module, params);
  if (own !== undefined && flags.seq !== undefined && flags.seq !== own) {
    badOption("--seq", String(flags.seq), `${own}, the number of tokens that the space of ${module.name} has`);
  }
  const N = own ?? flags.seq;
  if (N === undefined) throw new Stop([diagnostic("ATTN6205", undefined, { name: module.name })], EXIT.usage);
  const NQ = flags.qSeq ?? N;
  if (module.windows !== undefined) return windowLengths(module.name, module.windows, N, NQ);
  if (module.space.kind === "self" && NQ > N) badOption("--q-seq", String(NQ), `at most ${N}, the number of keys`);
  if (N < segmentsLength(module.space))
    badOption("--seq", String(N), `at least ${segmentsLength(module.space)}, the length of the segments`);
  return { N, NQ };
}

/** Where keys are windows, `--seq` is still the number of tokens: there are as many keys as windows fit. */
function windowLengths(name: string, windows: KeyWindows, tokens: number, NQ: number): { N: number; NQ: number } {
  if (tokens < windows.n) badOption("--seq", String(tokens), `at least ${windows.n}, the length of a window of ${name}`);
  if (windows.space.kind === "self" && NQ > tokens) badOption("--q-seq", String(NQ), `at most ${tokens}, the number of tokens`);
  return { N: windowCount(windows, tokens), NQ };
}

/** The length of a space whose extents are all known; runtime extents may be given as parameters. */
export function fixedLength(module: MaskModule, params: Readonly<Record<string, number>>): number | undefined {
  if (module.space.axes.length === 0) return undefined;
  const fixed = fixedBaseLength(module.space);
  if (fixed !== undefined) return fixed + segmentsLength(module.space);
  let product = 1;
  for (const axis of module.space.axes) {
    const extent = axis.extent === "runtime" ? params[axis.name] : axis.extent;
    if (extent === undefined) return undefined;
    product *= extent;
  }
  return product + segmentsLength(module.space);
}

/** Values of the runtime parameters and extents: defaults, overridden by `--set` while the operator was built. */
export function runtimeParams(module: MaskModule): Readonly<Record<string, number>> {
  const params: Record<string, number> = {};
  for (const param of module.params) if (param.default !== undefined) params[param.name] = param.default;
  return params;
}

/** The environment of one call without its inputs. */
export function envOf(module: MaskModule, flags: LengthFlags): MaskEnv {
  const { N, NQ } = lengthsOf(module, flags, runtimeParams(module));
  const tokens = module.windows === undefined || flags.seq === undefined ? {} : { [module.windows.tokens]: flags.seq };
  const params = { ...runtimeParams(module), ...tokens };
  const phase = phaseOf(module, flags.phase);
  const { layer, step, steps } = flags;
  const rows = fixedCounts(module).layers;
  const layers = flags.layers ?? rows;
  if (rows !== undefined && layers !== rows)
    badOption("--layers", String(layers), `${rows}, the number of rows of a table of ${module.name}`);
  if (layer !== undefined && layers !== undefined && layer >= layers)
    badOption("--layer", String(layer), `less than ${layers}, the number of layers`);
  if (step !== undefined && steps !== undefined && step >= steps)
    badOption("--step", String(step), `less than ${steps}, the number of steps`);
  return { N, NQ, heads: module.shape.heads, kvHeads: module.shape.kvHeads, params, phase, layer, layers, step, steps };
}

function phaseOf(module: MaskModule, name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  const index = module.phases.indexOf(name);
  if (index < 0)
    badOption("--phase", `"${name}"`, module.phases.length > 0 ? module.phases.join(" or ") : `no phase: ${module.name} declares none`);
  return index;
}
