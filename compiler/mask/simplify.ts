import type { BoolExpr, CompareOp, IntBinary, IntExpr, MaskModule } from "./ir.js";
import { intBinary } from "./evaluate.js";
import { simplifyHost } from "./host.js";
import { mapSelections, moduleSelectionExpressions, readsBits, readsSelection, realSlots } from "./selection-walk.js";
import type { SelectionItem } from "./selection.js";
import { keyOf, mapLeaves, mapTables, walk, walkHost } from "./walk.js";

/**
 * Simplifies a module: constants are folded, negations pushed down to the leaves, nested `and` and
 * `or` flattened and freed of duplicates, and tables and scalars that nothing mentions any more are
 * dropped (params and inputs stay: they are what the caller sees). The mask means the same for every
 * environment, overflow included.
 */
export function simplifyModule(module: MaskModule): MaskModule {
  const mask = simplifyBool(module.mask);
  const scalars = module.scalars.map((scalar) => ({ ...scalar, expr: simplifyHost(scalar.expr) }));
  return dropUnused({ ...module, mask, scalars, ...readSelections(module, mask) });
}

export function simplifyBool(expr: BoolExpr): BoolExpr {
  switch (expr.kind) {
    case "bool":
      return expr;
    case "compare":
      return foldCompare(expr.op, simplifyInt(expr.a), simplifyInt(expr.b));
    case "and":
    case "or":
      return gather(expr.kind, expr.items.map(simplifyBool));
    case "not":
      return negate(simplifyBool(expr.a));
    case "choose":
      return foldChoose(simplifyBool(expr.cond), simplifyBool(expr.a), simplifyBool(expr.b));
    case "pow2": {
      const a = simplifyInt(expr.a);
      if (a.kind === "int") return truth(a.value > 0 && (a.value & (a.value - 1)) === 0);
      return { kind: "pow2", a };
    }
    case "bit":
      return { ...expr, row: simplifyInt(expr.row), col: simplifyInt(expr.col) };
  }
}

export function simplifyInt(expr: IntExpr): IntExpr {
  switch (expr.kind) {
    case "int":
    case "var":
    case "param":
    case "scalar":
      return expr;
    case "load":
      return { ...expr, index: simplifyInt(expr.index) };
    case "neg":
      return foldNegation(simplifyInt(expr.a));
    case "abs": {
      const a = simplifyInt(expr.a);
      if (a.kind === "int") return number(Math.abs(a.value) | 0);
      if (a.kind === "abs") return a;
      return { kind: "abs", a: a.kind === "neg" ? a.a : a };
    }
    case "select": {
      const cond = simplifyBool(expr.cond);
      const a = simplifyInt(expr.a);
      const b = simplifyInt(expr.b);
      if (cond.kind === "bool") return cond.value ? a : b;
      return same(a, b) ? a : { kind: "select", cond, a, b };
    }
    default:
      return foldBinary(expr.kind, simplifyInt(expr.a), simplifyInt(expr.b));
  }
}

function foldBinary(kind: IntBinary, a: IntExpr, b: IntExpr): IntExpr {
  if (a.kind === "int" && b.kind === "int" && !((kind === "div" || kind === "mod") && b.value < 1)) {
    return number(intBinary(kind, a.value, b.value));
  }
  switch (kind) {
    case "add":
      return foldAdd(a, b);
    case "sub":
      if (same(a, b)) return number(0);
      if (b.kind === "int") return foldAdd(a, number(-b.value | 0));
      if (b.kind === "neg") return foldAdd(a, b.a);
      if (isInt(a, 0)) return foldNegation(b);
      break;
    case "mul":
      if (a.kind === "int") return foldBinary("mul", b, a);
      if (isInt(b, 0)) return b;
      if (isInt(b, 1)) return a;
      if (isInt(b, -1)) return foldNegation(a);
      // Products wrap, so that constants may be gathered whatever the sizes.
      if (b.kind === "int" && a.kind === "mul" && a.b.kind === "int") return foldBinary("mul", a.a, number(Math.imul(a.b.value, b.value)));
      break;
    case "div":
      if (isInt(b, 1)) return a;
      if (b.kind === "int" && a.kind === "mod" && a.b.kind === "int" && a.b.value <= b.value) return number(0);
      if (b.kind === "int" && a.kind === "div" && a.b.kind === "int" && a.b.value * b.value < 2 ** 31) {
        return foldBinary("div", a.a, number(a.b.value * b.value));
      }
      // A product does not wrap at the lengths that an operator accepts.
      if (b.kind === "int" && a.kind === "mul" && a.b.kind === "int" && a.b.value % b.value === 0) {
        return foldBinary("mul", a.a, number(a.b.value / b.value));
      }
      break;
    case "mod":
      if (isInt(b, 1)) return number(0);
      if (b.kind === "int" && a.kind === "mod" && a.b.kind === "int") {
        if (a.b.value <= b.value) return a;
        if (a.b.value % b.value === 0) return foldBinary("mod", a.a, b);
      }
      if (b.kind === "int" && a.kind === "mul" && a.b.kind === "int" && a.b.value % b.value === 0) return number(0);
      break;
    case "min":
    case "max":
      if (same(a, b)) return a;
      if (a.kind === "int") return foldBinary(kind, b, a);
      if (b.kind === "int" && a.kind === kind && a.b.kind === "int") {
        return { kind, a: a.a, b: number(intBinary(kind, a.b.value, b.value)) };
      }
      break;
  }
  return { kind, a, b };
}

