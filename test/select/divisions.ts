import { wayOf } from "../../compiler/select/arrange.js";
import type { SelectionProgram } from "../../compiler/select/ir.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import { undivided, type CallShape, type Division } from "../../runtime/launch/selection/parts.js";

export const shapeOf = ({ env: { heads, kvHeads, N, NQ }, batch, headDim }: SelectionCall): CallShape => ({
  ...{ batch, heads, kvHeads, headDim },
  ...{ N, NQ },
});

export const wholeOf = ({ module, parts }: SelectionProgram, call: SelectionCall): Division =>
  undivided(module.space.kind, parts, shapeOf(call));

/** Divisions of a call: strips of so many units, single batch entries and heads where a program allows it, and both. */
export function divisionsOf(program: SelectionProgram, call: SelectionCall, units: number): readonly Division[] {
  const { unit, heads } = program.parts;
  const whole = wholeOf(program, call);
  const queries = unit === undefined ? whole.queries : unit * units;
  const apart = { batch: 1, kvHeads: heads ? 1 : whole.kvHeads };
  return [
    { ...whole, queries },
    { ...whole, ...apart },
    { ...apart, queries },
  ];
}

/** Whether sums go over strips: they are rounded where a strip ends. */
export const addsUp = ({ stages }: SelectionProgram): boolean => stages.some((stage) => wayOf(stage) === "sums");
