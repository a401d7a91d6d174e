import { afterAll, describe, expect, test } from "vitest";
import { cudaSource, compileCuda } from "../../compiler/driver/cuda-source.js";
import { bitsValue } from "../../compiler/cli/selections.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { selectedUnits, selectedWords, type SelectedBits } from "../../runtime/launch/selection/lists.js";
import { emulatedLibraries } from "../cuda/driver.js";
import { emulatedDevice, type EmulatedDevice } from "../cuda/emulated-device.js";
import { nvcc, withoutNvcc } from "../cuda/nvcc.js";
import { guarded } from "../select/guarded.js";
import { moduleOfText } from "../targets/library-modules.js";
import { cProgram, type CCall } from "./c-program.js";
import { dense, greatestDifference, noise } from "./dense.js";
import { BLOCK, gated, layered, moba } from "./selecting.js";

const libraries = emulatedLibraries();
const why = typeof libraries === "string" ? ` (skipped: ${libraries})` : "";
const [HEADS, KV_HEADS, DIM] = [4, 2, 8];

/** Keys that a few probing queries look at, as a list: with a number that the host computes for each head. */
const columns = moduleOfText(`
attention columns(n = 7) {
  space  seq causal
  shape  heads: 4, kv_heads: 2, dim: 8
  probe  p = softmax(dot(q.last(4), k) * scale)
  select c {
    unit  k: token
    score sum(p, over: q)
    keep  top_p(0.1 + 0.2 * log(2 + h)) min n
    force first(1)
  }
  attend c | local(5)
}`);

interface Call {
  readonly batch: number;
  readonly n: number;
  readonly nq: number;
}

