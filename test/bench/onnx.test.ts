import fc from "fast-check";
import { expect, test } from "vitest";
import { PEER_OPERATORS, type PeerMask } from "../../bench/measure/contestant.js";
import { peerModel } from "../../bench/peer/models.js";
import { writeOnnx, type OnnxModel } from "../../bench/peer/onnx.js";

type Field = readonly [field: number, value: bigint | Uint8Array];

/** Reads the wire format of protocol buffers: fields in order, numbers and bytes. */
function readFields(bytes: Uint8Array): readonly Field[] {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
  };
  const fields: Field[] = [];
  while (at < bytes.length) {
    const key = Number(varint());
    const kind = key & 7;
    if (kind === 0) fields.push([key >> 3, varint()]);
    else {
      const length = kind === 2 ? Number(varint()) : 4;
      fields.push([key >> 3, bytes.subarray(at, (at += length))]);
    }
  }
  return fields;
}

const all = (fields: readonly Field[], field: number): readonly Uint8Array[] =>
  fields.filter(([f]) => f === field).map(([, v]) => v as Uint8Array);
const one = (fields: readonly Field[], field: number): Uint8Array => all(fields, field)[0]!;
const number = (fields: readonly Field[], field: number): number => Number(fields.find(([f]) => f === field)![1]);
const word = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** What `onnx.proto` says that the bytes mean. */
function readOnnx(bytes: Uint8Array): OnnxModel {
  const model = readFields(bytes);
  const graph = readFields(one(model, 7));
  const node = readFields(one(graph, 1));
  const tensor = (value: Uint8Array) => {
    const info = readFields(value);
    const type = readFields(one(readFields(one(info, 2)), 1));
    const dims = all(readFields(one(type, 2)), 1).map((dim) => readFields(dim)[0]!);
    const shape = dims.map(([field, value]) => (field === 1 ? Number(value) : word(value as Uint8Array)));
    return { name: word(one(info, 1)), type: number(type, 1) === 1 ? ("float" as const) : ("int32" as const), shape };
  };
  const attributes = all(node, 5).map((bytes) => {
    const attribute = readFields(bytes);
    const kind = number(attribute, 20);
    const value =
      kind === 1
        ? { float: new DataView(one(attribute, 2).slice().buffer).getFloat32(0, true) }
        : kind === 2
          ? number(attribute, 3)
          : word(one(attribute, 4));
    return [word(one(attribute, 1)), value] as const;
  });
  return {
    node: {
      type: word(one(node, 4)),
      domain: word(one(node, 7)),
      inputs: all(node, 1).map(word),
      outputs: all(node, 2).map(word),
      attributes: Object.fromEntries(attributes),
    },
    inputs: all(graph, 11).map(tensor),
    outputs: all(graph, 12).map(tensor),
    opsets: Object.fromEntries(all(model, 8).map((set) => [word(one(readFields(set), 1)), number(readFields(set), 2)])),
  };
}

const name = fc.string({ maxLength: 300, unit: "grapheme" });
const tensor = fc.record({
  name,
  type: fc.constantFrom("float" as const, "int32" as const),
  shape: fc.array(fc.oneof(fc.integer({ min: 0, max: 2 ** 40 }), name)),
});
const model: fc.Arbitrary<OnnxModel> = fc.record({
  node: fc.record({
    type: name,
    domain: name,
    inputs: fc.array(name),
    outputs: fc.array(name),
    attributes: fc.dictionary(
      name.filter((key) => key !== "__proto__"),
      fc.oneof(fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 }), name, fc.record({ float: fc.float({ noNaN: true }) })),
    ),
  }),
  inputs: fc.array(tensor),
  outputs: fc.array(tensor),
  opsets: fc.dictionary(
    name.filter((key) => key !== "__proto__"),
    fc.integer({ min: 1, max: 1000 }),
  ),
});

test("what is written is read again by the rules of the wire format", () => {
  fc.assert(
    fc.property(model, (given) => {
      expect(JSON.stringify(readOnnx(writeOnnx(given)))).toBe(JSON.stringify(given));
    }),
  );
});

test("each operator of the peer takes q, k, v and gives an output like them", () => {
  const masks: readonly PeerMask[] = [{ kind: "causal" }, { kind: "window", window: 4 }];
  for (const operator of PEER_OPERATORS) {
    for (const mask of masks) {
      if (operator === "MultiHeadAttention" && mask.kind === "window") continue;
      const workload = { heads: 2, headDim: 8, length: 16 };
      const { node, inputs, outputs } = peerModel({ kind: "peer", label: "", mode: "kernel", workload, operator, mask });
      expect(inputs.slice(0, 3)).toEqual(["q", "k", "v"].map((name) => ({ name, type: "float", shape: [1, 16, 16] })));
      expect(outputs[0]).toEqual({ name: "out", type: "float", shape: [1, 16, 16] });
      expect(node.inputs.filter((input) => input !== "")).toEqual(inputs.map((input) => input.name));
      expect(node.outputs).toEqual(outputs.map((output) => output.name));
      expect(node.attributes["local_window_size"]).toBe(operator === "GroupQueryAttention" && mask.kind === "window" ? 4 : undefined);
    }
  }
});
