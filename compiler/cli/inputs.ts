import { diagnostic } from "../diagnostics/report.js";
import { suggest } from "../diagnostics/suggest.js";
import type { InputValue, MaskEnv } from "../mask/evaluate.js";
import type { FloatInput, Input, MaskModule } from "../mask/ir.js";
import { checkPermutation } from "../../runtime/launch/check-permutation.js";
import { floatAxes } from "../../runtime/launch/selection/float-inputs.js";
import { toFloats } from "../../runtime/tensor/convert.js";
import { elementCount, shapeText } from "../../runtime/tensor/tensor.js";
import type { Tensor } from "../../runtime/tensor/tensor.js";
import type { VerifyInput } from "../../runtime/verify/inputs.js";
import { toMaskInput } from "./input-forms.js";
import { pairs } from "./flags.js";
import { readSelection, selectionShapes, withColumns } from "./selections.js";
import { EXIT, Stop } from "./stop.js";
import { badValue, readTensorFile } from "./tensors.js";

export interface GivenInputs {
  readonly values: Readonly<Record<string, VerifyInput>>;
  /** The same as the mask's evaluator reads them. */
  readonly maskInputs: Readonly<Record<string, InputValue>>;
}

/**
 * Reads the tensors of `--input NAME=FILE`: every input must be given, and no other; for one batch entry, `batch` of them,
 * or any number. For a `call` these are the inputs of the declaration; for a `mask` alone also what its selections chose in a
 * call, but not the floats by which they did.
 */
export function readInputs(
  module: MaskModule,
  env: MaskEnv,
  option: readonly string[] | undefined,
  batch?: number,
  of: "call" | "mask" = "call",
): GivenInputs {
  const files = pairs("--input", option);
  const floatInputs = of === "call" ? (module.floatInputs ?? []) : [];
  const selections = of === "call" ? [] : selectionShapes(module, env, batch ?? 1);
  const names = new Set([
    ...module.inputs.flatMap((input) => (input.kind === "csr" ? [`${input.name}.offsets`, `${input.name}.indices`] : [input.name])),
    ...[...floatInputs, ...selections].map((input) => input.name),
  ]);
  for (const name of files.keys()) {
    if (names.has(name)) continue;
    const near = suggest(name, [...names]);
    const known = near
      ? `did you mean ${near}?`
      : names.size === 0
        ? `${module.name} takes no inputs`
        : `it takes ${[...names].join(", ")}`;
    throw new Stop([diagnostic("ATTN6207", undefined, { name: module.name, input: name, known })], EXIT.usage);
  }
  const pathOf = (name: string, kind: string): string => {
    const path = files.get(name);
    if (path === undefined) throw new Stop([diagnostic("ATTN6206", undefined, { name: module.name, input: name, kind })], EXIT.usage);
    return path;
  };
  const values: Record<string, VerifyInput> = {};
  const maskInputs: Record<string, InputValue> = {};
  const lengths = { N: env.N, NQ: env.NQ, space: module.space.kind };
  const counts = { batch, heads: env.heads, kvHeads: env.kvHeads };
  for (const input of floatInputs) {
    const sizes = { n: env.N, nq: env.NQ, headDim: module.shape.headDim };
    const { inner, heads } = floatAxes({ space: module.space.kind }, input, sizes);
    const most = heads === "kv" ? { ...counts, heads: counts.kvHeads } : counts;
    values[input.name] = floats(input.name, inner, most, readTensorFile(pathOf(input.name, describe(input))));
  }
  for (const input of module.inputs) {
    const file = (name: string): Tensor => readTensorFile(pathOf(name, describe(input)));
    const value = input.kind === "csr" ? csr(input, counts, lengths, file) : single(input, counts, lengths, file(input.name));
    values[input.name] = value;
    maskInputs[input.name] = toMaskInput(input, value, lengths);
  }
  for (const shape of selections) {
    const path = pathOf(shape.name, "what was selected, as `attnc run --selected` writes it");
    maskInputs[shape.name] = withColumns(readSelection(shape.name, path, shape, batch === undefined), shape.columns);
  }
  return { values, maskInputs };
}

function describe(input: Input | FloatInput): string {
  switch (input.kind) {
    case "ids":
      return input.order === true ? "the position of the token at each place" : "one integer per token";
    case "bits":
      return `a matrix of 0 and 1, [${input.rows === "q" ? "queries" : input.rows}, ${input.columns === "k" ? "keys" : input.columns}]`;
    case "blocks":
      return `a matrix of 0 and 1 with a row for each ${input.n} queries and a column for each ${input.m} keys`;
    case "columns":
      return "lists of key positions";
    case "diagonals":
      return "lists of offsets q - k";
    case "csr":
      return `lists of blocks of ${input.m} keys for each block of ${input.n} queries`;
    case "scores":
      return `a score for each block of ${input.n} queries and ${input.m} keys`;
    case "channels":
      return "a number for each channel";
    case "centroids":
      return `the first ${input.n} centroids of the ${input.axis === "q" ? "queries" : "keys"}`;
    case "weights":
      return input.axis === "q" ? "a number for each query" : "a number for each key";
    case "pooled":
      return `a vector for each window of ${input.n} keys, one every ${input.stride}`;
  }
}

interface Counts {
  readonly batch: number | undefined;
  readonly heads: number;
  readonly kvHeads: number;
}

interface Lengths {
  readonly N: number;
  readonly NQ: number;
  readonly space: "self" | "cross";
}

function blockRows(n: number, lengths: Lengths): number {
  return Math.ceil((lengths.space === "self" ? lengths.N : lengths.NQ) / n);
}

