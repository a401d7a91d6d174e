import { toMaskInput } from "../compiler/cli/input-forms.js";
import { fixedLength, runtimeParams } from "../compiler/cli/lengths.js";
import type { MaskEnv } from "../compiler/mask/evaluate.js";
import type { MaskModule } from "../compiler/mask/ir.js";
import { envOfCall, ofCall } from "../compiler/mask/windows.js";
import { interpretSelections } from "../compiler/select/interpret.js";
import { lowerSelections } from "../compiler/select/lower.js";
import { fixedCounts } from "../compiler/targets/manifest.js";
import { randomFloats, randomInput } from "../runtime/verify/inputs.js";
import { random } from "../runtime/verify/random.js";
import { windowCount } from "../runtime/launch/branches/module.js";

/** What `patterns/pictures.json` sets for the picture of one operator: parameters, tokens, layer, step and phase. */
export interface PictureSettings {
  readonly set?: Readonly<Record<string, number>>;
  readonly tokens?: number;
  readonly layer?: number;
  readonly step?: number;
  readonly phase?: number;
}

const LENGTH = 512;
/** Selections are worked out by the slow interpreter. */
const SELECTED_LENGTH = 256;
const HEAD_DIM = 8;

/** The call that a picture of an operator shows. Inputs are random, and so are queries and keys, but not without order. */
export function pictureCall(module: MaskModule, settings: PictureSettings): MaskEnv {
  const params: Record<string, number> = { ...runtimeParams(module) };
  for (const axis of module.space.axes) if (axis.extent === "runtime") params[axis.name] ??= 16;
  const selects = (module.selections ?? []).length > 0;
  const tokens = fixedLength(module, params) ?? settings.tokens ?? (selects ? SELECTED_LENGTH : LENGTH);
  if (module.windows !== undefined) params[module.windows.tokens] = tokens;
  const N = module.windows === undefined ? tokens : windowCount(module.windows, tokens);
  const { heads, kvHeads } = module.shape;
  const layers = fixedCounts(module).layers ?? 4;
  const source = random(1);
  const sizes = { batch: 1, heads, kvHeads, queries: tokens, keys: N, lastPosition: tokens };
  const lengths = { N, NQ: tokens, space: module.space.kind };
  const inputs = Object.fromEntries(module.inputs.map((spec) => [spec.name, toMaskInput(spec, randomInput(spec, sizes, source), lengths)]));
  const { layer = 0, step = 1, phase = 0 } = settings;
  const env = { N, NQ: tokens, heads, kvHeads, params, inputs, layer, layers, step, steps: 4, phase };
  return selects ? { ...env, inputs: { ...inputs, ...selectedBits(module, env) } } : env;
}

/** Selections are those of the call, also where the keys of a mask are windows. */
function selectedBits(module: MaskModule, own: MaskEnv): ReturnType<typeof interpretSelections> {
  const env = envOfCall(module, own);
  const { N, heads, kvHeads } = env;
  const source = random(2);
  const sizes = { batch: 1, heads, kvHeads, queries: N, keys: N, lastPosition: N, headDim: HEAD_DIM, space: ofCall(module).space.kind };
  const floats = (module.floatInputs ?? []).map((spec) => {
    const value = randomFloats(spec, sizes, source);
    if (value.kind !== "floats") throw new Error(`${spec.name} is no input of floats`);
    return [spec.name, { batch: value.shape[0]!, heads: value.shape[1]!, data: value.data }] as const;
  });
  const { q, k } = neighbourly(N, heads, kvHeads);
  return interpretSelections(lowerSelections(module)!, { env, batch: 1, headDim: HEAD_DIM, q, k, floats: Object.fromEntries(floats) });
}

/** How much of a token is like the token before it; how strongly all queries look for a marked key; one key in so many is. */
const [LIKENESS, PULL, MARKED] = [0.95, 1.5, 1 / 40];

/** Queries and keys as attention has them: neighbours are alike, and a few keys are looked for by all queries. */
function neighbourly(N: number, heads: number, kvHeads: number): { q: Float32Array; k: Float32Array } {
  const source = random(3);
  const normals = (): number[] => Array.from({ length: HEAD_DIM }, () => source.normal());
  const q: number[] = [];
  const k: number[] = [];
  const perHead = Array.from({ length: kvHeads }, () => {
    const marker = normals();
    let place = normals();
    return Array.from({ length: N }, () => {
      place = place.map((x) => LIKENESS * x + Math.sqrt(1 - LIKENESS ** 2) * source.normal());
      return { place, marker, marked: source.chance(MARKED) };
    });
  });
  const noisy = (vector: readonly number[]): number[] => vector.map((x) => x + source.normal() / 2);
  for (let h = 0; h < heads; h++) {
    for (const { place, marker } of perHead[Math.floor((h * kvHeads) / heads)]!) {
      q.push(...noisy(place.map((x, c) => 2 * x + PULL * marker[c]!)));
    }
  }
  for (const { place, marker, marked } of perHead.flat()) k.push(...noisy(place.map((x, c) => x + (marked ? PULL * marker[c]! : 0))));
  return { q: Float32Array.from(q), k: Float32Array.from(k) };
}
