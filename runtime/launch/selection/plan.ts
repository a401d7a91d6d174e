import { bufferPart, largestBinding, tensorBinding, type BufferRef } from "../buffers.js";
import type { ResolvedCall } from "../call.js";
import { foldWorkgroups } from "../dispatch.js";
import { AttnError } from "../errors.js";
import type { AuxLayout } from "../input-layout.js";
import type { AttentionModule, SelectionStage } from "../module.js";
import { sizedRuns, type ScratchLimit } from "./division.js";
import { bindFloats, type FloatLayout } from "./float-inputs.js";
import { callShape, type MatrixLayout } from "./matrices.js";
import { neededStages, reusedNames, selectedNames } from "./rules.js";

/**
 * A selection in a buffer, packed as `SelectedBits` has it; `columns` where they are fewer than those of the call, because
 * there were fewer keys when it was made.
 */
export type ReuseBuffer =
  | GPUBuffer
  | {
      readonly buffer: GPUBuffer;
      readonly offset?: number | undefined;
      readonly size?: number | undefined;
      readonly columns?: number | undefined;
    };

/** The part of a launch's buffers that concerns its selections. */
export interface SelectionBuffers {
  /** Buffers that what was selected is copied to, by the names of the selections. */
  readonly selected?: Readonly<Record<string, BufferRef | undefined>> | undefined;
  /** Selections of earlier launches, which stand in for new ones. */
  readonly reuse?: Readonly<Record<string, ReuseBuffer | undefined>> | undefined;
}

/** Rows of bits on their way between a matrix in the aux buffer and a buffer of the caller. */
export interface BitsCopy {
  readonly matrix: MatrixLayout;
  readonly binding: GPUBufferBinding;
  /** Of the caller's rows. */
  readonly columns: number;
}

/** Everything that the passes of a launch's selections do, checked. */
export interface SelectionPlan {
  /** For each part of the call, one after another, the stages that are run for it. */
  readonly runs: readonly {
    readonly sizes: readonly number[];
    readonly stages: readonly { readonly stage: SelectionStage; readonly groups: readonly [x: number, y: number] }[];
  }[];
  readonly reused: readonly BitsCopy[];
  /** Queries that no choice was made for yet: zeros. */
  readonly cleared: readonly MatrixLayout[];
  readonly selected: readonly BitsCopy[];
  readonly floats: readonly FloatLayout[];
  /** Of the float inputs that have elements. */
  readonly floatBindings: ReadonlyMap<string, GPUBufferBinding>;
  readonly scratchBytes: number;
}

function bitsBinding(device: GPUDevice, field: string, ref: BufferRef, matrix: MatrixLayout, columns: number): GPUBufferBinding {
  const { batch, heads, rows } = matrix;
  return tensorBinding(field, bufferPart(field, ref, device), [batch, heads, rows, Math.ceil(columns / 32)], 4, device);
}

/** The columns of a selection that is given back. Throws ATTN5215 where the call has fewer. */
export function givenColumns(field: string, columns: number, most: number): number {
  if (Number.isInteger(columns) && columns >= 1 && columns <= most) return columns;
  throw new AttnError("ATTN5215", {
    field: `${field}.columns`,
    expected: `at most the ${most} columns of this call`,
    found: String(columns),
    remedy: "Give back a selection of this sequence.",
  });
}

function planReuse(device: GPUDevice, name: string, given: ReuseBuffer, matrix: MatrixLayout): BitsCopy {
  const field = `reuse.${name}`;
  const { columns: said } = given as { columns?: number };
  const columns = said === undefined ? matrix.columns : givenColumns(field, said, matrix.columns);
  return { matrix, columns, binding: bitsBinding(device, field, given, matrix, columns) };
}

/** What intermediate results may take: what the device can bind, or fewer bytes that the app set. */
function scratchLimit(device: GPUDevice, most: number | undefined): ScratchLimit {
  const { bytes, name } = largestBinding(device);
  if (most !== undefined && most < bytes) {
    return { bytes: most, name: "selectionBytes", remedy: "Allow more, or split the call by batch entries or queries." };
  }
  const remedy = `Request the device with a higher ${name} (see \`requirements\`), or split the call by batch entries or queries.`;
  return { bytes, name: `${name} of the device`, remedy };
}

/** The matrices of queries that are not given back. */
export function clearedMatrices(matrices: readonly MatrixLayout[], given: readonly string[]): readonly MatrixLayout[] {
  return matrices.filter(({ spec }) => spec.remembers !== undefined && !given.includes(spec.name));
}

/**
 * Checks what a launch asks of its selections and finds the stages that it needs: those that serve only selections which
 * the caller gives back are left out. A call whose intermediate results take more than the device can bind, or more than
 * `mostBytes`, is run in parts. Throws ATTN5206 to ATTN5218, before anything is encoded.
 */
export function planSelection(
  device: GPUDevice,
  module: AttentionModule,
  mostBytes: number | undefined,
  call: ResolvedCall,
  aux: AuxLayout,
  buffers: SelectionBuffers & Readonly<Record<string, unknown>>,
): SelectionPlan {
  const spec = module.selection!;
  const { selected: targets = {}, reuse: sources = {} } = buffers;
  const matrixOf = (name: string): MatrixLayout => aux.matrices.find((matrix) => matrix.spec.name === name)!;
  const reused = reusedNames(module, call, sources).map((name) => planReuse(device, name, sources[name]!, matrixOf(name)));
  const selected = selectedNames(module, targets).map((name): BitsCopy => {
    const matrix = matrixOf(name);
    return { matrix, columns: matrix.columns, binding: bitsBinding(device, `selected.${name}`, targets[name]!, matrix, matrix.columns) };
  });
  const given = reused.map(({ matrix }) => matrix.spec.name);
  const needed = neededStages(spec.stages, spec.matrices, given);
  const limit = scratchLimit(device, mostBytes);
  const runs = sizedRuns({ ...module, selection: spec }, needed, callShape(call), limit).map(({ stages, sizes }) => ({
    sizes,
    stages: stages.flatMap((stage) => {
      const total = sizes[stage.workgroups]!;
      return total === 0 ? [] : [{ stage, groups: foldWorkgroups(total, device) }];
    }),
  }));
  const floats = spec.floatInputs.map((input) => bindFloats(device, module, input, call, buffers[input.name]));
  return {
    runs,
    reused,
    cleared: clearedMatrices(aux.matrices, given),
    selected,
    floats: floats.map(({ layout }) => layout),
    floatBindings: new Map(floats.flatMap(({ layout, binding }) => (binding === undefined ? [] : [[layout.spec.name, binding]]))),
    scratchBytes: Math.max(0, ...runs.map(({ sizes }) => sizes[spec.scratch]! * 4)),
  };
}
