import { afterAll, afterEach, describe, expect, test } from "vitest";
import { printPrimitives } from "../../compiler/targets/cuda/primitives/index.js";
import { emulatedDevice, type Parameter } from "./emulated-device.js";

const device = emulatedDevice();
const skipped = typeof device === "string" ? device : undefined;
const title = (name: string) => (skipped ? `${name} (skipped: ${skipped})` : name);

const head = `${printPrimitives(["common", "sm80", "sm90"])}
extern __shared__ __align__(1024) unsigned char shared_memory[];
`;

interface Misuse {
  readonly what: string;
  readonly body: string;
  readonly threads?: number;
  readonly message: string;
}

const launchFailure = "unspecified launch failure: test, block 0";
const illegal = "an illegal memory access was encountered: test, block 0";
const misaligned = "misaligned address: test, block 0";

/** Kernels with a buffer of 64 words and 1024 bytes of shared memory. */
const misuses: readonly Misuse[] = [
  {
    what: "a barrier that some warps do not come to",
    body: "if (threadIdx.x < 32) block_barrier();",
    threads: 64,
    message: `${launchFailure}: deadlock: threads 0 to 31 wait in block_barrier (barrier 0: 32 of 64 threads have come); threads 32 to 63 have ended`,
  },
  {
    what: "a barrier that some lanes do not come to",
    body: "if (threadIdx.x != 7) block_barrier();",
    message: `${launchFailure}: deadlock: threads 0 to 6 wait in block_barrier; thread 7 has ended; threads 8 to 31 wait in block_barrier`,
  },
  {
    what: "lanes at different operations",
    body: "if (threadIdx.x < 16) shuffle_xor(1.0f, 1); else warp_barrier();",
    message: `${launchFailure}, thread 16: lane 16 of warp 0 is at warp_barrier, while others are at shuffle_xor`,
  },
  {
    what: "a shuffle in a part of a warp",
    body: "words[threadIdx.x] = shuffle(1, 0);",
    threads: 16,
    message: `${launchFailure}, thread 0: shuffle needs 32 lanes, and warp 0 has 16`,
  },
  {
    what: "barriers of different sizes under one number",
    body: "group_barrier(1, threadIdx.x < 32 ? 64 : 96);",
    threads: 64,
    message: `${launchFailure}, thread 63: barrier 1 is for 96 threads here and for 64 elsewhere`,
  },
  {
    what: "a barrier that was not made",
    body: "barrier_wait(reinterpret_cast<unsigned long long*>(shared_memory + 64), 0);",
    message: `${launchFailure}, thread 0: barrier_wait: there is no barrier at 64: barrier_init comes first`,
  },
  {
    what: "more arrivals than the barrier has",
    body: `
      unsigned long long* barrier = reinterpret_cast<unsigned long long*>(shared_memory);
      if (threadIdx.x == 0) barrier_init(barrier, 32);
      block_barrier();
      barrier_arrive(barrier);
      if (threadIdx.x != 9) barrier_wait(barrier, 1);
      if (threadIdx.x == 0) { for (int i = 0; i < 33; i++) barrier_expect(barrier, 16); }`,
    message: `${launchFailure}, thread 0: barrier_expect at 0: all 32 threads of the phase have arrived already`,
  },
  {
    what: "a barrier that was written over",
    body: `
      unsigned long long* barrier = reinterpret_cast<unsigned long long*>(shared_memory);
      if (threadIdx.x == 0) { barrier_init(barrier, 1); *barrier = 0; barrier_arrive(barrier); }`,
    message: `${launchFailure}, thread 0: barrier_arrive: the barrier at 0 was written over`,
  },
  {
    what: "a copy that is not aligned",
    body: "copy_async_16(shared_memory + 4 * threadIdx.x, words, true);",
    message: `${misaligned}, thread 1: copy_async_16 at 4, which is not a multiple of 16`,
  },
  {
    what: "a copy from behind a buffer",
    body: "copy_async_16(shared_memory, words + 64, true);",
    message: `${illegal}, thread 0: copy_async_16 from outside of global memory: 0 bytes behind the end of an allocation of 256 bytes of global memory`,
  },
  {
    what: "a copy out of shared memory",
    body: "copy_async_16(shared_memory + 1024, words, true);",
    message: `${illegal}, thread 0: copy_async_16 of 16 bytes at 1024 is outside of the 1024 bytes of shared memory`,
  },
  {
    what: "a matrix that is not in shared memory",
    body: "unsigned int r[4]; load_matrix_x4(r, words);",
    message: `${illegal}, thread 0: load_matrix_x4: the address is not in shared memory`,
  },
  {
    what: "a store behind shared memory",
    body: "shared_memory[1024 + threadIdx.x] = 1;",
    message: `${illegal}: shared memory was written at 1024, behind its 1024 bytes`,
  },
  {
    what: "a load far from a buffer",
    body: "words[0] = words[1024 + threadIdx.x];",
    message: `${illegal}, thread 0: illegal address: 3840 bytes behind the end of an allocation of 256 bytes of global memory`,
  },
  {
    what: "a division by zero",
    body: "words[threadIdx.x] = 7 / (words[32 + threadIdx.x] - words[32 + threadIdx.x]);",
    message: `${launchFailure}, thread 0: an integer was divided by zero`,
  },
  {
    what: "a trap",
    body: "if (threadIdx.x == 3) __trap();",
    message: `${launchFailure}, thread 3: trap`,
  },
  {
    what: "a product whose registers were not fenced",
    body: "float d[16]; wgmma_shared<f16, 32, false>(d, 0, 0, false);",
    threads: 128,
    message: `${launchFailure}, thread 31: wgmma of warp 0 without a wgmma_fence after its registers were used`,
  },
  {
    what: "warps of a group that ask for different products",
    body: "float d[16]; wgmma_fence(); wgmma_shared<f16, 32, false>(d, threadIdx.x / 32, 0, false);",
    threads: 128,
    message: `${launchFailure}, thread 62: the warps of a warpgroup ask for different products (warp 1)`,
  },
  {
    what: "a product that one warp of the group does not start",
    body: "float d[16]; if (threadIdx.x >= 96) return; wgmma_fence(); wgmma_shared<f16, 32, false>(d, 0, 0, false); wgmma_commit(); wgmma_wait<0>();",
    threads: 128,
    message: `${launchFailure}: deadlock: threads 0 to 95 wait in wgmma_wait; threads 96 to 127 have ended`,
  },
  {
    what: "a matrix that reaches out of shared memory",
    body: `
      float d[16];
      wgmma_fence();
      const unsigned long long a = wgmma_descriptor(shared_memory, 16, 1024, 128);
      wgmma_shared<f16, 32, false>(d, a, a, false);
      wgmma_commit();
      wgmma_wait<0>();`,
    threads: 128,
    message: `${illegal}, thread 31: wgmma reads at 1024, outside of the 1024 bytes of shared memory`,
  },
];

