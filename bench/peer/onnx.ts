/**
 * Writes ONNX models of one node, in the protocol-buffer wire format. Field numbers are those of `onnx.proto`
 * (ONNX 1.x); only what an attention operator needs is here.
 */

export type Attribute = number | string | { readonly float: number };

export interface OnnxTensor {
  readonly name: string;
  readonly type: "float" | "int32";
  /** A number, or the name of a dimension that is known at run time. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxNode {
  readonly type: string;
  /** The operator set: empty for ONNX's own. */
  readonly domain: string;
  /** Names of the inputs in order; empty where an optional one is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface OnnxModel {
  readonly node: OnnxNode;
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
  /** Version of each operator set by its domain. */
  readonly opsets: Readonly<Record<string, number>>;
}

const ELEMENT = { float: 1, int32: 6 } as const;
const ATTRIBUTE = { float: 1, int: 2, string: 3 } as const;
/** Of the format, from ONNX 1.16 on. */
const IR_VERSION = 10;

type Bytes = readonly number[];

function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

const integer = (field: number, value: number): Bytes => [...varint(field << 3), ...varint(value)];
const message = (field: number, bytes: Bytes): Bytes => [...varint((field << 3) | 2), ...varint(bytes.length), ...bytes];
const text = (field: number, value: string): Bytes => message(field, [...new TextEncoder().encode(value)]);
const float = (field: number, value: number): Bytes => [...varint((field << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)];

function attribute(name: string, value: Attribute): Bytes {
  if (typeof value === "string") return [...text(1, name), ...text(4, value), ...integer(20, ATTRIBUTE.string)];
  if (typeof value === "number") return [...text(1, name), ...integer(3, value), ...integer(20, ATTRIBUTE.int)];
  return [...text(1, name), ...float(2, value.float), ...integer(20, ATTRIBUTE.float)];
}

function node({ type, domain, inputs, outputs, attributes }: OnnxNode): Bytes {
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(3, type),
    ...text(4, type),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, attribute(name, value))),
    ...text(7, domain),
  ];
}

function valueInfo({ name, type, shape }: OnnxTensor): Bytes {
  const dims = shape.flatMap((dim) => message(1, typeof dim === "number" ? integer(1, dim) : text(2, dim)));
  const tensor = [...integer(1, ELEMENT[type]), ...message(2, dims)];
  return [...text(1, name), ...message(2, message(1, tensor))];
}

/** The bytes of a model file. */
export function writeOnnx(model: OnnxModel): Uint8Array {
  const graph = [
    ...message(1, node(model.node)),
    ...text(2, model.node.type),
    ...model.inputs.flatMap((tensor) => message(11, valueInfo(tensor))),
    ...model.outputs.flatMap((tensor) => message(12, valueInfo(tensor))),
  ];
  return Uint8Array.from([
    ...integer(1, IR_VERSION),
    ...text(2, "attnc bench"),
    ...message(7, graph),
    ...Object.entries(model.opsets).flatMap(([domain, version]) => message(8, [...text(1, domain), ...integer(2, version)])),
  ]);
}
