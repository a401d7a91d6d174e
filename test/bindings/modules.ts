import { attentionModule } from "../../compiler/targets/manifest.js";
import type { CompiledOperator } from "../../compiler/bindings/typescript.js";
import type { HostExpr, MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { wgslVariants, type Dims } from "../../compiler/targets/wgsl/operator.js";
import { uniformFields } from "../../compiler/targets/print/uniforms.js";

/** Mask modules by hand, and what the back half of the compiler makes of them. */

const self = { kind: "self", causal: true, axes: [], segments: [] } as const;
const causal = m.le(m.k, m.q);
const distance = m.sub(m.q, m.k);

export const sliding: MaskModule = {
  name: "sliding",
  doc: "Causal sliding window: each query sees itself\nand the window - 1 keys before it.",
  origin: "patterns/sliding.attn:3",
  space: self,
  shape: { heads: 4, kvHeads: 4, headDim: 64, valueDim: 64, dtype: "f32" },
  params: [],
  inputs: [],
  tables: [],
  scalars: [],
  phases: [],
  mask: m.and(causal, m.lt(distance, m.int(40))),
  emitLse: false,
  requireRowsNonempty: true,
};

/** A window that is a uniform, and documents. */
export const documents: MaskModule = {
  ...sliding,
  name: "packed_documents",
  doc: "Documents in one sequence, with a window. A doc may hold */ and `code` and ${braces}.",
  origin: "patterns/documents.attn:9",
  shape: { ...sliding.shape, heads: 4, kvHeads: 2, headDim: 32, valueDim: 32 },
  params: [{ name: "window", default: 24, min: 1 }],
  inputs: [{ kind: "ids", name: "doc", axis: "k" }],
  mask: m.and(causal, m.lt(distance, m.param("window")), m.eq(m.load("doc", m.q), m.load("doc", m.k))),
};

const layer: HostExpr = { kind: "var", name: "layer" };
const head: HostExpr = { kind: "var", name: "h" };
const span: HostExpr = {
  kind: "mul",
  a: { kind: "number", value: 8 },
  b: {
    kind: "floordiv",
    a: {
      kind: "add",
      a: { kind: "table", table: 0, row: layer, column: head },
      b: { kind: "mul", a: { kind: "number", value: 0.25 }, b: { kind: "var", name: "N" } },
    },
    b: { kind: "number", value: 8 },
  },
};

/** Tables, phases, a grid with an extent given at each call, and every kind of bit input. */
export const everything: MaskModule = {
  ...sliding,
  name: "everything",
  doc: undefined,
  origin: "patterns/everything.attn:1",
  space: {
    kind: "self",
    causal: true,
    axes: [
      { name: "rows", extent: "runtime" },
      { name: "columns", extent: 10 },
    ],
    segments: [{ name: "text", length: 7 }],
  },
  shape: { heads: 4, kvHeads: 2, headDim: 32, valueDim: 16, dtype: "f16" },
  params: [
    { name: "rows", min: 1 },
    { name: "sink", default: 4, doc: "Keys at the start." },
  ],
  inputs: [
    { kind: "bits", name: "tree", rows: "q", columns: "k" },
    { kind: "blocks", name: "map", n: 16, m: 32 },
    { kind: "columns", name: "cols" },
    { kind: "diagonals", name: "diags" },
    { kind: "csr", name: "lists", n: 8, m: 8 },
  ],
  tables: [{ name: "alpha", rows: 2, columns: 4, values: [8, 16, 0, 4, 1, 2, 3, -0.5] }],
  scalars: [
    { expr: span, note: "span = 8 * ((alpha + 0.25 * N) / 8)" },
    {
      expr: {
        kind: "and",
        a: { kind: "lt", a: head, b: { kind: "number", value: 2 } },
        b: { kind: "ne", a: { kind: "mod", a: layer, b: { kind: "number", value: 2 } }, b: { kind: "number", value: 0 } },
      },
      note: "h < 2 & layer % 2 != 0",
    },
  ],
  phases: ["prefill", "decode"],
  mask: m.and(
    causal,
    m.or(
      m.lt(distance, m.scalar(0)),
      m.lt(m.k, m.param("sink")),
      m.and(m.ne(m.scalar(1), m.int(0)), m.eq(m.variable("phase"), m.int(1))),
      m.bit("tree", m.sub(m.q, m.sub(m.variable("N"), m.variable("NQ"))), m.k),
      m.bit("map", m.div(m.q, m.int(16)), m.div(m.k, m.int(32))),
      m.bit("cols", m.int(0), m.k),
      m.bit("diags", m.int(0), m.add(distance, m.sub(m.variable("N"), m.int(1)))),
      m.bit("lists", m.div(m.q, m.int(8)), m.div(m.k, m.int(8))),
    ),
  ),
  emitLse: true,
};

export function compiled(mask: MaskModule, dims: readonly Dims[] = [mask.shape]): CompiledOperator {
  const variants = wgslVariants(mask, dims).map(({ variant }) => variant);
  return { mask, launch: attentionModule(mask, { uniforms: uniformFields(mask), variants }) };
}
