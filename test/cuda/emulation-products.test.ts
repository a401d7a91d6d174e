import { afterAll, describe, expect, test } from "vitest";
import { printPrimitives } from "../../compiler/targets/cuda/primitives/index.js";
import { emulatedDevice } from "./emulated-device.js";
import { encode, firstDifference, product, smallIntegers, type HalfFormat } from "./half-words.js";

const device = emulatedDevice();
const skipped = typeof device === "string" ? device : undefined;
const title = (name: string) => (skipped ? `${name} (skipped: ${skipped})` : name);
const formats: readonly HalfFormat[] = ["f16", "bf16"];

const head = `${printPrimitives(["common", "sm80", "sm90"])}
extern __shared__ __align__(1024) unsigned char shared_memory[];
`;

/** [16, 16] times the transpose of [8, 16], or [16, 8] as it is. */
const warpProduct = (type: string) => `
extern "C" __global__ void __launch_bounds__(32) warp_${type}(const uint4* a, const uint4* b, float* c, int transposed) {
  const int lane = threadIdx.x;
  copy_async_16(shared_memory + 16 * lane, a + lane, true);
  copy_async_16(shared_memory + 512 + 16 * lane, b + lane, lane < 16);
  copies_commit();
  copies_wait<0>();
  warp_barrier();
  unsigned int x[4], y[4];
  load_matrix_x4(x, shared_memory + lane % 16 * 32 + lane / 16 * 16);
  if (transposed) load_matrix_x4_transposed(y, shared_memory + 512 + lane % 16 * 16);
  else load_matrix_x4(y, shared_memory + 512 + lane % 8 * 32 + lane / 8 % 2 * 16);
  float sum[4] = {1.0f, 1.0f, 1.0f, 1.0f};
  multiply_16x8x16<${type}>(sum, x, y[0], y[1]);
  for (int i = 0; i < 4; i++) c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
}`;

interface GroupCase {
  readonly type: HalfFormat;
  readonly width: number;
  readonly swizzle: 32 | 64 | 128;
  readonly transposed: boolean;
  readonly registers: boolean;
}

/** Columns of a swizzled line. */
const columns = ({ swizzle }: GroupCase) => swizzle / 2;
const nameOf = (c: GroupCase) => `group_${c.type}_${c.width}_${c.swizzle}_${c.transposed ? "nn" : "nt"}_${c.registers ? "r" : "s"}`;

