import { maskEnvOf } from "../../compiler/cli/executor.js";
import { toLaunchInput } from "../../compiler/cli/input-forms.js";
import { verifyCases } from "../../compiler/cli/verify-plan.js";
import { oracleMask } from "../../compiler/oracle/oracle.js";
import type { MaskPredicate, OracleProgram } from "../../compiler/oracle/oracle.js";
import { pythonName } from "../../compiler/bindings/torch/names.js";
import type { MaskSettings } from "../../compiler/mask/build/settings.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { evaluateScalars } from "../../compiler/mask/evaluate.js";
import { reuseRules } from "../../compiler/mask/reuse.js";
import { wholeEnv } from "../../runtime/launch/selection/parts.js";
import { sizeEvaluator } from "../../compiler/select/sizes.js";
import { cudaSelection } from "../../compiler/targets/cuda/select/source.js";
import { unvisitedKeys } from "../../compiler/tiles/visit.js";
import { fixedCounts } from "../../compiler/targets/manifest.js";
import { usedLaunchVariables } from "../../compiler/targets/print/uniforms.js";
import type { CudaKernel } from "../../runtime/cuda/module.js";
import type { VerifyCase } from "../../runtime/verify/cases.js";
import { randomFloats, randomInput } from "../../runtime/verify/inputs.js";
import type { VerifyInput } from "../../runtime/verify/inputs.js";
import { mixSeeds, random } from "../../runtime/verify/random.js";
import { pythonMask } from "./mask-python.js";
import { packRows } from "./pool.js";
import type { Piece, Pool } from "./pool.js";

/** A call to be verified, as the manifest has it: the numbers in its tensors are drawn where it runs. */
export interface PreparedCase {
  readonly name: string;
  readonly batch: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly queries: number;
  readonly keys: number;
  /** `[plane][query][word]`, and the plane of each batch entry and head: equal ones are there once. Absent with selections. */
  readonly mask?: (Piece & { readonly planes: readonly number[] }) | undefined;
  /** The mask as it depends on what is selected. */
  readonly selected?: PreparedSelection | undefined;
  /** By tile sizes, `[batch * kvHead][word]`: the keys that a kernel with such tiles promises not to load. */
  readonly unvisited: Readonly<Record<string, Piece>>;
  /** Positional arguments after q, k and v: words, or the bits of float32. */
  readonly tensors: readonly (Piece & { readonly floats?: boolean })[];
  /** Arguments by name. */
  readonly arguments: Readonly<Record<string, number | string>>;
}

/** A mask that reads selections: see mask-python.ts. */
export interface PreparedSelection {
  readonly mask: string;
  /** `[head][slot]` */
  readonly scalars: readonly (readonly number[])[];
  /** Whether the queries are the last of the keys. */
  readonly self: boolean;
  /** Of each selection's matrix. */
  readonly columns: Readonly<Record<string, number>>;
}

/** A few tiles of every family, no multiple of any, and more keys than a ring of stages holds at once. */
const LENGTHS = [193, 577];
/** Query-key pairs times heads of one case: what the oracle looks at. */
const PAIRS = 3e5;
/** What needs a mask of its own; kinds of data and seeds do not. */
const WANTED = /^(random|fewer|two batch entries$|one kv head|one query|length (31|65)|shortest)/;

export const tilesKey = ({ tileQ, tileK, packsHeads }: Pick<CudaKernel, "tileQ" | "tileK" | "packsHeads">): string =>
  `${tileQ}x${tileK}${packsHeads ? " packed" : ""}`;

/** The cases of an operator: masks by the oracle, which has nothing in common with the path that makes the kernels. */
export function prepareCases(
  module: MaskModule,
  program: OracleProgram,
  settings: MaskSettings,
  kernels: readonly CudaKernel[],
  pool: Pool,
): readonly PreparedCase[] {
  const cases = verifyCases(module, { lengths: LENGTHS, seeds: 1, pairs: PAIRS }).filter(({ name }) => WANTED.test(name));
  if (module.selections !== undefined) return cases.flatMap((one) => prepareSelecting(module, one, pool) ?? []);
  return cases.map((one) => prepareCase(module, program, settings, kernels, one, pool));
}

function prepareCase(
  module: MaskModule,
  program: OracleProgram,
  settings: MaskSettings,
  kernels: readonly CudaKernel[],
  one: VerifyCase,
  pool: Pool,
): PreparedCase {
  const { batch, heads, kvHeads, queries, keys } = one;
  const firstPosition = module.space.kind === "self" ? keys - queries : 0;
  const source = random(mixSeeds(one.seed, queries, keys, 7));
  const lastPosition = firstPosition + queries;
  const inputs = Object.fromEntries(module.inputs.map((spec) => [spec.name, randomInput(spec, { ...one, lastPosition }, source)]));
  const mask = oracleMask(program, module.name, {
    ...{ N: keys, NQ: queries, heads, kvHeads, ...one.launch, inputs },
    params: { ...settings.params, ...one.params },
  });
  const env = maskEnvOf(module, { ...one, ...one.launch, inputs });
  const unvisited = new Map<string, Piece>();
  for (const kernel of kernels) {
    const key = tilesKey(kernel);
    if (unvisited.has(key)) continue;
    const found = unvisitedKeys(module, env, batch, kernel);
    const words = packRows(batch * kvHeads, keys, (row, k) => found[row * keys + k] === 1);
    unvisited.set(key, pool.add(words, [batch * kvHeads, Math.ceil(keys / 32)]));
  }
  return {
    name: `${one.name}, ${keys} keys`,
    ...{ batch, heads, kvHeads, queries, keys },
    mask: packMask(mask, { batch, heads, queries, keys, firstPosition }, pool),
    unvisited: Object.fromEntries(unvisited),
    tensors: module.inputs.flatMap((spec) => inputPieces(inputs[spec.name]!, pool)),
    arguments: argumentsOf(module, one),
  };
}

