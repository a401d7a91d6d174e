import { expect, test } from "vitest";
import { resolveCall, resolveShape } from "../../../runtime/launch/call.js";
import { layoutAux } from "../../../runtime/launch/input-layout.js";
import { uniformWords } from "../../../runtime/launch/uniform-words.js";
import type { InputField, InputSpec, UniformField } from "../../../runtime/index.js";
import { denseModule } from "./fixture.js";

const N = 70;

function layout(specs: InputSpec[], shapes: Record<string, { elements: number; shape?: number[] }>, batch = 3) {
  const module = denseModule({ inputs: specs, scalars: { count: 5, evaluate: () => [] } });
  const call = resolveCall(module, resolveShape(module), { batch, keyLength: N, queryLength: 40 });
  return { module, call, aux: layoutAux(module, call, new Map(Object.entries(shapes))) };
}

const blocks: InputSpec = { kind: "blocks", name: "map", n: 16, m: 2 };
const ids: InputSpec = { kind: "ids", name: "doc", axis: "q" };

test("inputs lie one after another, behind the scalars of each head", () => {
  // 5 rows of ceil(35 / 32) words for each of 3 x 2 matrices; then 3 rows of ids with 3 summaries each.
  const { aux } = layout([blocks, ids], { map: { elements: 3 * 2 * 5 * 2 }, doc: { elements: 3 * N } });
  expect(aux.inputs[0]!.fields).toMatchObject({
    base: 20,
    batchStride: 20,
    headCount: 2,
    headStride: 10,
    rowStride: 2,
    rows: 5,
    columns: 35,
  });
  expect(aux.inputs[1]!.fields).toMatchObject({ base: 80, batchStride: N, length: N, summary: 290, summaryBatchStride: 6 });
  expect(aux.words).toBe(308);
});

test("what is shared by all batch entries has stride 0", () => {
  const { aux } = layout([blocks, ids], { map: { elements: 4 * 10 }, doc: { elements: N } });
  expect(aux.inputs[0]!.fields).toMatchObject({ batchStride: 0, headCount: 4 });
  expect(aux.inputs[1]!.fields).toMatchObject({ batchStride: 0, summaryBatchStride: 0 });
});

test.each([
  [{ elements: 10 }, [1, 1]],
  [{ elements: 20 }, [1, 2]],
  [{ elements: 30 }, [3, 1]],
  [{ elements: 120 }, [3, 4]],
  [{ elements: 10, shape: [5, 2] }, [1, 1]],
  [{ elements: 40, shape: [4, 5, 2] }, [1, 4]],
  [{ elements: 30, shape: [3, 5, 2] }, [3, 1]],
  [{ elements: 999, shape: [3, 2, 5, 2] }, [3, 2]],
])("%o means batch entries and heads %o", (given, [batch, heads]) => {
  expect(layout([blocks], { map: given }).aux.inputs[0]).toMatchObject({ batch, heads });
});

test.each([
  [3, { elements: 50 }],
  [3, { elements: 0 }],
  [3, { elements: 10, shape: [2, 5] }],
  [3, { elements: 50, shape: [5, 5, 2] }],
  [3, { elements: 60, shape: [2, 3, 5, 2] }],
  [3, { elements: 30, shape: [3, 1, 1, 5, 2] }],
  [3, { elements: 30, shape: [3, 4, 5, 2] }],
  // Two batch entries or two kv heads?
  [2, { elements: 20 }],
  [2, { elements: 20, shape: [2, 5, 2] }],
])("batch %i with %o is refused", (batch, given) => {
  expect(() => layout([blocks], { map: given }, batch)).toThrow(/^ATTN5206: map: expected \[batch, heads, 5, 2\]/);
});

test("uniforms are written in the order of the module, floats as their bits", () => {
  const { module, call, aux } = layout([ids], { doc: { elements: N } });
  const field = (name: InputField): UniformField => ({ name, type: "i32", source: { kind: "input", input: "doc", field: name } });
  const uniforms: UniformField[] = [
    { name: "offset", type: "i32", source: { kind: "shape", name: "offset" } },
    { name: "scale", type: "f32", source: { kind: "scale" } },
    { name: "lse", type: "i32", source: { kind: "writeLse" } },
    { name: "scalars", type: "i32", source: { kind: "scalars" } },
    field("summary"),
  ];
  const words = uniformWords({ ...module, uniforms }, { call, aux, tiles: 2, writeLse: true });
  expect(words.length).toBe(8);
  expect([...words.subarray(2, 5)]).toEqual([1, 0, 20 + N]);
  expect(words[0]).toBe(30);
  expect(new Float32Array(words.buffer)[1]).toBeCloseTo(Math.LOG2E / Math.sqrt(8), 6);
});
