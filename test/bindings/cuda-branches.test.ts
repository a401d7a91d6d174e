import { expect, test, vi } from "vitest";
import { loadBranched } from "../../compiler/cli/branched-executor.js";
import { openExecutor } from "../../compiler/cli/executor.js";
import { cudaBranchedModule } from "../../compiler/driver/cuda-launch.js";
import { compileCudaBranched, cudaBranchedSource } from "../../compiler/driver/cuda-source.js";
import type { BranchedMask } from "../../compiler/mask/branched.js";
import { createCudaBranchedAttention, type CudaBranchedAttention, type CudaDevice, type SelectedBits } from "../../runtime/cuda-node.js";
import { nvccProblem, withoutNvcc } from "../cuda/nvcc.js";
import { emulatedTest, useEmulatedGpu } from "../runtime/cuda/emulated.js";
import { compile } from "../semantics/compile.js";
import { branchedCProgram, type CCall } from "./c-program.js";
import { greatestDifference, noise } from "./dense.js";

useEmulatedGpu();

const [HEADS, KV_HEADS, DIM] = [4, 2, 8];
const SHAPE = `shape  heads: ${HEADS}, kv_heads: ${KV_HEADS}, dim: ${DIM}`;

/** Three kinds of keys, a selection that reads one of them, and gates. */
const GATED = `attention gated(n = 2, window: runtime = 12) {
  space  seq causal
  ${SHAPE}
  input  ck, cv : pooled(8, 4)
  input  g      : gate(3)
  select best {
    unit  q: token, k: block(8)
    score fold(softmax(dot(q, ck) * scale, where: end(ck) <= start(q)), 1, 2, 1)
    keep  top(n)
    force local(1)
  }
  branch compressed { attend end(k) <= q from ck, cv }
  branch selected { attend best }
  branch near { attend q - k <= window }
  output sigmoid(g[0]) * compressed + tanh(g[1]) * selected - g[2] * near
}`;

const MERGED = `attention merged(window: runtime = 12) {
  space  seq causal
  ${SHAPE}
  input  doc    : ids
  input  ck, cv : pooled(8, 8)
  branch near { attend q - k < window & doc[q] == doc[k] }
  branch far { attend end(k) <= q - window from ck, cv }
  output merge(near, 8 * far)
  emit   lse
}`;

/** Blocks of keys that are read one by one, or by windows of 8; the choice of the second is made by the branch over windows alone. */
const LEVELS = `attention levels(window: runtime = 12) {
  space  seq causal
  ${SHAPE}
  input  doc    : ids
  input  ck, cv : pooled(8, 8)
  select lv {
    unit  q: block(8), k: block(16)
    score softmax(dot(mean(q), mean(k)) * scale)
    keep  levels(1: top_p(0.4), 8: top_p(0.9))
  }
  branch whole { attend lv.level(1) | doc[q] == doc[k] & q - k < window & !lv }
  branch eighths { attend lv.level(8) & q - end(k) >= 0.1 * N from ck, cv }
  output merge(whole, 8 * eighths)
  emit   lse
}`;

function maskOf(text: string): BranchedMask {
  const { branched, diagnostics } = compile(text);
  expect(diagnostics.filter((each) => each.severity === "error")).toEqual([]);
  return branched[0]!;
}

interface Problem {
  readonly mask: BranchedMask;
  readonly lengths: { readonly n: number; readonly nq: number };
  readonly arrays: Readonly<Record<"q" | "k" | "v", Float32Array>>;
  /** Gates and pooled tensors. */
  readonly floats: Readonly<Record<string, Float32Array>>;
  readonly doc?: Int32Array | undefined;
  readonly params: Readonly<Record<string, number>>;
}

