/**
 * The compiler as a library. It runs wherever JavaScript does: files come through a host, and nothing of Node is used.
 *
 *   const { operators, diagnostics } = compile(text);
 *   const attention = await createAttention(device, operators[0].launch, { heads: 8 });   // from "attnc/runtime"
 */
import type { GeneratedFile } from "./bindings/typescript.js";
import type { Diagnostic } from "./diagnostics/diagnostic.js";
import { diagnostic } from "./diagnostics/report.js";
import { costOfCall } from "./driver/cost.js";
import type { AttentionCall } from "./driver/cost.js";
import type { CudaDtype } from "./driver/cuda-launch.js";
import { launchBranched } from "./driver/branched.js";
import type { BranchedModule } from "./driver/branched.js";
import { launchModule } from "./driver/launch.js";
import type { AttentionModule } from "./driver/launch.js";
import { buildOperators, checkFile } from "./driver/pipeline.js";
import type { MaskSettings } from "./mask/build/settings.js";
import type { BranchedMask } from "./mask/branched.js";
import type { MaskModule } from "./mask/ir.js";
import { memoryHost } from "./semantics/host.js";
import type { SourceHost } from "./semantics/host.js";
import { sourceFile } from "./source/file.js";
import type { CostReport } from "./tiles/report.js";
import { format as formatFile } from "./syntax/format.js";

export type { GeneratedFile } from "./bindings/typescript.js";
export type { Diagnostic, Label, Severity } from "./diagnostics/diagnostic.js";
export { renderPretty, toGithub, toJson, type JsonDiagnostic, type JsonReport, type RenderOptions } from "./diagnostics/render.js";
export { explanation as explain } from "./diagnostics/report.js";
export type { MaskSettings } from "./mask/build/settings.js";
export { libraryFile, memoryHost, type SourceHost } from "./semantics/host.js";
export type { AttentionCall } from "./driver/cost.js";
export type { CostReport } from "./tiles/report.js";
export { positionAt, sourceFile, type Position, type SourceFile, type Span } from "./source/file.js";

export interface SourceOptions {
  /** The name of the file, for messages and for what it imports; `input.attn` unless given. */
  readonly file?: string | undefined;
  /** Where imports, tables and `std` come from. Without one there is nothing to import: see `memoryHost`. */
  readonly host?: SourceHost | undefined;
}

export interface CompileOptions extends SourceOptions, MaskSettings {
  /** One attention of the file; all of them unless given. */
  readonly name?: string | undefined;
  /** Head dims to make kernels for; those of each declaration unless given. */
  readonly headDims?: readonly number[] | undefined;
}

export interface CompiledOperator {
  readonly name: string;
  /** Which pairs it looks at. */
  readonly mask: MaskModule;
  /** Its kernels, for `createAttention` of `attnc/runtime`. */
  readonly launch: AttentionModule;
}

/** An attention whose output is made of those of several. */
export interface CompiledBranches {
  readonly name: string;
  readonly mask: BranchedMask;
  /** Its kernels, for `createBranchedAttention` of `attnc/runtime`. */
  readonly launch: BranchedModule;
}

