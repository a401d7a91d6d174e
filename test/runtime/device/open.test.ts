import { expect, test } from "vitest";
import { openDevice, type DeviceName } from "../../../runtime/device/open.js";
import { AttnError } from "../../../runtime/index.js";
import { softwareTest } from "../../device/software.js";

softwareTest("the software device is named for people, has raised limits and leaves the environment as it was", async () => {
  const before = { ...process.env };
  const { device, adapter, description, profile } = await openDevice("software");
  expect(process.env).toEqual(before);
  expect(description).toMatch(/\(software\)$/);
  expect(profile).toBe("software");
  expect(device.limits.maxStorageBufferBindingSize).toBe(adapter.limits.maxStorageBufferBindingSize);
  for (const feature of ["shader-f16", "subgroups", "timestamp-query"])
    expect(device.features.has(feature)).toBe(adapter.features.has(feature));
  expect(globalThis.GPUBufferUsage.STORAGE).toBe(0x80);
  device.destroy();
});

softwareTest("several devices may be asked for at once", async () => {
  const opened = await Promise.all([openDevice("software"), openDevice("auto"), openDevice("software")]);
  expect(new Set(opened.map(({ device }) => device)).size).toBe(3);
  for (const { device } of opened) device.destroy();
});

test("a hardware device asked for by name is one, or an error that says what to do", async () => {
  const opened = await openDevice("webgpu").catch((error: unknown) => error);
  if (opened instanceof AttnError) {
    expect(["ATTN5001", "ATTN5002"]).toContain(opened.code);
    expect(opened.remedy).toContain("--device interpreter");
  } else {
    expect(opened).toMatchObject({ profile: "gpu" });
  }
});

test("another name is refused", async () => {
  await expect(openDevice("gpu" as DeviceName)).rejects.toThrow("ATTN5004: device: expected one of auto, webgpu, software, found `gpu`");
});
