import type { ResolvedCall } from "../call.js";
import { AttnError } from "../errors.js";
import type { AttentionModule } from "../module.js";
import { checkPaddingBits, selectedWords, type SelectedBits } from "./lists.js";
import { layoutMatrices, selectionSizes, type MatrixLayout } from "./matrices.js";
import { givenColumns } from "./plan.js";
import { reusedNames } from "./rules.js";

/** The part of a run's arrays that concerns its selections. */
export interface SelectionArrays {
  /** Whether what was selected is wanted: it is part of the result then. */
  readonly selected?: boolean | undefined;
  /** Selections of earlier runs, which stand in for new ones. */
  readonly reuse?: Readonly<Record<string, SelectedBits | undefined>> | undefined;
}

/** The shapes of what a module's selections choose in a call. */
export function selectedShapes(module: AttentionModule, call: ResolvedCall): readonly MatrixLayout[] {
  return layoutMatrices(module, call, selectionSizes(module, call), 0).matrices;
}

/**
 * The selections that a run is given back, by name, each checked: shape, length and the bits past its columns.
 * Throws ATTN5212 and ATTN5214 to ATTN5217.
 */
export function reusedBits(module: AttentionModule, call: ResolvedCall, arrays: SelectionArrays): Readonly<Record<string, SelectedBits>> {
  if (module.selection === undefined) return {};
  const given = arrays.reuse ?? {};
  const shapes = selectedShapes(module, call);
  return Object.fromEntries(
    reusedNames(module, call, given).map((name) => {
      const bits = given[name]!;
      checkBits(
        `reuse.${name}`,
        bits,
        shapes.find(({ spec }) => spec.name === name)!,
      );
      return [name, bits];
    }),
  );
}

function checkBits(field: string, bits: SelectedBits, shape: MatrixLayout): void {
  const { words } = bits;
  if (!(words instanceof Uint32Array)) {
    throw new AttnError("ATTN5212", {
      field,
      expected: "a selection of an earlier run: { batch, heads, rows, columns, words }",
      found: bits === null ? "null" : typeof bits,
      remedy: "Have it with `selected: true`, or make it with `selectedBits`.",
    });
  }
  for (const axis of ["batch", "heads", "rows"] as const) {
    if (bits[axis] === shape[axis]) continue;
    throw new AttnError("ATTN5215", {
      field: `${field}.${axis}`,
      expected: `${shape[axis]}, as this call has it`,
      found: String(bits[axis]),
      remedy: "Give back a selection that was made for this batch, these heads and as many queries.",
    });
  }
  givenColumns(field, bits.columns, shape.columns);
  const expected = selectedWords(bits);
  if (words.length !== expected) {
    throw new AttnError("ATTN5215", {
      field: `${field}.words`,
      expected: `${expected} words: [${bits.batch}, ${bits.heads}, ${bits.rows}, ${Math.ceil(bits.columns / 32)}]`,
      found: `${words.length} words`,
      remedy: "Give back the words as they came, or make them with `selectedBits`.",
    });
  }
  checkPaddingBits(field, bits);
}
