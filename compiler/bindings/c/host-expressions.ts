import type { HostExpr, Table } from "../../mask/ir.js";
import { fieldName } from "./names.js";

/**
 * Host expressions as C: doubles, with booleans as 0 and 1, as mask/evaluate.ts computes them. Variables are
 * names in scope; parameters are fields of `p`; tables are arrays `table_i`.
 */
export function printHostExpr(e: HostExpr, tables: readonly Table[]): string {
  const print = (x: HostExpr): string => printHostExpr(x, tables);
  switch (e.kind) {
    case "number":
      return doubleLiteral(e.value);
    case "var":
      return `static_cast<double>(${variables[e.name] ?? `p->${e.name}`})`;
    case "param":
      return `static_cast<double>(p->${fieldName(e.name)})`;
    case "table": {
      const { rows, columns } = tables[e.table]!;
      return `table_${e.table}[held(${print(e.row)}, ${rows}) * ${columns} + held(${print(e.column)}, ${columns})]`;
    }
    case "neg":
      return `(-${print(e.a)})`;
    case "abs":
      return `fabs(${print(e.a)})`;
    case "not":
      return `(${print(e.a)} == 0.0 ? 1.0 : 0.0)`;
    case "log":
    case "exp":
    case "tanh":
    case "floor":
    case "ceil":
      return `${e.kind}(${print(e.a)})`;
    case "select":
      return `(${print(e.cond)} != 0.0 ? ${print(e.a)} : ${print(e.b)})`;
    case "add":
      return `(${print(e.a)} + ${print(e.b)})`;
    case "sub":
      return `(${print(e.a)} - ${print(e.b)})`;
    case "mul":
      return `(${print(e.a)} * ${print(e.b)})`;
    case "divide":
      return `(${print(e.a)} / ${print(e.b)})`;
    case "floordiv":
      return `floor(${print(e.a)} / ${print(e.b)})`;
    case "mod":
      return `floor_remainder(${print(e.a)}, ${print(e.b)})`;
    case "min":
      return `fmin(${print(e.a)}, ${print(e.b)})`;
    case "max":
      return `fmax(${print(e.a)}, ${print(e.b)})`;
    case "lt":
    case "le":
    case "eq":
    case "ne":
      return `(${print(e.a)} ${comparison[e.kind]} ${print(e.b)} ? 1.0 : 0.0)`;
    case "and":
      return `(${print(e.a)} != 0.0 && ${print(e.b)} != 0.0 ? 1.0 : 0.0)`;
    case "or":
      return `(${print(e.a)} != 0.0 || ${print(e.b)} != 0.0 ? 1.0 : 0.0)`;
  }
}

const variables: Readonly<Record<string, string>> = { h: "h", kvh: "kvh", N: "p->keys", NQ: "p->queries" };
const comparison = { lt: "<", le: "<=", eq: "==", ne: "!=" } as const;

/** Shortest digits that read back as the same double. */
export function doubleLiteral(value: number): string {
  if (value === Infinity) return "INFINITY";
  if (value === -Infinity) return "(-INFINITY)";
  if (Number.isNaN(value)) return "NAN";
  const text = String(value);
  const whole = /[.e]/.test(text) ? text : `${text}.0`;
  return value < 0 ? `(${whole})` : whole;
}
