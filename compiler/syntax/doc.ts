/**
 * Text with choices of where to break lines. A group is set on one line if it fits; otherwise all of its own breaks
 * become newlines, and the groups inside it choose for themselves.
 */
export type Doc =
  | string
  | readonly Doc[]
  /** A space (or nothing) on one line, a newline in a broken group. */
  | { readonly kind: "break"; readonly flat: "" | " " }
  /** Always a newline. */
  | { readonly kind: "newline" }
  | { readonly kind: "group"; readonly content: Doc }
  /** Newlines inside go further in by so many columns. */
  | { readonly kind: "nest"; readonly by: number; readonly content: Doc }
  /** A comment at the end of its line; a newline comes next. */
  | { readonly kind: "comment"; readonly text: string };

export const breakOrSpace: Doc = { kind: "break", flat: " " };
export const breakOrNothing: Doc = { kind: "break", flat: "" };
export const newline: Doc = { kind: "newline" };

export function group(...content: Doc[]): Doc {
  return { kind: "group", content };
}

export function nest(by: number, ...content: Doc[]): Doc {
  return { kind: "nest", by, content };
}

/** A line of output, with the comment at its end apart so that comments can be aligned. */
export interface Line {
  text: string;
  comment?: string | undefined;
}

/** Sets a text whose first line starts at column `indent` and whose others go in by `indent` too. */
export function setLines(doc: Doc, indent: number, width: number): Line[] {
  const lines: Line[] = [{ text: " ".repeat(indent) }];
  const widths = new Map<Doc, number>();
  const work: { readonly doc: Doc; readonly indent: number; readonly flat: boolean }[] = [{ doc, indent, flat: false }];
  while (work.length > 0) {
    const { doc, indent, flat } = work.pop()!;
    const line = lines.at(-1)!;
    if (typeof doc === "string") line.text += doc;
    else if (isList(doc)) for (let i = doc.length - 1; i >= 0; i--) work.push({ doc: doc[i]!, indent, flat });
    else if (doc.kind === "nest") work.push({ doc: doc.content, indent: indent + doc.by, flat });
    else if (doc.kind === "comment") line.comment = doc.text;
    else if (doc.kind === "newline" || (doc.kind === "break" && !flat)) lines.push({ text: " ".repeat(indent) });
    else if (doc.kind === "break") line.text += doc.flat;
    else work.push({ doc: doc.content, indent, flat: flat || line.text.length + flatWidth(doc.content, widths) + tail(work) <= width });
  }
  // The indent of a comment that has its line for itself stays.
  for (const line of lines) if (line.comment === undefined || line.text.trim() !== "") line.text = line.text.trimEnd();
  return lines;

  /** What follows on the same line before it can be broken: closing brackets, commas, a brace. */
  function tail(rest: typeof work): number {
    let length = 0;
    for (let i = rest.length - 1; i >= 0; i--) {
      const part = solidStart(rest[i]!.doc);
      length += part.length;
      if (part.ends || length > width) break;
    }
    return length;
  }
}

/** The length of a text up to its first break, and whether it has one. */
function solidStart(doc: Doc): { readonly length: number; readonly ends: boolean } {
  if (typeof doc === "string") return { length: doc.length, ends: false };
  if (isList(doc)) {
    let length = 0;
    for (const part of doc) {
      const start = solidStart(part);
      length += start.length;
      if (start.ends) return { length, ends: true };
    }
    return { length, ends: false };
  }
  return doc.kind === "group" || doc.kind === "nest" ? solidStart(doc.content) : { length: 0, ends: true };
}

/** The width on one line; infinite where a newline is forced. */
function flatWidth(doc: Doc, known: Map<Doc, number>): number {
  if (typeof doc === "string") return doc.includes("\n") ? Infinity : doc.length;
  const seen = known.get(doc);
  if (seen !== undefined) return seen;
  let sum = 0;
  if (isList(doc)) for (const part of doc) sum += flatWidth(part, known);
  else if (doc.kind === "break") sum = doc.flat.length;
  else if (doc.kind === "group" || doc.kind === "nest") sum = flatWidth(doc.content, known);
  else sum = Infinity;
  known.set(doc, sum);
  return sum;
}

function isList(doc: Doc): doc is readonly Doc[] {
  return Array.isArray(doc);
}
