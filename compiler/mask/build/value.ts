import type { Span } from "../../source/file.js";
import type { BoolExpr, HostExpr, HostScalar, IntExpr } from "../ir.js";
import { toScalar } from "../evaluate.js";
import type { RealValue } from "../selection.js";
import { simplifyHost } from "../host.js";
import * as m from "../make.js";
import { simplifyBool, simplifyInt } from "../simplify.js";
import { keyOf } from "../walk.js";

/**
 * An expression on its way to the IR, in up to two forms: `ir`, what the kernel computes, and `host`,
 * what the host can compute before the launch. A value that only the host can compute (it has a float
 * or a table inside) has no `ir` until it meets something that differs from pair to pair; then the
 * whole of it becomes one host scalar.
 */
export interface IntValue {
  readonly type: "int";
  readonly ir?: IntExpr | undefined;
  readonly host?: HostExpr | undefined;
  readonly span: Span;
}
export interface FloatValue {
  readonly type: "float";
  readonly host: HostExpr;
  readonly span: Span;
}
export interface BoolValue {
  readonly type: "bool";
  readonly ir?: BoolExpr | undefined;
  /** 0 or 1. */
  readonly host?: HostExpr | undefined;
  readonly span: Span;
}

export type Value = IntValue | FloatValue | BoolValue;
export type NumberValue = IntValue | FloatValue;

export function intConstant(value: number, span: Span): IntValue {
  return { type: "int", ir: m.int(value), host: { kind: "number", value }, span };
}

export function boolConstant(value: boolean, span: Span): BoolValue {
  return { type: "bool", ir: m.bool(value), host: { kind: "number", value: value ? 1 : 0 }, span };
}

/** The number that a value is, when that is known. */
export function constantOf(value: Value): number | undefined {
  if (value.host?.kind === "number") return value.host.value;
  if (value.type === "int" && value.ir?.kind === "int") return value.ir.value;
  if (value.type === "bool" && value.ir?.kind === "bool") return value.ir.value ? 1 : 0;
  return undefined;
}

export const hostNumber = (value: number): HostExpr => ({ kind: "number", value });

type HostBinaryKind = Extract<HostExpr, { readonly b: HostExpr; readonly cond?: never }>["kind"];

export function hostBinaryNode(kind: HostBinaryKind, a: HostExpr, b: HostExpr): HostExpr {
  return simplifyHost({ kind, a, b });
}

/** The host scalars of a module, each expression once. */
export class Scalars {
  readonly list: HostScalar[] = [];
  private readonly slots = new Map<string, number>();

  /** A float that the host computes, whose word holds the bits of a float32. */
  realSlot(expr: HostExpr, note: string): number {
    const key = `f32 ${keyOf(expr)}`;
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = this.list.length;
      this.slots.set(key, slot);
      this.list.push({ expr, note, as: "f32" });
    }
    return slot;
  }

  /** An integer that the host computes; `note` says what it is, for people. */
  slot(host: HostExpr, note: string): IntExpr {
    const expr = simplifyHost(host);
    if (expr.kind === "number") return m.int(toScalar(expr.value));
    const key = keyOf(expr);
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = this.list.length;
      this.slots.set(key, slot);
      this.list.push({ expr, note });
    }
    return m.scalar(slot);
  }
}

/** Operations on values. */
export class Values {
  constructor(readonly scalars: Scalars) {}

  /** The form of an integer that the kernel computes. */
  int(value: IntValue): IntExpr {
    return value.ir ?? this.scalars.slot(value.host!, noteOf(value.span));
  }

  bool(value: BoolValue): BoolExpr {
    return value.ir ?? simplifyBool(m.ne(this.scalars.slot(value.host!, noteOf(value.span)), m.int(0)));
  }

  /** A number, or a boolean as 1 or 0, that selections read as a float32: a host scalar where a launch or a head decides it. */
  real(value: Value): RealValue {
    const host = simplifyHost(value.host!);
    if (host.kind === "number") return { kind: "number", value: host.value };
    return { kind: "scalar", slot: this.scalars.realSlot(host, noteOf(value.span)) };
  }

  /**
   * Combines values: on the host when all have a host form and some have no other, in the IR when all
   * have that, and with host scalars in the IR where the two meet.
   */
  combineInt(parts: readonly (IntValue | BoolValue)[], span: Span, ir: () => IntExpr, host: (forms: HostExpr[]) => HostExpr): IntValue {
    const forms = this.forms(parts, ir, host);
    return { type: "int", ir: forms.ir === undefined ? undefined : simplifyInt(forms.ir), host: forms.host, span };
  }

