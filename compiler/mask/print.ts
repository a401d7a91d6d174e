import type { BoolExpr, HostExpr, Input, IntExpr, Layout, MaskModule } from "./ir.js";
import { printFloatInput, printSelections } from "./print-selections.js";

/**
 * A mask module as text, for `--emit mask` and for goldens. Expressions read as in the language;
 * `$name` is a runtime parameter, `s0` a host scalar.
 */
export function printModule(module: MaskModule): string {
  const { shape, space } = module;
  const lines = [`mask ${module.name}  // ${module.origin}`];
  lines.push(`  space ${space.kind}${space.causal ? " causal" : ""}`);
  for (const axis of space.axes) lines.push(`  axis ${axis.name} ${axis.extent}`);
  for (const segment of space.segments) lines.push(`  segment ${segment.name} ${segment.length}`);
  lines.push(
    `  shape heads ${shape.heads}, kv_heads ${shape.kvHeads}, dim ${shape.headDim}, value_dim ${shape.valueDim}, dtype ${shape.dtype}`,
  );
  if (module.phases.length > 0) lines.push(`  phases ${module.phases.join(", ")}`);
  for (const param of module.params) {
    lines.push(
      `  param $${param.name}${param.default === undefined ? "" : ` = ${param.default}`}${param.min === undefined ? "" : ` min ${param.min}`}`,
    );
  }
  for (const input of module.inputs) lines.push(`  input ${input.name} ${printInputType(input)}`);
  for (const input of module.floatInputs ?? []) lines.push(`  input ${input.name} ${printFloatInput(input)}`);
  module.tables.forEach((table, i) => lines.push(`  table t${i} ${table.name} ${table.rows}x${table.columns}`));
  module.scalars.forEach((scalar, i) =>
    lines.push(`  scalar s${i} = ${printHost(scalar.expr)}${scalar.as === undefined ? "" : ` as ${scalar.as}`}  // ${scalar.note}`),
  );
  if (module.emitLse) lines.push("  emit lse");
  if (module.requireRowsNonempty) lines.push("  require rows nonempty");
  lines.push(...printSelections(module, { int: printInt, bool: printBool }));
  lines.push("  attend");
  const items = module.mask.kind === "and" ? module.mask.items : [module.mask];
  items.forEach((item, i) => lines.push(`    ${i === 0 ? "" : "& "}${printBool(item, items.length > 1 ? Level.and + 1 : Level.or)}`));
  if (module.layout !== undefined) {
    lines.push(`  layout ${module.layout.name}`);
    for (const { name, extents } of module.orders ?? []) lines.push(`    table ${name} ${extents.join("x")}`);
    for (const [what, token] of printedTokens(module.layout)) lines.push(`    ${what} at place k: ${printInt(token)}`);
    lines.push(`    attend places: ${printBool(module.layout.mask)}`);
  }
  return lines.join("\n") + "\n";
}

/** What stands at a place: the same token for queries and keys, or apart. */
export function printedTokens({ tokens: { q, k } }: Pick<Layout, "tokens">): readonly (readonly [string, IntExpr])[] {
  if (q !== undefined && q === k) return [["token", q]];
  return [...(q === undefined ? [] : [["query", q] as const]), ...(k === undefined ? [] : [["key", k] as const])];
}

function printInputType(input: Input): string {
  switch (input.kind) {
    case "ids":
      return input.order === true ? `order(${input.axis})` : `ids(${input.axis})`;
    case "bits":
      return `bits(${input.rows}, ${input.columns})`;
    case "blocks":
    case "csr":
      return `${input.kind}(${input.n}, ${input.m})`;
    default:
      return input.kind;
  }
}

/** How tightly an operator binds; an operand of a lower level gets parentheses. */
const Level = { conditional: 0, or: 1, and: 2, compare: 3, sum: 4, product: 5, unary: 6, atom: 7 } as const;

function wrap(text: string, level: number, outer: number): string {
  return level < outer ? `(${text})` : text;
}

const compareText = { lt: "<", le: "<=", eq: "==", ne: "!=" } as const;

