import { spawn } from "node:child_process";
import { afterAll, expect, test } from "vitest";
import { nodeHost } from "../../compiler/cli/host.js";
import { buildOperators, checkFile } from "../../compiler/driver/pipeline.js";
import { hasLse } from "../../compiler/mask/branched.js";
import { sourceFile } from "../../compiler/source/file.js";
import { bundledCommandLine, type BundledCommandLine } from "../cli/bundled.js";
import { libraryFiles } from "../patterns/library.js";
import { optionsOf, settingsOf } from "../patterns/pictures.js";
import { emulatedLibraries } from "./driver.js";
import { smallGrids } from "./small-grids.js";

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
function targetsIn(dtype: "f32" | "f16" | "bf16", turn: Turn): readonly string[] {
  return libraryFiles.flatMap(({ name: base, text }) => {
    const file = base.replace("std/", "patterns/");
    const checked = checkFile(sourceFile(file, text), nodeHost);
    const names = (checked.model?.attentions ?? []).map(({ name }) => name);
    let selecting = 0;
    return names.flatMap((name) => {
      const { modules, branched } = buildOperators(checked, name, { shape: { dtype } });
      const mixed = branched.some(({ branches, mix }) => branches.length <= 3 && (hasLse(mix) ? turn === 1 : dtype === "f32"));
      const selects = modules.some((module) => module.selections !== undefined);
      const place = selects ? selecting++ : 0;
      const isOurs = mixed || (modules.length > 0 && (place === 0 || place % 3 === turn));
      return isOurs ? [`${file}#${name}`] : [];
    });
  });
}

/** Options of the command line with the parameters that an attention is verified with. */
const settingsFor = (name: string): readonly string[] => [...settingsOf(name), ...optionsOf(smallGrids[name])];

/**
 * The attentions that are verified together: with the parameters of their pictures, which suit short sequences, and with small
 * grids. With its own 1000 clusters a method would choose nothing among 97 tokens, and take minutes for it.
 */
function inGroups(all: readonly string[]): readonly { readonly targets: readonly string[]; readonly settings: readonly string[] }[] {
  const groups = new Map<string, { readonly targets: string[]; readonly settings: readonly string[] }>();
  for (const target of all) {
    const settings = settingsFor(target.split("#")[1]!);
    const group = groups.get(settings.join()) ?? { targets: [], settings };
    group.targets.push(target);
    groups.set(settings.join(), group);
  }
  return [...groups.values()];
}

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
    for (const { targets, settings } of inGroups(targetsIn(dtype, turn))) {
      const answer = await verify([...targets, ...settings, ...common]);
      expect(failed(answer), answer.said).toEqual([]);
      verified += answer.report.results.length;
    }
    expect(verified).toBeGreaterThan(80);
  });
}
