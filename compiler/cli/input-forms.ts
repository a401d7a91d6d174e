import type { BitsValue, InputValue } from "../mask/evaluate.js";
import type { Input } from "../mask/ir.js";
import type { CsrArrays, InputArray } from "../../runtime/launch/input-arrays.js";
import type { VerifyInput } from "../../runtime/verify/inputs.js";

/** Lengths that the sizes of an input follow from. */
export interface InputLengths {
  readonly N: number;
  readonly NQ: number;
  readonly space: "self" | "cross";
}

/** The form in which the mask's evaluator reads an input: ids, or one byte per bit. */
export function toMaskInput(spec: Input, value: VerifyInput, lengths: InputLengths): InputValue {
  switch (value.kind) {
    case "ids":
      return { kind: "ids", batch: value.shape[0], length: value.shape[1], data: value.data };
    case "order":
      return { kind: "ids", batch: value.shape[0], heads: value.shape[1], length: value.shape[2], data: value.data };
    case "bits":
      return {
        kind: "bits",
        batch: value.shape[0],
        heads: value.shape[1],
        rows: value.shape[2],
        columns: value.shape[3],
        data: value.data,
      };
    case "list": {
      const [batch, heads, places] = value.shape;
      const diagonals = spec.kind === "diagonals";
      const last = lengths.space === "self" ? lengths.N : lengths.NQ;
      const columns = diagonals ? lengths.N + last - 1 : lengths.N;
      const bits = emptyBits(batch, heads, 1, columns);
      for (let i = 0; i < batch * heads * places; i++) {
        const column = value.data[i]! + (diagonals ? lengths.N - 1 : 0);
        if (column >= 0 && column < columns) bits.data[Math.floor(i / places) * columns + column] = 1;
      }
      return bits;
    }
    case "csr": {
      if (spec.kind !== "csr") throw new Error(`block lists for the ${spec.kind} input ${spec.name}`);
      const rows = value.lists[0]![0]!.length;
      const columns = Math.ceil(lengths.N / spec.m);
      const bits = emptyBits(value.lists.length, value.lists[0]!.length, rows, columns);
      value.lists.forEach((entry, b) =>
        entry.forEach((head, h) =>
          head.forEach((list, row) => {
            for (const column of list) bits.data[((b * bits.heads + h) * rows + row) * columns + column] = 1;
          }),
        ),
      );
      return bits;
    }
    case "floats":
      throw new Error(`no mask reads the floats ${spec.name}`);
  }
}

function emptyBits(batch: number, heads: number, rows: number, columns: number): BitsValue {
  return { kind: "bits", batch, heads, rows, columns, data: new Uint8Array(batch * heads * rows * columns) };
}

/** The form in which the launcher takes an input as plain arrays. */
export function toLaunchInput(value: VerifyInput): InputArray | CsrArrays {
  if (value.kind !== "csr") return { data: value.data, shape: value.shape };
  const offsets: number[] = [];
  const indices: number[] = [];
  const [batch, heads, rows] = [value.lists.length, value.lists[0]!.length, value.lists[0]![0]!.length];
  for (const head of value.lists.flat()) {
    offsets.push(indices.length);
    for (const list of head) {
      indices.push(...list);
      offsets.push(indices.length);
    }
  }
  return { offsets: { data: Int32Array.from(offsets), shape: [batch, heads, rows + 1] }, indices: Int32Array.from(indices) };
}
