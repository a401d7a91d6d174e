import type { Tensor } from "../mask/selection.js";

/** The tensors directly below one of the selection IR. */
export function operands(node: Tensor): readonly Tensor[] {
  switch (node.kind) {
    case "number":
    case "scalar":
    case "scale":
    case "view":
    case "input":
    case "position":
    case "size":
      return [];
    case "choose":
      return [node.cond, node.a, node.b];
    case "softmax":
      return node.where === undefined ? [node.a] : [node.a, node.where];
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "min":
    case "max":
    case "lt":
    case "le":
    case "dot":
      return [node.a, node.b];
    default:
      return [node.a];
  }
}
