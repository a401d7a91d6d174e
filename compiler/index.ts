/**
 * The compiler as a library. It runs wherever JavaScript does: files come through a host, and nothing of Node is used.
 *
 *   const { operators, diagnostics } = compile(text);
 *   const attention = await createAttention(device, operators[0].launch, { heads: 8 });   // from "attnc/runtime"
 */
import type { GeneratedFile } from "./bindings/typescript.js";
import type { Diagnostic } from "./diagnostics/diagnostic.js";
import { scheduledTiles } from "./driver/cost.js";
import { launchModule } from "./driver/launch.js";
import type { AttentionModule } from "./driver/launch.js";
import { buildOperators, checkFile } from "./driver/pipeline.js";
import type { MaskSettings } from "./mask/build/settings.js";
import type { MaskModule } from "./mask/ir.js";
import { memoryHost } from "./semantics/host.js";
import type { SourceHost } from "./semantics/host.js";
import { sourceFile } from "./source/file.js";
import { costReport } from "./tiles/report.js";
import type { CostReport } from "./tiles/report.js";
import { format as formatFile } from "./syntax/format.js";

export type { GeneratedFile } from "./bindings/typescript.js";
export type { Diagnostic, Label, Severity } from "./diagnostics/diagnostic.js";
export { renderPretty, toGithub, toJson, type JsonDiagnostic, type JsonReport, type RenderOptions } from "./diagnostics/render.js";
export { explanation as explain } from "./diagnostics/report.js";
export type { MaskSettings } from "./mask/build/settings.js";
export { libraryFile, memoryHost, type SourceHost } from "./semantics/host.js";
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

export interface Compiled {
  /** Empty where a diagnostic is an error. */
  readonly operators: readonly CompiledOperator[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface GenerateOptions {
  /** The name of the `.attn` file, which names the generated ones. */
  readonly file: string;
  readonly headDims?: readonly number[] | undefined;
  /** JavaScript and declarations in place of TypeScript. */
  readonly js?: boolean | undefined;
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

/** Kernels and launch manifests of the attentions of a file. Never throws for a mistake of the user's. */
export function compile(text: string, options: CompileOptions = {}): Compiled {
  const { name, params, shape, headDims = [] } = options;
  const source = checked(text, options);
  const built = buildOperators(source, name, { params, shape });
  // The rules for a head dim hold for each of these.
  const errors = headDims
    .flatMap((headDim) => buildOperators({ ...source, diagnostics: [] }, name, { params, shape: { ...shape, headDim } }).diagnostics)
    .filter((d) => d.severity === "error");
  if (errors.length > 0) return { operators: [], diagnostics: [...built.diagnostics, ...errors] };
  const operators = built.modules.map((mask) => ({ name: mask.name, mask, launch: launchModule(mask, headDims) }));
  return { operators, diagnostics: built.diagnostics };
}

export interface CostCall {
  /** Number of keys, and of queries unless `queryLength` says otherwise. */
  readonly length: number;
  readonly queryLength?: number | undefined;
  readonly batch?: number | undefined;
  /** Values of runtime parameters, in place of their defaults. */
  readonly params?: Readonly<Record<string, number>> | undefined;
  readonly layer?: number | undefined;
  readonly layers?: number | undefined;
}

/**
 * What one call of an operator costs, as `attnc explain` reports it: densities, tiles, FLOPs and bytes,
 * keys touched when decoding, the receptive field, what may be evicted, and which tiles or layouts would
 * be cheaper. For operators whose pairs the caller's inputs decide there is nothing to count: it throws.
 */
export function cost({ mask }: CompiledOperator, call: CostCall): CostReport {
  if (mask.inputs.length > 0) throw new TypeError(`${mask.name} depends on its inputs: ${mask.inputs.map(({ name }) => name).join(", ")}`);
  const { heads, kvHeads } = mask.shape;
  const params = Object.fromEntries(mask.params.map(({ name, default: value }) => [name, call.params?.[name] ?? value ?? 0]));
  const { length: N, queryLength: NQ = N, layer = 0, layers = layer + 1 } = call;
  const env = { N, NQ, heads, kvHeads, layer, layers, step: 0, steps: 1, phase: 0, params };
  return costReport(mask, env, { batch: call.batch ?? 1, tiles: scheduledTiles(mask) });
}

/** The files that `attnc build --target wgsl` writes: typed bindings with the kernels in them, and the kernels as texts. */
export async function generate(operators: readonly CompiledOperator[], options: GenerateOptions): Promise<readonly GeneratedFile[]> {
  // The printers of TypeScript are large, and only needed here.
  const { buildFiles } = await import("./driver/build.js");
  const { file, headDims = [], js, standalone, version = "as a library" } = options;
  const masks = operators.map(({ mask }) => mask);
  return buildFiles(masks, { version, source: file, headDims, js, standalone });
}
