import type { IntExpr } from "../mask/ir.js";

export interface ConstantBounds {
  readonly low: number;
  readonly high: number;
}

const unbounded: ConstantBounds = { low: -Infinity, high: Infinity };

/** Numbers between which an expression stays whatever its variables are, as `x % 8` does; infinite where there are none. */
export function constantBounds(e: IntExpr): ConstantBounds {
  switch (e.kind) {
    case "int":
      return { low: e.value, high: e.value };
    case "neg": {
      const a = constantBounds(e.a);
      return { low: -a.high, high: -a.low };
    }
    case "mod":
      return e.b.kind === "int" ? { low: 0, high: e.b.value - 1 } : unbounded;
    case "div": {
      const [a, by] = [constantBounds(e.a), e.b.kind === "int" ? e.b.value : undefined];
      return by === undefined ? unbounded : { low: Math.floor(a.low / by), high: Math.floor(a.high / by) };
    }
    case "mul": {
      const [a, by] = [constantBounds(e.a), e.b.kind === "int" ? e.b.value : undefined];
      return by === undefined || by <= 0 ? unbounded : { low: a.low * by, high: a.high * by };
    }
    case "add": {
      const [a, b] = [constantBounds(e.a), constantBounds(e.b)];
      return { low: a.low + b.low, high: a.high + b.high };
    }
    case "sub": {
      const [a, b] = [constantBounds(e.a), constantBounds(e.b)];
      return { low: a.low - b.high, high: a.high - b.low };
    }
    case "min":
    case "max": {
      const [a, b] = [constantBounds(e.a), constantBounds(e.b)];
      return { low: Math[e.kind](a.low, b.low), high: Math[e.kind](a.high, b.high) };
    }
    case "select": {
      const [a, b] = [constantBounds(e.a), constantBounds(e.b)];
      return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) };
    }
    default:
      return unbounded;
  }
}
