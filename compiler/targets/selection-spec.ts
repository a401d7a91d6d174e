import { reuseRules } from "../mask/reuse.js";
import type { MaskModule } from "../mask/ir.js";
import type { Int, SelectionProgram } from "../select/ir.js";
import { sizeEvaluator } from "../select/sizes.js";
import type { SelectionSpec, UniformField } from "../../runtime/launch/module.js";

/** What a target made of a selection program. */
export interface PrintedSelection {
  readonly program: SelectionProgram;
  /** Absent where the target lists its kernels elsewhere. */
  readonly stages?: SelectionSpec["stages"] | undefined;
  readonly uniforms: readonly UniformField[];
  /** Numbers of the launch, by index. */
  readonly sizes: readonly Int[];
  /** Of each matrix and of the scratch buffer: indices of sizes. */
  readonly matrices: readonly { readonly rows: number; readonly columns: number }[];
  readonly scratch: number;
}

/** What the launcher must know of a module's selections. */
export function selectionSpec(
  module: MaskModule,
  { program, stages = [], uniforms, sizes, matrices, scratch }: PrintedSelection,
): SelectionSpec {
  const reuse = reuseRules(module);
  return {
    sizes: sizeEvaluator(sizes),
    matrices: program.matrices.map(({ bits, reusable, with: other }, i) => ({
      ...{ name: bits.name, heads: bits.heads, ...matrices[i]!, reusable },
      ...(other === undefined ? {} : { with: other }),
      ...(bits.remembers === undefined ? {} : { remembers: bits.remembers }),
      ...(bits.numbers === undefined ? {} : { numbers: bits.numbers }),
    })),
    ...(reuse === undefined ? {} : { reuse }),
    scratch,
    parts: program.parts,
    floatInputs: module.floatInputs ?? [],
    stages,
    uniforms,
  };
}
