import { expect, test } from "vitest";
import type { CudaDevice, CudaLaunch } from "../../../runtime/cuda/device.js";
import type { CudaKernel, CudaModule } from "../../../runtime/cuda/module.js";
import { createCudaAttention } from "../../../runtime/cuda/operator.js";
import type { AttentionCall } from "../../../runtime/launch/call.js";
import { denseCudaModule, kernel } from "./fixture.js";

const MULTIPROCESSORS = 132;
const TILES = 6;

/** The launch of a call that has 6 query heads and 2 kv heads, and its number of tiles. */
async function launchOf(of: Partial<CudaKernel>, call: AttentionCall, module: Partial<CudaModule> = {}) {
  const launches: CudaLaunch[] = [];
  const device = {
    properties: { name: "a GPU", architecture: 90, multiprocessors: MULTIPROCESSORS, sharedBytes: 232448 },
    load: () => Promise.resolve({ function: (symbol: string) => ({ symbol, handle: 1n }) }),
    allocate: () => 256n,
    upload: () => undefined,
    allocationOf: () => ({ start: 0n, bytes: 2 ** 50 }),
    launch: (_kernel: unknown, launch: CudaLaunch) => launches.push(launch),
  } as unknown as CudaDevice;
  const cuda = { source: "", kernels: [kernel(of)] };
  const operator = await createCudaAttention(device, denseCudaModule({ cuda, ...module }), { heads: 6, kvHeads: 2 });
  const apart = 2n ** 40n;
  operator.launch({ q: apart, k: 2n * apart, v: 3n * apart, out: 4n * apart }, call);
  const { blocks, threads, sharedBytes, parameters } = launches[0]!;
  const tiles = new Int32Array(parameters[0]!.slice().buffer)[TILES]!;
  return {
    blocks,
    threads,
    sharedBytes,
    tiles,
    pointers: parameters.slice(1).map((bytes) => new BigUint64Array(bytes.slice().buffer)[0]!),
  };
}

test("a block for each tile of queries of each head and batch entry", async () => {
  const of = { tileQ: 64, threads: 128, sharedBytes: 65536 };
  const launch = await launchOf(of, { batch: 3, keyLength: 500, queryLength: 129 });
  expect(launch).toMatchObject({ tiles: 3, blocks: 3 * 6 * 3, threads: 128, sharedBytes: 65536 });
  // q, k, v, the constant words without scalars, out, no lse.
  expect(launch.pointers).toEqual([2n ** 40n, 2n ** 41n, 3n * 2n ** 40n, 256n, 2n ** 42n, 0n]);
});

test("heads of a group share tiles where a kernel packs them", async () => {
  expect(await launchOf({ tileQ: 64, packsHeads: true }, { batch: 3, keyLength: 500, queryLength: 129 })).toMatchObject({
    // 3 heads of 129 queries.
    tiles: 7,
    blocks: 7 * 2 * 3,
  });
});

test("with a layout the queries may stand anywhere among the keys", async () => {
  const call = { keyLength: 500, queryLength: 1 };
  expect(await launchOf({ tileQ: 64 }, call, { layout: "gilbert", queryPlaces: true })).toMatchObject({ tiles: 8, blocks: 8 * 6 });
});

test("persistent kernels get no more blocks than run at once", async () => {
  const persistent = { tileQ: 64, persistent: true };
  expect(await launchOf(persistent, { length: 64 })).toMatchObject({ tiles: 1, blocks: 6 });
  expect(await launchOf(persistent, { length: 64 * 100 })).toMatchObject({ tiles: 100, blocks: MULTIPROCESSORS });
});

test("grids go up to what fits in x", async () => {
  const call = { batch: 2000, length: 1_000_000 };
  const wide = { tileQ: 1, persistent: false };
  await expect(launchOf(wide, call)).rejects.toThrow("ATTN5211: call: expected at most 2147483647 tiles of queries, found 12000000000.");
  expect((await launchOf({ tileQ: 64 }, { ...call, batch: 20 })).blocks).toBe(15625 * 6 * 20);
});

test("rows of a group are counted in 32 bits", async () => {
  const call = { length: 2 ** 24 };
  await expect(launchOf({ tileQ: 64, packsHeads: true }, call, { maxLength: 2 ** 30 })).resolves.toBeDefined();
  await expect(launchOf({ tileQ: 64, packsHeads: true }, { length: 2 ** 30 - 1 }, { maxLength: 2 ** 30 })).rejects.toMatchObject({
    code: "ATTN5211",
    expected: `at most ${2 ** 31 - 1024} queries of the heads of a group`,
    found: String(3 * (2 ** 30 - 1)),
  });
});