export function printBool(expr: BoolExpr, outer: number = Level.conditional): string {
  switch (expr.kind) {
    case "bool":
      return expr.value ? "all" : "none";
    case "compare":
      return wrap(`${printInt(expr.a, Level.sum)} ${compareText[expr.op]} ${printInt(expr.b, Level.sum)}`, Level.compare, outer);
    case "and":
      return wrap(expr.items.map((item) => printBool(item, Level.and + 1)).join(" & "), Level.and, outer);
    case "or":
      return wrap(expr.items.map((item) => printBool(item, Level.or + 1)).join(" | "), Level.or, outer);
    case "not":
      return wrap(`!${printBool(expr.a, Level.atom)}`, Level.unary, outer);
    case "choose":
      return wrap(
        `${printBool(expr.a, Level.or)} if ${printBool(expr.cond, Level.or)} else ${printBool(expr.b, Level.or)}`,
        Level.conditional,
        outer,
      );
    case "pow2":
      return `pow2(${printInt(expr.a)})`;
    case "bit":
      return `${expr.input}[${printInt(expr.row)}, ${printInt(expr.col)}]`;
  }
}

const binaryText = {
  add: ["+", Level.sum],
  sub: ["-", Level.sum],
  mul: ["*", Level.product],
  div: ["/", Level.product],
  mod: ["%", Level.product],
} as const;

export function printInt(expr: IntExpr, outer: number = Level.conditional): string {
  switch (expr.kind) {
    case "int":
      return expr.value < 0 ? wrap(String(expr.value), Level.unary, outer) : String(expr.value);
    case "var":
      return expr.name;
    case "param":
      return `$${expr.name}`;
    case "scalar":
      return `s${expr.slot}`;
    case "neg":
      return wrap(`-${printInt(expr.a, Level.atom)}`, Level.unary, outer);
    case "abs":
      return `abs(${printInt(expr.a)})`;
    case "min":
    case "max":
      return `${expr.kind}(${printInt(expr.a)}, ${printInt(expr.b)})`;
    case "select":
      return wrap(
        `${printInt(expr.a, Level.or)} if ${printBool(expr.cond, Level.or)} else ${printInt(expr.b, Level.or)}`,
        Level.conditional,
        outer,
      );
    case "load":
      return `${expr.input}[${printInt(expr.index)}]`;
    default: {
      const [text, level] = binaryText[expr.kind];
      return wrap(`${printInt(expr.a, level)} ${text} ${printInt(expr.b, level + 1)}`, level, outer);
    }
  }
}

const hostText = {
  or: ["|", Level.or],
  and: ["&", Level.and],
  lt: ["<", Level.compare],
  le: ["<=", Level.compare],
  eq: ["==", Level.compare],
  ne: ["!=", Level.compare],
  add: ["+", Level.sum],
  sub: ["-", Level.sum],
  mul: ["*", Level.product],
  divide: ["/", Level.product],
  floordiv: ["//", Level.product],
  mod: ["%", Level.product],
} as const;

/** A host expression; `//` is floor division, `/` the division of real numbers. */
export function printHost(expr: HostExpr, outer: number = Level.conditional): string {
  switch (expr.kind) {
    case "number":
      return expr.value < 0 ? wrap(String(expr.value), Level.unary, outer) : String(expr.value);
    case "var":
      return expr.name;
    case "param":
      return `$${expr.name}`;
    case "table":
      return `t${expr.table}[${printHost(expr.row)}, ${printHost(expr.column)}]`;
    case "neg":
      return wrap(`-${printHost(expr.a, Level.atom)}`, Level.unary, outer);
    case "not":
      return wrap(`!${printHost(expr.a, Level.atom)}`, Level.unary, outer);
    case "abs":
    case "log":
    case "exp":
    case "tanh":
    case "floor":
    case "ceil":
      return `${expr.kind}(${printHost(expr.a)})`;
    case "min":
    case "max":
      return `${expr.kind}(${printHost(expr.a)}, ${printHost(expr.b)})`;
    case "select":
      return wrap(
        `${printHost(expr.a, Level.or)} if ${printHost(expr.cond, Level.or)} else ${printHost(expr.b, Level.or)}`,
        Level.conditional,
        outer,
      );
    default: {
      const [text, level] = hostText[expr.kind];
      const left = level === Level.compare ? level + 1 : level;
      return wrap(`${printHost(expr.a, left)} ${text} ${printHost(expr.b, level + 1)}`, level, outer);
    }
  }
}