  combineBool(parts: readonly (IntValue | BoolValue)[], span: Span, ir: () => BoolExpr, host: (forms: HostExpr[]) => HostExpr): BoolValue {
    const forms = this.forms(parts, ir, host);
    return { type: "bool", ir: forms.ir === undefined ? undefined : simplifyBool(forms.ir), host: forms.host, span };
  }

  private forms<E>(parts: readonly (IntValue | BoolValue)[], ir: () => E, host: (forms: HostExpr[]) => HostExpr) {
    const hosts = parts.map((part) => part.host);
    const onHost = hosts.every((form) => form !== undefined) ? simplifyHost(host(hosts as HostExpr[])) : undefined;
    const inKernel = onHost === undefined || parts.every((part) => part.ir !== undefined);
    return { ir: inKernel ? ir() : undefined, host: onHost };
  }

  compare(op: "lt" | "le" | "eq" | "ne", a: NumberValue, b: NumberValue, span: Span): BoolValue {
    if (a.type === "int" && b.type === "int") {
      return this.combineBool(
        [a, b],
        span,
        () => m.compare(op, this.int(a), this.int(b)),
        ([x, y]) => ({ kind: op, a: x!, b: y! }),
      );
    }
    if (a.host !== undefined && b.host !== undefined) return { type: "bool", host: hostBinaryNode(op, a.host, b.host), span };
    return { type: "bool", ir: simplifyBool(this.compareFloat(op, a, b)), span };
  }

  /** An integer that differs from pair to pair, compared with a float: the float is rounded so that the answer is the same. */
  private compareFloat(op: "lt" | "le" | "eq" | "ne", a: NumberValue, b: NumberValue): BoolExpr {
    const rounded = (value: NumberValue, how: "floor" | "ceil"): IntExpr =>
      this.scalars.slot({ kind: how, a: value.host! }, `${how} of ${noteOf(value.span)}`);
    if (op === "eq" || op === "ne") {
      const [x, f] = a.type === "int" ? [a, b] : [b as IntValue, a];
      const whole: HostExpr = hostBinaryNode("eq", f.host!, { kind: "floor", a: f.host! });
      const isWhole = m.ne(this.scalars.slot(whole, `whether ${noteOf(f.span)} is whole`), m.int(0));
      const equal = m.and(isWhole, m.eq(this.int(x), rounded(f, "floor")));
      return op === "eq" ? equal : m.not(equal);
    }
    if (a.type === "int") return m.compare(op, this.int(a), rounded(b, op === "lt" ? "ceil" : "floor"));
    return m.compare(op, rounded(a, op === "lt" ? "floor" : "ceil"), this.int(b as IntValue));
  }

  not(a: BoolValue): BoolValue {
    return this.combineBool(
      [a],
      a.span,
      () => m.not(this.bool(a)),
      ([x]) => ({ kind: "not", a: x! }),
    );
  }

  logic(kind: "and" | "or", a: BoolValue, b: BoolValue, span: Span): BoolValue {
    return this.combineBool(
      [a, b],
      span,
      () => ({ kind, items: [this.bool(a), this.bool(b)] }),
      ([x, y]) => ({ kind, a: x!, b: y! }),
    );
  }

  chooseBool(cond: BoolValue, a: BoolValue, b: BoolValue, span: Span): BoolValue {
    const known = constantOf(cond);
    if (known !== undefined) return known !== 0 ? a : b;
    return this.combineBool(
      [cond, a, b],
      span,
      () => m.choose(this.bool(cond), this.bool(a), this.bool(b)),
      ([c, x, y]) => ({ kind: "select", cond: c!, a: x!, b: y! }),
    );
  }

  chooseNumber(cond: BoolValue, a: NumberValue, b: NumberValue, span: Span): NumberValue {
    const known = constantOf(cond);
    if (known !== undefined) return known !== 0 ? a : b;
    if (a.type === "int" && b.type === "int") {
      return this.combineInt(
        [cond, a, b],
        span,
        () => m.select(this.bool(cond), this.int(a), this.int(b)),
        ([c, x, y]) => ({ kind: "select", cond: c!, a: x!, b: y! }),
      );
    }
    return { type: "float", host: simplifyHost({ kind: "select", cond: cond.host!, a: a.host!, b: b.host! }), span };
  }
}

function noteOf(span: Span): string {
  return span.file.text.slice(span.start, span.end).replace(/\s+/g, " ");
}
