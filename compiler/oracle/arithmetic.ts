import type { BinaryOperator } from "../syntax/ast.js";
import { OracleError } from "./program.js";
import { derived, numberOf, quotient, remainder, truthOf, type Kind, type Term } from "./values.js";

const numberKind = (parts: readonly Term[]): Kind => (parts.some((part) => part.kind === "float") ? "float" : "int");

/**
 * A binary operator but `in`. Integers stay exact below 2^53, where every position, product of positions and
 * table value of a real program lies; `/` on integers rounds down, `%` is never negative.
 */
export function binary(op: Exclude<BinaryOperator, "in">, left: Term, right: Term): Term {
  const parts = [left, right];
  switch (op) {
    case "&":
    case "|": {
      const [a, b] = [truthOf(left), truthOf(right)];
      return op === "&" ? derived("bool", parts, (p) => a(p) && b(p)) : derived("bool", parts, (p) => a(p) || b(p));
    }
    case "==":
      return derived("bool", parts, (p) => left.at(p) === right.at(p));
    case "!=":
      return derived("bool", parts, (p) => left.at(p) !== right.at(p));
  }
  const [a, b] = [numberOf(left), numberOf(right)];
  const kind = numberKind(parts);
  switch (op) {
    case "<":
      return derived("bool", parts, (p) => a(p) < b(p));
    case "<=":
      return derived("bool", parts, (p) => a(p) <= b(p));
    case ">":
      return derived("bool", parts, (p) => a(p) > b(p));
    case ">=":
      return derived("bool", parts, (p) => a(p) >= b(p));
    case "+":
      return derived(kind, parts, (p) => a(p) + b(p));
    case "-":
      return derived(kind, parts, (p) => a(p) - b(p));
    case "*":
      return derived(kind, parts, (p) => a(p) * b(p));
    case "/":
      return derived(kind, parts, kind === "int" ? (p) => quotient(a(p), b(p)) : (p) => a(p) / b(p));
    case "%":
      return derived(kind, parts, (p) => remainder(a(p), b(p)));
  }
}

export function negate(operand: Term): Term {
  const a = numberOf(operand);
  return derived(operand.kind, [operand], (p) => 0 - a(p));
}

export function not(operand: Term): Term {
  const a = truthOf(operand);
  return derived("bool", [operand], (p) => !a(p));
}

export function conditional(condition: Term, then: Term, otherwise: Term): Term {
  const c = truthOf(condition);
  const parts = [condition, then, otherwise];
  const kind = then.kind === otherwise.kind ? then.kind : numberKind([then, otherwise]);
  return derived(kind, parts, (p) => (c(p) ? then.at(p) : otherwise.at(p)));
}

/** The functions of numbers, with the names of their parameters. */
export const numberFunctions: Readonly<Record<string, readonly string[]>> = {
  min: ["a", "b"],
  max: ["a", "b"],
  abs: ["x"],
  clamp: ["x", "low", "high"],
  round_up: ["x", "multiple"],
  pow2: ["x"],
  log: ["x"],
  exp: ["x"],
  tanh: ["x"],
  floor: ["x"],
  ceil: ["x"],
};

export function numberFunction(name: string, args: readonly Term[]): Term {
  const values = args.map(numberOf);
  const [x, y, z] = values as [(typeof values)[0], (typeof values)[0], (typeof values)[0]];
  const kind = numberKind(args);
  switch (name) {
    case "min":
      return derived(kind, args, (p) => values.reduce((least, value) => Math.min(least, value(p)), Infinity));
    case "max":
      return derived(kind, args, (p) => values.reduce((most, value) => Math.max(most, value(p)), -Infinity));
    case "abs":
      return derived(kind, args, (p) => Math.abs(x(p)));
    case "clamp":
      return derived(kind, args, (p) => Math.min(Math.max(x(p), y(p)), z(p)));
    case "round_up":
      return derived("int", args, (p) => Math.ceil(x(p) / y(p)) * y(p));
    case "pow2":
      return derived("bool", args, (p) => isPowerOfTwo(x(p)));
    case "log":
      return derived("float", args, (p) => Math.log(x(p)));
    case "exp":
      return derived("float", args, (p) => Math.exp(x(p)));
    case "tanh":
      return derived("float", args, (p) => Math.tanh(x(p)));
    case "floor":
      return derived("int", args, (p) => Math.floor(x(p)));
    case "ceil":
      return derived("int", args, (p) => Math.ceil(x(p)));
  }
  throw new OracleError(`no function ${name}`);
}

/** 1, 2, 4, 8, … by doubling. */
function isPowerOfTwo(value: number): boolean {
  let power = 1;
  while (power < value) power *= 2;
  return power === value;
}
