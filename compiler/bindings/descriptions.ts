import type { Input, MaskModule } from "../mask/ir.js";
import { commentText } from "./literals.js";
import { propertyKey } from "./names.js";

/** One property of a generated type. Optional ones also take undefined. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly optional?: boolean;
  readonly doc: string;
}

/** Fields as the text of an object type. */
export function objectType(fields: readonly Field[]): string {
  const member = ({ name, type, optional, doc }: Field): string =>
    `/** ${commentText(doc)} */\nreadonly ${propertyKey(name)}${optional === true ? `?: ${type} | undefined` : `: ${type}`};`;
  return `{\n${fields.map(member).join("\n")}\n}`;
}

/** The lengths of the axes of an operator's tensors, as its call names them. */
interface Axes {
  /** Tokens that the rows of inputs count: in a self space all positions, the keys'. */
  readonly rows: string;
}

function axesOf(module: MaskModule): Axes {
  return { rows: module.space.kind === "self" ? "keyLength" : "queryLength" };
}

/** Whether an input is an order of tokens: ids with an axis of heads, which the query heads of a kv head share. */
export const isOrder = (input: Input): boolean => input.kind === "ids" && input.order === true;

const SHARED = "Leading axes may be left out where they are 1; heads: 1, the key-value heads or the query heads.";

/** What an input holds, with shape and units, where it is an array. */
export function describeArray(input: Input, module: MaskModule): string {
  const { rows } = axesOf(module);
  switch (input.kind) {
    case "ids":
      if (isOrder(input))
        return `The position of the ${input.axis === "q" ? "query" : "token"} at each place, [batch, heads, ${input.axis === "q" ? rows : "keyLength"}], each position once. Leading axes may be left out where they are 1; heads: 1 or the key-value heads.`;
      return `One integer for each ${input.axis === "q" ? "query's" : "key's"} token, [batch, ${input.axis === "q" ? rows : "keyLength"}]. The batch axis may be left out where all entries share the ids.`;
    case "bits":
      return `One bit for each pair, [batch, heads, ${bitAxis(input.rows)}, ${bitAxis(input.columns)}]: 1 where the query may look at the key; or a Uint32Array of rows packed by \`packBits\`. ${SHARED}`;
    case "blocks":
      return `One bit for each block of ${input.n} queries and ${input.m} keys, [batch, heads, ceil(${rows} / ${input.n}), ceil(keyLength / ${input.m})], blocks of queries counted from position 0; or a Uint32Array of rows packed by \`packBits\`. ${SHARED}`;
    case "columns":
      return `Positions of keys, [batch, heads, entries], from 0 to keyLength - 1, padded with -2147483648 at the end. ${SHARED}`;
    case "diagonals":
      return `Distances q - k in tokens, [batch, heads, entries], padded with -2147483648 at the end. ${SHARED}`;
    case "csr":
      return `For each block of ${input.n} queries the blocks of ${input.m} keys that it looks at: offsets, [batch, heads, ceil(${rows} / ${input.n}) + 1], are places in indices; indices are numbers of key blocks. ${SHARED}`;
  }
}

/** As {@link describeArray}, where it is a buffer. */
export function describeBuffer(input: Input, module: MaskModule): string {
  const { rows } = axesOf(module);
  switch (input.kind) {
    case "bits":
      return `One bit for each pair, packed by \`packBits\`, [batch, heads, ${bitAxis(input.rows)}, ceil(${bitAxis(input.columns)} / 32)] words of 32 bits. ${SHARED}`;
    case "blocks":
      return `One bit for each block of ${input.n} queries and ${input.m} keys, packed by \`packBits\`, [batch, heads, ceil(${rows} / ${input.n}), ceil(ceil(keyLength / ${input.m}) / 32)] words of 32 bits, blocks of queries counted from position 0. ${SHARED}`;
    default:
      return `${describeArray(input, module)} As int32.`;
  }
}

function bitAxis(axis: "q" | "k" | number): string {
  return axis === "q" ? "queryLength" : axis === "k" ? "keyLength" : String(axis);
}

export function arrayType(input: Input): string {
  return input.kind === "csr" ? "CsrArrays" : "InputArray";
}

export function bufferType(input: Input): string {
  return input.kind === "csr" ? "CsrBuffers" : "InputBuffer";
}

export function pointerType(input: Input): string {
  return input.kind === "csr" ? "CsrPointers" : "CudaInput";
}

/** Queries, keys and values; `tensor` is their type. */
export function tensorFields(tensor: string, unit: string): readonly Field[] {
  return [
    { name: "q", type: tensor, doc: `Queries, [batch, heads, queryLength, headDim], ${unit}.` },
    { name: "k", type: tensor, doc: `Keys, [batch, kvHeads, keyLength, headDim], ${unit}.` },
    { name: "v", type: tensor, doc: `Values, [batch, kvHeads, keyLength, valueDim], ${unit}.` },
  ];
}

export const OUT_DOC = "[batch, heads, queryLength, valueDim]; a row that sees no key is 0.";
export const LSE_DOC =
  "Logarithm of the sum of the exponentials of each row's scaled logits, [batch, heads, queryLength], f32, base e; -Infinity for a row that sees no key.";
