import { readFileSync } from "node:fs";
import { join } from "node:path";
import { launchModule, type AttentionModule } from "../compiler/driver/launch.js";
import { buildOperators, checkFile, hasErrors } from "../compiler/driver/pipeline.js";
import { nodeHost, packageRoot } from "../compiler/cli/host.js";
import { renderPretty } from "../compiler/diagnostics/render.js";
import type { MaskSettings } from "../compiler/mask/build/settings.js";
import type { MaskModule } from "../compiler/mask/ir.js";
import { PROFILES } from "../compiler/schedule/profiles.js";
import { sourceFile } from "../compiler/source/file.js";
import type { PairOrder } from "../runtime/launch/key-order/plan.js";
import { wgslSelection } from "../compiler/targets/wgsl/select.js";
import type { LaunchVariable } from "../runtime/launch/module.js";
import type { Mode, OwnContestant } from "./measure/contestant.js";
import { queriesOf, type Workload } from "./measure/data.js";

/** A compiled attention of a file of the repository. */
export interface Operator {
  readonly mask: MaskModule;
  readonly module: AttentionModule;
}

/** Compiles one attention: `file` is relative to the repository. Throws with the diagnostics where it does not compile. */
export function loadOperator(file: string, name: string, settings: MaskSettings): Operator {
  const path = join(packageRoot, file);
  const { modules, diagnostics } = buildOperators(checkFile(sourceFile(path, readFileSync(path, "utf8")), nodeHost), name, settings);
  const [mask] = modules;
  if (mask === undefined || hasErrors(diagnostics)) throw new Error(renderPretty(diagnostics));
  return { mask, module: launchModule(mask, [], { profiles: PROFILES }) };
}

export interface ContestantOptions {
  readonly label: string;
  readonly mode: Mode;
  readonly workload: Workload;
  readonly launch?: Readonly<Partial<Record<LaunchVariable, number>>> | undefined;
  readonly repeat?: number | undefined;
  readonly variant?: string | undefined;
  /** Where queries choose blocks of keys: which go first. */
  readonly order?: PairOrder | undefined;
}

/** An operator as plain data, with its host scalars computed for the workload. */
export function ownContestant({ mask, module }: Operator, options: ContestantOptions): OwnContestant {
  const { scalars, ...plain } = module;
  const { heads, length } = options.workload;
  const queries = queriesOf(options.workload);
  const params = Object.fromEntries(module.params.map((param) => [param.name, param.default ?? 0]));
  const launch = { layer: 0, layers: 1, step: 0, steps: 1, phase: 0, ...options.launch };
  const values =
    scalars && Array.from({ length: heads }, (_, h) => scalars.evaluate({ h, kvh: h, N: length, NQ: queries, ...launch, params }));
  const sizes = wgslSelection(mask)?.sizes;
  return { kind: "own", mask, module: plain, scalars: values, floats: scalars?.floats, sizes, ...options };
}