function problem(mask: BranchedMask, n: number, nq: number, params: Problem["params"] = {}): Problem {
  const windows = (stride: number): number => (n < 8 ? 0 : Math.floor((n - 8) / stride) + 1);
  const gated = mask.gates.length > 0;
  const rows = KV_HEADS * windows(gated ? 4 : 8) * DIM;
  return {
    ...{ mask, params, lengths: { n, nq } },
    arrays: { q: noise(HEADS * nq * DIM, 1), k: noise(KV_HEADS * n * DIM, 2), v: noise(KV_HEADS * n * DIM, 3) },
    floats: { ck: noise(rows, 4), cv: noise(rows, 5), ...(gated ? { g: noise(HEADS * nq * 3, 6) } : {}) },
    doc: gated ? undefined : Int32Array.from({ length: n }, (_, i) => Math.floor(i / 9)),
  };
}

/** What the interpreter makes of the branches, mixed in float64. */
async function expected({ mask, lengths: { n, nq }, arrays, floats, doc, params }: Problem) {
  const operator = await loadBranched(await openExecutor("interpreter"), mask, false);
  const ck = { kind: "floats", shape: [1, KV_HEADS, floats["ck"]!.length / KV_HEADS / DIM, DIM], data: floats["ck"]! };
  const inputs = doc === undefined ? { ck } : { doc: { kind: "ids", shape: [1, n], data: doc } };
  const call = { batch: 1, heads: HEADS, kvHeads: KV_HEADS, queries: nq, keys: n, params: { window: 12, ...params } };
  return operator.run({ ...arrays, floats }, { ...call, inputs: inputs as never });
}

async function onNode(device: CudaDevice, { mask, lengths: { n, nq }, arrays, floats, doc, params }: Problem) {
  const operator = await createCudaBranchedAttention(device, cudaBranchedModule(mask));
  const selects = mask.selections.length > 0;
  const given = { ...arrays, ...floats, ...(doc === undefined ? {} : { doc }), ...(selects ? { selected: true } : {}) };
  const result = await operator.run(given, { queryLength: nq, keyLength: n, params });
  operator.destroy();
  return result;
}

interface Found {
  readonly out?: Float32Array;
  readonly lse?: Float32Array;
  readonly error?: string;
}

/** The launcher in C, on the same device's memory. */
function inC(device: CudaDevice, program: ReturnType<typeof branchedCProgram>, of: Problem, more: CCall = {}): Found {
  const { lengths, arrays, floats, doc, params, mask } = of;
  const { n: keys, nq: queries } = lengths;
  const upload = (data: ArrayBufferView): bigint => {
    const pointer = device.allocate(Math.max(16, data.byteLength));
    if (data.byteLength > 0) device.upload(pointer, data);
    return pointer;
  };
  const each = (all: Readonly<Record<string, ArrayBufferView>>): CCall =>
    Object.fromEntries(Object.entries(all).map(([name, data]) => [name, upload(data)]));
  const out = device.allocate(arrays.q.byteLength);
  const lse = device.allocate(HEADS * queries * 4);
  const merges = mask.gates.length === 0;
  const call: CCall = {
    ...program.defaults(),
    ...each(arrays),
    ...each(floats),
    ...(doc === undefined ? {} : { doc: { data: upload(doc), batch: 1, heads: 1, entries: 0, indices: 0n, index_count: 0 } }),
    ...params,
    ...{ out, ...(merges ? { lse } : {}), queries, keys },
    ...more,
  };
  const { status, bytes } = program.workspace(call);
  if (status !== 0) return { error: program.error() };
  if (program.launch({ ...call, workspace: device.allocate(bytes), workspace_bytes: bytes }) !== 0) return { error: program.error() };
  const found = { out: new Float32Array(HEADS * queries * DIM), lse: new Float32Array(merges ? HEADS * queries : 0) };
  device.download(found.out, out);
  if (merges) device.download(found.lse, lse);
  return found;
}

