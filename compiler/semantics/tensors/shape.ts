/** Which axes a tensor has; how long they are, and in which units, is known when sizes are. */
export interface TensorShape {
  readonly heads: "query" | "kv" | "one";
  /** Queries. */
  readonly rows: boolean;
  readonly columns?: "keys" | "offsets" | undefined;
  /** The elements of a query or key. */
  readonly dim: boolean;
  /** Booleans instead of numbers. */
  readonly bool: boolean;
}

export const number: TensorShape = { heads: "one", rows: false, dim: false, bool: false };
export const boolean: TensorShape = { ...number, bool: true };

/** The shape of an operation on two tensors element by element; undefined where keys meet distances. */
export function join(a: TensorShape, b: TensorShape): TensorShape | undefined {
  if (a.columns !== undefined && b.columns !== undefined && a.columns !== b.columns) return undefined;
  return {
    heads: finer(a.heads, b.heads),
    rows: a.rows || b.rows,
    columns: a.columns ?? b.columns,
    dim: a.dim || b.dim,
    bool: false,
  };
}

function finer(a: TensorShape["heads"], b: TensorShape["heads"]): TensorShape["heads"] {
  if (a === "query" || b === "query") return "query";
  return a === "kv" || b === "kv" ? "kv" : "one";
}

/** For messages: `one number for each head, query and key`. */
export function describeShape(shape: TensorShape): string {
  const axes = [
    ...(shape.heads === "one" ? [] : [shape.heads === "kv" ? "kv head" : "head"]),
    ...(shape.rows ? ["query"] : []),
    ...(shape.columns === undefined ? [] : [shape.columns === "keys" ? "key" : "distance"]),
  ];
  const what = `${shape.dim ? "a vector" : shape.bool ? "one boolean" : "one number"}`;
  if (axes.length === 0) return what;
  const last = axes.at(-1)!;
  return `${what} for each ${axes.length === 1 ? last : `${axes.slice(0, -1).join(", ")} and ${last}`}`;
}
