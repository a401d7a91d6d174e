import type { PeerContestant } from "../measure/contestant.js";
import type { OnnxModel, OnnxNode, OnnxTensor } from "./onnx.js";

/** Operator sets: GroupQueryAttention and MultiHeadAttention are Microsoft's. */
const OPSETS = { "": 21, "com.microsoft": 1 };

/** The model of one attention operator over q, k, v `[1, length, heads * headDim]`, with an output `out` like them. */
export function peerModel({ operator, mask, workload }: PeerContestant): OnnxModel {
  const { heads, headDim, length } = workload;
  const tensor = (name: string): OnnxTensor => ({ name, type: "float", shape: [1, length, heads * headDim] });
  const tensors = ["q", "k", "v"].map(tensor);
  const node = (parts: Omit<OnnxNode, "domain">): OnnxNode => ({ domain: "com.microsoft", ...parts });
  switch (operator) {
    case "GroupQueryAttention": {
      // Causal by definition; a window is its own attribute. It also gives the keys and values that a cache would hold.
      const window: Record<string, number> = mask.kind === "window" ? { local_window_size: mask.window } : {};
      const inputs = ["q", "k", "v", "", "", "seqlens_k", "total_length"];
      const present = ["present_key", "present_value"].map((name) => ({ ...tensor(name), shape: [1, heads, length, headDim] }));
      return {
        node: node({
          type: operator,
          inputs,
          outputs: ["out", "present_key", "present_value"],
          attributes: { num_heads: heads, kv_num_heads: heads, ...window },
        }),
        inputs: [...tensors, { name: "seqlens_k", type: "int32", shape: [1] }, { name: "total_length", type: "int32", shape: [1] }],
        outputs: [tensor("out"), ...present],
        opsets: OPSETS,
      };
    }
    case "MultiHeadAttention":
      if (mask.kind !== "causal") throw new Error("MultiHeadAttention knows no window");
      return {
        node: node({ type: operator, inputs: ["q", "k", "v"], outputs: ["out"], attributes: { num_heads: heads, unidirectional: 1 } }),
        inputs: tensors,
        outputs: [tensor("out")],
        opsets: OPSETS,
      };
    case "MultiHeadAttention with bias":
      return {
        node: node({
          type: "MultiHeadAttention",
          inputs: ["q", "k", "v", "", "", "bias"],
          outputs: ["out"],
          attributes: { num_heads: heads },
        }),
        inputs: [...tensors, { name: "bias", type: "float", shape: [1, 1, length, length] }],
        outputs: [tensor("out")],
        opsets: OPSETS,
      };
  }
}
