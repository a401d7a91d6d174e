import fc from "fast-check";
import { maxLength } from "../../compiler/mask/bounds.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { keyOrder } from "../../compiler/tiles/key-order.js";
import { moduleOf } from "../mask/arbitrary.js";
import { choosing, withBlocks } from "../mask/chosen-blocks.js";
import type { KernelTask } from "./check-kernels.js";
import { randomTasks } from "./random-tasks.js";
import type { TaskPlan } from "./random-tasks.js";

/** Key blocks that fill tiles, that do not, and that are smaller. */
const UNITS = [32, 16, 48, 64] as const;
const HEADS = ["query", "kv", "one"] as const;

/**
 * Random masks over blocks that the queries of each call chose at random, in key order: with room for all parts, and every
 * fourth with room for one block a query, so that the launch has to take query order where there are more.
 */
export function keyOrderTasks(plan: TaskPlan): readonly KernelTask[] {
  return randomTasks(plan).map((task, i) => {
    const unit = UNITS[i % UNITS.length]!;
    const bounded = i % 4 === 3;
    const masks = withBlocks(unit).map((mask): MaskModule => {
      const { shape } = task.module;
      return choosing({ ...moduleOf(mask), shape }, unit, bounded ? 1 : 100, HEADS[i % HEADS.length]);
    });
    const turns = masks.filter((module) => maxLength(module) >= plan.maxLength && keyOrder(module) !== undefined);
    const [module] = fc.sample(turns, { seed: plan.seed + i, numRuns: 1 });
    return { ...task, module: module!, order: "keys", mustTurn: !bounded };
  });
}
