import type { Axis, KeyWindows, MaskModule } from "../mask/ir.js";
import { segmentsLength } from "../mask/space.js";
import { fixedCounts } from "../targets/manifest.js";
import { usedLaunchVariables } from "../targets/print/uniforms.js";
import { standardCases } from "../../runtime/verify/cases.js";
import type { LaunchValues, VerifyCase } from "../../runtime/verify/cases.js";
import { fixedLength } from "./lengths.js";
import { choosingLength } from "./verify-selections.js";

export interface VerifyRequest {
  readonly lengths: readonly number[];
  readonly seeds: number;
  readonly batch?: number | undefined;
  /** Head counts that the user asked for. */
  readonly heads?: number | undefined;
  readonly kvHeads?: number | undefined;
  /** Query-key pairs times heads that one case may cost the device: past it only the last queries are run. */
  readonly pairs: number;
  /** Whether a length may be added at which selections have more units than they keep. */
  readonly choose?: boolean | undefined;
}

/** Head counts for random tensors where nothing fixes them: grouped, and few enough to be quick. */
const FEW_HEADS = { heads: 4, kvHeads: 2 };

/** The cases in which an operator is put to the test: lengths, data, heads, launch variables and parameters. */
export function verifyCases(module: MaskModule, request: VerifyRequest): readonly VerifyCase[] {
  const params = paramSets(module);
  const fixed = fixedCounts(module);
  const freeHeads =
    fixed.heads === undefined && fixed.kvHeads === undefined && request.heads === undefined && request.kvHeads === undefined;
  const { heads, kvHeads } = freeHeads ? FEW_HEADS : module.shape;
  const ownLength = fixedLength(module, params[0]!);
  const least = Math.max(1, segmentsLength(module.space));
  const lengths = ownLength !== undefined ? [ownLength] : [...new Set(request.lengths.map((n) => Math.max(n, least)))];
  const freeLength = ownLength === undefined;
  const cases = standardCases({
    lengths,
    seeds: request.seeds,
    heads,
    kvHeads,
    leastLength: least,
    freeLength,
    freeHeads,
    launches: launches(module, fixed.layers),
    params,
    selects: module.selections !== undefined,
    choosing: request.choose && freeLength ? choosingKeys(module) : undefined,
  });
  return cases.map((one) => ({
    ...affordable(one, module, request.pairs),
    ...(request.batch === undefined ? {} : { batch: request.batch }),
    ...(module.windows === undefined ? {} : overWindows(module.windows, one)),
  }));
}

/** As many keys as make the selections choose: where keys are windows, as many windows as these have. */
function choosingKeys(module: MaskModule): number | undefined {
  const length = choosingLength(module);
  return length === undefined ? undefined : Math.ceil(length / (module.windows?.stride ?? 1));
}

/** The number of tokens; there are no more queries than tokens where they stand among them. */
function overWindows(windows: KeyWindows, one: VerifyCase): Pick<VerifyCase, "params" | "queries"> {
  const tokens = tokensOf(windows, one);
  const most = windows.space.kind === "self" ? tokens[windows.tokens]! : one.queries;
  return { params: { ...one.params, ...tokens }, queries: Math.min(one.queries, most) };
}

/** As many tokens as have so many windows, and a few that are in none. */
function tokensOf({ n, stride, tokens }: KeyWindows, { keys, seed }: VerifyCase): Readonly<Record<string, number>> {
  return { [tokens]: (keys - 1) * stride + n + (seed % stride) };
}

/** A long sequence is run with its last queries only: causal or not, they see the most. */
function affordable(one: VerifyCase, module: MaskModule, pairs: number): VerifyCase {
  const most = Math.max(1, Math.floor(pairs / (one.keys * one.heads * one.batch)));
  return module.space.kind === "self" && one.queries > most ? { ...one, queries: most } : one;
}

/** Each layer (of four), step and phase that the mask may tell apart. */
function launches(module: MaskModule, fixedLayers: number | undefined): readonly LaunchValues[] {
  const uses = new Set<string>(usedLaunchVariables(module));
  let all: LaunchValues[] = [{}];
  const spread = (values: readonly LaunchValues[]): void => {
    all = all.flatMap((one) => values.map((value) => ({ ...one, ...value })));
  };
  const indices = (count: number): readonly number[] => [...new Set([0, 1, count >> 1, count - 1].filter((i) => i < count))];
  if (uses.has("layer") || uses.has("layers")) {
    const layers = fixedLayers ?? 4;
    spread(indices(layers).map((layer) => ({ layer, layers })));
  }
  if (uses.has("step") || uses.has("steps")) spread(indices(10).map((step) => ({ step, steps: 10 })));
  if (uses.has("phase")) spread(module.phases.map((phase) => ({ phase })));
  return all;
}

/** Defaults of the runtime parameters, and a small value of each; extents are as set, or small primes and their like. */
function paramSets(module: MaskModule): readonly Readonly<Record<string, number>>[] {
  const extents = new Map(
    module.space.axes.filter((axis) => axis.extent === "runtime").map((axis, i) => [axis.name, extentFor(axis, i, module)]),
  );
  const set = (small: boolean): Record<string, number> =>
    Object.fromEntries(
      module.params.map((param) => {
        const fallback = Math.max(param.min ?? 0, 5);
        return [param.name, extents.get(param.name) ?? (small ? fallback : (param.default ?? fallback))];
      }),
    );
  return module.params.some((param) => !extents.has(param.name)) ? [set(false), set(true)] : [set(false)];
}

function extentFor(axis: Axis, index: number, module: MaskModule): number {
  const param = module.params.find((each) => each.name === axis.name);
  return param?.default ?? Math.max(param?.min ?? 1, [9, 11, 6, 5][index] ?? 4);
}
