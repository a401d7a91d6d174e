import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { BitsValue } from "../../compiler/mask/evaluate.js";
import { sizeEvaluator } from "../../compiler/select/sizes.js";
import { createAttention, type AttentionModule, type DeviceProfile } from "../../runtime/index.js";
import type { SelectionStage } from "../../runtime/launch/module.js";
import { wholeEnv } from "../../runtime/launch/selection/parts.js";
import type { OwnContestant, Runner } from "./contestant.js";
import { queriesOf, tensorsOf, type Workload } from "./data.js";
import { emptyBuffer, readBuffer, uploadBuffer } from "./gpu-buffers.js";
import { passTimer } from "./passes.js";

/** Compiles a kernel and puts its tensors where the mode wants them. */
export async function prepareOwn(device: GPUDevice, profile: DeviceProfile, contestant: OwnContestant): Promise<Runner> {
  const { workload, mode, launch, variant, order, repeat = 1 } = contestant;
  const { heads, headDim, length } = workload;
  const queries = queriesOf(workload);
  const stages = [...(contestant.module.selection?.stages ?? [])];
  const module = moduleOf(contestant, stages);
  const shape = { heads, kvHeads: heads, headDim, valueDim: headDim };
  const operator = await createAttention(device, module, shape, { profile, variant, order });
  const arrays = tensorsOf(workload);
  const call = { keyLength: length, queryLength: queries, ...launch };
  const env = { N: length, NQ: queries, heads, kvHeads: heads, ...launch, params: defaults(module) };
  let looks = Array.from({ length: heads }, (_, h) => headEvaluator(contestant.mask, env, 0, h));
  const { name, tileQ, tileK } = operator.variant;
  const shared = {
    mask: (h: number, q: number, k: number) => looks[h]!(q, k),
    kernel: { name, tileQ, tileK },
    order: () => (module.keyOrder === undefined ? Promise.resolve(undefined) : operator.lastOrder()),
  };

  if (mode === "transfers") {
    let last: Float32Array = new Float32Array();
    return {
      ...shared,
      time: async () => {
        const start = performance.now();
        last = (await operator.run(arrays, call)).out;
        return performance.now() - start;
      },
      output: () => Promise.resolve(last),
      destroy: () => Promise.resolve(operator.destroy()),
    };
  }

  const [q, k, v] = [arrays.q, arrays.k, arrays.v].map((values) => uploadBuffer(device, values)) as [GPUBuffer, GPUBuffer, GPUBuffer];
  const out = emptyBuffer(device, arrays.q.byteLength);
  const selected = selectedBuffers(device, contestant, heads);
  const run = async (launches: number): Promise<number> => {
    const encoder = device.createCommandEncoder();
    for (let i = 0; i < launches; i++) {
      if (mode === "kernel") operator.encode(encoder, { q, k, v, out }, call);
      else operator.encodeSelection(encoder, { q, k }, call);
    }
    const commands = encoder.finish();
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    device.queue.submit([commands]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / launches;
  };
  const passes = mode === "passes" ? passTimer(stages, run) : undefined;
  return {
    ...shared,
    time: () => passes?.round() ?? run(repeat),
    passes: passes?.times,
    output: async () => {
      if (mode !== "kernel") return undefined;
      if (selected.length === 0) return readBuffer(device, out);
      // Once more, to see what was selected.
      const encoder = device.createCommandEncoder();
      operator.encode(encoder, { q, k, v, out, selected: Object.fromEntries(selected.map(({ name, buffer }) => [name, buffer])) }, call);
      device.queue.submit([encoder.finish()]);
      const inputs = Object.fromEntries(await Promise.all(selected.map(async (each) => [each.name, await bitsOf(device, each)] as const)));
      looks = Array.from({ length: heads }, (_, h) => headEvaluator(contestant.mask, { ...env, inputs }, 0, h));
      return readBuffer(device, out);
    },
    density: () => (selected.length === 0 || mode !== "kernel" ? undefined : densityOf(looks, workload, contestant.mask.space.causal)),
    destroy: () => {
      operator.destroy();
      for (const buffer of [q, k, v, out, ...selected.map((each) => each.buffer)]) buffer.destroy();
      return Promise.resolve();
    },
  };
}

/** The module with the functions that could not travel, and with a list of the stages of its selections that may be changed later. */
function moduleOf({ module, scalars, floats, sizes }: OwnContestant, stages: SelectionStage[]): AttentionModule {
  const { selection, ...rest } = module;
  return {
    ...rest,
    ...(scalars && { scalars: { count: scalars[0]?.length ?? 0, floats, evaluate: ({ h }) => scalars[h] ?? [] } }),
    ...(selection && sizes && { selection: { ...selection, reuse: undefined, sizes: sizeEvaluator(sizes), stages } }),
  };
}

interface SelectedBuffer {
  readonly name: string;
  readonly buffer: GPUBuffer;
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
}

function selectedBuffers(device: GPUDevice, contestant: OwnContestant, queryHeads: number): readonly SelectedBuffer[] {
  const { module, sizes: expressions = [], workload } = contestant;
  const { selection, space } = module;
  if (selection === undefined) return [];
  const { heads, headDim, length } = workload;
  const shape = { batch: 1, heads, kvHeads: heads, headDim, N: length, NQ: queriesOf(workload) };
  const sizes = sizeEvaluator(expressions)(wholeEnv(space, selection.parts, shape));
  return selection.matrices.map((matrix): SelectedBuffer => {
    const [rows, columns] = [sizes[matrix.rows]!, sizes[matrix.columns]!];
    const heads = matrix.heads === "one" ? 1 : queryHeads;
    return { name: matrix.name, buffer: emptyBuffer(device, 4 * heads * rows * Math.ceil(columns / 32)), heads, rows, columns };
  });
}

async function bitsOf(device: GPUDevice, { buffer, heads, rows, columns }: SelectedBuffer): Promise<BitsValue> {
  const words = new Uint32Array((await readBuffer(device, buffer)).buffer);
  const rowWords = Math.ceil(columns / 32);
  const data = new Uint8Array(heads * rows * columns);
  for (let row = 0; row < heads * rows; row++) {
    for (let c = 0; c < columns; c++) data[row * columns + c] = (words[row * rowWords + (c >> 5)]! >>> (c & 31)) & 1;
  }
  return { kind: "bits", batch: 1, heads, rows, columns, data };
}

/** Rows at most whose pairs are counted. */
const DENSITY_ROWS = 128;

/** The share of the pairs of the space that is looked at, on rows spread evenly. */
function densityOf(looks: readonly ((q: number, k: number) => boolean)[], workload: Workload, causal: boolean): number {
  const { length } = workload;
  const queries = queriesOf(workload);
  const rows = Math.min(DENSITY_ROWS, queries);
  let [found, all] = [0, 0];
  for (const looksAt of looks) {
    for (let i = 0; i < rows; i++) {
      const q = length - queries + Math.floor(((i + 0.5) * queries) / rows);
      const end = causal ? q + 1 : length;
      all += end;
      for (let k = 0; k < end; k++) if (looksAt(q, k)) found++;
    }
  }
  return found / all;
}

function defaults(module: AttentionModule): Record<string, number> {
  return Object.fromEntries(module.params.map((param) => [param.name, param.default ?? 0]));
}