function single(input: Exclude<Input, { kind: "csr" }>, counts: Counts, lengths: Lengths, tensor: Tensor): VerifyInput {
  const { N, NQ } = lengths;
  switch (input.kind) {
    case "ids": {
      const length = input.axis === "q" && lengths.space === "cross" ? NQ : N;
      if (input.order === true) return order(input.name, length, counts, tensor);
      const [batch] = leading(input.name, tensor, [length], 1, counts);
      return { kind: "ids", shape: [batch!, length], data: integers(input.name, tensor) };
    }
    case "bits":
    case "blocks": {
      const rows = input.kind === "bits" ? (input.rows === "q" ? NQ : input.rows) : blockRows(input.n, lengths);
      const columns = input.kind === "bits" ? (input.columns === "k" ? N : input.columns) : Math.ceil(N / input.m);
      const [batch, heads] = leading(input.name, tensor, [rows, columns], 2, counts);
      const data = Uint8Array.from(integers(input.name, tensor), (value, i) => {
        if (value !== 0 && value !== 1) badValue(input.name, i, "0 or 1", value);
        return value;
      });
      return { kind: "bits", shape: [batch!, heads!, rows, columns], data };
    }
    case "columns":
    case "diagonals": {
      const places = tensor.shape[tensor.shape.length - 1] ?? 1;
      const [batch, heads] = leading(input.name, tensor, [places], 2, counts);
      const last = lengths.space === "self" ? N : NQ;
      const [low, high] = input.kind === "columns" ? [0, N - 1] : [1 - N, last - 1];
      const data = integers(input.name, tensor);
      data.forEach((value, i) => {
        if ((value < low || value > high) && value !== PADDING)
          badValue(input.name, i, `${low} to ${high}, or ${PADDING} for an unused entry`, value);
      });
      return { kind: "list", shape: [batch!, heads!, places], data };
    }
  }
}

function order(name: string, length: number, counts: Counts, tensor: Tensor): VerifyInput {
  const [batch, heads] = leading(name, tensor, [length], 2, { ...counts, heads: counts.kvHeads });
  const data = integers(name, tensor);
  checkPermutation(name, data, length);
  return { kind: "order", shape: [batch!, heads!, length], data };
}

const PADDING = -2147483648;

function csr(input: Extract<Input, { kind: "csr" }>, counts: Counts, lengths: Lengths, file: (name: string) => Tensor): VerifyInput {
  const rows = blockRows(input.n, lengths);
  const columns = Math.ceil(lengths.N / input.m);
  const tensor = file(`${input.name}.offsets`);
  const [batch, heads] = leading(`${input.name}.offsets`, tensor, [rows + 1], 2, counts);
  const offsets = integers(`${input.name}.offsets`, tensor);
  const indices = integers(`${input.name}.indices`, file(`${input.name}.indices`));
  indices.forEach((value, i) => {
    if (value < 0 || value >= columns) badValue(`${input.name}.indices`, i, `0 to ${columns - 1}`, value);
  });
  const list = (head: number, row: number): Int32Array => {
    const at = head * (rows + 1) + row;
    const [start, end] = [offsets[at]!, offsets[at + 1]!];
    if (start < 0 || end < start || end > indices.length) badValue(`${input.name}.offsets`, at + 1, `${start} to ${indices.length}`, end);
    return indices.subarray(start, end);
  };
  const make = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));
  return { kind: "csr", lists: make(batch!, (b) => make(heads!, (h) => make(rows, (row) => list(b * heads! + h, row)))) };
}

function floats(name: string, own: readonly number[], counts: Counts, tensor: Tensor): VerifyInput {
  const [batch, heads] = leading(name, tensor, own, 2, counts);
  const { data, error } = toFloats(tensor, name);
  if (error) throw new Stop([{ code: error.code, severity: "error", message: error.message, hint: error.hint }]);
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) badValue(name, wrong, "a finite number", data[wrong]!);
  return { kind: "floats", shape: [batch!, heads!, ...own], data };
}

/** Sizes of the leading axes, of which any may be left out: batch, and with `most` 2 heads. */
function leading(name: string, tensor: Tensor, own: readonly number[], most: 1 | 2, counts: Counts): readonly number[] {
  const { shape } = tensor;
  const axes = shape.slice(0, shape.length - own.length);
  const tail = shape.slice(shape.length - own.length);
  const fits = shape.length >= own.length && axes.length <= most && tail.every((size, i) => size === own[i]);
  const sizes = [...Array<number>(most - Math.min(axes.length, most)).fill(1), ...axes];
  const [batch, heads] = [sizes[0]!, most === 2 ? sizes[1] : undefined];
  const batchFits = batch === 1 || (counts.batch === undefined ? batch > 0 : batch === counts.batch);
  const headsFit = heads === undefined || heads === 1 || heads === counts.kvHeads || heads === counts.heads;
  if (!fits || !headsFit || !batchFits) {
    const expected = `[${[...(most === 2 ? ["batch", "heads"] : ["batch"]), ...own].join(", ")}]`;
    const entries = counts.batch === undefined ? "" : counts.batch === 1 ? "; batch is 1" : `; batch is 1 or ${counts.batch}`;
    const remedy =
      most === 2
        ? `the leading axes may be left out${entries}; heads is 1, ${counts.kvHeads} (kv heads) or ${counts.heads} (query heads)`
        : `the batch axis may be left out${entries}`;
    throw new Stop([diagnostic("ATTN6209", undefined, { tensor: name, found: shapeText(shape), expected, remedy })]);
  }
  return sizes;
}

function integers(name: string, tensor: Tensor): Int32Array {
  const data = new Int32Array(elementCount(tensor.shape));
  for (let i = 0; i < data.length; i++) {
    const value = Number(tensor.data[i]);
    data[i] = value;
    if (data[i] !== value) badValue(name, i, "an integer of 32 bits", value);
  }
  return data;
}
