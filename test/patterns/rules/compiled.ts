import { toMaskInput } from "../../../compiler/cli/input-forms.js";
import { buildMasks, headEvaluator } from "../../../compiler/mask/index.js";
import type { MaskEnv } from "../../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../../compiler/mask/ir.js";
import type { OracleLaunch, MaskPredicate } from "../../../compiler/oracle/oracle.js";
import { interpretSelections } from "../../../compiler/select/interpret.js";
import { lowerSelections } from "../../../compiler/select/lower.js";
import type { VerifyInput } from "../../../runtime/verify/inputs.js";
import { analyze } from "../../../compiler/semantics/index.js";
import { libraryFiles, libraryHost, parseFile } from "../library.js";
import type { Call } from "./selected.js";

/** The mask of an attention of the library as it is compiled: its selection program, run on the CPU in float32. */
export function compiledMask(pattern: string, call: Call, launch: Partial<OracleLaunch> = {}): MaskPredicate {
  const [file, name] = pattern.split("#") as [string, string];
  const { heads, headDim, scale } = call;
  const module = compiledModule(file, name, call, launch.params);
  const env = maskEnv(module, call, launch);
  const floats = Object.fromEntries(
    Object.entries(launch.inputs ?? {}).flatMap(([input, value]) => {
      if (value.kind !== "floats") return [];
      const [batch, count] = value.shape as [number, number];
      return [[input, { batch, heads: count, data: Float32Array.from(value.data) }]];
    }),
  );
  const tensors = { q: Float32Array.from(call.q.flat(2)), k: Float32Array.from(call.k.flat(2)), floats };
  const program = lowerSelections(module);
  const selected = program === undefined ? {} : interpretSelections(program, { env, batch: 1, headDim, scale, ...tensors });
  const evaluators = Array.from({ length: heads }, (_, h) =>
    headEvaluator(module, { ...env, inputs: { ...env.inputs, ...selected } }, 0, h),
  );
  return (_, h, q, k) => evaluators[h]!(q, k);
}

/** An attention, or a branch of one: `nsa.near`. */
function compiledModule(file: string, name: string, { heads, kvHeads }: Call, given: OracleLaunch["params"] = {}): MaskModule {
  const source = libraryFiles.find((each) => each.name === `std/${file}`)!;
  const { model } = analyze(source, parseFile(source), libraryHost());
  const [attention, branch] = name.split(".") as [string, string?];
  const own = new Set(model.attentions.find((each) => each.name === attention)!.params.map((param) => param.name));
  const params = Object.fromEntries(Object.entries(given).filter(([param]) => own.has(param)));
  const { modules, branched, diagnostics } = buildMasks(model, attention, { params, shape: { heads, kvHeads } });
  const found = branch === undefined ? modules[0] : branched[0]?.branches.find((each) => each.name === branch)?.module;
  if (found === undefined) throw new Error(diagnostics.map((each) => `${each.code} ${each.message}`).join("; "));
  return found;
}

function maskEnv(module: MaskModule, call: Call, { params, inputs = {}, phase, ...launch }: Partial<OracleLaunch>): MaskEnv {
  const { N, NQ, heads, kvHeads } = call;
  const values = module.inputs.map((spec) => {
    const value = inputs[spec.name] as VerifyInput;
    return [spec.name, toMaskInput(spec, value, { N, NQ, space: module.space.kind })] as const;
  });
  const standard = module.params.map((param) => [param.name, param.default ?? 0] as const);
  return {
    N,
    NQ,
    heads,
    kvHeads,
    layer: launch.layer,
    layers: launch.layers,
    step: launch.step,
    steps: launch.steps,
    phase: phase === undefined ? undefined : module.phases.indexOf(phase),
    params: { ...Object.fromEntries(standard), ...params } as Record<string, number>,
    inputs: Object.fromEntries(values),
  };
}
