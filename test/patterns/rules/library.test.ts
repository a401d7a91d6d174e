import { describe, expect, test } from "vitest";
import type { MaskPredicate } from "../../../compiler/oracle/oracle.js";
import type { Case } from "./case.js";
import { cases } from "./cases.js";
import { compiledMask } from "./compiled.js";
import { libraryMask, randomCall, type Call } from "./selected.js";
import type { Pairs } from "./pieces.js";

/** The first pair of a call about which a mask and the rule do not agree, and the density by the rule. */
function compare(
  call: Call,
  keys: number,
  pairs: Pairs,
  mask: MaskPredicate,
): { readonly differs: string | undefined; readonly density: number } {
  let on = 0;
  for (let h = 0; h < call.heads; h++) {
    for (let i = call.N - call.NQ; i < call.N; i++) {
      for (let j = 0; j < keys; j++) {
        const want = pairs(h, i, j);
        if (want) on++;
        if (want !== mask(0, h, i, j)) return { differs: `the rule says ${want} for head ${h}, query ${i}, key ${j}`, density: 0 };
      }
    }
  }
  return { differs: undefined, density: on / (call.heads * call.NQ * keys) };
}

const named = cases.map((each, i) => [`${each.pattern} (${i})`, each] as const);

function check(each: Case, maskOf: typeof libraryMask): void {
  const call = randomCall(each.sizes);
  const launch = each.launch?.(call) ?? {};
  const { differs, density } = compare(call, each.windows ?? call.N, each.rule(call, launch), maskOf(each.pattern, call, launch));
  expect(differs).toBeUndefined();
  expect(density).toBeGreaterThan(0);
  if (!each.dense) expect(density).toBeLessThan(0.9);
}

describe("the library selects what its sources do", () => {
  test.each(named)("%s, by the oracle", (_, each) => check(each, libraryMask));
  // Positions of windows are none of the call's: the mask of such a branch is compared in the form of its source alone.
  test.each(named.filter(([, each]) => each.windows === undefined))("%s, compiled", (_, each) => check(each, compiledMask));
});
