import type { BoolExpr, HostExpr, IntExpr, MaskModule } from "./ir.js";
import { SCALAR_LIMIT, toScalar } from "./evaluate.js";
import { madeOrder, orderBounds } from "./layout/orders.js";
import { arePlaces } from "./layout/placed.js";
import { layoutTokens } from "./layout/places.js";
import { moduleSelectionExpressions } from "./selection-walk.js";
import { strideOf } from "./space.js";
import { simplifyInt } from "./simplify.js";
import { children, keyOf } from "./walk.js";

/** The greatest length that any mask is accepted for. */
export const MAX_LENGTH = 2 ** 24;
/** Runtime parameters, layers and steps are taken to lie within this of 0. */
export const PARAM_LIMIT = 2 ** 24;
/** Ids are taken to lie within this of 0 where they are computed with, so that two of them can be subtracted. */
export const ID_LIMIT = 2 ** 30 - 1;

/** All integers from `low` to `high`, both included. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** What the bounds of an expression depend on. */
export interface BoundsContext {
  /** The greatest N and NQ. */
  readonly length: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly phases: number;
  readonly param: (name: string) => Bounds;
  readonly scalar: (slot: number) => Bounds;
  readonly table: (table: number) => Bounds;
  /** The integers of an input of ids. */
  readonly ids: (input: string) => Bounds;
  /** Keys of products of runtime extents: they are at most N, though their factors' bounds do not tell. */
  readonly extentProducts: ReadonlySet<string>;
  /** Called for an operation whose result may leave 32 bits. */
  readonly overflow: () => void;
}

/** The bounds that a module gives its names, for lengths up to `length`. */
export function boundsContext(module: Omit<MaskModule, "mask">, length: number, overflow: () => void = () => {}): BoundsContext {
  const axes = new Set(module.space.axes.map((axis) => axis.name));
  const products = module.space.axes.map((_, i) => keyOf(simplifyInt(strideOf(module.space, i))));
  const tables = module.tables.map((table) =>
    table.values.reduce((b, v) => ({ low: Math.min(b.low, v), high: Math.max(b.high, v) }), emptyBounds),
  );
  const context: BoundsContext = {
    length,
    heads: module.shape.heads,
    kvHeads: module.shape.kvHeads,
    phases: module.phases.length,
    param: (name) => {
      const min = module.params.find((param) => param.name === name)?.min;
      return axes.has(name) ? { low: 1, high: length } : { low: min ?? -PARAM_LIMIT, high: PARAM_LIMIT };
    },
    scalar: (slot) => {
      const { low, high } = hostBounds(module.scalars[slot]!.expr, context);
      return { low: toScalar(low), high: Number.isNaN(high) ? SCALAR_LIMIT : toScalar(high) };
    },
    table: (table) => tables[table]!,
    ids: (input) => {
      const made = madeOrder(module, input);
      if (made?.by === "clusters" && made.holds === "clusters") return { low: 0, high: made.count };
      if (made !== undefined || arePlaces(input) || isOrder(module, input)) return { low: 0, high: length - 1 };
      const order = module.orders?.find((spec) => spec.name === input);
      return order === undefined ? { low: -ID_LIMIT, high: ID_LIMIT } : orderBounds(order);
    },
    extentProducts: new Set(products),
    overflow,
  };
  return context;
}

const isOrder = ({ inputs }: Pick<MaskModule, "inputs">, name: string): boolean =>
  inputs.some((input) => input.kind === "ids" && input.order === true && input.name === name);

const emptyBounds: Bounds = { low: Infinity, high: -Infinity };

/**
 * The greatest N and NQ, up to {@link MAX_LENGTH}, for which no operation of the mask leaves 32 bits,
 * by interval arithmetic: parameters within {@link PARAM_LIMIT}, ids within {@link ID_LIMIT}. 0 when
 * there is no such length.
 */
export function maxLength(module: MaskModule): number {
  const safe = (length: number): boolean => {
    let fits = true;
    const context = boundsContext(module, length, () => (fits = false));
    checkBounds(module.mask, context);
    for (const expr of moduleSelectionExpressions(module)) checkBounds(expr, context);
    if (module.layout !== undefined) {
      checkBounds(module.layout.mask, context);
      for (const token of layoutTokens(module.layout)) checkBounds(token, context);
    }
    return fits;
  };
  // As nearly always.
  if (safe(MAX_LENGTH)) return MAX_LENGTH;
  let low = 0;
  let high = MAX_LENGTH - 1;
  // Bounds only widen as the length grows.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (safe(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function checkBounds(expr: BoolExpr | IntExpr, context: BoundsContext): void {
  switch (expr.kind) {
    case "bool":
      return;
    case "compare":
    case "pow2":
    case "bit":
    case "and":
    case "or":
    case "not":
    case "choose":
      for (const child of children(expr)) checkBounds(child, context);
      return;
    default:
      boundsOf(expr, context);
  }
}

/** The values that an integer expression may take. */
export function boundsOf(expr: IntExpr, context: BoundsContext): Bounds {
  const result = exactBounds(expr, context);
  if (result.low >= -(2 ** 31) && result.high < 2 ** 31) return result;
  context.overflow();
  return { low: Math.max(result.low, -(2 ** 31)), high: Math.min(result.high, 2 ** 31 - 1) };
}

