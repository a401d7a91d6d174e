import { afterEach, describe, expect, test } from "vitest";
import { printPrimitives } from "../../compiler/targets/cuda/primitives/index.js";
import { emulatedDevice } from "./emulated-device.js";

const device = emulatedDevice();
const skipped = typeof device === "string" ? device : undefined;
const title = (name: string) => (skipped ? `${name} (skipped: ${skipped})` : name);

const kernel = (threads: number, parameters: string, body: string) => `${printPrimitives(["common", "sm80", "sm90"])}
extern __shared__ __align__(1024) unsigned char shared_memory[];
extern "C" __global__ void __launch_bounds__(${threads}) test(${parameters}) {
${body}
}`;
const seeds = [0, 1, 2, 3, 4, 5, 6, 7];
const counting = (count: number) => Float32Array.from({ length: count }, (_, i) => i + 1);

interface Subject {
  readonly threads: number;
  readonly parameters: string;
  readonly body: string;
  readonly sharedBytes: number;
}

/** Each thread gives a number and takes one that another thread has given. */
const exchange = (barrier: string, shift: number): Subject => ({
  threads: 128,
  parameters: "const float* in, float* out",
  body: `
    float* shared = reinterpret_cast<float*>(shared_memory);
    shared[threadIdx.x] = in[threadIdx.x];
    ${barrier}
    out[threadIdx.x] = shared[(threadIdx.x + ${shift}) % 128];`,
  sharedBytes: 512,
});

/** Four tiles go through one buffer from a warp that copies to two that read. */
const pipeline = (waitFull: string, afterRead: string, readers = 2): Subject => ({
  threads: 96,
  parameters: "const __grid_constant__ TensorMap map, float* out",
  body: `
    unsigned long long* full = reinterpret_cast<unsigned long long*>(shared_memory + 512);
    unsigned long long* empty = full + 1;
    if (threadIdx.x == 0) { barrier_init(full, 1); barrier_init(empty, ${readers}); barrier_fence_init(); }
    block_barrier();
    if (threadIdx.x >= 64) {
      if (threadIdx.x != 64) return;
      for (int i = 0; i < 4; i++) {
        barrier_wait(empty, i & 1 ^ 1);
        barrier_expect(full, 512);
        copy_tensor_4d(shared_memory, &map, full, 0, i, 0, 0);
      }
      return;
    }
    for (int i = 0; i < 4; i++) {
      ${waitFull}
      out[128 * i + threadIdx.x] = reinterpret_cast<float*>(shared_memory)[threadIdx.x];
      out[128 * i + threadIdx.x + 64] = reinterpret_cast<float*>(shared_memory)[threadIdx.x + 64];
      ${afterRead}
      if (threadIdx.x % ${64 / readers} == 0) barrier_arrive(empty);
    }`,
  sharedBytes: 528,
});
/** As pipeline, with a warpgroup that multiplies the same [64, 64] of each tile by itself transposed. */
const products = (beforeRelease: string, afterRelease: string, releasing = 4): Subject => ({
  threads: 160,
  parameters: "const __grid_constant__ TensorMap map, float* out",
  body: `
    unsigned long long* full = reinterpret_cast<unsigned long long*>(shared_memory + 8192);
    unsigned long long* empty = full + 1;
    if (threadIdx.x == 0) { barrier_init(full, 1); barrier_init(empty, ${releasing}); barrier_fence_init(); }
    block_barrier();
    if (threadIdx.x >= 128) {
      if (threadIdx.x != 128) return;
      for (int i = 0; i < 4; i++) {
        barrier_wait(empty, i & 1 ^ 1);
        barrier_expect(full, 8192);
        copy_tensor_4d(shared_memory, &map, full, 0, 64 * i, 0, 0);
      }
      return;
    }
    float d[32];
    const unsigned long long matrix = wgmma_descriptor(shared_memory, 16, 1024, 128);
    for (int i = 0; i < 4; i++) {
      barrier_wait(full, i & 1);
      wgmma_fence();
      wgmma_shared<f16, 64, false>(d, matrix, matrix, i != 0);
      wgmma_commit();
      ${beforeRelease}
      if (threadIdx.x % ${128 / releasing} == 0) barrier_arrive(empty);
      ${afterRelease}
    }
    for (int j = 0; j < 32; j++) out[threadIdx.x * 32 + j] = d[j];`,
  sharedBytes: 8208,
});
const waitFull = "barrier_wait(full, i & 1);";

