import { test } from "vitest";
import { libraryProgram } from "../patterns/library.js";
import { seeded } from "../patterns/formula.js";
import { formulas } from "../patterns/formulas.js";
import { expectAgreement } from "./agreement.js";

test.each(formulas.map((formula, i) => [`${formula.pattern} (${i})`, formula] as const))("%s: mask IR = oracle", (_, formula) => {
  const [file, name] = formula.pattern.split("#") as [string, string];
  const { heads = 2, kvHeads = heads, batch = 1, params } = formula;
  for (const N of formula.lengths?.slice(0, 1) ?? [70]) {
    for (const launch of formula.launches ?? [{}]) {
      for (const NQ of [N, Math.ceil(N / 3)]) {
        const inputs = formula.inputs?.({ N, NQ, heads, kvHeads, batch }, seeded(N, NQ)) ?? {};
        expectAgreement(libraryProgram(file), name, { N, NQ, heads, kvHeads, ...launch, params, inputs }, batch);
      }
    }
  }
});
