import type { KernelDialect } from "../../print/kernel-dialect.js";
import { cpp } from "../dialect.js";

const types = { int: "int", float: "float", bool: "bool", word: "unsigned int" } as const;

/** Functions that C calls otherwise: roundf goes away from 0 from half way. */
const names: Readonly<Partial<Record<string, string>>> = { abs: "fabsf", round: "rintf" };

/** C++ for statements of selection stages. */
export const cppKernel: KernelDialect = {
  ...cpp,
  // Not every stage asks for all of the heads and places that are named.
  constant: (type, name, text) => `[[maybe_unused]] const ${types[type]} ${name} = ${text};`,
  variable: (type, name, text) => `${types[type]} ${name} = ${text};`,
  loop: (name, from, to, step) => `for (int ${name} = ${from}; ${name} < ${to}; ${name} += ${step})`,
  float: floatLiteral,
  toFloat: (text) => `static_cast<float>(${text})`,
  toInt: (text) => `static_cast<int>(${text})`,
  fromBits: (word) => `__uint_as_float(${word})`,
  unary: (name, a) => `${names[name] ?? `${name}f`}(${a})`,
};

/** A float32 with all of its digits. */
function floatLiteral(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) return `__uint_as_float(0x${bitsOf(rounded).toString(16)}u)`;
  const text = String(rounded);
  const literal = `${/[.e]/.test(text) ? text : `${text}.0`}f`;
  return rounded < 0 ? `(${literal})` : literal;
}

/** The bits of a number in float32. */
export const bitsOf = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;
