import type { ResolvedCall } from "../launch/call.js";
import type { AuxLayout } from "../launch/input-layout.js";
import { COPY_BITS_THREADS } from "../launch/selection/copy.js";
import { sizedRuns } from "../launch/selection/division.js";
import type { FloatLayout } from "../launch/selection/float-inputs.js";
import { callShape, type MatrixLayout } from "../launch/selection/matrices.js";
import { clearedMatrices, givenColumns } from "../launch/selection/plan.js";
import { neededStages, reusedNames, selectedNames } from "../launch/selection/rules.js";
import { uniformWords } from "../launch/uniform-words.js";
import type { CudaDevice, CudaFunction, CudaProgram, CudaStream, DevicePointer } from "./device.js";
import type { LocatedInputs } from "./inputs.js";
import type { StreamMemory } from "./memory.js";
import { symbolStem, type CudaDtype, type CudaModule, type CudaStage } from "./module.js";
import { pointerBytes, wordBytes } from "./parameters.js";
import { deviceRange, TENSOR_ALIGNMENT, type DeviceRange, type DeviceRef } from "./pointers.js";

/**
 * A selection in the device's memory, packed as `SelectedBits` has it; `columns` where they are fewer than those of the
 * call, because there were fewer keys when it was made.
 */
export type CudaReuse =
  DevicePointer | { readonly pointer: DevicePointer; readonly bytes?: number | undefined; readonly columns?: number | undefined };

/** The part of a launch's tensors that concerns its selections. */
export interface CudaSelectionTensors {
  /** Memory that what was selected is copied to, by the names of the selections: packed as `SelectedBits` has it. */
  readonly selected?: Readonly<Record<string, DeviceRef | undefined>> | undefined;
  /** Selections of earlier launches, which stand in for new ones. */
  readonly reuse?: Readonly<Record<string, CudaReuse | undefined>> | undefined;
}

/** Rows of bits on their way between a matrix among the aux words and memory of the caller. */
interface BitsCopy {
  readonly matrix: MatrixLayout;
  readonly range: DeviceRange;
  /** Of the caller's rows. */
  readonly columns: number;
}

/** Everything that the kernels of a launch's selections do, checked. */
export interface CudaSelectionPlan {
  /** For each part of the call, one after another, the stages that are run for it. */
  readonly runs: readonly {
    readonly sizes: readonly number[];
    readonly stages: readonly { readonly stage: CudaStage; readonly blocks: number }[];
  }[];
  readonly reused: readonly BitsCopy[];
  /** Queries that no choice was made for yet: zeros. */
  readonly cleared: readonly MatrixLayout[];
  readonly selected: readonly BitsCopy[];
  readonly floats: readonly { readonly layout: FloatLayout; readonly pointer: DevicePointer }[];
  readonly scratchBytes: number;
}

/** What the caller's memory is called in messages, with what of it is written. */
export function selectionRanges({ reused, selected }: CudaSelectionPlan): {
  readonly ranges: Readonly<Record<string, DeviceRange>>;
  readonly written: readonly string[];
} {
  const named = (field: string, copies: readonly BitsCopy[]) =>
    copies.map(({ matrix, range }) => [`${field}.${matrix.spec.name}`, range] as const);
  const written = named("selected", selected);
  return { ranges: Object.fromEntries([...named("reuse", reused), ...written]), written: written.map(([name]) => name) };
}

function bitsRange(device: CudaDevice, field: string, ref: DeviceRef, { batch, heads, rows }: MatrixLayout, columns: number): DeviceRange {
  const shape = [batch, heads, rows, Math.ceil(columns / 32)];
  const bytes = shape.reduce((a, b) => a * b, 4);
  return deviceRange(field, ref, bytes, TENSOR_ALIGNMENT, `[${shape.join(", ")}] words`, device);
}

/** Bytes that intermediate results take at most where the app says nothing: the device's memory is for more than them. */
const STANDARD_BYTES = 2 ** 30;

/**
 * Checks what a launch asks of its selections and finds the stages that it needs. A call whose intermediate results take
 * more than `mostBytes` is run in parts. Throws ATTN5208, ATTN5210, ATTN5214 to ATTN5218 and ATTN5307, before anything is
 * launched.
 */
