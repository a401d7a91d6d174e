import { branchedOperator, generateTypeScript } from "../bindings/typescript.js";
import type { GeneratedFile } from "../bindings/typescript.js";
import type { BranchedMask } from "../mask/branched.js";
import type { MaskModule } from "../mask/ir.js";
import { launchBranched } from "./branched.js";
import { dimsName, stemOf } from "./file-names.js";
import { launchModule } from "./launch.js";
import type { AttentionModule, ScheduleChoice } from "./launch.js";
import { withWinners } from "./tuning.js";
import type { Recall } from "./tuning.js";

export interface BuildOptions {
  readonly version: string;
  /** The `.attn` file as the user called it. */
  readonly source: string;
  /** Head dims to make kernels for; those of each shape when empty. */
  readonly headDims: readonly number[];
  readonly js?: boolean | undefined;
  /** Which schedules the file carries; the best of each kind of device that generated files are for. */
  readonly schedules?: ScheduleChoice | undefined;
  /** Winners of measurements, to put first. */
  readonly recall?: Recall | undefined;
  /** Called for each winner that was put first. */
  readonly onWinner?: ((operator: string, schedule: string) => void) | undefined;
  /** The runtime's sources by path, to be put into the generated file. */
  readonly standalone?: ReadonlyMap<string, string> | undefined;
}

/**
 * Everything that `attnc build --target wgsl` writes for one file: the bindings with the kernels in
 * them, and each kernel as a text of its own for people and tools to read.
 */
export async function buildFiles(
  modules: readonly MaskModule[],
  options: BuildOptions,
  branched: readonly BranchedMask[] = [],
): Promise<readonly GeneratedFile[]> {
  const single = modules.map((mask) => ({ mask, launch: compile(mask, options) }));
  const several = branched.map((mask) =>
    branchedOperator(
      mask,
      launchBranched(mask, (module) => compile(module, options)),
    ),
  );
  const { version, source, js, standalone } = options;
  const bindings = await generateTypeScript([...single, ...several], { version, source, js, standalone });
  const branches = several.flatMap((operator) => operator.branched.launch.branches.map(({ module }) => module));
  const kernels = [...single.map(({ launch }) => launch), ...branches].flatMap((launch) =>
    launch.variants.map((variant) => ({
      name: `${stemOf(source)}.${launch.name}.${dimsName(variant)}.${variant.name}.wgsl`,
      text: variant.wgsl,
    })),
  );
  const mixes = several.map(({ branched: { launch } }) => ({ name: `${stemOf(source)}.${launch.name}.mix.wgsl`, text: launch.mix.wgsl }));
  return [...bindings, ...kernels, ...mixes];
}

function compile(mask: MaskModule, { headDims, schedules, recall, onWinner }: BuildOptions): AttentionModule {
  const compiled = launchModule(mask, headDims, schedules);
  if (recall === undefined) return compiled;
  const { module, winners } = withWinners(mask, compiled, headDims, recall, schedules?.all);
  for (const { name } of winners) onWinner?.(mask.name, name);
  return module;
}