describe.skipIf(typeof libraries === "string")(`selections of the launcher in C${why}`, () => {
  const device = emulatedDevice() as EmulatedDevice;
  afterAll(() => device.reset());

  const tensors = ({ batch, n, nq }: Call, seed: number) => ({
    q: noise(batch * HEADS * nq * DIM, seed),
    k: noise(batch * KV_HEADS * n * DIM, seed + 1),
    v: noise(batch * KV_HEADS * n * DIM, seed + 2),
  });

  /** Launches, and gives what was selected under the name of a field. */
  function launcher(mask: MaskModule, name: string, before = "") {
    const program = cProgram(mask, "sm_90a", ["f32"], before);
    return (at: Call, t: ReturnType<typeof tensors>, shape: Omit<SelectedBits, "words">, more: CCall = {}) => {
      const { batch, n, nq } = at;
      const out = device.buffer(batch * HEADS * nq * DIM * 4);
      const words = device.holding(new Uint32Array(selectedWords(shape)).fill(0xffffffff));
      const call: Record<string, CCall[string]> = {
        ...program.defaults(),
        ...{ q: device.holding(t.q).pointer, k: device.holding(t.k).pointer, v: device.holding(t.v).pointer, out: out.pointer },
        ...{ batch, heads: HEADS, kv_heads: KV_HEADS, queries: nq, keys: n, [`selected_${name}`]: words.pointer },
        ...more,
      };
      const { status, bytes } = program.workspace(call);
      if (status !== 0) return { error: program.error() };
      if (program.launch({ ...call, workspace: device.buffer(bytes).pointer, workspace_bytes: bytes }) !== 0)
        return { error: program.error() };
      const bits: SelectedBits = { ...shape, words: words.download(new Uint32Array(selectedWords(shape))) };
      return { out: out.download(new Float32Array(batch * HEADS * nq * DIM)), bits };
    };
  }

  function expectDense(
    mask: MaskModule,
    at: Call,
    t: ReturnType<typeof tensors>,
    name: string,
    found: { out?: Float32Array; bits?: SelectedBits },
  ) {
    const { batch, n, nq } = at;
    const env = { N: n, NQ: nq, heads: HEADS, kvHeads: KV_HEADS, inputs: { [name]: bitsValue(found.bits!) } };
    const { out } = dense(mask, { batch, env, headDim: DIM, valueDim: DIM, ...t });
    expect(greatestDifference(found.out!, out)).toBeLessThan(1e-5);
  }

  test("blocks by their mean keys", () => {
    const at = { batch: 2, n: 77, nq: 30 };
    const t = tensors(at, 1);
    const shape = { batch: 2, heads: HEADS, rows: 30, columns: Math.ceil(77 / BLOCK) };
    const found = launcher(moba.mask, "b")(at, t, shape);
    expectDense(moba.mask, at, t, "b", found);
    expect(selectedUnits(found.bits!, 1, 3, 29)).toHaveLength(3);
    // One head of one batch entry at a time, and strips of its queries.
    const inParts = launcher(moba.mask, "b", "#define ATTNC_SELECTION_BYTES 1024\n");
    expect(inParts(at, t, shape)).toEqual(found);
    const long = { batch: 1, n: 8000, nq: 1 };
    expect(inParts(long, tensors(long, 1), { ...shape, batch: 1, rows: 1, columns: 1000 }).error).toMatch(
      /^the selections' intermediate results: expected at most 1024 bytes \(ATTNC_SELECTION_BYTES\), found \d+ bytes for the least/,
    );
    expect(inParts({ ...at, n: 20 }, t, shape).error).toMatch(/^queries: expected at most as many as keys/);
    device.freeBuffers();
  });

  test("lists of keys, by numbers of each head", () => {
    const at = { batch: 1, n: 150, nq: 33 };
    const t = tensors(at, 4);
    const found = launcher(columns, "c")(at, t, { batch: 1, heads: HEADS, rows: 1, columns: 150 });
    expectDense(columns, at, t, "c", found);
    const counts = Array.from({ length: HEADS }, (_, h) => selectedUnits(found.bits!, 0, h, 0).length);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(7);
    expect(new Set(counts).size).toBeGreaterThan(1);
    device.freeBuffers();
  });

  test("rows that stay while their queries are alike", () => {
    const mask = guarded("");
    const at = { batch: 1, n: 30, nq: 2 };
    const t = tensors(at, 3);
    const shape = { batch: 1, heads: HEADS, rows: 1, columns: 8 };
    const launch = launcher(mask, "best");
    const queries = device.buffer(HEADS * DIM * 4);
    const first = launch(at, t, shape, { selected_best_query: queries.pointer });
    const mean = Float32Array.from({ length: HEADS * DIM }, (_, i) => {
      const [h, d] = [Math.floor(i / DIM), i % DIM];
      return (t.q[h * 2 * DIM + d]! + t.q[(h * 2 + 1) * DIM + d]!) / 2;
    });
    expect(queries.download(new Float32Array(HEADS * DIM))).toEqual(mean);
    // Two of the heads turn round.
    const turned = { ...t, q: t.q.map((x, i) => (i < t.q.length / 2 ? x * 2 : -x)) };
    const given = { reuse_best: device.holding(new Uint32Array(HEADS).fill(1)).pointer, reuse_best_query: device.holding(mean).pointer };
    const second = launch(at, turned, shape, given);
    expect([...second.bits!.words].map((word) => word === 1)).toEqual([true, true, false, false]);
    expectDense(mask, at, turned, "best", second);
    // Nothing is like what was not given.
    expect(launch(at, t, shape)).toEqual(first);
    expect(launch(at, t, shape, { reuse_best: given.reuse_best }).error).toBe(
      "reuse_best_query: expected what the launch that made best gave out beside it, found NULL",
    );
    device.freeBuffers();
  });

  test("layers that reuse a choice, and steps", () => {
    const at = { batch: 1, n: 60, nq: 1 };
    const t = tensors(at, 9);
    const shape = { batch: 1, heads: KV_HEADS, rows: 1, columns: 60 };
    const launch = launcher(layered.mask, "top_tokens");
    const first = launch(at, t, shape, { layer: 2 });
    expect(selectedUnits(first.bits!, 0, 1, 0)).toHaveLength(12);
    expect(launch(at, t, shape, { layer: 3 }).error).toBe("reuse_top_tokens: expected the selection of an earlier launch, found NULL");
    const given = { reuse_top_tokens: device.holding(first.bits!.words).pointer };
    expect(launch(at, t, shape, { layer: 2, ...given }).error).toBe("reuse_top_tokens: expected NULL, as this launch makes the selection");
    const later = tensors({ ...at, n: 64 }, 12);
    const second = launch({ ...at, n: 64 }, later, { ...shape, columns: 64 }, { layer: 5, ...given, reuse_top_tokens_columns: 60 });
    expect(selectedUnits(second.bits!, 0, 1, 0)).toEqual([...selectedUnits(first.bits!, 0, 1, 0), 60, 61, 62, 63]);
    expectDense(layered.mask, { ...at, n: 64 }, later, "top_tokens", second);
    device.freeBuffers();
  });

  test("scores by the caller", () => {
    const at = { batch: 1, n: 48, nq: 24 };
    const t = tensors(at, 5);
    const gate = noise(HEADS * 3 * 6, 7);
    const shape = { batch: 1, heads: HEADS, rows: 3, columns: 6 };
    const launch = launcher(gated.mask, "b");
    const found = launch(at, t, shape, { step: 0, gate: { data: device.holding(gate).pointer, batch: 1, heads: HEADS } });
    expectDense(gated.mask, at, t, "b", found);
    for (let row = 0; row < 3; row++) expect(selectedUnits(found.bits!, 0, 2, row)).toContain(3 + row);
    expect(launch(at, t, shape, { step: 0, gate: { data: 0n, batch: 1, heads: HEADS } }).error).toBe(
      "gate.data: expected a pointer, found NULL",
    );
    expect(launch(at, t, shape, { step: 0, gate: { data: 16n, batch: 1, heads: 3 } }).error).toBe(
      "gate.heads: expected 1, 2 or 4, found 3",
    );
    device.freeBuffers();
  });
});

test.skipIf(withoutNvcc)(
  `nvcc compiles them without a warning${withoutNvcc ? ` (skipped: ${withoutNvcc})` : ""}`,
  { timeout: 300_000 },
  () => {
    for (const mask of [moba.mask, columns, layered.mask, gated.mask]) {
      const { ok, log } = nvcc(cudaSource(compileCuda(mask, { headDims: [], dtypes: ["f32", "bf16"] })), "sm_80");
      expect(ok, log).toBe(true);
      expect(log.match(/\b[1-9]\d* bytes spill/g), log).toBe(null);
    }
  },
);