describe.skipIf(skipped)(title("the emulated device tells of"), () => {
  if (typeof device === "string") return;
  afterEach(() => device.freeBuffers());
  afterAll(() => device.reset());

  const kernel = (name: string, body: string, threads = 32) =>
    `extern "C" __global__ void __launch_bounds__(${threads}) ${name}(int* words) {\n${body}\n}\n`;
  const kernels = misuses.map(({ body, threads }, i) => kernel(`misuse_${i}`, body, threads));
  const run = device.compile(head + kernels.join("") + kernel("good", "words[threadIdx.x] = 7;") + kernel("behind", "words[60] = 1;"));

  test.each(misuses)("$what", ({ body, threads = 32, message }) => {
    const words: Parameter = device.holding(new Int32Array(64));
    const name = `misuse_${misuses.findIndex((misuse) => misuse.body === body)}`;
    expect(run(name, { grid: 1, block: threads, sharedBytes: 1024 }, [words]).replace(name, "test")).toBe(message);
    // The device goes on.
    expect(run("good", { grid: 1, block: 32 }, [words])).toBe("");
  });

  test("a store between buffers", () => {
    const words = device.holding(new Int32Array(60));
    expect(run("behind", { grid: 1, block: 32 }, [words])).toBe(
      "an illegal memory access was encountered: behind: global memory was written behind an allocation of 240 bytes",
    );
  });

  test("an endless recursion", () => {
    const endless = device.compile(`
      __device__ __attribute__((noinline, optimize("O0"))) int deeper(int x) { volatile char room[4096]; room[x % 4096] = 1; return deeper(x + 1) + room[0]; }
      extern "C" __global__ void __launch_bounds__(32) test(int* words) { words[0] = deeper(0); }`);
    expect(endless("test", { grid: 1, block: 32 }, [device.buffer(4)])).toBe(
      `${illegal}, thread 0: the thread's stack is full: variables of a thread take more than 256 KiB`,
    );
  });

  test("an endless loop, in one thread or among several", () => {
    process.env["ATTNC_EMULATION_SECONDS"] = "1";
    const loops = device.compile(`
      extern "C" __global__ void __launch_bounds__(32) alone(volatile int* words) { while (threadIdx.x == 3 && words[0] == 0) {} }
      extern "C" __global__ void __launch_bounds__(32) together(volatile int* words) { while (words[0] == 0) __syncthreads(); }`);
    const words = device.holding(new Int32Array(1));
    const message = "the kernel has run for 1 seconds without an end";
    expect(loops("alone", { grid: 1, block: 32 }, [words])).toBe(`unspecified launch failure: alone, block 0, thread 3: ${message}`);
    expect(loops("together", { grid: 1, block: 32 }, [words])).toMatch(
      new RegExp(`^unspecified launch failure: together, block 0.*: ${message}$`),
    );
    delete process.env["ATTNC_EMULATION_SECONDS"];
  });

  test("errors of the compiler, with the line of the source", () => {
    expect(() => device.compile("int x;\nint y = z;\n")).toThrow(/source\.cu:2:9: error/);
  });
});

