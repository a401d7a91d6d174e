import type { ResolvedCall } from "./call.js";
import { AttnError } from "./errors.js";
import { layoutKeyLists, type KeyListLayout } from "./key-lists.js";
import { SUMMARY_TILE, type AttentionModule, type InputField, type InputSpec } from "./module.js";
import { layoutMatrices, selectionSizes, type MatrixLayout } from "./selection/matrices.js";

/** How many elements the caller gave for an input, and their shape where it was said. */
export interface InputExtent {
  readonly elements: number;
  readonly shape?: readonly number[] | undefined;
}

/** Where one input lies in the aux buffer, in 4-byte words. */
export interface InputLayout {
  readonly spec: InputSpec;
  /** 1, or the batch of the call. */
  readonly batch: number;
  /** 1, the kv heads or the query heads; always 1 for ids, and never the query heads for an order. */
  readonly heads: number;
  /** Rows and columns of the bit matrices; for ids, 1 and the number of tokens. */
  readonly rows: number;
  readonly columns: number;
  /** Words of a row: of packed bits, or of ids. */
  readonly rowStride: number;
  /** Entries of one list, for columns and diagonals; 0 for other kinds. */
  readonly listLength: number;
  readonly fields: Readonly<Record<InputField, number>>;
}

/** Where everything lies in the aux buffer. */
export interface AuxLayout {
  readonly words: number;
  /** Word offset of the host scalars, `[head][slot]`. */
  readonly scalars: number;
  readonly inputs: readonly InputLayout[];
  /** Bit matrices that the module's selections make. */
  readonly matrices: readonly MatrixLayout[];
  /** Lists that the launcher makes of rows of bits. */
  readonly lists: readonly KeyListLayout[];
  /** The sizes of the selections, as `SelectionSpec.sizes` gives them. */
  readonly sizes: readonly number[];
}

/** Rows and columns of the bit matrix that an input becomes. */
export function matrixSize(module: AttentionModule, spec: InputSpec, call: ResolvedCall): { rows: number; columns: number } {
  const queries = module.space === "self" ? call.n : call.nq;
  switch (spec.kind) {
    case "ids":
      return { rows: 1, columns: spec.axis === "k" ? call.n : queries };
    case "bits":
      return { rows: spec.rows === "q" ? call.nq : spec.rows, columns: spec.columns === "k" ? call.n : spec.columns };
    case "blocks":
    case "csr":
      return { rows: Math.ceil(queries / spec.n), columns: Math.ceil(call.n / spec.m) };
    case "columns":
      return { rows: 1, columns: call.n };
    case "diagonals":
      return { rows: 1, columns: call.n + queries - 1 };
  }
}

/** What is known of the shape of an input before the caller says how many batch entries and heads it has. */
export interface InputAxes {
  readonly name: string;
  /** The axes after batch and heads: a number, or undefined where any will do (the entries of a list). Bits count in words. */
  readonly inner: readonly (number | undefined)[];
  /** Whether it may have an axis of heads. */
  readonly heads: boolean | "kv";
  /** What its elements are, after the axes in messages. */
  readonly note: string;
}

function innerAxes(spec: InputSpec, rows: number, columns: number): readonly (number | undefined)[] {
  switch (spec.kind) {
    case "ids":
      return [columns];
    case "bits":
    case "blocks":
      return [rows, Math.ceil(columns / 32)];
    case "columns":
    case "diagonals":
      return [undefined];
    case "csr":
      return [rows + 1];
  }
}

const headsAxis = (spec: InputSpec): boolean | "kv" => (spec.kind !== "ids" ? true : spec.order === true ? "kv" : false);

/** The axes of an input whose bit matrices have `rows` and `columns`. */
export function inputAxes(spec: InputSpec, rows: number, columns: number): InputAxes {
  const note = spec.kind === "bits" || spec.kind === "blocks" ? " (32-bit words of packed bits)" : spec.kind === "csr" ? " offsets" : "";
  return { name: spec.name, inner: innerAxes(spec, rows, columns), heads: headsAxis(spec), note };
}

function axesText({ inner, heads, note }: InputAxes): string {
  const names = inner.map((axis) => (axis === undefined ? "entries" : String(axis)));
  return `[${[heads === false ? "batch" : "batch, heads", ...names].join(", ")}]${note}`;
}

