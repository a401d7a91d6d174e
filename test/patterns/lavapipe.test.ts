import { expect } from "vitest";
import { nodeHost } from "../../compiler/cli/host.js";
import { buildOperators, checkFile } from "../../compiler/driver/pipeline.js";
import { sourceFile } from "../../compiler/source/file.js";
import { attncInDeno, denoTest } from "../device/deno.js";
import { libraryFiles } from "./library.js";
import { settingsOf } from "./pictures.js";

interface Report {
  readonly device: string;
  readonly results: readonly { readonly name: string; readonly ok: boolean; readonly error?: { readonly message: string } }[];
}

/** The attentions that select or have branches: the kernels of the others are held to random masks. */
const operators = libraryFiles.flatMap(({ name, text }) => {
  const file = name.replace("std/", "patterns/");
  const checked = checkFile(sourceFile(file, text), nodeHost);
  const names = (checked.model?.attentions ?? []).map((attention) => attention.name);
  return names
    .map((own) => ({ own, built: buildOperators(checked, own, {}) }))
    .filter(({ built }) => built.branched.length > 0 || built.modules.some((module) => module.selections !== undefined))
    .map(({ own }) => ({ pattern: `${file}#${own}`, name: own }));
});

const COMMON = ["--device", "software", "--quick", "--seq", "40", "--head-dim", "8", "--format", "json"];

denoTest(
  "every operator of the library that selects or has branches, in short, on lavapipe",
  async () => {
    const runs = operators.map(({ pattern, name }) => ["verify", pattern, ...settingsOf(name), ...COMMON]);
    const printed = await attncInDeno(runs, 900_000);
    const reports = printed
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Report);
    expect(reports).toHaveLength(operators.length);
    expect(reports.every(({ device }) => device === "llvmpipe (software)")).toBe(true);
    expect(reports.flatMap(({ results }) => results).filter(({ ok }) => !ok)).toEqual([]);
  },
  900_000,
);
