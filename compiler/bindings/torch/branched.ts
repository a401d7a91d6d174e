import type { WholeOperator } from "../c/whole.js";
import { floatsOfCall, wholeOperator, type CompiledCudaBranched, type FloatsOfCall } from "../c/whole.js";
import { pythonName } from "./names.js";
import { printTorch, type TorchOptions } from "./operator.js";
import type { Argument } from "./selection.js";

/** As `printTorch`, of an attention with branches: gates and the tensors that branches attend from are arguments, too. */
export function printBranchedTorch(operator: CompiledCudaBranched, options: TorchOptions): string {
  const { branched, launch } = operator;
  const floats = floatsOfCall(launch);
  const owner = (selection: string): WholeOperator => {
    const index = launch.branches.findIndex(({ module }) => module.selection?.matrices.some(({ name }) => name === selection));
    return { mask: branched.branches[index]!.module, launch: launch.branches[index]!.module };
  };
  return printTorch(wholeOperator(operator), options, {
    lse: launch.mix.lse,
    arguments: floats.map(argumentOf),
    checks: floats.map(checkOf),
    fills: floats.map(({ name }) => `call.${pythonName(name)} = ${pythonName(name)}.data_ptr()`),
    fields: floats.map(({ name }) => pythonName(name)),
    owner,
  });
}

const argumentOf = ({ name, gates, windows }: FloatsOfCall): Argument => ({
  name: pythonName(name),
  schema: "Tensor",
  annotation: "torch.Tensor",
  tensor: true,
  doc:
    windows === undefined
      ? `${gates === 1 ? "A number" : `${gates} numbers`} for each query and head, float32 [batch, heads, queries, ${gates}].`
      : `A row for each window of ${windows.n} keys that fits whole, one every ${windows.stride}, of q's dtype: [batch, kv_heads, windows, ${windows.dim}].`,
});

function checkOf({ name, gates, windows }: FloatsOfCall): string {
  const [axes, dtype] =
    windows === undefined
      ? [`("batch", sizes.batch), ("heads", sizes.heads), ("queries", sizes.queries), ("gates", ${gates})`, "torch.float32"]
      : [
          `("batch", sizes.batch), ("kv_heads", sizes.kv_heads), ("windows", max(0, (sizes.keys - ${windows.n}) // ${windows.stride} + 1)), ("${windows.dim}", sizes.${windows.dim})`,
          "q.dtype",
        ];
  return `_check("${pythonName(name)}", ${pythonName(name)}, [${axes}], (${dtype},), sizes.device)`;
}