/** [64, k] times the transpose of [width, k], or [k, width] as it is, where k is one swizzled line; both by tensor copies. */
function groupProduct(c: GroupCase): string {
  const k = columns(c);
  const bytesOfA = 64 * c.swizzle;
  const bytesOfB = k * c.width * 2;
  // Lines of b: rows of a swizzled width each, in as many boxes as that takes.
  const boxes = c.transposed ? c.width / columns(c) : 1;
  const b = c.transposed
    ? `wgmma_descriptor(shared_memory + ${bytesOfA} + 16 * ${c.swizzle} * step, ${k * c.swizzle}, ${8 * c.swizzle}, ${c.swizzle})`
    : `wgmma_advance(wgmma_descriptor(shared_memory + ${bytesOfA}, 16, ${8 * c.swizzle}, ${c.swizzle}), 32 * step)`;
  const types = `${c.type}, ${c.width}, ${c.transposed}`;
  const multiply = c.registers
    ? `unsigned int a[4];
    const int row = threadIdx.x / 32 * 16 + lane % 16, line = row * ${c.swizzle} + step * 32 + lane / 16 * 16;
    load_matrix_x4(a, shared_memory + (line ^ (line >> 7 & ${c.swizzle / 16 - 1}) << 4));
    wgmma_fence();
    wgmma_registers<${types}>(d, a, ${b}, step != 0);`
    : `wgmma_shared<${types}>(d, wgmma_advance(wgmma_descriptor(shared_memory, 16, ${8 * c.swizzle}, ${c.swizzle}), 32 * step), ${b}, step != 0);`;
  return `
extern "C" __global__ void __launch_bounds__(128) ${nameOf(c)}(const __grid_constant__ TensorMap a_map, const __grid_constant__ TensorMap b_map, float* out, int early) {
  unsigned long long* barrier = reinterpret_cast<unsigned long long*>(shared_memory + ${bytesOfA + bytesOfB});
  const int lane = threadIdx.x % 32;
  if (threadIdx.x == 0) {
    barrier_init(barrier, 1);
    barrier_fence_init();
  }
  block_barrier();
  if (threadIdx.x == 0) {
    barrier_expect(barrier, ${bytesOfA + bytesOfB});
    copy_tensor_4d(shared_memory, &a_map, barrier, 0, 0, 0, 0);
    for (int i = 0; i < ${boxes}; i++) copy_tensor_4d(shared_memory + ${bytesOfA} + i * ${k * c.swizzle}, &b_map, barrier, i * ${columns(c)}, 0, 0, 0);
  }
  barrier_wait(barrier, 0);
  float d[${c.width / 2}];
  wgmma_fence();
  for (int step = 0; step < ${k / 16}; step++) {
    ${multiply}
    wgmma_commit();
  }
  if (!early) wgmma_wait<0>();
  const int r = threadIdx.x / 32 * 16 + lane / 4, column = lane % 4 * 2;
  for (int j = 0; j < ${c.width / 2}; j++) out[(r + j / 2 % 2 * 8) * ${c.width} + j / 4 * 8 + column + j % 2] = d[j];
  if (early) wgmma_wait<0>();
}`;
}

/** [64, 16] times [16, 64], which ordinary stores bring as core matrices without a swizzle, from where `fence` shows them. */
const storedProduct = (name: string, fence: string) => `
extern "C" __global__ void __launch_bounds__(128) ${name}(const unsigned short* a, const unsigned short* b, float* out, int transposed) {
  unsigned short* shared = reinterpret_cast<unsigned short*>(shared_memory);
  for (int at = threadIdx.x; at < 1024; at += 128) {
    // Sixteen bytes after sixteen bytes: eight rows of a core matrix, the two along the sum, then the next eight rows.
    const int i = at / 16, k = at % 16;
    shared[i / 8 * 128 + k / 8 * 64 + i % 8 * 8 + k % 8] = a[at];
    if (!transposed) shared[1024 + i / 8 * 128 + k / 8 * 64 + i % 8 * 8 + k % 8] = b[at];
    const int row = at / 64, column = at % 64;
    if (transposed) shared[1024 + column / 8 * 128 + row / 8 * 64 + row % 8 * 8 + column % 8] = b[at];
  }
  ${fence}
  block_barrier();
  float d[32];
  const unsigned long long x = wgmma_descriptor(shared_memory, 128, 256, 0), y = wgmma_descriptor(shared_memory + 2048, 128, 256, 0);
  wgmma_fence();
  if (transposed) wgmma_shared<f16, 64, true>(d, x, y, false);
  else wgmma_shared<f16, 64, false>(d, x, y, false);
  wgmma_commit();
  wgmma_wait<0>();
  const int lane = threadIdx.x % 32, r = threadIdx.x / 32 * 16 + lane / 4, column = lane % 4 * 2;
  for (int j = 0; j < 32; j++) out[(r + j / 2 % 2 * 8) * 64 + j / 4 * 8 + column + j % 2] = d[j];
}`;

const groupCases: readonly GroupCase[] = formats.flatMap((type) =>
  ([32, 64, 128] as const).flatMap((swizzle) =>
    [false, true].flatMap((transposed) =>
      [false, true].flatMap((registers) =>
        (swizzle === 64 ? [32, 96, 192] : [64, 128, 256]).map((width) => ({ type, width, swizzle, transposed, registers })),
      ),
    ),
  ),
);

