import { expect, test } from "vitest";
import { oracleFacts, oracleMask } from "../../compiler/oracle/oracle.js";
import type { InputSpec } from "../../runtime/launch/module.js";
import { standardCases } from "../../runtime/verify/cases.js";
import { verifyOperator, type Operator, type VerifyCall } from "../../runtime/verify/operator.js";
import { unseenTiles } from "../../runtime/verify/unseen.js";
import { libraryProgram } from "../patterns/library.js";
import { runKernel, type Faults } from "./kernel.js";

type Fact = ReturnType<typeof oracleFacts>["inputs"][0];

function specOf({ name, kind, sizes, axis }: Fact): InputSpec {
  switch (kind) {
    case "ids":
      return { kind, name, axis };
    case "bits":
      return { kind, name, rows: "q", columns: "k" };
    case "blocks":
    case "csr":
      return { kind, name, n: sizes[0]!, m: sizes[1]! };
    default:
      return { kind: kind as "columns" | "diagonals", name };
  }
}

/** A pattern of the library, run by the test's kernel under the oracle's mask. */
function operator(file: string, name: string, params: Readonly<Record<string, number>>, faults: Faults): Operator {
  const program = libraryProgram(file);
  const facts = oracleFacts(program, name, params);
  const mask = (call: VerifyCall) =>
    oracleMask(program, name, {
      ...call.launch,
      N: call.keys,
      NQ: call.queries,
      heads: call.heads,
      kvHeads: call.kvHeads,
      params,
      inputs: call.inputs,
    });
  return {
    headDim: 8,
    valueDim: 12,
    dtype: "f32",
    space: facts.space.kind,
    inputs: facts.inputs.map(specOf),
    mask,
    unused: (call, seen) => unseenTiles(call, seen, 32),
    run: async (tensors, call) => runKernel(tensors, call, mask(call), faults),
  };
}

const library: readonly (readonly [file: string, name: string, params: Readonly<Record<string, number>>, lengths: number[]])[] = [
  ["documents.attn", "packed_documents", {}, [70]],
  ["token_types.attn", "meta_tokens", {}, [70]],
  ["token_types.attn", "region_cross", {}, [70]],
  ["caller_maps.attn", "block_sparse", {}, [150]],
  ["caller_maps.attn", "vertical_slash", {}, [70]],
  ["caller_maps.attn", "graph_edges", {}, [40]],
  ["caller_maps.attn", "pair_bits", {}, [40]],
  ["neighborhood.attn", "neighborhood_2d", { height: 7, width: 9, window: 5 }, [63]],
  ["grid_windows.attn", "proxies_mix", { frames: 2, height: 8, width: 8 }, [128]],
];

test.each(library)("%s#%s: a right kernel passes, a wrong mask does not", async (file, name, params, lengths) => {
  const freeLength = oracleFacts(libraryProgram(file), name, params).length === undefined;
  const cases = standardCases({ lengths, seeds: 2, heads: 2, kvHeads: 2, freeLength, freeHeads: true });
  const right = await verifyOperator(operator(file, name, params, {}), cases);
  expect(right.filter((result) => !result.ok)).toEqual([]);
  // One key fewer for one row, wherever the row has keys.
  const wrong = await verifyOperator(operator(file, name, params, { mask: (mask, call) => dropOneKey(mask, call) }), cases);
  expect(wrong.some((result) => !result.ok)).toBe(true);
});

function dropOneKey(mask: ReturnType<Operator["mask"]>, call: VerifyCall): ReturnType<Operator["mask"]> {
  for (let q = call.firstPosition + call.queries - 1; q >= call.firstPosition; q--) {
    for (let k = 0; k < call.keys; k++)
      if (mask(0, 0, q, k)) return (b, h, i, j) => mask(b, h, i, j) && !(b === 0 && h === 0 && i === q && j === k);
  }
  return mask;
}
