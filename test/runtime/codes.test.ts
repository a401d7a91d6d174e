import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { catalogue } from "../../compiler/diagnostics/catalogue.js";

test("every code of the runtime has its page, and every page of the runtime its code", () => {
  const sources = ["launch/errors.ts", "tensor/tensor.ts"].map((name) =>
    readFileSync(new URL(`../../runtime/${name}`, import.meta.url), "utf8"),
  );
  const codes = sources.flatMap((source) => source.match(/(?<=\| ")ATTN\d+(?=")/g) ?? []);
  expect(codes.length).toBeGreaterThan(30);
  expect(Object.keys(catalogue).filter((code) => /^ATTN(5|60|61)/.test(code))).toEqual([...codes].sort());
});