function foldNegation(a: IntExpr): IntExpr {
  if (a.kind === "int") return number(-a.value | 0);
  if (a.kind === "neg") return a.a;
  if (a.kind === "sub") return foldBinary("sub", a.b, a.a);
  return { kind: "neg", a };
}

/** A sum with its constant last; a negative constant is written as a difference. */
function foldAdd(a: IntExpr, b: IntExpr): IntExpr {
  if (a.kind === "int") return b.kind === "int" ? number((a.value + b.value) | 0) : foldAdd(b, a);
  if (b.kind === "neg") return foldBinary("sub", a, b.a);
  if (b.kind !== "int") return a.kind === "neg" ? foldBinary("sub", b, a.a) : { kind: "add", a, b };
  if (b.value === 0) return a;
  if (a.kind === "add" && a.b.kind === "int") return foldAdd(a.a, number((a.b.value + b.value) | 0));
  if (a.kind === "sub" && a.b.kind === "int") return foldAdd(a.a, number((b.value - a.b.value) | 0));
  if (a.kind === "sub" && a.a.kind === "int") return { kind: "sub", a: number((a.a.value + b.value) | 0), b: a.b };
  if (b.value < 0 && b.value > -(2 ** 31)) return { kind: "sub", a, b: number(-b.value) };
  return { kind: "add", a, b };
}

function foldCompare(op: CompareOp, a: IntExpr, b: IntExpr): BoolExpr {
  if (a.kind === "int" && b.kind === "int") {
    const x = a.value;
    const y = b.value;
    return truth(op === "lt" ? x < y : op === "le" ? x <= y : op === "eq" ? x === y : x !== y);
  }
  if (same(a, b)) return truth(op === "le" || op === "eq");
  return { kind: "compare", op, a, b };
}

const complements = new WeakMap<BoolExpr, BoolExpr>();

/**
 * The complement, with negation at the leaves: of comparisons only `pow2` and `bit` keep a `not`. Made once for a node:
 * whoever gathers complements asks for theirs, level by level.
 */
function negate(expr: BoolExpr): BoolExpr {
  let complement = complements.get(expr);
  if (complement === undefined) complements.set(expr, (complement = newComplement(expr)));
  return complement;
}

function newComplement(expr: BoolExpr): BoolExpr {
  switch (expr.kind) {
    case "bool":
      return truth(!expr.value);
    case "compare":
      switch (expr.op) {
        case "lt":
          return { kind: "compare", op: "le", a: expr.b, b: expr.a };
        case "le":
          return { kind: "compare", op: "lt", a: expr.b, b: expr.a };
        case "eq":
          return { ...expr, op: "ne" };
        case "ne":
          return { ...expr, op: "eq" };
      }
    // falls through: never, every operator returns
    case "and":
      return gather("or", expr.items.map(negate));
    case "or":
      return gather("and", expr.items.map(negate));
    case "not":
      return expr.a;
    case "choose":
      return foldChoose(expr.cond, negate(expr.a), negate(expr.b));
    case "pow2":
    case "bit":
      return { kind: "not", a: expr };
  }
}

