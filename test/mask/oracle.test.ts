import fc from "fast-check";
import { expect, test } from "vitest";
import { headEvaluator, type BitsValue, type MaskEnv } from "../../compiler/mask/evaluate.js";
import { oracleMask, readProgram, type OracleInput } from "../../compiler/oracle/oracle.js";
import { memoryHost } from "../../compiler/semantics/index.js";
import { sourceFile } from "../../compiler/source/file.js";
import { parse } from "../../compiler/syntax/parser.js";
import { compile } from "../semantics/compile.js";
import { program, tableText } from "./source-arbitrary.js";

const N = 14;
const HEADS = 4;
const KV_HEADS = 2;
const BATCH = 2;

/** One input in the two forms that the two evaluators take. */
function bits(shape: readonly [number, number, number, number], random: () => number): { value: BitsValue; oracle: OracleInput } {
  const [batch, heads, rows, columns] = shape;
  const data = Uint8Array.from({ length: batch * heads * rows * columns }, () => (random() < 0.5 ? 1 : 0));
  return { value: { kind: "bits", batch, heads, rows, columns, data }, oracle: { kind: "bits", shape, data } };
}

/** A list of places that may be missing, as a row of bits and as a padded list; `shift` is added in the bits. */
function list(batch: number, heads: number, from: number, to: number, random: () => number): { value: BitsValue; oracle: OracleInput } {
  const columns = to - from;
  const row = bits([batch, heads, 1, columns], random);
  const data = Int32Array.from(row.value.data, (bit, i) => (bit === 1 ? from + (i % columns) : -2147483648));
  return { value: row.value, oracle: { kind: "list", shape: [batch, heads, columns], data } };
}

function launch(seed: number, NQ: number) {
  let state = seed | 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
  const ids = Int32Array.from({ length: BATCH * N }, () => Math.floor(random() * 5) - 1);
  const inputs = {
    bits_in: bits([1, HEADS, NQ, N], random),
    blocks_in: bits([BATCH, KV_HEADS, Math.ceil(N / 4), Math.ceil(N / 2)], random),
    cols: list(BATCH, 1, 0, N, random),
    diags: list(1, KV_HEADS, 1 - N, N, random),
    doc: {
      value: { kind: "ids" as const, batch: BATCH, length: N, data: ids },
      oracle: { kind: "ids" as const, shape: [BATCH, N] as const, data: ids },
    },
  };
  const shared = {
    N,
    NQ,
    heads: HEADS,
    kvHeads: KV_HEADS,
    layer: Math.floor(random() * 2),
    layers: 2,
    step: Math.floor(random() * 4),
    steps: 4,
  };
  const params = { w: Math.floor(random() * 9) - 2, g: 1 + Math.floor(random() * 5) };
  const pick = <K extends "value" | "oracle">(form: K) =>
    Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input[form]]));
  const env: MaskEnv = { ...shared, params, inputs: pick("value") as MaskEnv["inputs"] };
  return { env, oracle: { ...shared, params, inputs: pick("oracle") as Record<string, OracleInput> } };
}

test("a compiled mask is what its text means, pair by pair", () => {
  const files = { "alpha.tsv": tableText };
  fc.assert(
    fc.property(program, fc.integer(), fc.integer({ min: 1, max: N }), (text, seed, NQ) => {
      const { modules, diagnostics } = compile(text, { files, settings: { shape: { heads: HEADS, kvHeads: KV_HEADS } } });
      // A divisor or a product deep inside may be one that the compiler cannot bound; then no mask is made.
      const errors = diagnostics.filter((d) => d.severity === "error").map((d) => d.code);
      expect(errors.filter((code) => !["ATTN3006", "ATTN3014"].includes(code))).toEqual([]);
      if (errors.length > 0) return;
      const { env, oracle } = launch(seed, NQ);
      const expected = oracleMask(
        readProgram(sourceFile("main.attn", text), (file) => parse(file).tree, memoryHost(files)),
        "a",
        oracle,
      );
      for (let b = 0; b < BATCH; b++) {
        for (let h = 0; h < HEADS; h++) {
          const mask = headEvaluator(modules[0]!, env, b, h);
          for (let q = N - NQ; q < N; q++) {
            for (let k = 0; k < N; k++) {
              const want = expected(b, h, q, k);
              if (mask(q, k) !== want) expect.fail(`b ${b} h ${h} q ${q} k ${k}: the text says ${want}`);
            }
          }
        }
      }
    }),
    { numRuns: Number(process.env["ATTNC_RUNS"] ?? 150) },
  );
}, 300_000);
