import fc from "fast-check";
import { expect, test } from "vitest";
import { printModule } from "../../compiler/mask/print.js";
import { simplifyModule } from "../../compiler/mask/simplify.js";
import { format } from "../../compiler/syntax/format.js";
import { sourceFile } from "../../compiler/source/file.js";
import { compile, show } from "./compile.js";
import { selectionFiles, selectionProgram } from "./selection-programs.js";

/** Codes that random programs may give: amounts that shared selections do not allow, distances without causality, numbers alone where tensors are meant, reductions that leave their axis open, a least that is above the most, blocks of blocks that are no multiple of them. */
const known = /^ATTN(2007|2105|2311|2329|2330|3001|3017|3018|3020)$/;

/** Where something was written, and how. */
const comments = /  \/\/.*$/gm;

test("random programs with selections are compiled or refused with a reason", () => {
  let compiled = 0;
  fc.assert(
    fc.property(selectionProgram, (text) => {
      const { modules, diagnostics } = compile(text, { files: selectionFiles });
      const errors = diagnostics.filter(({ severity }) => severity === "error");
      for (const { code } of errors) expect(code, `${text}${errors.map(show).join("\n")}`).toMatch(known);
      if (errors.length > 0) return;
      compiled++;
      const [module] = modules;
      const printed = printModule(module!);
      expect(printed).not.toMatch(/undefined|NaN|\?\d/);
      expect(printModule(simplifyModule(module!))).toBe(printed);
      const formatted = format(sourceFile("main.attn", text));
      if (!("text" in formatted)) throw new Error("a program that compiles is formatted");
      const again = printModule(compile(formatted.text, { files: selectionFiles }).modules[0]!);
      expect(again.replace(comments, "")).toBe(printed.replace(comments, ""));
    }),
    { numRuns: 200 },
  );
  expect(compiled).toBeGreaterThan(40);
});
