import { join } from "node:path";
import { diagnostic } from "../diagnostics/report.js";
import type { BitsValue, MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { lastCentroids } from "../mask/centroids.js";
import { madeOrder, orderLength, wordsOf } from "../mask/layout/orders.js";
import { envOfCall } from "../mask/windows.js";
import { lowerSelections } from "../select/lower.js";
import { headsOf } from "../select/memory.js";
import { sizeEvaluator } from "../select/sizes.js";
import { selectedBits } from "../../runtime/launch/selection/lists.js";
import type { SelectedBits } from "../../runtime/launch/selection/lists.js";
import { wholeEnv } from "../../runtime/launch/selection/parts.js";
import { writeNpy } from "../../runtime/tensor/npy.js";
import { badOption, pairs } from "./flags.js";
import { EXIT, Stop } from "./stop.js";
import { badValue, expectShape, readTensorFile } from "./tensors.js";

/** What a selection or flag of a module chooses in a call, before it does. */
export interface SelectionShape {
  readonly name: string;
  readonly batch: number;
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  /** Whether a selection of an earlier call may stand in for it. */
  readonly reusable: boolean;
  /** What is given back with it, or neither is. */
  readonly with?: string | undefined;
}

/** The shapes of what the selections of a module choose in a call. */
export function selectionShapes(module: MaskModule, env: MaskEnv, batch: number): readonly SelectionShape[] {
  const program = lowerSelections(module);
  if (program === undefined) return [];
  const { heads, kvHeads, N, NQ } = envOfCall(module, env);
  const sizes = wholeEnv(program.module.space.kind, program.parts, { batch, heads, kvHeads, headDim: module.shape.headDim, N, NQ });
  return program.matrices.map(({ bits, reusable, with: other }) => {
    const [rows, columns] = sizeEvaluator([bits.rows, bits.columns])(sizes);
    return { name: bits.name, batch, heads: headsOf(bits.heads, env), rows: rows!, columns: columns!, reusable, with: other };
  });
}

/** A selection as one byte per bit, as the mask's evaluator reads it. */
export function bitsValue({ batch, heads, rows, columns, words }: SelectedBits): BitsValue {
  const rowWords = Math.ceil(columns / 32);
  const data = Uint8Array.from({ length: batch * heads * rows * columns }, (_, i) => {
    const column = i % columns;
    return (words[Math.floor(i / columns) * rowWords + (column >> 5)]! >>> (column & 31)) & 1;
  });
  return { kind: "bits", batch, heads, rows, columns, data };
}

/** The bits of a mask's evaluator as a selection. */
export function selectedOf({ batch, heads, rows, columns, data }: BitsValue): SelectedBits {
  return selectedBits({ batch, heads, rows, columns }, (b, h, row) => {
    const start = ((b * heads + h) * rows + row) * columns;
    return Array.from({ length: columns }, (_, unit) => unit).filter((unit) => data[start + unit] !== 0);
  });
}

/** An earlier selection with the columns of this call: units that it knew nothing of are selected, as on a device. */
export function withColumns(bits: BitsValue, columns: number): BitsValue {
  const known = bits.columns;
  const data = Uint8Array.from({ length: (bits.data.length / known) * columns }, (_, i) => {
    const column = i % columns;
    return column < known ? bits.data[Math.floor(i / columns) * known + column]! : 1;
  });
  return { ...bits, columns, data };
}

/** Reads the selections of `NAME=FILE` options: elements of 0 and 1, [batch, heads, rows, columns], at most the columns of the call. */
export function readSelections(
  option: string,
  values: readonly string[] | undefined,
  shapes: readonly SelectionShape[],
): Readonly<Record<string, SelectedBits>> {
  const found = [...pairs(option, values)].map(([name, path]) => {
    const shape = shapes.find((each) => each.name === name);
    if (shape === undefined) throw unknownSelection(option, name, shapes);
    return [name, selectedOf(readSelection(name, path, shape))] as const;
  });
  return Object.fromEntries(found);
}

/** Reads what one selection chose; where any batch will do, that of the file. */
export function readSelection(name: string, path: string, expected: SelectionShape, anyBatch = false): BitsValue {
  const { shape, data } = readTensorFile(path);
  const { heads, rows, columns } = expected;
  const batch = anyBatch ? Math.max(1, shape[0] ?? 1) : expected.batch;
  const given = shape[3] ?? 0;
  const wanted = given >= 1 && given < columns ? given : columns;
  expectShape(
    name,
    shape,
    [batch, heads, rows, wanted],
    ["batch", "heads", "rows", "columns"],
    `it has ${columns} columns, or fewer where there were fewer keys`,
  );
  const bits = Uint8Array.from({ length: data.length }, (_, i) => {
    const value = Number(data[i]);
    if (value !== 0 && value !== 1) badValue(name, i, "0 or 1", value);
    return value;
  });
  return { kind: "bits", batch, heads, rows, columns: wanted, data: bits };
}

function unknownSelection(option: string, name: string, shapes: readonly SelectionShape[]): Stop {
  const names = shapes.map((shape) => shape.name);
  const expected = names.length === 0 ? `no ${option}: nothing is selected` : `one of ${names.join(", ")}`;
  return new Stop([diagnostic("ATTN6204", undefined, { option, found: name, expected })], EXIT.usage);
}

/** The files that `--selected` asks for: `FOLDER`, for all selections by their names, or `NAME=FILE`. */
export function selectedPaths(values: readonly string[] | undefined, shapes: readonly SelectionShape[]): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const value of values ?? []) {
    if (shapes.length === 0) badOption("--selected", value, "no --selected: nothing is selected");
    if (!value.includes("=")) {
      for (const { name } of shapes) paths.set(name, join(value, `${name}.npy`));
      continue;
    }
    const [[name, path]] = [...pairs("--selected", [value])] as [[string, string]];
    if (!shapes.some((shape) => shape.name === name)) throw unknownSelection("--selected", name, shapes);
    paths.set(name, path);
  }
  return paths;
}

/**
 * What was selected as the contents of files: booleans, [batch, heads, rows, columns]. Of an order that was made the position
 * of the token at each place (or its cluster), [batch, heads, places], as an input of kind `order` has them; of
 * centroids float32, [batch, heads, n, dim], as an input of kind `centroids` has them.
 */
export function selectedFiles(
  module: MaskModule,
  env: Pick<MaskEnv, "N" | "NQ">,
  paths: ReadonlyMap<string, string>,
  selected: Readonly<Record<string, SelectedBits>>,
): ReadonlyMap<string, Uint8Array> {
  const centroids = new Set(lastCentroids(module).map((each) => each.name));
  return new Map(
    [...paths].map(([name, path]) => {
      if (centroids.has(name)) return [path, floatFile(selected[name]!)];
      const bits = bitsValue(selected[name]!);
      const { batch, heads, rows, columns, data } = bits;
      const order = madeOrder(module, name);
      if (order !== undefined) {
        const places = orderLength(order, module.space, env);
        return [path, writeNpy({ dtype: "i32", shape: [batch, heads, places], data: wordsOf(bits, places) })];
      }
      return [path, writeNpy({ dtype: "bool", shape: [batch, heads, rows, columns], data: data as Uint8Array })];
    }),
  );
}

/** Rows of words that are float32 numbers. */
function floatFile({ batch, heads, rows, columns, words }: SelectedBits): Uint8Array {
  return writeNpy({ dtype: "f32", shape: [batch, heads, rows, columns / 32], data: new Float32Array(Uint32Array.from(words).buffer) });
}
