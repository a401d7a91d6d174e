import { spawn } from "node:child_process";
import { afterAll, expect, test } from "vitest";
import { nodeHost } from "../../compiler/cli/host.js";
import { buildOperators, checkFile } from "../../compiler/driver/pipeline.js";
import { settableNames } from "../../compiler/mask/build/settings.js";
import { hasLse } from "../../compiler/mask/branched.js";
import { sourceFile } from "../../compiler/source/file.js";
import { bundledCommandLine, type BundledCommandLine } from "../cli/bundled.js";
import { libraryFiles } from "../patterns/library.js";
import { pictures } from "../patterns/pictures.js";
import { emulatedLibraries } from "./driver.js";
import { smallGrids } from "./small-grids.js";
import { together, type Wanted } from "./verify-groups.js";

const libraries = emulatedLibraries();

/** Why there is no emulated device; undefined where there is one. */
export const withoutDevice = typeof libraries === "string" ? libraries : undefined;

interface Report {
  readonly device: string;
  readonly results: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly cases: readonly unknown[];
    readonly error?: { readonly code: string };
  }[];
}

let program: Promise<BundledCommandLine> | undefined;
afterAll(async () => (await program)?.remove());

/** `attnc verify --device cuda` on the emulated device; its answer, and what it said. */
export async function verify(options: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<{ report: Report; said: string }> {
  if (typeof libraries === "string") throw new Error(libraries);
  const { main } = await (program ??= bundledCommandLine());
  const child = spawn(process.execPath, [main, "verify", ...options, "--device", "cuda", "--format", "json"], {
    env: { ...process.env, ATTNC_CUDA_DRIVER: libraries.cuda, ATTNC_NVRTC: libraries.nvrtc, ...environment },
  });
  let [out, said] = ["", ""];
  child.stdout.on("data", (text) => (out += text));
  child.stderr.on("data", (text) => (said += text));
  await new Promise((resolve) => child.on("close", resolve));
  if (out === "") throw new Error(said);
  return { report: JSON.parse(out) as Report, said };
}

/** Which third of the selecting operators a family takes. */
type Turn = 0 | 1 | 2;

export const failed = ({ report }: { report: Report }): readonly string[] => report.results.filter(({ ok }) => !ok).map(({ name }) => name);

/**
 * The attentions of the library that there are in a type: where one tensor is read as two types, there is one in f32 only.
 * Of those that select, the first of each file, and a third of the others: the three families take them in turn, because to
 * attention kernels a selection is bits like others. Of those with few branches gates are mixed in float32, where there are
 * the most of them, and merges on one family with tensor cores.
 */
function wantedIn(dtype: "f32" | "f16" | "bf16", turn: Turn): readonly Wanted[] {
  return libraryFiles.flatMap(({ name: base, text }) => {
    const file = base.replace("std/", "patterns/");
    const checked = checkFile(sourceFile(file, text), nodeHost);
    let selecting = 0;
    return (checked.model?.attentions ?? []).flatMap((attention) => {
      const { name } = attention;
      const { modules, branched } = buildOperators(checked, name, { shape: { dtype } });
      const mixed = branched.some(({ branches, mix }) => branches.length <= 3 && (hasLse(mix) ? turn === 1 : dtype === "f32"));
      const selects = modules.some((module) => module.selections !== undefined);
      const place = selects ? selecting++ : 0;
      const isOurs = mixed || (modules.length > 0 && (place === 0 || place % 3 === turn));
      return isOurs ? [{ target: `${file}#${name}`, params: settableNames(attention), set: paramsOf(name) }] : [];
    });
  });
}

/**
 * The parameters that an attention is verified with: those of its picture, which suit short sequences, and small grids. With its
 * own 1000 clusters a method would choose nothing among 97 tokens, and take minutes for it.
 */
const paramsOf = (name: string): Wanted["set"] => ({ ...pictures[name]?.set, ...smallGrids[name] });

/** Puts every operator of the library to the verifier on the emulated device, with few cases each. */
export function verifyLibrary(
  what: string,
  dtype: "f32" | "f16" | "bf16",
  { kernel, turn }: { readonly kernel?: string; readonly turn: Turn },
): void {
  const name = `every operator of the library on the emulated device: ${what}`;
  const skipped = withoutDevice === undefined ? "" : ` (skipped: ${withoutDevice})`;
  test.skipIf(withoutDevice !== undefined)(`${name}${skipped}`, { timeout: 1_800_000 }, async () => {
    const common = ["--quick", "--seq", "97", "--dtype", dtype, ...(kernel === undefined ? [] : ["--kernel", kernel])];
    let verified = 0;
    for (const { targets, options } of together(wantedIn(dtype, turn))) {
      const answer = await verify([...targets, ...options, ...common]);
      expect(failed(answer), answer.said).toEqual([]);
      verified += answer.report.results.length;
    }
    expect(verified).toBeGreaterThan(80);
  });
}
