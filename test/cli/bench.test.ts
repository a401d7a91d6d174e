import { expect } from "vitest";
import { softwareTest } from "../device/software.js";
import { attnc, folderWith, json, TWO } from "./attnc.js";

const folder = folderWith({ "two.attn": TWO });

softwareTest("bench as JSON: times beside dense, tiles, and the error of what was timed", async () => {
  const shape = ["--seq", "96", "--heads", "2", "--head-dim", "16", "--batch", "2"];
  for (const dtype of ["f32", "f16"]) {
    const result = await attnc(
      folder,
      "bench",
      "two.attn#sliding",
      ...shape,
      "--dtype",
      dtype,
      "--runs",
      "1",
      "--device",
      "software",
      "--format",
      "json",
    );
    expect(result.code).toBe(0);
    const report = json(result) as Record<string, unknown>;
    expect(report).toMatchObject({
      version: 1,
      name: "sliding",
      device: "SwiftShader (software)",
      seq: 96,
      queries: 96,
      heads: 2,
      kvHeads: 2,
      headDim: 16,
      valueDim: 16,
      dtype,
      batch: 2,
      runs: 1,
      // Tiles of 32 x 32: on and beside the diagonal, of both heads.
      tiles: 10,
      denseTiles: 12,
    });
    for (const field of ["milliseconds", "denseMilliseconds", "speedup", "speedupByTiles"]) expect(report[field], field).toBeGreaterThan(0);
    expect(report["maxAbs"]).toBeLessThan(dtype === "f32" ? 1e-5 : 5e-3);
  }
});
