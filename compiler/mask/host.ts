import type { HostExpr } from "./ir.js";
import { hostBinary, hostUnary } from "./evaluate.js";

/** Folds constants of a host expression; values stay exactly those that the host would compute. */
export function simplifyHost(expr: HostExpr): HostExpr {
  switch (expr.kind) {
    case "number":
    case "var":
    case "param":
      return expr;
    case "table":
      return { ...expr, row: simplifyHost(expr.row), column: simplifyHost(expr.column) };
    case "neg":
    case "abs":
    case "not":
    case "log":
    case "exp":
    case "tanh":
    case "floor":
    case "ceil": {
      const a = simplifyHost(expr.a);
      return a.kind === "number" ? { kind: "number", value: hostUnary(expr.kind, a.value) } : { kind: expr.kind, a };
    }
    case "select": {
      const cond = simplifyHost(expr.cond);
      const a = simplifyHost(expr.a);
      const b = simplifyHost(expr.b);
      if (cond.kind === "number") return cond.value !== 0 ? a : b;
      return { kind: "select", cond, a, b };
    }
    default: {
      const a = simplifyHost(expr.a);
      const b = simplifyHost(expr.b);
      if (a.kind === "number" && b.kind === "number") return { kind: "number", value: hostBinary(expr.kind, a.value, b.value) };
      if ((expr.kind === "add" || expr.kind === "sub") && b.kind === "number" && b.value === 0) return a;
      if ((expr.kind === "mul" || expr.kind === "divide") && b.kind === "number" && b.value === 1) return a;
      return { kind: expr.kind, a, b };
    }
  }
}