export interface Compiled {
  /** Empty where a diagnostic is an error. */
  readonly operators: readonly CompiledOperator[];
  /** Attentions with branches, or with an `output`. */
  readonly branched: readonly CompiledBranches[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface GenerateOptions {
  /** The name of the `.attn` file, which names the generated ones. */
  readonly file: string;
  /** As `--target` of `attnc build`; WGSL alone unless given. */
  readonly targets?: readonly ("wgsl" | "cuda" | "torch")[] | undefined;
  /** Types to make CUDA kernels for; that of each declaration unless given. */
  readonly dtypes?: readonly CudaDtype[] | undefined;
  readonly headDims?: readonly number[] | undefined;
  /** JavaScript and declarations in place of TypeScript. */
  readonly js?: boolean | undefined;
  /** Attentions with branches, of the same file. */
  readonly branched?: readonly CompiledBranches[] | undefined;
  /** The sources of the package's `runtime/launch` by path, to be put into the generated file. */
  readonly standalone?: ReadonlyMap<string, string> | undefined;
  /** What the generated file says made it. */
  readonly version?: string | undefined;
}

const NOTHING = memoryHost({});

const checked = (text: string, { file = "input.attn", host = NOTHING }: SourceOptions) => checkFile(sourceFile(file, text), host);

/** All that is wrong with a file, with every operator built at its defaults. Never throws for a mistake of the user's. */
export function check(text: string, options: SourceOptions = {}): readonly Diagnostic[] {
  return buildOperators(checked(text, options)).diagnostics;
}

/** The file in the one layout, or why it cannot be read. */
export function format(
  text: string,
  options: Pick<SourceOptions, "file"> = {},
): { readonly text: string } | { readonly diagnostics: readonly Diagnostic[] } {
  return formatFile(sourceFile(options.file ?? "input.attn", text));
}

/** Launch manifests of the attentions of a file, with WebGPU kernels but for bf16. Never throws for a mistake of the user's. */
export function compile(text: string, options: CompileOptions = {}): Compiled {
  const { name, params, shape, headDims = [] } = options;
  const source = checked(text, options);
  const built = buildOperators(source, name, { params, shape });
  // The rules for a head dim hold for each of these.
  const errors = headDims
    .flatMap((headDim) => buildOperators({ ...source, diagnostics: [] }, name, { params, shape: { ...shape, headDim } }).diagnostics)
    .filter((d) => d.severity === "error");
  if (errors.length > 0) return { operators: [], branched: [], diagnostics: [...built.diagnostics, ...errors] };
  const operators = built.modules.map((mask) => ({ name: mask.name, mask, launch: launchModule(mask, headDims) }));
  const launch = (mask: BranchedMask): BranchedModule => launchBranched(mask, (module) => launchModule(module, headDims));
  const branched = built.branched.map((mask) => ({ name: mask.name, mask, launch: launch(mask) }));
  return { operators, branched, diagnostics: built.diagnostics };
}

/**
 * What one call of an operator costs, as `attnc explain` reports it: densities, tiles, FLOPs and bytes,
 * keys touched when decoding, the receptive field, what may be evicted, and which tiles or layouts would
 * be cheaper. A call that the kernels would refuse throws their error; where the caller's inputs decide
 * the pairs there is nothing to count, and it throws a TypeError.
 */
export function cost({ mask, launch }: CompiledOperator, call: AttentionCall): CostReport {
  const data = [...mask.inputs, ...(mask.selections ?? [])].map(({ name }) => name);
  if (data.length > 0) throw new TypeError(`${mask.name} depends on its inputs: ${data.join(", ")}`);
  return costOfCall(mask, launch, call);
}

/**
 * The files that `attnc build` writes: typed bindings with the kernels in them, and the kernels as texts. Throws a
 * TypeError where WGSL is asked for in bf16, which WebGPU does not have.
 */
export async function generate(operators: readonly CompiledOperator[], options: GenerateOptions): Promise<readonly GeneratedFile[]> {
  // The printers of TypeScript are large, and only needed here.
  const { buildFiles } = await import("./driver/build.js");
  const { buildCudaFiles } = await import("./driver/build-cuda.js");
  const { file, targets = ["wgsl"], headDims = [], dtypes = [], js, standalone, version = "as a library", branched = [] } = options;
  const masks = operators.map(({ mask }) => mask);
  const mixes = branched.map(({ mask }) => mask);
  const without = targets.includes("wgsl") ? [...masks, ...mixes].find(({ shape }) => shape.dtype === "bf16") : undefined;
  if (without !== undefined)
    throw new TypeError(`${diagnostic("ATTN4004", undefined, { name: without.name }).message}: choose another target`);
  const common = { version, source: file, headDims, js };
  const cuda = targets.filter((target) => target !== "wgsl");
  return [
    ...(targets.includes("wgsl") ? await buildFiles(masks, { ...common, standalone }, mixes) : []),
    ...(cuda.length > 0 ? await buildCudaFiles(masks, { ...common, targets: cuda, dtypes }, mixes) : []),
  ];
}
