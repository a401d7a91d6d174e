import { expect } from "vitest";
import { ConstantBuffers } from "../../../runtime/launch/constant-buffers.js";
import { softwareTest } from "../../device/software.js";

softwareTest("equal contents share a buffer, and the least recently used are forgotten", async ({ device }) => {
  const buffers = new ConstantBuffers(device, "test", 0x40);
  const first = buffers.get(Int32Array.of(1, 2, 3, 4));
  expect(buffers.get(Int32Array.of(1, 2, 3, 4))).toBe(first);
  expect(buffers.get(Int32Array.of(1, 2, 3, 5))).not.toBe(first);
  for (let i = 0; i < 1000; i++) {
    buffers.get(Int32Array.of(i, 0, 0, 0));
    if (i % 100 === 0) expect(buffers.get(Int32Array.of(1, 2, 3, 4))).toBe(first);
  }
  expect(buffers.size).toBe(256);
  for (let i = 0; i < 300; i++) buffers.get(Int32Array.of(i, 1, 0, 0));
  expect(buffers.get(Int32Array.of(1, 2, 3, 4))).not.toBe(first);
});
