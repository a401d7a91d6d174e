import type { Typed } from "../../semantics/typed.js";
import type { HostExpr } from "../ir.js";
import * as m from "../make.js";
import type { Frame, Lowering } from "./lower.js";
import type { IntValue, NumberValue, Value } from "./value.js";

/** A built-in function of numbers. */
export function lowerCall(typed: Extract<Typed, { readonly kind: "call" }>, frame: Frame, lowering: Lowering): Value {
  const { span, name } = typed;
  const { values } = lowering;
  const args = typed.args.map((arg) => lowering.lowerNumber(arg, frame));
  const [x] = args as [NumberValue, ...NumberValue[]];
  switch (name) {
    case "min":
    case "max":
      return args.reduce((a, b) => least(name, a, b, typed, lowering));
    case "clamp": {
      const [, low, high] = args as [NumberValue, NumberValue, NumberValue];
      return least("min", least("max", x, low, typed, lowering), high, typed, lowering);
    }
    case "abs": {
      if (x.type === "float") return { type: "float", host: { kind: "abs", a: x.host }, span };
      return values.combineInt(
        [x],
        span,
        () => m.abs(values.int(x)),
        ([a]) => ({ kind: "abs", a: a! }),
      );
    }
    case "pow2": {
      const a = x as IntValue;
      // The host has no such operation: an integer of its own becomes a scalar first.
      return { type: "bool", ir: m.pow2(values.int(a)), span };
    }
    case "log":
    case "exp":
    case "tanh":
      return { type: "float", host: { kind: name, a: x.host! }, span };
    case "floor":
    case "ceil":
      return x.type === "int" ? x : { type: "int", host: { kind: name, a: x.host }, span };
    case "round_up":
      return roundUp(x, args[1] as IntValue, typed, lowering);
  }
}

function least(kind: "min" | "max", a: NumberValue, b: NumberValue, typed: Typed, lowering: Lowering): NumberValue {
  const { values } = lowering;
  if (a.type === "float" || b.type === "float") return { type: "float", host: { kind, a: a.host!, b: b.host! }, span: typed.span };
  return values.combineInt(
    [a, b],
    typed.span,
    () => m.binary(kind, values.int(a), values.int(b)),
    ([x, y]) => ({ kind, a: x!, b: y! }),
  );
}

/** The least multiple of `multiple` that is not below x. */
function roundUp(x: NumberValue, multiple: IntValue, typed: Typed, lowering: Lowering): IntValue {
  const { values } = lowering;
  const { span } = typed;
  if (!lowering.checkDivisor(multiple)) return multiple;
  const onHost = (a: HostExpr, b: HostExpr): HostExpr => ({ kind: "mul", a: { kind: "ceil", a: { kind: "divide", a, b } }, b });
  if (x.type === "float") return { type: "int", host: onHost(x.host, multiple.host!), span };
  return values.combineInt(
    [x, multiple],
    span,
    () => {
      const n = values.int(multiple);
      return m.mul(m.div(m.add(values.int(x), m.sub(n, m.int(1))), n), n);
    },
    ([a, b]) => onHost(a!, b!),
  );
}
