import { afterEach, describe, expect, test } from "vitest";
import { printPrimitives } from "../../compiler/targets/cuda/primitives/index.js";
import { emulatedDevice, type Parameter } from "./emulated-device.js";
import { decode, encode } from "./half-words.js";

const device = emulatedDevice();
const skipped = typeof device === "string" ? device : undefined;
const title = (name: string) => (skipped ? `${name} (skipped: ${skipped})` : name);

const head = `${printPrimitives(["common", "sm80", "sm90"])}
extern __shared__ __align__(1024) unsigned char shared_memory[];
`;
const kernel = (threads: number, parameters: string, body: string) =>
  `${head}extern "C" __global__ void __launch_bounds__(${threads}) test(${parameters}) {\n${body}\n}`;

describe.skipIf(skipped)(title("the emulated device"), () => {
  if (typeof device === "string") return;
  afterEach(() => device.reset());

  /** Runs a kernel `test` of one block. What went wrong, or "". */
  const once = (threads: number, parameters: string, body: string, given: readonly Parameter[], sharedBytes = 0, seed = 0) =>
    device.compile(kernel(threads, parameters, body))("test", { grid: 1, block: threads, sharedBytes, seed }, given);
  const counting = (count: number) => Float32Array.from({ length: count }, (_, i) => i + 1);

  describe("takes asynchronous copies", () => {
    const copy = (wait: string) => `
      float* shared = reinterpret_cast<float*>(shared_memory);
      copy_async_16(shared + 4 * threadIdx.x, in + 4 * threadIdx.x, threadIdx.x != 5);
      copies_commit();
      copy_async_16(shared + 128 + 4 * threadIdx.x, in, true);
      copies_commit();
      ${wait}
      block_barrier();
      for (int i = threadIdx.x; i < 256; i += 32) out[i] = shared[i];`;
    const run = (wait: string) => {
      const [input, out] = [device.holding(counting(128)), device.buffer(1024)];
      expect(once(32, "const float* in, float* out", copy(wait), [input, out], 1024)).toBe("");
      return out.download(new Float32Array(256));
    };
    const copied = (i: number) => (Math.floor(i / 4) === 5 ? 0 : i + 1);

    test("when all groups are waited for", () => {
      const found = run("copies_wait<0>();");
      for (let i = 0; i < 128; i++) expect([found[i], found[128 + i]]).toEqual([copied(i), (i % 4) + 1]);
    });
    test("of the groups that are waited for, and not before", () => {
      const found = run("copies_wait<1>();");
      for (let i = 0; i < 128; i++) expect([found[i], found[128 + i]]).toEqual([copied(i), NaN]);
    });
    test("not at all without a wait", () => {
      expect(run("").every(Number.isNaN)).toBe(true);
    });
  });

  describe("takes tensor copies", () => {
    /** A box [4, 8] of words from a tensor [2, 3, 10, 20], or to it. */
    const load = (wait: string, bytes: number) => `
      unsigned long long* barrier = reinterpret_cast<unsigned long long*>(shared_memory + 1024);
      if (threadIdx.x == 0) { barrier_init(barrier, 1); barrier_fence_init(); }
      block_barrier();
      if (threadIdx.x == 0) {
        barrier_expect(barrier, ${bytes});
        copy_tensor_4d(shared_memory, &map, barrier, x, y, 2, 1);
      }
      ${wait}
      for (int i = 0; i < 4; i++) out[threadIdx.x + 32 * i] = reinterpret_cast<float*>(shared_memory)[threadIdx.x + 32 * i];
      block_barrier();
      barrier_wait(barrier, 0);`;
    const run = (wait: string, bytes: number, x: number, y: number) => {
      const [input, out] = [device.holding(counting(1200)), device.buffer(512)];
      const strides = [80, 800, 2400];
      const map = device.tensorMap({ dtype: "f32", buffer: input, sizes: [20, 10, 3, 2], strides, box: [8, 4, 1, 1], swizzle: 0 });
      const parameters = "const __grid_constant__ TensorMap map, float* out, int x, int y";
      const failed = once(32, parameters, load(wait, bytes), [map, out, x, y], 1032);
      return { failed, found: failed === "" ? [...out.download(new Float32Array(128))].slice(0, 32) : [] };
    };
    const expected = (x: number, y: number) =>
      Array.from({ length: 32 }, (_, i) => {
        const [column, row] = [x + (i % 8), y + Math.floor(i / 8)];
        return column >= 0 && column < 20 && row >= 0 && row < 10 ? 600 + 400 + 20 * row + column + 1 : 0;
      });

    test.each([
      [4, 3],
      [16, 8],
      [-3, -2],
    ])("with zeros outside of the tensor, from (%i, %i) on", (x, y) => {
      expect(run("barrier_wait(barrier, 0);", 128, x, y)).toEqual({ failed: "", found: expected(x, y) });
    });
    test("not before the barrier is waited for", () => {
      const { failed, found } = run("", 128, 4, 3);
      expect(failed).toBe("");
      expect(found.every(Number.isNaN)).toBe(true);
    });
    test("and counts their bytes", () => {
      expect(run("", 160, 0, 0).failed).toBe(
        "unspecified launch failure: test, block 0: deadlock: threads 0 to 31 wait in barrier_wait (barrier at 1024, phase 0: 0 of 1 arrivals and 32 bytes are missing)",
      );
      expect(run("", 96, 0, 0).failed).toBe(
        "unspecified launch failure: test, block 0, thread 30: barrier_wait at 1024: copies have brought 32 bytes more than the phase expects",
      );
    });

    const store = (fence: string) => `
      float* shared = reinterpret_cast<float*>(shared_memory);
      for (int i = threadIdx.x; i < 32; i += 32) shared[i] = (float)i;
      ${fence}
      block_barrier();
      if (threadIdx.x != 0) return;
      copy_tensor_store_4d(&map, shared, 16, 8, 0, 1);
      bulk_commit();
      bulk_wait_read<0>();`;
    const stored = (fence: string) => {
      const out = device.holding(counting(1200));
      const strides = [80, 800, 2400];
      const map = device.tensorMap({ dtype: "f32", buffer: out, sizes: [20, 10, 3, 2], strides, box: [8, 4, 1, 1], swizzle: 0 });
      expect(once(32, "const __grid_constant__ TensorMap map", store(fence), [map], 1024)).toBe("");
      const found = out.download(new Float32Array(1200));
      return found.subarray(600, 800);
    };
    test("to global memory, inside of the tensor only", () => {
      const found = stored("shared_fence_async();");
      for (let i = 0; i < 200; i++) {
        const [row, column] = [Math.floor(i / 20), i % 20];
        expect(found[i]).toBe(row >= 8 && column >= 16 ? 8 * (row - 8) + column - 16 : 601 + i);
      }
    });
    test("to global memory, from stores that a fence has made visible", () => {
      expect(stored("")[8 * 20 + 16]).toBe(NaN);
    });

    test("with the swizzle of 128, 64 and 32 bytes", () => {
      for (const swizzle of [32, 64, 128] as const) {
        const [words, rows] = [swizzle / 2, 16];
        const numbers = Array.from({ length: words * rows }, (_, i) => i);
        const [input, out] = [device.holding(encode("f16", numbers)), device.buffer(2 * words * rows)];
        const sizes = [words, rows, 1, 1];
        const strides = [swizzle, swizzle * rows, swizzle * rows];
        const map = device.tensorMap({ dtype: "f16", buffer: input, sizes, strides, box: sizes, swizzle });
        const body = `
          unsigned long long* barrier = reinterpret_cast<unsigned long long*>(shared_memory + 4096);
          if (threadIdx.x == 0) { barrier_init(barrier, 1); barrier_fence_init(); barrier_expect(barrier, bytes); copy_tensor_4d(shared_memory, &map, barrier, 0, 0, 0, 0); }
          block_barrier();
          barrier_wait(barrier, 0);
          for (int i = threadIdx.x; i < bytes / 2; i += 32) out[i] = reinterpret_cast<unsigned short*>(shared_memory)[i];`;
        const given = [map, out, 2 * words * rows];
        expect(once(32, "const __grid_constant__ TensorMap map, unsigned short* out, int bytes", body, given, 4104)).toBe("");
        const found = decode("f16", out.download(new Uint16Array(words * rows)));
        for (let i = 0; i < found.length; i++) {
          // Sixteen bytes go where their number is crossed with bits of that of the 128 bytes they are in.
          const chunk = Math.floor(i / 8);
          const place = chunk ^ (Math.floor(chunk / 8) & (swizzle / 16 - 1));
          expect(found[8 * place + (i % 8)]).toBe(i);
        }
      }
    });
  });

  test("runs blocks one after another, with atomics between them", () => {
    const out = device.holding(new Int32Array(8));
    const run = device.compile(kernel(32, "int* out", "if (threadIdx.x == 0) out[1 + atomicAdd(out, 1)] = blockIdx.x + 10 * gridDim.x;"));
    expect(run("test", { grid: 3, block: 32 }, [out])).toBe("");
    expect([...out.download(new Int32Array(8))]).toEqual([3, 30, 31, 32, 0, 0, 0, 0]);
  });
});