describe.skipIf(skipped)(title("emulated matrix products"), () => {
  if (typeof device === "string") return;
  afterAll(() => device.reset());

  describe.each(formats.flatMap((type) => [false, true].map((checked) => ({ type, checked }))))(
    "of a warp, $type, checked: $checked",
    ({ type, checked }) => {
      const run = device.compile(head + warpProduct(type), { architecture: "sm_90", checked });
      test.each([false, true])("equal plain ones, b transposed: %s", (transposed) => {
        for (const seed of [0, 1, 2]) {
          const [a, b] = [smallIntegers(256, 3 + seed), smallIntegers(128, 40 + seed)];
          const out = device.buffer(512);
          const inputs = [device.holding(encode(type, a)), device.holding(encode(type, b))];
          expect(run(`warp_${type}`, { grid: 1, block: 32, sharedBytes: 1024, seed }, [...inputs, out, transposed ? 1 : 0])).toBe("");
          const expected = product(a, b, 16, 8, 16, transposed).map((x) => x + 1);
          expect(firstDifference([...out.download(new Float32Array(128))], expected, 8)).toBe("");
        }
      });
    },
  );

  describe.each([false, true])("of a warpgroup, checked: %s", (checked) => {
    const stored = storedProduct("fenced", "shared_fence_async();") + storedProduct("unfenced", "");
    const run = device.compile(head + groupCases.map(groupProduct).join("\n") + stored, { checked });

    const launch = (c: GroupCase, seed: number, early: boolean) => {
      const k = columns(c);
      const [a, b] = [smallIntegers(64 * k, 7 + seed), smallIntegers(c.width * k, 50 + seed)];
      const out = device.buffer(64 * c.width * 4);
      const map = (numbers: readonly number[], inner: number, rows: number, box: readonly number[]) =>
        device.tensorMap({
          dtype: c.type,
          buffer: device.holding(encode(c.type, numbers)),
          sizes: [inner, rows, 1, 1],
          strides: [2 * inner, 2 * inner * rows, 2 * inner * rows],
          box,
          swizzle: c.swizzle,
        });
      const maps = [
        map(a, k, 64, [k, 64, 1, 1]),
        c.transposed ? map(b, c.width, k, [columns(c), k, 1, 1]) : map(b, k, c.width, [k, c.width, 1, 1]),
      ];
      const sharedBytes = 64 * c.swizzle + 2 * k * c.width + 8;
      const failed = run(nameOf(c), { grid: 1, block: 128, sharedBytes, seed }, [...maps, out, early ? 1 : 0]);
      return { failed, found: [...out.download(new Float32Array(64 * c.width))], expected: product(a, b, 64, c.width, k, c.transposed) };
    };

    test.each(groupCases)("$type, 64 by $width, swizzle $swizzle, b transposed: $transposed, a in registers: $registers", (c) => {
      for (const seed of [0, 5]) {
        const { failed, found, expected } = launch(c, seed, false);
        expect(failed).toBe("");
        expect(firstDifference(found, expected, c.width)).toBe("");
      }
    });

    test.each([false, true])("of matrices without a swizzle that stores bring, b transposed: %s", (transposed) => {
      const [a, b] = [smallIntegers(1024, 17), smallIntegers(1024, 60)];
      const multiply = (name: string) => {
        const out = device.buffer(4 * 4096);
        const inputs = [device.holding(encode("f16", a)), device.holding(encode("f16", b))];
        expect(run(name, { grid: 1, block: 128, sharedBytes: 4096 }, [...inputs, out, transposed ? 1 : 0])).toBe("");
        return [...out.download(new Float32Array(4096))];
      };
      expect(firstDifference(multiply("fenced"), product(a, b, 64, 64, 16, transposed), 64)).toBe("");
      expect(multiply("unfenced").every(Number.isNaN)).toBe(true);
    });

    test("their accumulators are not numbers until they are waited for", () => {
      const { failed, found } = launch(groupCases[0]!, 0, true);
      expect(failed).toBe("");
      expect(found.every(Number.isNaN)).toBe(true);
    });
  });
});