function foldChoose(cond: BoolExpr, a: BoolExpr, b: BoolExpr): BoolExpr {
  if (cond.kind === "bool") return cond.value ? a : b;
  if (same(a, b)) return a;
  // The other cases with a constant branch stay: a choice by head is a branch of the kernel, an `or` is not.
  if (a.kind === "bool" && b.kind === "bool") return a.value ? cond : negate(cond);
  return { kind: "choose", cond, a, b };
}

/** An `and` or `or` of simplified items: flat, without duplicates, decided when an item and its complement meet. */
function gather(kind: "and" | "or", items: readonly BoolExpr[]): BoolExpr {
  const absorbing = kind === "or";
  const kept = new Map<string, BoolExpr>();
  for (const item of items.flatMap((i) => (i.kind === kind ? i.items : [i]))) {
    if (item.kind === "bool") {
      if (item.value === absorbing) return item;
      continue;
    }
    if (kept.size > 0 && kept.has(keyOf(negate(item)))) return truth(absorbing);
    kept.set(keyOf(item), item);
  }
  const list = [...kept.values()];
  if (list.length === 0) return truth(!absorbing);
  return list.length === 1 ? list[0]! : { kind, items: list };
}

/** The selections that a mask reads, and those that these read, and the order that its layout will; their expressions simplified. */
function readSelections({ selections }: MaskModule, mask: BoolExpr): Pick<MaskModule, "selections"> {
  if (selections === undefined) return {};
  const simple = mapSelections(selections, { int: simplifyInt, bool: simplifyBool, slot: (slot) => slot });
  const kept: SelectionItem[] = [];
  // Each reads such as stand before it.
  for (const item of simple.toReversed()) {
    if (item.kind === "order" || readsBits(mask, item.name) || kept.some((later) => readsSelection(later, item))) kept.unshift(item);
  }
  return { selections: kept.length === 0 ? undefined : kept };
}

/** Drops scalars and tables that are not mentioned, and renumbers the rest. */
function dropUnused(module: MaskModule): MaskModule {
  const slots = new Set<number>();
  for (const root of [module.mask, ...moduleSelectionExpressions(module)]) {
    walk(root, (node) => {
      if (node.kind === "scalar") slots.add(node.slot);
    });
  }
  for (const slot of realSlots(module.selections ?? [])) slots.add(slot);
  const scalars = module.scalars.filter((_, slot) => slots.has(slot));
  const used = new Set<number>();
  for (const scalar of scalars) {
    walkHost(scalar.expr, (node) => {
      if (node.kind === "table") used.add(node.table);
    });
  }
  const newSlot = renumbering(module.scalars.length, slots);
  const newTable = renumbering(module.tables.length, used);
  const renumbered = (leaf: IntExpr): IntExpr => (leaf.kind === "scalar" ? { kind: "scalar", slot: newSlot[leaf.slot]! } : leaf);
  const selections =
    module.selections &&
    mapSelections(module.selections, {
      int: (expr) => mapLeaves(expr, renumbered),
      bool: (expr) => mapLeaves(expr, renumbered),
      slot: (slot) => newSlot[slot]!,
    });
  return {
    ...module,
    mask: mapLeaves(module.mask, renumbered),
    ...(selections === undefined ? {} : { selections }),
    scalars: scalars.map((scalar) => ({ ...scalar, expr: mapTables(scalar.expr, (table) => newTable[table]!) })),
    tables: module.tables.filter((_, table) => used.has(table)),
  };
}

/** The new number of each kept index. */
function renumbering(length: number, kept: ReadonlySet<number>): readonly number[] {
  const numbers: number[] = [];
  let next = 0;
  for (let i = 0; i < length; i++) numbers.push(kept.has(i) ? next++ : -1);
  return numbers;
}

function number(value: number): IntExpr {
  return { kind: "int", value: value | 0 };
}

function truth(value: boolean): BoolExpr {
  return { kind: "bool", value };
}

function isInt(expr: IntExpr, value: number): boolean {
  return expr.kind === "int" && expr.value === value;
}

function same(a: IntExpr | BoolExpr, b: IntExpr | BoolExpr): boolean {
  return a === b || (a.kind === b.kind && keyOf(a) === keyOf(b));
}
