import { evaluateScalars, idsRow, inputHead, kvHeadOf } from "../mask/evaluate.js";
import type { BitsValue, InputValue, MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { withLayout } from "../mask/layout/placed.js";
import { fold, rangeHoldsPowerOfTwo, SUMMARY_TOKENS } from "./expr.js";
import type { TileCond, TileExpr } from "./expr.js";

/** The place at which tile expressions are evaluated: one head of one batch entry, and a tile that moves. */
export interface TileFrame {
  readonly env: MaskEnv;
  readonly b: number;
  readonly h: number;
  readonly scalars: readonly number[];
  q0: number;
  q1: number;
  k0: number;
  k1: number;
  place: number;
  places: number;
}

export function tileFrame(module: MaskModule, env: MaskEnv, b: number, h: number): TileFrame {
  return { env: withLayout(module, env), b, h, scalars: evaluateScalars(module, env, h), q0: 0, q1: 0, k0: 0, k1: 0, place: 0, places: 0 };
}

type Compiled<T> = (frame: TileFrame) => T;

/** Turns an expression into a closure; interned nodes are compiled once. */
const ints = new WeakMap<TileExpr, Compiled<number>>();
const conds = new WeakMap<TileCond, Compiled<boolean>>();

export function compileInt(e: TileExpr): Compiled<number> {
  let compiled = ints.get(e);
  if (!compiled) ints.set(e, (compiled = buildInt(e)));
  return compiled;
}

export function compileCond(e: TileCond): Compiled<boolean> {
  let compiled = conds.get(e);
  if (!compiled) conds.set(e, (compiled = buildCond(e)));
  return compiled;
}

function buildInt(e: TileExpr): Compiled<number> {
  switch (e.kind) {
    case "int":
      return () => e.value;
    case "var":
      return variable(e.name);
    case "param":
      return (f) => f.env.params?.[e.name] ?? missing(`parameter ${e.name}`);
    case "scalar":
      return (f) => f.scalars[e.slot]!;
    case "neg": {
      const a = compileInt(e.a);
      return (f) => -a(f);
    }
    case "select": {
      const [cond, a, b] = [compileCond(e.cond), compileInt(e.a), compileInt(e.b)];
      return (f) => (cond(f) ? a(f) : b(f));
    }
    case "idMin":
    case "idMax": {
      const [lo, hi] = [compileInt(e.lo), compileInt(e.hi)];
      const pick = e.kind === "idMin" ? Math.min : Math.max;
      return (f) => {
        const input = inputOf(f, e.input, "ids");
        const clamp = (i: number): number => Math.max(0, Math.min(input.length - 1, i));
        const base = idsRow(input, f.env, f.b, f.h);
        const first = Math.floor(clamp(lo(f)) / SUMMARY_TOKENS) * SUMMARY_TOKENS;
        const last = Math.min(Math.floor(clamp(hi(f)) / SUMMARY_TOKENS + 1) * SUMMARY_TOKENS, input.length) - 1;
        let found = input.data[base + first]!;
        for (let i = first + 1; i <= last; i++) found = pick(found, input.data[base + i]!);
        return found;
      };
    }
    default: {
      const [kind, a, b] = [e.kind, compileInt(e.a), compileInt(e.b)];
      return (f) => fold(kind, a(f), b(f));
    }
  }
}

function variable(name: Extract<TileExpr, { kind: "var" }>["name"]): Compiled<number> {
  switch (name) {
    case "q0":
      return (f) => f.q0;
    case "q1":
      return (f) => f.q1;
    case "k0":
      return (f) => f.k0;
    case "k1":
      return (f) => f.k1;
    case "place":
      return (f) => f.place;
    case "places":
      return (f) => f.places;
    case "h":
      return (f) => f.h;
    case "b":
      return (f) => f.b;
    case "kvh":
      return (f) => kvHeadOf(f.h, f.env.heads, f.env.kvHeads);
    default:
      return (f) => f.env[name] ?? missing(name);
  }
}

function buildCond(e: TileCond): Compiled<boolean> {
  switch (e.kind) {
    case "bool":
      return () => e.value;
    case "and": {
      const [a, b] = [compileCond(e.a), compileCond(e.b)];
      return (f) => a(f) && b(f);
    }
    case "or": {
      const [a, b] = [compileCond(e.a), compileCond(e.b)];
      return (f) => a(f) || b(f);
    }
    case "not": {
      const a = compileCond(e.a);
      return (f) => !a(f);
    }
    case "pow2In": {
      const [lo, hi] = [compileInt(e.lo), compileInt(e.hi)];
      return (f) => rangeHoldsPowerOfTwo(lo(f), hi(f));
    }
    case "anyBit":
    case "allBits": {
      const [row0, row1, col0, col1] = [e.row0, e.row1, e.col0, e.col1].map(compileInt) as [
        Compiled<number>,
        Compiled<number>,
        Compiled<number>,
        Compiled<number>,
      ];
      const rectangle: Compiled<Rectangle> = (f) => ({ row0: row0(f), row1: row1(f), col0: col0(f), col1: col1(f) });
      if (e.kind === "anyBit") return (f) => holdsBit(f, e.input, rectangle(f), 1);
      return (f) => inside(inputOf(f, e.input, "bits"), rectangle(f)) && !holdsBit(f, e.input, rectangle(f), 0);
    }
    default: {
      const [a, b] = [compileInt(e.a), compileInt(e.b)];
      switch (e.kind) {
        case "lt":
          return (f) => a(f) < b(f);
        case "le":
          return (f) => a(f) <= b(f);
        case "eq":
          return (f) => a(f) === b(f);
        case "ne":
          return (f) => a(f) !== b(f);
      }
    }
  }
}

interface Rectangle {
  readonly row0: number;
  readonly row1: number;
  readonly col0: number;
  readonly col1: number;
}

function inside(input: BitsValue, r: Rectangle): boolean {
  return r.row0 >= 0 && r.row1 < input.rows && r.col0 >= 0 && r.col1 < input.columns;
}

/** Whether a bit of that value stands in the part of the rectangle that lies in the matrix. */
function holdsBit(f: TileFrame, name: string, r: Rectangle, wanted: 0 | 1): boolean {
  const input = inputOf(f, name, "bits");
  const head = inputHead(input.heads, f.h, f.env.heads, f.env.kvHeads);
  const base = ((input.batch === 1 ? 0 : f.b) * input.heads + head) * input.rows;
  for (let row = Math.max(r.row0, 0); row <= Math.min(r.row1, input.rows - 1); row++) {
    for (let col = Math.max(r.col0, 0); col <= Math.min(r.col1, input.columns - 1); col++) {
      if (input.data[(base + row) * input.columns + col] === wanted) return true;
    }
  }
  return false;
}

function inputOf<K extends InputValue["kind"]>(f: TileFrame, name: string, kind: K): Extract<InputValue, { readonly kind: K }> {
  const input = f.env.inputs?.[name];
  if (!input || input.kind !== kind) return missing(`input ${name}`);
  return input as Extract<InputValue, { readonly kind: K }>;
}

function missing(what: string): never {
  throw new Error(`the mask environment lacks ${what}`);
}