/** Decides how many batch entries and heads an input has: each of the leading axes may be left out or be 1. Throws ATTN5206. */
export function leadingAxes(axes: InputAxes, call: ResolvedCall, given: InputExtent): { batch: number; heads: number; listLength: number } {
  const { inner } = axes;
  const expected = axesText(axes);
  const batches = [...new Set([1, call.batch])];
  const heads = [...new Set([1, ...(axes.heads === false ? [] : [call.kvHeads]), ...(axes.heads === true ? [call.heads] : [])])];
  const wrong = (found: string, remedy?: string): AttnError => {
    const counts = `batch ${batches.join(" or ")}` + (axes.heads === false ? "" : `, heads ${heads.join(" or ")}`);
    return new AttnError("ATTN5206", {
      field: axes.name,
      expected: `${expected} with ${counts}; leading axes may be left out`,
      found,
      remedy: remedy ?? `The sizes follow from this call: N = ${call.n}, NQ = ${call.nq}.`,
    });
  };
  const sayShape = "Pass the shape too, with both leading axes.";

  const { shape, elements } = given;
  let candidates: { batch: number; heads: number }[] = batches.flatMap((batch) => heads.map((h) => ({ batch, heads: h })));
  let listLength = 0;
  if (shape === undefined) {
    const size = inner.reduce<number | undefined>(
      (product, axis) => (product === undefined || axis === undefined ? undefined : product * axis),
      1,
    );
    // Any length would do for a list, so nothing tells one list from one for each head.
    if (size === undefined && candidates.length > 1) throw wrong(`${elements} entries without a shape`, sayShape);
    if (size === undefined) listLength = elements;
    else candidates = candidates.filter((c) => c.batch * c.heads * size === elements);
    if (candidates.length === 0) throw wrong(`${elements} elements`);
    // Nothing is nothing, for however many heads.
    if (candidates.length > 1 && elements > 0) throw wrong(`${elements} elements, which may mean several shapes`, sayShape);
  } else {
    const text = `[${shape.join(", ")}]`;
    const lead = shape.slice(0, Math.max(0, shape.length - inner.length));
    const tail = shape.slice(lead.length);
    if (tail.length !== inner.length || tail.some((axis, i) => inner[i] !== undefined && inner[i] !== axis)) throw wrong(text);
    if (lead.length > (axes.heads === false ? 1 : 2)) throw wrong(text);
    candidates = candidates.filter((c) =>
      lead.length === 2 ? c.batch === lead[0] && c.heads === lead[1] : c.batch * c.heads === (lead[0] ?? 1),
    );
    // One leading axis is of batch entries or of heads, not both at once.
    if (lead.length === 1) candidates = candidates.filter((c) => c.batch === 1 || c.heads === 1);
    if (candidates.length === 0) throw wrong(text);
    if (candidates.length > 1) throw wrong(`${text}, where the first axis may be of batch entries or of heads`, sayShape);
    if (inner[0] === undefined) listLength = tail[0]!;
    const product = shape.reduce((a, b) => a * b, 1);
    if (elements < product) throw wrong(`shape ${text} with ${elements} elements`, "Pass as many elements as the shape says.");
  }
  return { ...candidates[0]!, listLength };
}

/**
 * Lays out scalars, inputs and the matrices of selections in the aux buffer. Throws ATTN5206 where an input's size does
 * not fit the call, ATTN5210 where selections are too large for 32-bit indices.
 */
export function layoutAux(module: AttentionModule, call: ResolvedCall, extents: ReadonlyMap<string, InputExtent>): AuxLayout {
  let words = (module.scalars?.count ?? 0) * call.heads;
  const inputs = module.inputs.map((spec): InputLayout => {
    const { rows, columns } = matrixSize(module, spec, call);
    const { batch, heads, listLength } = leadingAxes(inputAxes(spec, rows, columns), call, extents.get(spec.name)!);
    const rowStride = spec.kind === "ids" ? columns : Math.ceil(columns / 32);
    const headStride = rows * rowStride;
    const base = words;
    words += batch * heads * headStride;
    const summary = words;
    const summaryTiles = spec.kind === "ids" ? Math.ceil(columns / SUMMARY_TILE) : 0;
    words += batch * heads * summaryTiles * 2;
    const fields = {
      base,
      batchStride: batch === 1 ? 0 : heads * headStride,
      length: columns,
      summary,
      summaryBatchStride: batch === 1 ? 0 : heads * summaryTiles * 2,
      summaryHeadStride: summaryTiles * 2,
      headCount: heads,
      headStride,
      rowStride,
      rows,
      columns,
    };
    return { spec, batch, heads, rows, columns, rowStride, listLength, fields };
  });
  const sizes = selectionSizes(module, call);
  const { matrices, words: listsFrom } = layoutMatrices(module, call, sizes, words);
  const bitsOf = (name: string): InputLayout | MatrixLayout => [...inputs, ...matrices].find(({ spec }) => spec.name === name)!;
  const { lists, words: end } = layoutKeyLists(module, bitsOf, listsFrom);
  return { words: end, scalars: 0, inputs, matrices, lists, sizes };
}
