import { wholeModule, type BranchedMask } from "../../mask/branched.js";
import type { MaskModule } from "../../mask/ir.js";
import type { CudaBranchedModule } from "../../../runtime/cuda/branches/module.js";
import type { CudaModule } from "../../../runtime/cuda/module.js";
import type { SelectionSpec, UniformField } from "../../../runtime/launch/module.js";
import { fieldName } from "./names.js";
import type { CallTensor } from "./header.js";

/** An attention with branches, with its CUDA source. */
export interface CompiledCudaBranched {
  readonly branched: BranchedMask;
  readonly launch: CudaBranchedModule;
}

/** An attention with branches as what is called sees it: one operator, whose kernels are those that all branches have. */
export interface WholeOperator {
  readonly mask: MaskModule;
  readonly launch: CudaModule;
}

/** The whole of an attention with branches; selections, parameters and tables are those of its branches together. */
export function wholeOperator({ branched, launch }: CompiledCudaBranched): WholeOperator {
  const modules = launch.branches.map(({ module }) => module);
  const selections = modules.flatMap(({ selection }) => (selection === undefined ? [] : [selection]));
  const uniforms = [...modules, ...selections].flatMap((each) => each.uniforms);
  const layout = branched.branches.map(({ module }) => module).find((module) => module.layout !== undefined);
  return {
    mask: { ...wholeModule(branched), ...(layout === undefined ? {} : { layout: layout.layout!, orders: layout.orders ?? [] }) },
    launch: {
      ...launch.call,
      uniforms: uniforms.filter(({ source }: UniformField) => source.kind === "param"),
      ...(selections.length === 0 ? {} : { selection: together(selections, poolsOf(launch)) }),
      cuda: { source: launch.source, kernels: common(modules) },
    },
  };
}

/** The selections of all branches, each name once; what a branch attends from is no input of floats. */
function together(all: readonly SelectionSpec[], pools: readonly string[]): SelectionSpec {
  const once = <T extends { readonly name: string }>(items: readonly T[]): readonly T[] =>
    items.filter(({ name }, i) => items.findIndex((other) => other.name === name) === i);
  return {
    ...all[0]!,
    uniforms: [],
    matrices: once(all.flatMap(({ matrices }) => matrices)),
    floatInputs: once(all.flatMap(({ floatInputs }) => floatInputs)).filter(({ name }) => !pools.includes(name)),
  };
}

/** The kernels of the first branch whose type and dims all have some for. */
function common([first, ...others]: readonly CudaModule[]): CudaModule["cuda"]["kernels"] {
  return first!.cuda.kernels.filter(({ dtype, headDim, valueDim }) =>
    others.every(({ cuda }) =>
      cuda.kernels.some((kernel) => kernel.dtype === dtype && kernel.headDim === headDim && kernel.valueDim === valueDim),
    ),
  );
}

const poolsOf = ({ branches }: CudaBranchedModule): readonly string[] =>
  branches.flatMap(({ windows }) => (windows === undefined ? [] : [windows.key, windows.value]));

/** A gate, or a tensor that a branch attends from. */
export interface FloatsOfCall extends CallTensor {
  readonly gates?: number | undefined;
  readonly windows?: { readonly n: number; readonly stride: number; readonly dim: "head_dim" | "value_dim" } | undefined;
}

/** The tensors of a call that attentions with branches have beside queries, keys and values, each name once. */
export function floatsOfCall({ gates, branches }: CudaBranchedModule): readonly FloatsOfCall[] {
  const all: FloatsOfCall[] = gates.map(({ name, count }) => ({
    name,
    field: fieldName(name),
    type: "const float*",
    doc: `On the device: ${count === 1 ? "a number" : `${count} numbers`} for each query and head, [batch, heads, queries, ${count}].`,
    gates: count,
  }));
  for (const { windows } of branches) {
    if (windows === undefined) continue;
    const { n, stride } = windows;
    for (const [name, dim] of [
      [windows.key, "head_dim"],
      [windows.value, "value_dim"],
    ] as const) {
      if (all.some((each) => each.name === name)) continue;
      const doc = `On the device: of the dtype, a row for each window of ${n} keys that fits whole, one every ${stride}: [batch, kv_heads, windows, ${dim}].`;
      all.push({ name, field: fieldName(name), type: "const void*", doc, windows: { n, stride, dim } });
    }
  }
  return all;
}
