import { expect } from "vitest";
import { wgslSelection } from "../../compiler/targets/wgsl/select.js";
import { softwareTest } from "../device/software.js";
import { job } from "./check-stages.js";
import { keepTasks } from "./keep-tasks.js";
import { POLICIES } from "./policies.js";
import { policyTasks } from "./policy-tasks.js";

softwareTest("Dawn accepts all stages: barriers are reached by all threads of a workgroup", async ({ device }) => {
  const modules = [...Object.values(POLICIES), ...keepTasks().map(({ module }) => module)];
  const stages = modules.flatMap((module) => wgslSelection(module)!.stages);
  const problems = stages.map(async ({ name, wgsl }) => {
    const { messages } = await device.createShaderModule({ code: wgsl }).getCompilationInfo();
    return messages.flatMap(({ type, message }) => (type === "error" ? [`${name}: ${message}`] : []));
  });
  expect((await Promise.all(problems)).flat()).toEqual([]);
});

/** Pipelines compile for a second or two each here: few of them. */
softwareTest(
  "published rules: printed stages do what the interpreter does",
  async ({ device }) => {
    const { moba, snapKeys } = POLICIES;
    const tasks = policyTasks([[60, 50]]).filter(({ module }) => module === moba || module === snapKeys);
    expect(await job(device, tasks)).toEqual([undefined, undefined]);
  },
  240_000,
);
