import { AttnError } from "./errors.js";

/**
 * Workgroup counts in x and y for `total` workgroups: in x alone while it has room, else in as few rows
 * as will do. Shaders count `id = y * num_workgroups.x + x` and leave when it is `total` or more. Throws ATTN5211.
 */
export function foldWorkgroups(total: number, device: GPUDevice): [x: number, y: number] {
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const y = Math.ceil(total / limit);
  if (y > limit || total > 0x7fffffff) {
    throw new AttnError("ATTN5211", {
      field: "call",
      expected: `at most ${Math.min(limit * limit, 0x7fffffff)} workgroups`,
      found: String(total),
      remedy: "Split the call by batch entries.",
    });
  }
  return [Math.ceil(total / y), y];
}