describe.skipIf(skipped)(title("races of an emulated kernel"), () => {
  if (typeof device === "string") return;
  afterEach(() => device.reset());

  /** What is wrong with each seed: a message, "wrong" for numbers, or "". */
  const outcomes = ({ threads, parameters, body, sharedBytes }: Subject, checked: boolean, right: (i: number) => number, count: number) => {
    const run = device.compile(kernel(threads, parameters, body), { checked });
    return seeds.map((seed) => {
      const [input, out] = [device.holding(counting(count)), device.buffer(4 * count)];
      const strides = [512, 2048, 2048];
      const source = parameters.includes("TensorMap")
        ? device.tensorMap({ dtype: "f32", buffer: input, sizes: [128, 4, 1, 1], strides, box: [128, 1, 1, 1], swizzle: 0 })
        : input;
      const failed = run("test", { grid: 1, block: threads, sharedBytes, seed }, [source, out]);
      return failed || (out.download(new Float32Array(count)).some((x, i) => x !== right(i)) ? "wrong" : "");
    });
  };
  const exchanged = (barrier: string, shift: number, checked: boolean) =>
    outcomes(exchange(barrier, shift), checked, (i) => ((i + shift) % 128) + 1, 128);
  const piped = (subject: Subject, checked: boolean) => outcomes(subject, checked, (i) => i + 1, 512);
  /** Ones: each number of the sum is as many as there were columns. */
  const multiplied = (subject: Subject, checked: boolean) => {
    const run = device.compile(kernel(subject.threads, subject.parameters, subject.body), { checked });
    return seeds.map((seed) => {
      const [input, out] = [device.holding(new Uint16Array(256 * 64).fill(0x3c00)), device.buffer(4 * 4096)];
      const strides = [128, 32768, 32768];
      const map = device.tensorMap({ dtype: "f16", buffer: input, sizes: [64, 256, 1, 1], strides, box: [64, 64, 1, 1], swizzle: 128 });
      const failed = run("test", { grid: 1, block: subject.threads, sharedBytes: subject.sharedBytes, seed }, [map, out]);
      return failed || (out.download(new Float32Array(4096)).some((x) => x !== 4 * 16) ? "wrong" : "");
    });
  };
  const quiet = seeds.map(() => "");
  const badOf = (found: readonly string[]) => found.filter((outcome) => outcome !== "").length;

  describe.each([false, true])("where there are none, checked: %s", (checked) => {
    test.each([1, 32, 127])("between neighbours at %i", (shift) => {
      expect(exchanged("block_barrier();", shift, checked)).toEqual(quiet);
      expect(exchanged("group_barrier(3, 128);", shift, checked)).toEqual(quiet);
    });
    test("in a pipeline", () => {
      expect(piped(pipeline(waitFull, "warp_barrier();"), checked)).toEqual(quiet);
    });
  });

  test.each([false, true])("where products are waited for, checked: %s", (checked) => {
    for (const releasing of [1, 4, 128]) expect(multiplied(products("wgmma_wait<0>();", "", releasing), checked)).toEqual(quiet);
  });

  describe("show as wrong numbers in some order", () => {
    test("between warps", () => expect(badOf(exchanged("warp_barrier();", 32, false))).toBeGreaterThan(4));
    test("within a warp", () => expect(badOf(exchanged("", 1, false))).toBeGreaterThan(4));
    test("of a copy with readers of what was there before", () => {
      expect(badOf(piped(pipeline(waitFull, "warp_barrier();", 1), false))).toBeGreaterThan(0);
    });
  });

  describe("are told of in every order when it is checked", () => {
    const toldOf = (found: readonly string[], message: RegExp) => {
      for (const outcome of found) expect(outcome).toMatch(message);
    };
    const race = /^unspecified launch failure: test, block 0, thread \d+: race in shared memory at \d+: /;

    test("between warps, in words", () => {
      const found = exchanged("warp_barrier();", 32, true);
      expect(found[0]).toBe(
        "unspecified launch failure: test, block 0, thread 32: race in shared memory at 128: a store writes over what thread 0 has read, and nothing orders the two",
      );
      toldOf(found, race);
    });
    test("within a warp", () => toldOf(exchanged("", 1, true), race));
    test("of a copy with readers of what was there before", () => {
      toldOf(piped(pipeline(waitFull, "warp_barrier();", 1), true), race);
    });
    test("of a copy that one lane alone has waited for", () => {
      toldOf(piped(pipeline(`if (threadIdx.x % 32 == 0) ${waitFull}`, "warp_barrier();"), true), race);
    });
    test("of a product that is not waited for", () => {
      toldOf(multiplied(products("", "wgmma_wait<0>();"), true), race);
      toldOf(multiplied(products("", "wgmma_wait<0>();", 128), true), race);
    });
    test("of a load whose result was not needed yet, but not of one whose lanes have met since", () => {
      const given = "shared[threadIdx.x] = 1.0f;\nblock_barrier();\nfloat x = shared[threadIdx.x ^ 1];";
      const subject = (met: string): Subject => ({
        ...exchange("", 0),
        body: `float* shared = reinterpret_cast<float*>(shared_memory);\n${given}\n${met}\nshared[threadIdx.x] = 2.0f;\nout[threadIdx.x] = x;`,
      });
      toldOf(
        outcomes(subject(""), true, () => 1, 128),
        race,
      );
      expect(outcomes(subject("x = shuffle_xor(x, 1);"), true, () => 1, 128)).toEqual(quiet);
    });
    test("of lanes for which one says that all have read", () => toldOf(piped(pipeline(waitFull, ""), true), race));
  });
});
