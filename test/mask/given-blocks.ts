import type { BitsValue } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { selectedBits } from "../../runtime/launch/selection/lists.js";
import type { SelectedBits } from "../../runtime/launch/selection/lists.js";
import type { VerifyCall } from "../../runtime/verify/operator.js";
import { mixSeeds, random } from "../../runtime/verify/random.js";

/** Blocks that the queries of a call are given: none, few, half, all, or one and the same for all queries. */
export function givenBlocks({ selections = [] }: MaskModule, call: VerifyCall): Readonly<Record<string, BitsValue>> {
  const [selection] = selections;
  if (selection?.kind !== "selection") return {};
  const { batch, queries: rows, keys, kvHeads } = call;
  const heads = { query: call.heads, kv: kvHeads, one: 1 }[selection.heads];
  const columns = Math.ceil(keys / selection.columns.unit);
  const seed = mixSeeds(batch, rows, keys, call.heads);
  const source = random(seed);
  const density = [0, 0.1, 0.5, 1, undefined][seed % 5];
  const one = source.integer(0, columns - 1);
  const chosen = (column: number): boolean => (density === undefined ? column === one : source.chance(density));
  const data = Uint8Array.from({ length: batch * heads * rows * columns }, (_, i) => (chosen(i % columns) ? 1 : 0));
  return { [selection.name]: { kind: "bits", batch, heads, rows, columns, data } };
}

/** Bits as a caller gives them back. */
export function packed(bits: BitsValue): SelectedBits {
  const columns = Array.from({ length: bits.columns }, (_, column) => column);
  return selectedBits(bits, (b, h, row) => {
    const first = ((b * bits.heads + h) * bits.rows + row) * bits.columns;
    return columns.filter((column) => bits.data[first + column] === 1);
  });
}