/** What only a kernel that was compiled to be checked tells of. */
const undefinedUses: readonly Misuse[] = [
  {
    what: "an index outside of a local array",
    body: "int local[4] = {1, 2, 3, 4};\nwords[0] = local[words[1] + 4];",
    message: `${launchFailure}, thread 0: an index is outside of its array (source.cu:4:30)`,
  },
  {
    what: "a shift by all bits",
    body: "words[0] = 1 << (words[1] + 32);",
    message: `${launchFailure}, thread 0: an integer is shifted by less than 0 or by all its bits (source.cu:3:14)`,
  },
  {
    what: "a product that overflows",
    body: "const int big = words[1] + 65536;\nwords[0] = big * big;",
    message: `${launchFailure}, thread 0: a product of integers overflows (source.cu:4:16)`,
  },
  {
    what: "a load that is not aligned",
    body: "const int4 four = *reinterpret_cast<const int4*>(words + 1);\nwords[0] = four.x + four.w;",
    message: `misaligned address: test, block 0, thread 0: an address is not a multiple of 16 (source.cu:3:20)`,
  },
  {
    what: "a load right behind a buffer",
    body: "words[0] = words[60 + threadIdx.x];",
    message: `${illegal}, thread 0: a load of 4 bytes at an illegal address: 0 bytes behind the end of an allocation of 240 bytes of global memory`,
  },
];

describe.skipIf(skipped)(title("the emulated device tells, when it checks, of"), () => {
  if (typeof device === "string") return;
  afterEach(() => device.reset());

  test.each(undefinedUses)("$what", ({ body, message }) => {
    const source = `extern __shared__ unsigned char shared_memory[];\nextern "C" __global__ void __launch_bounds__(32) test(int* words) {\n${body}\n}`;
    const run = device.compile(source, { checked: true });
    expect(run("test", { grid: 1, block: 32, sharedBytes: 1024 }, [device.holding(new Int32Array(60))])).toBe(message);
  });
});