/** The selections without the attentions: gates and values are not needed, what the selection reads is. */
function selectAlone(device: CudaDevice, operator: CudaBranchedAttention, { arrays, floats, lengths }: Problem, words: bigint): void {
  const upload = (data: Float32Array): bigint => {
    const pointer = device.allocate(data.byteLength);
    device.upload(pointer, data);
    return pointer;
  };
  const tensors = { q: upload(arrays.q), k: upload(arrays.k), selected: { best: words } };
  const ck = { pointer: upload(floats["ck"]!), elements: floats["ck"]!.length };
  const call = { queryLength: lengths.nq, keyLength: lengths.n };
  operator.select({ ...tensors, inputs: { ck } }, call);
  expect(() => operator.select({ ...tensors, inputs: {} }, call)).toThrow(/ATTN5205: ck/);
  expect(() => operator.select({ ...tensors, inputs: { ck, g: ck, x: ck } }, call)).toThrow(/ATTN5205: x/);
  expect(() => operator.select({ ...tensors, inputs: { ck }, selected: { worst: words } }, call)).toThrow(/ATTN5214: selected.worst/);
  expect(() => operator.select({ ...tensors, inputs: { ck }, selected: { best: tensors.q } }, call)).toThrow(/ATTN5307/);
  operator.destroy();
  expect(() => operator.select({ ...tensors, inputs: { ck } }, call)).toThrow(/ATTN5107/);
}

emulatedTest(
  "gates: on arrays, and by the launcher in C",
  async (device) => {
    const mask = maskOf(GATED);
    const program = branchedCProgram(mask, "sm_90a");
    const whole = problem(mask, 45, 20);
    const uploads = vi.spyOn(device, "upload");
    const { out, selected } = await onNode(device, whole);
    // The keys that a branch attends from and a selection scores are on the device once.
    const ofKeys = uploads.mock.calls.filter(([, data]) => (data as Float32Array)[0] === whole.floats["ck"]![0]);
    expect(ofKeys.length).toBe(1);
    uploads.mockRestore();
    expect(greatestDifference(out, (await expected(whole)).out)).toBeLessThan(1e-5);
    const { best } = selected as { best: SelectedBits };
    expect(best).toMatchObject({ batch: 1, heads: HEADS, rows: 20, columns: 6 });
    const words = device.allocate(best.words.byteLength);
    expect(inC(device, program, whole, { selected_best: words }).out).toEqual(out);
    const given = new Uint32Array(best.words.length);
    device.download(given, words);
    expect(given).toEqual(best.words);
    device.upload(words, new Uint32Array(best.words.length));
    selectAlone(device, await createCudaBranchedAttention(device, cudaBranchedModule(mask)), whole, words);
    device.download(given, words);
    expect(given).toEqual(best.words);
    for (const [field, value, message] of [
      ["g", 0n, "g: expected a pointer, found NULL"],
      ["ck", 0n, "ck: expected a pointer, found NULL"],
      ["ck", 8n, /^ck: expected an address that is a multiple of 16/],
      ["queries", 46, "queries: expected at most as many as keys, found 46"],
      ["head_dim", 16, /^no kernel for f32 and dims 16, 8/],
    ] as const) {
      expect(inC(device, program, whole, { [field]: value }).error).toMatch(message);
    }
  },
  120_000,
);

