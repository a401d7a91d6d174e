import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { nodeHost, packageRoot } from "../../compiler/cli/host.js";
import { oracleOf } from "../../compiler/cli/verify-kernel.js";
import { buildOperators, checkFile, hasErrors } from "../../compiler/driver/pipeline.js";
import { renderPretty } from "../../compiler/diagnostics/render.js";
import type { MaskSettings } from "../../compiler/mask/build/settings.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { sourceFile } from "../../compiler/source/file.js";
import type { CudaKernel } from "../../runtime/cuda/module.js";
import { libraryFiles } from "../library.js";
import { prepareCases, tilesKey } from "./cases.js";
import type { PreparedCase } from "./cases.js";
import { openPool } from "./pool.js";
import { DIM, TIMED, verifySettings, WIDE, WIDE_DIMS } from "./settings.js";
import { FAMILIES, sourcesOf } from "./sources.js";
import type { Sources } from "./sources.js";
import { HEADS, TIMED_DIM, timedRow } from "./timed.js";
import type { TimedRow } from "./timed.js";

/** One build in the manifest: its files are `stem`.cu and `stem`.py. */
interface Build {
  readonly family?: string;
  readonly stem: string;
  readonly kernels: readonly (CudaKernel & { readonly tiles: string })[];
}

/** What bench/cuda/built/manifest.json holds. */
export interface Manifest {
  readonly version: 1;
  readonly attnc: string;
  readonly verify: readonly {
    readonly name: string;
    readonly file: string;
    readonly builds: readonly Build[];
    readonly cases: readonly PreparedCase[];
  }[];
  readonly timed: { readonly dim: number; readonly builds: readonly Build[]; readonly rows: readonly TimedRow[] };
}

export interface PrepareOptions {
  /** The folder that is made anew. */
  readonly out: string;
  /** Names of operators; all when empty. */
  readonly only?: readonly string[];
  /** Rows of more tokens than this are left out. */
  readonly longest?: number;
  readonly onProgress?: (line: string) => void;
}

/**
 * Every attention of the pattern library but those with branches, which CUDA kernels do not mix, and those with selections
 * beside other inputs of the caller's.
 */
export function libraryOperators(): readonly { readonly file: string; readonly name: string; readonly params: readonly string[] }[] {
  return libraryFiles().flatMap(({ name: base }) => {
    const file = `patterns/${base}`;
    const checked = modelOf(file);
    return (checked.model?.attentions ?? []).flatMap(({ name, params }) => {
      const [mask, ...others] = buildOperators(checked, name).modules;
      if (mask === undefined || others.length > 0 || mask.name !== name) return [];
      if (mask.selections !== undefined && mask.inputs.length > 0) return [];
      return [{ file, name, params: params.map((param) => param.name) }];
    });
  });
}

/** Writes what the scripts need on a machine with a GPU: sources, inputs, masks, counts. */
export function prepare({ out, only = [], longest = Infinity, onProgress = () => undefined }: PrepareOptions): Manifest {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const { version: attnc } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { version: string };
  const write = ({ files }: Sources): void => {
    for (const { name, text } of files) writeFileSync(join(out, name), text);
  };
  const wanted = (name: string): boolean => only.length === 0 || only.includes(name);
  const operators = libraryOperators().filter(({ name }) => wanted(name));
  const verify = operators.map(({ file, name, params }) => {
    onProgress(name);
    const settings = verifySettings(name, params);
    const mask = compile(file, name, settings);
    const builds = verifyBuilds(mask, attnc);
    builds.forEach(write);
    const pool = openPool();
    const kernels = builds.flatMap((build) => build.kernels);
    const cases = prepareCases(mask, oracleOf(join(packageRoot, file)), settings, kernels, pool);
    writeFileSync(join(out, `${name}.npy.gz`), gzipSync(pool.bytes()));
    return { name, file, builds: builds.map(({ family, ...sources }) => ({ family, ...buildOf(sources) })), cases };
  });
  const timed = prepareTimed({ version: attnc, wanted, longest, write, onProgress });
  const manifest: Manifest = { version: 1, attnc, verify, timed };
  writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest));
  return manifest;
}

const buildOf = ({ stem, kernels }: Sources): Build => ({
  stem,
  kernels: kernels.map((kernel) => ({ ...kernel, tiles: tilesKey(kernel) })),
});

/** A build for each family: the first that fits would hide the others. */
function verifyBuilds(mask: MaskModule, version: string): readonly (Sources & { readonly family: string })[] {
  const wide = WIDE.has(mask.name);
  return FAMILIES.flatMap((family) => {
    const dtypes = wide ? (["f32", "f16", "bf16"] as const) : family.name === "cores" ? (["f32"] as const) : (["f16", "bf16"] as const);
    const headDims = wide ? WIDE_DIMS : [DIM];
    const sources = sourcesOf(mask, { stem: `${mask.name}_${family.name}`, version, dtypes, headDims, families: [family] });
    return sources === undefined ? [] : [{ ...sources, family: family.name }];
  });
}

interface TimedOptions {
  readonly version: string;
  readonly wanted: (name: string) => boolean;
  readonly longest: number;
  readonly write: (sources: Sources) => void;
  readonly onProgress: (line: string) => void;
}

function prepareTimed({ version, wanted, longest, write, onProgress }: TimedOptions): Manifest["timed"] {
  const builds = new Map<string, Sources>();
  const rows = TIMED.filter(({ name }) => wanted(name)).flatMap((pattern) =>
    pattern.lengths
      .filter((length) => length <= longest)
      .map((length) => {
        onProgress(`${pattern.label}, ${length}`);
        const params = pattern.params(length);
        const mask = compile(pattern.file, pattern.name, { params, shape: { heads: HEADS, kvHeads: HEADS, headDim: TIMED_DIM } });
        const stem = ["timed", pattern.name, ...Object.values(params)].join("_");
        const sources = builds.get(stem) ?? sourcesOf(mask, { stem, version, dtypes: ["bf16"], headDims: [TIMED_DIM] })!;
        if (!builds.has(stem)) write(sources);
        builds.set(stem, sources);
        return timedRow(pattern, length, mask, oracleOf(join(packageRoot, pattern.file)), sources.kernels, stem);
      }),
  );
  return { dim: TIMED_DIM, builds: [...builds.values()].map(buildOf), rows };
}

const modelOf = (file: string) => checkFile(sourceFile(file, readFileSync(join(packageRoot, file), "utf8")), nodeHost);

function compile(file: string, name: string, settings: MaskSettings): MaskModule {
  const { modules, diagnostics } = buildOperators(modelOf(file), name, settings);
  const [mask] = modules;
  if (mask === undefined || hasErrors(diagnostics)) throw new Error(renderPretty(diagnostics));
  return mask;
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: join(import.meta.dirname, "built") },
      only: { type: "string", multiple: true, default: [] },
    },
  });
  const start = performance.now();
  const { verify, timed } = prepare({ ...values, onProgress: (line) => process.stderr.write(`${line}\n`) });
  process.stderr.write(
    `${verify.length} operators, ${timed.rows.length} rows in ${((performance.now() - start) / 1000).toFixed(0)} s: ${values.out}\n`,
  );
}
