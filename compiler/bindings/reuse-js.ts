import type { BoolExpr, HostScalar, IntExpr, MaskModule } from "../mask/ir.js";
import type { SelectionItem } from "../mask/selection.js";
import { printScalar, type HostNames } from "./host-js.js";

/** What the rules of reuse are printed with: the names that they mention and the scalars that they read. */
interface Printing {
  readonly scalars: readonly HostScalar[];
  readonly names: HostNames;
}

/**
 * The rules of reuse as a JavaScript function of a `ScalarEnv`: computes exactly what `reuseRules` does. Undefined where all
 * selections are made.
 */
export function printReuse({ selections = [], scalars }: MaskModule, names: HostNames): string | undefined {
  const printing = { scalars, names };
  const rules = selections.map((each) => printRule(each, printing));
  if (rules.every((rule) => rule === '"made"')) return undefined;
  return `(${names.env}) => [${rules.join(", ")}]`;
}

function printRule(item: SelectionItem, printing: Printing): string {
  if (item.kind !== "selection" || item.reuse === undefined) return '"made"';
  const { reuse } = item;
  if (reuse.kind === "while") return '"either"';
  if (reuse.kind === "layers") return `${printBool(reuse.at, printing)} ? "made" : "given"`;
  return `${printing.names.env}.step % ${printInt(reuse.steps, printing)} === 0 ? "made" : "either"`;
}

/** Integers wrap at 32 bits, as in the mask's own evaluator. */
function printInt(expr: IntExpr, printing: Printing): string {
  const int = (e: IntExpr): string => printInt(e, printing);
  const { names, scalars } = printing;
  switch (expr.kind) {
    case "int":
      return expr.value < 0 ? `(${expr.value})` : String(expr.value);
    case "var":
      return `${names.env}.${expr.name}`;
    case "param":
      return `${names.env}.params[${JSON.stringify(expr.name)}]!`;
    case "scalar":
      return printScalar(scalars[expr.slot]!, names);
    case "neg":
      return `((-${int(expr.a)}) | 0)`;
    case "abs":
      return `(Math.abs(${int(expr.a)}) | 0)`;
    case "add":
      return `((${int(expr.a)} + ${int(expr.b)}) | 0)`;
    case "sub":
      return `((${int(expr.a)} - ${int(expr.b)}) | 0)`;
    case "mul":
      return `Math.imul(${int(expr.a)}, ${int(expr.b)})`;
    case "div":
      return `Math.floor(${int(expr.a)} / ${int(expr.b)})`;
    case "mod":
      return `(((${int(expr.a)} % ${int(expr.b)}) + ${int(expr.b)}) % ${int(expr.b)})`;
    case "min":
    case "max":
      return `Math.${expr.kind}(${int(expr.a)}, ${int(expr.b)})`;
    case "select":
      return `(${printBool(expr.cond, printing)} ? ${int(expr.a)} : ${int(expr.b)})`;
    case "load":
      throw new Error(`a rule of reuse reads the input ${expr.input}`);
  }
}

const comparison = { lt: "<", le: "<=", eq: "===", ne: "!==" } as const;

function printBool(expr: BoolExpr, printing: Printing): string {
  const bool = (e: BoolExpr): string => printBool(e, printing);
  switch (expr.kind) {
    case "bool":
      return String(expr.value);
    case "compare":
      return `(${printInt(expr.a, printing)} ${comparison[expr.op]} ${printInt(expr.b, printing)})`;
    case "and":
      return expr.items.length === 0 ? "true" : `(${expr.items.map(bool).join(" && ")})`;
    case "or":
      return expr.items.length === 0 ? "false" : `(${expr.items.map(bool).join(" || ")})`;
    case "not":
      return `!${bool(expr.a)}`;
    case "choose":
      return `(${bool(expr.cond)} ? ${bool(expr.a)} : ${bool(expr.b)})`;
    case "pow2": {
      const a = printInt(expr.a, printing);
      return `(${a} > 0 && (${a} & (${a} - 1)) === 0)`;
    }
    case "bit":
      throw new Error(`a rule of reuse reads the bits of ${expr.input}`);
  }
}
