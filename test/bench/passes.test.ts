import { expect, test } from "vitest";
import { passTimer } from "../../bench/measure/passes.js";
import type { SelectionStage } from "../../runtime/launch/module.js";

const stage = (name: string): SelectionStage => ({ name, wgsl: "", workgroups: 0, floatInputs: [], serves: [] });

test("passes are timed one by one behind all of them, quick ones many at a time", async () => {
  const stages = [stage("quick"), stage("slow")];
  const ran: string[] = [];
  const timer = passTimer(stages, (launches) => {
    ran.push(`${stages.map(({ name }) => name).join("+")} ${launches}`);
    return Promise.resolve(stages.some(({ name }) => name === "slow") ? 50 : 1);
  });
  await timer.round();
  expect(timer.times()).toEqual([[], []]);
  ran.length = 0;
  expect(await timer.round()).toBe(51);
  expect(ran).toEqual(["quick+slow 1", "quick 64", "slow 1"]);
  expect(timer.times()).toEqual([[1], [50]]);
});