emulatedTest(
  "a merge with weights: on arrays, on pointers, and by the launcher in C",
  async (device) => {
    const mask = maskOf(MERGED);
    const whole = problem(mask, 45, 20, { window: 5 });
    const found = await onNode(device, whole);
    const wanted = await expected(whole);
    expect(greatestDifference(found.out, wanted.out)).toBeLessThan(1e-5);
    expect(greatestDifference(found.lse!, wanted.lse!)).toBeLessThan(1e-5);
    const program = branchedCProgram(mask, "sm_90a");
    expect(inC(device, program, whole)).toEqual({ out: found.out, lse: found.lse });
    // No window fits: that branch counts for nothing, whatever lay in its place.
    const short = problem(mask, 7, 7, { window: 3 });
    const few = await onNode(device, short);
    expect(greatestDifference(few.out, (await expected(short)).out)).toBeLessThan(1e-5);
    expect(inC(device, program, short, { ck: 0n, cv: 0n }).out).toEqual(few.out);
    const operator = await createCudaBranchedAttention(device, cudaBranchedModule(mask));
    const call = { queryLength: 20, keyLength: 45, params: { window: 5 } };
    const pointer = device.allocate(1 << 16);
    const at = (i: number): bigint => pointer + BigInt(4096 * i);
    const tensors = { q: at(0), k: at(1), v: at(2), out: at(3), lse: at(4) };
    const ck = { pointer: at(5), shape: [1, KV_HEADS, 5, DIM] };
    const inputs = { doc: { pointer: at(7), elements: 45 }, ck, cv: { ...ck, pointer: at(6) } };
    operator.launch({ ...tensors, inputs }, call);
    expect(() => operator.launch({ ...tensors, inputs: { ...inputs, ck: { ...ck, shape: [1, KV_HEADS, 4, DIM] } } }, call)).toThrow(
      /ATTN5206: ck: expected \[1, 2, 5, 8\], found \[1, 2, 4, 8\]/,
    );
    expect(() => operator.launch({ ...tensors, out: at(5), inputs }, call)).toThrow(/ATTN5307: out: .*`ck`/s);
    expect(() => operator.launch({ ...tensors, inputs: { ...inputs, cv: undefined } }, call)).toThrow(/ATTN5205: cv/);
    operator.destroy();
    expect(() => operator.launch({ ...tensors, inputs }, call)).toThrow(/ATTN5107/);
  },
  120_000,
);

emulatedTest(
  "levels over windows of keys: selections are those of the call, also where it has no window",
  async (device) => {
    const mask = maskOf(LEVELS);
    const program = branchedCProgram(mask, "sm_90a");
    for (const [n, nq] of [
      [45, 20],
      [7, 5],
    ] as const) {
      const whole = problem(mask, n, nq, { window: 5 });
      const { out, lse, selected } = await onNode(device, whole);
      const wanted = await expected(whole);
      expect(greatestDifference(out, wanted.out)).toBeLessThan(1e-5);
      expect(greatestDifference(lse!, wanted.lse!)).toBeLessThan(1e-5);
      const { lv_8 } = selected as { lv_8: SelectedBits };
      expect(lv_8).toMatchObject({ heads: HEADS, columns: Math.ceil(n / 16) });
      expect(lv_8.words.some((word) => word !== 0)).toBe(true);
      const words = device.allocate(lv_8.words.byteLength);
      const empty: CCall = n < 8 ? { ck: 0n, cv: 0n } : {};
      expect(inC(device, program, whole, { ...empty, selected_lv_8: words })).toEqual({ out, lse });
      const given = new Uint32Array(lv_8.words.length);
      device.download(given, words);
      expect(given).toEqual(lv_8.words);
      // By themselves, without a look at the windows.
      const operator = await createCudaBranchedAttention(device, cudaBranchedModule(mask));
      const [q, k, doc] = [whole.arrays.q, whole.arrays.k, whole.doc!].map((data) => {
        const pointer = device.allocate(data.byteLength);
        device.upload(pointer, data);
        return pointer;
      }) as [bigint, bigint, bigint];
      device.upload(words, new Uint32Array(given.length));
      const inputs = { doc: { pointer: doc, elements: n } };
      operator.select({ q, k, inputs, selected: { lv_8: words } }, { queryLength: nq, keyLength: n, params: { window: 5 } });
      device.download(given, words);
      expect(given).toEqual(lv_8.words);
      operator.destroy();
    }
  },
  120_000,
);

test.skipIf(withoutNvcc)(
  `nvcc compiles them with their launchers${withoutNvcc === undefined ? "" : ` (skipped: ${withoutNvcc})`}`,
  () => {
    for (const text of [GATED, LEVELS]) {
      const operator = compileCudaBranched(maskOf(text), { headDims: [], dtypes: [] });
      expect(nvccProblem(cudaBranchedSource(operator), "sm_80")).toBe("");
    }
  },
  120_000,
);
