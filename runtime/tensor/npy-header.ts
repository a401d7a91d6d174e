import type { TensorDtype } from "./tensor.js";

/** What the header of an .npy file says. */
export interface NpyHeader {
  /** As written: `<f4`; `undefined` for records, whose description is a list. */
  readonly descr: string | undefined;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** The element types of `descr`, without the byte order. */
export const NPY_DTYPES: Readonly<Record<string, TensorDtype>> = {
  f2: "f16",
  f4: "f32",
  f8: "f64",
  i1: "i8",
  i2: "i16",
  i4: "i32",
  i8: "i64",
  u1: "u8",
  u2: "u16",
  u4: "u32",
  u8: "u64",
  b1: "bool",
};

const STRING = /^'([^'\\]*)'|^"([^"\\]*)"/;
const TUPLE = /^\(([^()]*)\)/;
const FLAG = /^(True|False)\b/;

/** The value of one key, and the text after it; undefined where there is none of a known form. */
function readValue(text: string): { value: string | boolean | number[] | undefined; rest: string } | undefined {
  const found = STRING.exec(text) ?? TUPLE.exec(text) ?? FLAG.exec(text);
  if (found === null) {
    // A record type is a list, read no further than its end.
    const end = text.startsWith("[") ? text.lastIndexOf("]") : -1;
    return end < 0 ? undefined : { value: undefined, rest: text.slice(end + 1) };
  }
  const rest = text.slice(found[0].length);
  if (text.startsWith("(")) {
    const items = found[1]!.split(",").map((item) => item.trim());
    // The comma after the last one is Python's.
    if (items.at(-1) === "") items.pop();
    // Python 2 wrote an L after large numbers.
    return items.every((item) => /^\d+L?$/.test(item)) ? { value: items.map((item) => Number.parseInt(item, 10)), rest } : undefined;
  }
  if (text.startsWith("T") || text.startsWith("F")) return { value: found[1] === "True", rest };
  return { value: found[1] ?? found[2] ?? "", rest };
}

/**
 * Reads the header's text: a Python dictionary literal with the keys `descr`, `fortran_order` and `shape`,
 * in any order and no others. Returns what is wrong with it as a string.
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function parseNpyHeader(text: string): NpyHeader | string {
  const fields = new Map<string, string | boolean | number[] | undefined>();
  let rest = text.trim();
  if (!rest.startsWith("{") || !rest.endsWith("}")) return "it is not a dictionary in braces";
  rest = rest.slice(1, -1).trim();
  while (rest !== "") {
    const key = STRING.exec(rest);
    if (key === null) return `a key in quotes is expected at \`${rest.slice(0, 20)}\``;
    rest = rest.slice(key[0].length).trimStart();
    const name = key[1] ?? key[2] ?? "";
    if (!rest.startsWith(":")) return `a colon is expected after \`${name}\``;
    const value = readValue(rest.slice(1).trimStart());
    if (value === undefined) return `the value of \`${name}\` is not understood`;
    if (fields.has(name)) return `\`${name}\` is there twice`;
    fields.set(name, value.value);
    rest = value.rest.trimStart();
    if (rest.startsWith(",")) rest = rest.slice(1).trimStart();
    else if (rest !== "") return `a comma is expected at \`${rest.slice(0, 20)}\``;
  }
  const [descr, fortranOrder, shape] = ["descr", "fortran_order", "shape"].map((name) => fields.get(name));
  if (!fields.has("descr") || fields.size !== 3)
    return `its keys are ${[...fields.keys()].join(", ") || "missing"}, not descr, fortran_order, shape`;
  if (typeof descr !== "string" && descr !== undefined) return "`descr` is no string";
  if (typeof fortranOrder !== "boolean") return "`fortran_order` is neither True nor False";
  if (!Array.isArray(shape)) return "`shape` is no tuple";
  if (!Number.isSafeInteger(shape.reduce((a, b) => a * b, 1))) return "`shape` is too large";
  return { descr, fortranOrder, shape };
}
