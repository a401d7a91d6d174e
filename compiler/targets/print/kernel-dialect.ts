import type { Dialect } from "./dialect.js";

export type ScalarType = "int" | "float" | "bool" | "word";

/** What statements of a kernel are in a language. */
export interface KernelDialect extends Dialect {
  readonly constant: (type: ScalarType, name: string, text: string) => string;
  readonly variable: (type: ScalarType, name: string, text: string) => string;
  /** The head of a loop over integers from `from` up to but without `to`. */
  readonly loop: (name: string, from: string, to: string, step: string) => string;
  readonly float: (value: number) => string;
  readonly toFloat: (int: string) => string;
  /** Of a float that is a whole number. */
  readonly toInt: (float: string) => string;
  /** A float32 with the bits of a word. */
  readonly fromBits: (word: string) => string;
  /** A number of the queries or keys by its index; absent where an index is no 32-bit integer. */
  readonly view?: (of: "query" | "key", index: string) => string;
  /** A function of a float32. */
  readonly unary: (name: "abs" | "exp" | "log" | "tanh" | "sqrt" | "round", a: string) => string;
}

/** Where statements go. */
export interface Statements {
  line(text: string): void;
  block(head: string, body: () => void): void;
}