/** A case in which selections are made; undefined where some have to be given. */
function prepareSelecting(module: MaskModule, one: VerifyCase, pool: Pool): PreparedCase | undefined {
  const { batch, heads, kvHeads, queries, keys } = one;
  const env = maskEnvOf(module, { ...one, ...one.launch, inputs: {} });
  const { layer = 0, layers = 1, step = 0, steps = 1, phase = 0, params = {} } = env;
  const rules = reuseRules(module)?.({ h: 0, kvh: 0, N: keys, NQ: queries, layer, layers, step, steps, phase, params });
  if (rules?.includes("given") === true) return undefined;
  const source = random(mixSeeds(one.seed, queries, keys, 7));
  const sizes = { ...one, lastPosition: keys, headDim: module.shape.headDim, space: module.space.kind };
  const floats = (module.floatInputs ?? []).map((spec) => {
    const { shape, data } = randomFloats(spec, sizes, source) as Extract<VerifyInput, { kind: "floats" }>;
    return { ...pool.add(new Int32Array(data.buffer), shape), floats: true };
  });
  const { matrices, sizes: numbers, program } = cudaSelection(module, [])!;
  const shape = { batch, heads, kvHeads, headDim: module.shape.headDim, N: keys, NQ: queries };
  const extents = sizeEvaluator(numbers)(wholeEnv(module.space.kind, program.parts, shape));
  return {
    name: `${one.name}, ${keys} keys`,
    ...{ batch, heads, kvHeads, queries, keys },
    selected: {
      mask: pythonMask(module.mask, env),
      scalars: Array.from({ length: heads }, (_, h) => evaluateScalars(module, env, h)),
      self: module.space.kind === "self",
      columns: Object.fromEntries(module.selections!.map(({ name }, i) => [pythonName(name), extents[matrices[i]!.columns]!])),
    },
    unvisited: {},
    tensors: floats,
    arguments: argumentsOf(module, one),
  };
}

interface MaskSizes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly firstPosition: number;
}

function packMask(
  mask: MaskPredicate,
  { batch, heads, queries, keys, firstPosition }: MaskSizes,
  pool: Pool,
): NonNullable<PreparedCase["mask"]> {
  const known = new Map<string, number>();
  const planes: Int32Array[] = [];
  const which: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const words = packRows(queries, keys, (i, k) => mask(b, h, firstPosition + i, k));
      const key = Buffer.from(words.buffer).toString("latin1");
      let plane = known.get(key);
      if (plane === undefined) {
        known.set(key, (plane = planes.length));
        planes.push(words);
      }
      which.push(plane);
    }
  }
  const all = new Int32Array(planes.length * planes[0]!.length);
  planes.forEach((words, i) => all.set(words, i * words.length));
  return { ...pool.add(all, [planes.length, queries, Math.ceil(keys / 32)]), planes: which };
}

/** An input as the operator of PyTorch takes it: packed bits, lists, or offsets and indices. */
function inputPieces(input: VerifyInput, pool: Pool): readonly Piece[] {
  switch (input.kind) {
    case "ids":
    case "order":
    case "list":
      return [pool.add(input.data, input.shape)];
    case "bits": {
      const [batch, heads, rows, columns] = input.shape;
      const words = packRows(batch * heads * rows, columns, (row, column) => input.data[row * columns + column] === 1);
      return [pool.add(words, [batch, heads, rows, Math.ceil(columns / 32)])];
    }
    case "csr": {
      const { offsets, indices } = toLaunchInput(input) as { offsets: { data: Int32Array; shape: readonly number[] }; indices: Int32Array };
      return [pool.add(offsets.data, offsets.shape), pool.add(indices, [indices.length])];
    }
    case "floats":
      throw new Error("only selections take floats");
  }
}

function argumentsOf(module: MaskModule, { params, launch }: VerifyCase): Readonly<Record<string, number | string>> {
  const used = new Set<string>(usedLaunchVariables(module));
  if (fixedCounts(module).layers !== undefined) used.add("layers");
  const variables = Object.entries(launch).filter(([name, value]) => used.has(name) && value !== undefined) as [string, number | string][];
  return Object.fromEntries([...Object.entries(params).map(([name, value]) => [pythonName(name), value] as const), ...variables]);
}