function exactBounds(expr: IntExpr, context: BoundsContext): Bounds {
  switch (expr.kind) {
    case "int":
      return { low: expr.value, high: expr.value };
    case "var":
      return variableBounds(expr.name, context);
    case "param":
      return context.param(expr.name);
    case "scalar":
      return context.scalar(expr.slot);
    case "load":
      boundsOf(expr.index, context);
      return context.ids(expr.input);
    case "neg": {
      const a = boundsOf(expr.a, context);
      return { low: -a.high, high: -a.low };
    }
    case "abs":
      return absolute(boundsOf(expr.a, context));
    case "select": {
      checkBounds(expr.cond, context);
      return hull(boundsOf(expr.a, context), boundsOf(expr.b, context));
    }
    case "mul":
      if (context.extentProducts.has(keyOf(expr))) return { low: 1, high: context.length };
      // (a / n) * n rounds a down to a multiple: it does not grow, however large n may be.
      if (expr.a.kind === "div" && keyOf(expr.a.b) === keyOf(expr.b)) {
        const a = boundsOf(expr.a.a, context);
        const n = boundsOf(expr.b, context);
        return { low: a.low >= 0 ? 0 : a.low - Math.max(1, n.high) + 1, high: a.high };
      }
      return binaryBounds("mul", boundsOf(expr.a, context), boundsOf(expr.b, context));
    default:
      return binaryBounds(expr.kind, boundsOf(expr.a, context), boundsOf(expr.b, context));
  }
}

function variableBounds(name: Extract<IntExpr, { readonly kind: "var" }>["name"], context: BoundsContext): Bounds {
  switch (name) {
    case "q":
    case "k":
      return { low: 0, high: context.length - 1 };
    case "N":
    case "NQ":
      return { low: 1, high: context.length };
    case "h":
      return { low: 0, high: context.heads - 1 };
    case "kvh":
      return { low: 0, high: context.kvHeads - 1 };
    case "phase":
      return { low: 0, high: Math.max(0, context.phases - 1) };
    case "layers":
    case "steps":
      return { low: 1, high: PARAM_LIMIT };
    default:
      return { low: 0, high: PARAM_LIMIT };
  }
}

function hull(a: Bounds, b: Bounds): Bounds {
  return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) };
}

function absolute(a: Bounds): Bounds {
  const high = Math.max(Math.abs(a.low), Math.abs(a.high));
  return { low: a.low <= 0 && a.high >= 0 ? 0 : Math.min(Math.abs(a.low), Math.abs(a.high)), high };
}

type Arithmetic = "add" | "sub" | "mul" | "div" | "mod" | "min" | "max";

/** `div` and `mod` are by a positive divisor; where the bounds do not say so, only its positive part counts. */
function binaryBounds(kind: Arithmetic, a: Bounds, b: Bounds): Bounds {
  switch (kind) {
    case "add":
      return { low: a.low + b.low, high: a.high + b.high };
    case "sub":
      return { low: a.low - b.high, high: a.high - b.low };
    case "mul":
      return corners([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]);
    case "div": {
      const low = Math.max(1, b.low);
      const high = Math.max(low, b.high);
      return corners([a.low / low, a.low / high, a.high / low, a.high / high].map(Math.floor));
    }
    case "mod": {
      const divisor = Math.max(1, b.low);
      if (a.low >= 0 && a.high < divisor) return a;
      return { low: 0, high: Math.max(0, Math.min(b.high - 1, a.low >= 0 ? a.high : Infinity)) };
    }
    case "min":
      return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high) };
    case "max":
      return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high) };
  }
}

/** The hull of some values; 0 · ∞ counts as 0, a bound of a bound. */
function corners(values: readonly number[]): Bounds {
  const numbers = values.map((value) => (Number.isNaN(value) ? 0 : value));
  return { low: Math.min(...numbers), high: Math.max(...numbers) };
}

const anything: Bounds = { low: -Infinity, high: Infinity };
const truth: Bounds = { low: 0, high: 1 };

/** The values that a host expression may take, as real numbers. */
export function hostBounds(expr: HostExpr, context: BoundsContext): Bounds {
  const of = (e: HostExpr): Bounds => hostBounds(e, context);
  switch (expr.kind) {
    case "number":
      return { low: expr.value, high: expr.value };
    case "var":
      return variableBounds(expr.name, context);
    case "param":
      return context.param(expr.name);
    case "table":
      return context.table(expr.table);
    case "neg": {
      const a = of(expr.a);
      return { low: -a.high, high: -a.low };
    }
    case "abs":
      return absolute(of(expr.a));
    case "floor":
    case "ceil":
    case "exp":
    case "tanh": {
      const a = of(expr.a);
      return { low: Math[expr.kind](a.low), high: Math[expr.kind](a.high) };
    }
    case "log": {
      const a = of(expr.a);
      return a.low <= 0 ? anything : { low: Math.log(a.low), high: Math.log(a.high) };
    }
    case "select":
      return hull(of(expr.a), of(expr.b));
    case "divide":
    case "floordiv": {
      const a = of(expr.a);
      const b = of(expr.b);
      if (b.low <= 0) return anything;
      const result = corners([a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high]);
      return expr.kind === "divide" ? result : { low: Math.floor(result.low), high: Math.floor(result.high) };
    }
    case "mod": {
      const b = of(expr.b);
      return b.low <= 0 ? anything : { low: 0, high: b.high };
    }
    case "add":
    case "sub":
    case "mul":
    case "min":
    case "max":
      return binaryBounds(expr.kind, of(expr.a), of(expr.b));
    default:
      return truth;
  }
}
