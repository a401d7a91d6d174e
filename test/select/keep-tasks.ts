import { int } from "../../compiler/mask/make.js";
import type { Keep, Selection } from "../../compiler/mask/selection.js";
import type { StagesTask } from "./check-stages.js";
import { callOf } from "./arbitrary.js";
import { FULL, moduleWith } from "./policies.js";
import * as t from "./tensors.js";

const RULES: readonly Keep["rule"][] = [
  { kind: "top", n: int(5) },
  { kind: "fraction", f: { kind: "number", value: 0.3 } },
  { kind: "threshold", t: { kind: "number", value: 0 } },
  { kind: "mass", p: { kind: "number", value: 0.8 } },
  // All that has any mass.
  { kind: "mass", p: { kind: "number", value: 1 } },
];

/** Numbers that are hard to rank: ties, both zeros, NaN, infinities, the least and the greatest floats. */
const HARD = [0, -0, 1, 1, 1, -1, 0.5, NaN, Infinity, -Infinity, 1e-45, -1e-45, 1.2e-38, 3.4e38, -3.4e38, 2 ** -30];
/** As masses, without infinities: sums of them mean nothing. */
const MASSES = [0, 1, 1, 1, 2 ** -16, 2 ** -17, 2 ** -24, 2 ** -41, 3, 0.1, NaN, 1e-45, 1e-30, 0.7];

/** Rows of scores from the caller under each rule, by row and by head, with units forced inside of the budget and on top. */
export function keepTasks(): readonly StagesTask[] {
  return RULES.flatMap((rule) =>
    (["row", "head"] as const).flatMap((scope) =>
      ([1, 4] as const).map((unit): StagesTask => {
        const onTop = scope === "head" && unit === 1;
        const selection: Selection = {
          kind: "selection",
          name: "x",
          heads: "query",
          rows: { unit: 2 },
          columns: { kind: "keys", unit },
          score: t.scores("given", 2, unit),
          keep: { rule, scope, ...(unit === 1 ? {} : { least: int(2), most: int(9) }) },
          force: { first: int(1), last: int(2), onTop },
        };
        const floatInputs = [{ kind: "scores", name: "given", n: 2, m: unit } as const];
        const module = moduleWith([selection], { space: FULL, heads: 2, kvHeads: 1, headDim: 4, floatInputs });
        const from = rule.kind === "mass" ? MASSES : HARD;
        const lengths = [
          { N: 300, NQ: 7 },
          { N: 45, NQ: 45 },
          { N: 1, NQ: 1 },
        ];
        return { module, calls: lengths.map((each, seed) => callOf(module, { ...each, batch: 1, seed }, (next) => next.pick(from))) };
      }),
    ),
  );
}
