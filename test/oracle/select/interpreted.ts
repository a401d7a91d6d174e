import { headEvaluator } from "../../../compiler/mask/index.js";
import type { BitsValue, MaskEnv } from "../../../compiler/mask/evaluate.js";
import { lastCentroids } from "../../../compiler/mask/centroids.js";
import type { MaskModule } from "../../../compiler/mask/ir.js";
import { oracleMask, oracleSelections, type OracleBits, type OracleInput, type OracleLaunch } from "../../../compiler/oracle/oracle.js";
import { interpretSelections } from "../../../compiler/select/interpret.js";
import { lowerSelections } from "../../../compiler/select/lower.js";
import { checkSelection, type SelectionCheck } from "../../../runtime/verify/selection.js";
import { compiledModule } from "../agreement.js";
import { programOf } from "../programs.js";

/** A launch with its tensors. */
export type Launch = OracleLaunch & { readonly tensors: NonNullable<OracleLaunch["tensors"]> };

export interface Interpreted {
  readonly module: MaskModule;
  readonly checks: readonly SelectionCheck[];
  /** The first pair whose mask differs when both read the bits that the interpreter made. */
  readonly difference?: string | undefined;
}

/** Compiles the attention `a`, makes its selections by the interpreter, and holds them and the mask against the oracle. */
export function interpreted(text: string, launch: Launch, batch = 1, files: Readonly<Record<string, string>> = {}): Interpreted {
  const program = programOf(text, files);
  const module = compiledModule(program, "a", launch, files);
  const { N, NQ, heads, kvHeads, layer, layers, step, steps, tensors } = launch;
  const phase = launch.phase === undefined ? undefined : module.phases.indexOf(launch.phase);
  const params = Object.fromEntries(module.params.map((param) => [param.name, Number(launch.params?.[param.name] ?? param.default ?? 0)]));
  const given = Object.fromEntries(Object.entries(launch.inputs ?? {}).flatMap(([name, input]) => idsOf(name, input)));
  const env: MaskEnv = { N, NQ, heads, kvHeads, layer, layers, step, steps, phase, params, inputs: given };
  const [q, k] = [tensors.q, tensors.k].map((values) => Float32Array.from(values)) as [Float32Array, Float32Array];
  const floats = Object.fromEntries(Object.entries(launch.inputs ?? {}).flatMap(([name, input]) => floatsOf(name, input)));
  const selections = lowerSelections(module);
  const made =
    selections === undefined
      ? {}
      : interpretSelections(selections, { env, batch, headDim: tensors.headDim, scale: tensors.scale, q, k, floats });
  const packed = Object.fromEntries(Object.entries(made).map(([name, bits]) => [name, pack(bits)]));
  // What one selection reads of another is what the interpreter made of that.
  const expected = oracleSelections(program, "a", { ...launch, selected: packed });
  const oracle = oracleMask(program, "a", { ...launch, selected: packed });
  const byMask = readers(program, launch);
  // No mask reads what makes clusters.
  const makesClusters = new Set(
    (module.selections ?? []).flatMap((item) => (item.kind === "selection" && item.assigns ? [item.name] : [])),
  );
  const reads = (name: string) => (makesClusters.has(name) ? () => true : byMask(name));
  // What a k-means ends with is no selection.
  const ended = new Set(lastCentroids(module).map(({ name }) => name));
  const chosen = Object.entries(packed).filter(([name]) => !ended.has(name));
  const checks = chosen.map(([name, bits]) => {
    const own = expected.get(name);
    if (own === undefined) throw new Error(`the oracle knows no ${name}, but ${[...expected.keys()].join(", ")}`);
    return checkSelection(own, bits, { batch, heads, kvHeads }, reads(name));
  });
  return { module, checks, difference: differenceOf(module, { ...env, inputs: { ...given, ...made } }, oracle, batch) };
}

/** Whether the mask of a head reads a selection: it differs where the selection is empty from where it is full. */
function readers(program: ReturnType<typeof programOf>, launch: Launch) {
  return (name: string) => {
    const { N, NQ } = launch;
    const filled = (word: number): OracleBits => ({
      batch: 1,
      heads: 1,
      rows: NQ,
      columns: N,
      words: new Uint32Array(NQ * Math.ceil(N / 32)).fill(word),
    });
    const masks = [0, 0xffffffff].map((word) => oracleMask(program, "a", { ...launch, selected: { [name]: filled(word) } }));
    return (b: number, h: number): boolean => {
      for (let q = 0; q < N; q++) for (let k = 0; k < N; k++) if (masks[0]!(b, h, q, k) !== masks[1]!(b, h, q, k)) return true;
      return false;
    };
  };
}

function floatsOf(name: string, input: OracleInput) {
  if (input.kind !== "floats") return [];
  return [[name, { batch: input.shape[0]!, heads: input.shape[1]!, data: Float32Array.from(input.data) }] as const];
}

function idsOf(name: string, input: OracleInput) {
  if (input.kind !== "ids") return [];
  const [entries, length] = input.shape;
  return [[name, { kind: "ids", batch: entries, length, data: Int32Array.from(input.data) }] as const];
}

function pack({ batch, heads, rows, columns, data }: BitsValue): OracleBits {
  const perRow = Math.ceil(columns / 32);
  const words = new Uint32Array(batch * heads * rows * perRow);
  data.forEach((bit, i) => {
    if (bit === 1) words[Math.floor(i / columns) * perRow + ((i % columns) >> 5)]! |= 1 << ((i % columns) % 32);
  });
  return { batch, heads, rows, columns, words };
}

function differenceOf(module: MaskModule, env: MaskEnv, oracle: ReturnType<typeof oracleMask>, batch: number): string | undefined {
  const first = module.space.kind === "cross" ? 0 : env.N - env.NQ;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < env.heads; h++) {
      const built = headEvaluator(module, env, b, h);
      for (let q = first; q < first + env.NQ; q++)
        for (let k = 0; k < env.N; k++)
          if (built(q, k) !== oracle(b, h, q, k)) return `batch ${b} head ${h} query ${q} key ${k}: the oracle says ${oracle(b, h, q, k)}`;
    }
  }
  return undefined;
}