export function planCudaSelection(
  device: CudaDevice,
  module: CudaModule,
  mostBytes: number | undefined,
  call: ResolvedCall,
  { layout, floats }: LocatedInputs,
  { selected: targets = {}, reuse: sources = {} }: CudaSelectionTensors,
): CudaSelectionPlan {
  const { matrices } = layout;
  const matrixOf = (name: string): MatrixLayout => matrices.find((matrix) => matrix.spec.name === name)!;
  const reused = reusedNames(module, call, sources).map((name): BitsCopy => {
    const [field, given, matrix] = [`reuse.${name}`, sources[name]!, matrixOf(name)];
    const { columns: said } = given as { columns?: number };
    const columns = said === undefined ? matrix.columns : givenColumns(field, said, matrix.columns);
    return { matrix, columns, range: bitsRange(device, field, given, matrix, columns) };
  });
  const selected = selectedNames(module, targets).map((name): BitsCopy => {
    const matrix = matrixOf(name);
    return { matrix, columns: matrix.columns, range: bitsRange(device, `selected.${name}`, targets[name]!, matrix, matrix.columns) };
  });
  const given = reused.map(({ matrix }) => matrix.spec.name);
  const selection = module.selection!;
  const remedy = "Allow more `selectionBytes`, or split the call by batch entries or queries.";
  const limit = { bytes: mostBytes ?? STANDARD_BYTES, name: "selectionBytes", remedy };
  const needed = neededStages(module.cuda.stages ?? [], selection.matrices, given);
  const runs = sizedRuns({ ...module, selection }, needed, callShape(call), limit).map(({ stages, sizes }) => ({
    sizes,
    stages: stages.flatMap((stage) => {
      const blocks = sizes[stage.blocks]!;
      return blocks === 0 ? [] : [{ stage, blocks }];
    }),
  }));
  const scratchBytes = Math.max(0, ...runs.map(({ sizes }) => sizes[selection.scratch]! * 4));
  return { runs, reused, cleared: clearedMatrices(matrices, given), selected, floats, scratchBytes };
}

/** The kernels of a module's selections, for tensors of one type. */
export interface CudaSelectionKernels {
  readonly stages: ReadonlyMap<CudaStage, CudaFunction>;
  readonly copy: CudaFunction;
}

/** Finds the kernels of a module's selections in its program. Throws ATTN5303 where the source has them not. */
export function cudaSelectionKernels(program: CudaProgram, { name, cuda }: CudaModule, dtype: CudaDtype): CudaSelectionKernels | undefined {
  const { stages } = cuda;
  if (stages === undefined) return undefined;
  const symbolOf = ({ symbol, typed }: CudaStage): string => (typed ? `${symbol}_${dtype}` : symbol);
  return {
    stages: new Map(stages.map((stage) => [stage, program.function(symbolOf(stage), stage.sharedBytes)])),
    copy: program.function(`${symbolStem(name)}_copy_bits`, 0),
  };
}

/** What the kernels of a launch's selections work on. */
export interface CudaSelectionLaunch {
  readonly call: ResolvedCall;
  readonly layout: AuxLayout;
  readonly aux: DevicePointer;
  readonly q: DevicePointer;
  readonly k: DevicePointer;
}

/** Puts the kernels of a launch's selections into a stream: given ones are copied in, others made, and those asked for copied out. */
export function launchSelection(
  device: CudaDevice,
  module: CudaModule,
  kernels: CudaSelectionKernels,
  scratch: StreamMemory,
  plan: CudaSelectionPlan,
  { call, layout, aux, q, k }: CudaSelectionLaunch,
  stream: CudaStream,
): void {
  for (const { matrix, range, columns } of plan.reused)
    copyBits(device, kernels, { matrix, pointer: range.pointer, columns }, aux, "in", stream);
  for (const matrix of plan.cleared) copyBits(device, kernels, { matrix, pointer: aux, columns: 0 }, aux, "in", stream);
  const { uniforms } = module.selection!;
  const values = { call, tiles: 0, writeLse: false, floats: plan.floats.map((each) => each.layout) };
  const memory = scratch.get(stream, Math.max(16, plan.scratchBytes));
  const pointers = [q, k, aux, memory, ...plan.floats.map(({ pointer }) => pointer)].map(pointerBytes);
  for (const { sizes, stages } of plan.runs) {
    const words = uniformWords({ ...module, uniforms }, { ...values, aux: { ...layout, sizes } });
    for (const { stage, blocks } of stages) {
      const { threads, sharedBytes } = stage;
      const parameters = [wordBytes(words), ...pointers];
      device.launch(kernels.stages.get(stage)!, { blocks, threads, sharedBytes, parameters, stream });
    }
  }
  for (const { matrix, range, columns } of plan.selected)
    copyBits(device, kernels, { matrix, pointer: range.pointer, columns }, aux, "out", stream);
}

function copyBits(
  device: CudaDevice,
  { copy }: CudaSelectionKernels,
  { matrix, pointer, columns }: Omit<BitsCopy, "range"> & { readonly pointer: DevicePointer },
  aux: DevicePointer,
  direction: "in" | "out",
  stream: CudaStream,
): void {
  const { base } = matrix.fields;
  const count = matrix.batch * matrix.heads * matrix.rows * matrix.rowStride;
  if (count === 0) return;
  const words = new Int32Array(8);
  const clear = Number(columns === 0);
  if (direction === "in") words.set([count, 0, Math.ceil(columns / 32), columns, base, matrix.rowStride, matrix.columns, clear]);
  else words.set([count, base, matrix.rowStride, matrix.columns, 0, matrix.rowStride, matrix.columns]);
  const [from, to] = direction === "in" ? [pointer, aux] : [aux, pointer];
  device.launch(copy, {
    blocks: Math.ceil(count / COPY_BITS_THREADS),
    threads: COPY_BITS_THREADS,
    sharedBytes: 0,
    parameters: [wordBytes(words), pointerBytes(from), pointerBytes(to)],
    stream,
  });
}
