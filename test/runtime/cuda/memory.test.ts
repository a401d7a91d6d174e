import { expect, test } from "vitest";
import type { CudaDevice } from "../../../runtime/cuda/device.js";
import { allocations, constantWords, streamMemory } from "../../../runtime/cuda/memory.js";

/** A device that only counts: what is allocated, and what was done in which order. */
function counting(): { device: CudaDevice; live: Map<bigint, number>; done: string[] } {
  const live = new Map<bigint, number>();
  const done: string[] = [];
  let next = 256n;
  const device = {
    allocate(bytes: number) {
      next += 256n;
      live.set(next, bytes);
      return next;
    },
    free(pointer: bigint) {
      expect(live.delete(pointer)).toBe(true);
      done.push("free");
    },
    upload: () => done.push("upload"),
    synchronize: (stream?: bigint) => done.push(`wait ${stream ?? "for all"}`),
  } as unknown as CudaDevice;
  return { device, live, done };
}

test("allocations are freed together, once", () => {
  const { device, live } = counting();
  const memory = allocations(device);
  memory.allocate(10);
  memory.upload(new Float32Array(5));
  expect([...live.values()]).toEqual([10, 20]);
  memory.free();
  memory.free();
  expect(live.size).toBe(0);
});

test("equal words are uploaded once; the least recently used are forgotten, when nothing can read them any more", () => {
  const { device, live, done } = counting();
  const constants = constantWords(device);
  const first = constants.get(Int32Array.of(0));
  for (let i = 1; i < 256; i++) constants.get(Int32Array.of(i));
  expect(constants.get(Int32Array.of(0))).toBe(first);
  expect(live.size).toBe(256);
  expect(done.every((what) => what === "upload")).toBe(true);
  constants.get(Int32Array.of(256));
  expect(done.slice(-3)).toEqual(["wait for all", "free", "upload"]);
  expect(live.size).toBe(256);
  // 0 was used since, so 1 had to go.
  expect(constants.get(Int32Array.of(0))).toBe(first);
  expect(done.length).toBe(259);
  constants.get(Int32Array.of(1));
  expect(done.at(-1)).toBe("upload");
  constants.free();
  expect(live.size).toBe(0);
});

test("each stream has memory of its own, which grows when its work is done", () => {
  const { device, live, done } = counting();
  const memory = streamMemory(device);
  const [a, b] = [memory.get(1n, 100), memory.get(2n, 100)];
  expect(a).not.toBe(b);
  expect(memory.get(1n, 50)).toBe(a);
  expect(done).toEqual([]);
  const grown = memory.get(1n, 101);
  expect(done).toEqual(["wait 1", "free"]);
  // With room for the next.
  expect(memory.get(1n, 200)).toBe(grown);
  expect(memory.get(2n, 100)).toBe(b);
  memory.free();
  expect(live.size).toBe(0);
});
