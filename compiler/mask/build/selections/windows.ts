import type { Diagnostic } from "../../../diagnostics/diagnostic.js";
import { diagnostic } from "../../../diagnostics/report.js";
import type { Span } from "../../../source/file.js";
import { isOfClusters } from "../../clusters.js";
import type { Selection } from "../../selection.js";

/** Windows of `n` keys, one every `stride`, whose mask reads selections; `reordered` where the attention has a layout. */
export interface WindowsRead {
  readonly n: number;
  readonly stride: number;
  readonly reordered: boolean;
}

/** Reports a selection that does not tell of every window as a whole whether it is chosen: each must lie in one block of keys. */
export function checkWindows(
  { columns, snap }: Selection,
  name: string,
  span: Span,
  { n, stride, reordered }: WindowsRead,
  add: (d: Diagnostic) => void,
): void {
  const block = snap ?? columns.unit;
  const divides = block % stride === 0 && n <= stride;
  const other = (what: string): void => add(diagnostic("ATTN2372", span, { name, what }));
  if (columns.kind !== "keys") other("distances");
  else if (isOfClusters(columns)) other("clusters of keys");
  else if (reordered) other("keys under a `layout`");
  else if (block === 1 && !divides) other("single keys");
  else if (!divides) add(diagnostic("ATTN2371", span, { name, block, n, stride }));
}

/** Reports a boolean of a head under a layout: what it comes from may be of the layout's places, which windows do not know. */
export function checkFlag(name: string, span: Span, { reordered }: WindowsRead, add: (d: Diagnostic) => void): void {
  if (reordered) add(diagnostic("ATTN2372", span, { name, what: "keys under a `layout`" }));
}
