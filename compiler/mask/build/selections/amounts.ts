import { diagnostic } from "../../../diagnostics/report.js";
import type { Span } from "../../../source/file.js";
import type { KeepModel, SelectModel } from "../../../semantics/tensors/model.js";
import type { Typed } from "../../../semantics/typed.js";
import type { BoolExpr, HostExpr, IntExpr } from "../../ir.js";
import { arePlaces } from "../../layout/placed.js";
import * as m from "../../make.js";
import type { Force, Keep, RealValue, Reuse, SelectionHeads } from "../../selection.js";
import { simplifyBool, simplifyInt } from "../../simplify.js";
import { keyOf, some, walkHost } from "../../walk.js";
import { constantOf } from "../value.js";
import type { TensorFrame, UnitSizes } from "../tensors/lower.js";

/** Numbers and masks of a selection that are known before the data: how much is kept, what is forced, when it is made. */
export class Amounts {
  constructor(
    private readonly at: TensorFrame,
    /** The heads that share a selection: its amounts must not differ between them. */
    private readonly heads: SelectionHeads,
  ) {}

  keep(keep: KeepModel): Keep {
    const least = keep.min && this.count(keep.min, "`min`");
    const most = keep.max && this.count(keep.max, "`max`");
    if (least?.kind === "int" && most?.kind === "int" && most.value < least.value) {
      const params = { what: "`max`", rule: `at least \`min\`, ${least.value}`, found: most.value };
      this.at.lowering.add(diagnostic("ATTN3001", keep.max!.span, params));
    }
    const rule = this.rule(keep);
    return {
      rule: rule.kind === "top" ? { kind: "top", n: bounded(rule.n, least, most) } : rule,
      ...(least === undefined ? {} : { least }),
      ...(most === undefined ? {} : { most }),
      scope: keep.scope,
    };
  }

  private rule({ rule, amount }: KeepModel): Keep["rule"] {
    switch (rule) {
      case "top":
        return { kind: "top", n: this.count(amount, "`n` of `top`") };
      case "mass":
        return { kind: "mass", p: this.real(amount, "`p` of `top_p`", "between 0 and 1") };
      case "threshold":
        return { kind: "threshold", t: this.real(amount, "`t` of `threshold`") };
      case "fraction":
        return { kind: "fraction", f: this.real(amount, "`f` of `fraction`", "between 0 and 1") };
    }
  }

  /** What a pair of a candidate satisfies; undefined where that is causality alone. */
  among({ among }: SelectModel, sizes: UnitSizes): BoolExpr | undefined {
    if (among === undefined) return undefined;
    const mask = this.inUnits(this.allowed(this.bool(among, "what a selection is made among")), sizes, "`among`", among.span);
    return keyOf(mask) === keyOf(this.allowed(m.bool(true))) ? undefined : mask;
  }

  /** A mask of pairs that have places where it asks for these: units of tiles it reads are those of the selection. */
  private inUnits(mask: BoolExpr, sizes: UnitSizes, what: string, span: Span): BoolExpr {
    // Of the places of a layout a selection knows those of its own tiles, and no clusters.
    if (some(mask, (e) => e.kind === "load" && e.byHead === true && !arePlaces(e.input))) {
      this.at.lowering.add(diagnostic("ATTN2365", span, { what }));
      return mask;
    }
    const asks = some(
      mask,
      (e) => e.kind === "load" && arePlaces(e.input) && (arePlaces(e.input, "q") ? sizes.of.q : sizes.of.k) === undefined,
    );
    if (asks) this.at.lowering.add(diagnostic("ATTN2340", span, {}));
    return mask;
  }

  /** A mask and causality. */
  private allowed(mask: BoolExpr): BoolExpr {
    const { causal } = this.at.lowering.around.space;
    return simplifyBool(m.and(...(causal ? [m.le(m.k, m.q)] : []), mask));
  }

  force({ force, keep }: SelectModel, sizes: UnitSizes): Force | undefined {
    if (force === undefined) return keep.onTop ? { onTop: true } : undefined;
    const pairs = force.masks.map((mask) => this.bool(mask, "what is forced"));
    // Where a unit of queries lies in one of keys, its own unit is the one of its last query.
    const sameKind = sizes.of.q === sizes.of.k;
    const ownUnit = force.current !== undefined && sizes.k !== undefined && sizes.q !== undefined && sizes.k % sizes.q === 0 && sameKind;
    const nearest = force.current !== undefined && sizes.diag !== undefined;
    if (force.current !== undefined && !ownUnit && !nearest) pairs.push(m.eq(m.q, m.k));
    const first = this.atLeast(force.first && this.count(force.first, "`n` of `first`"), nearest);
    const local = this.atLeast(force.local && this.count(force.local, "`n` of `local`"), ownUnit);
    const { causal } = this.at.lowering.around.space;
    if (force.last !== undefined && causal && (sizes.of.q ?? sizes.of.k) !== undefined) {
      this.at.lowering.add(diagnostic("ATTN2341", force.last.span, { what: "`last(n)` in a causal space" }));
    }
    if (force.local !== undefined && !sameKind && sizes.of.q !== undefined && sizes.of.k !== undefined) {
      this.at.lowering.add(diagnostic("ATTN2341", force.local.span, { what: "`local(n)` of tiles of two orders" }));
    }
    const touched = pairs.length === 0 ? undefined : this.inUnits(this.allowed(m.or(...pairs)), sizes, "`force`", force.span);
    return {
      ...(touched === undefined ? {} : { pairs: touched }),
      ...(first === undefined ? {} : { first }),
      ...(force.last === undefined ? {} : { last: this.count(force.last, "`n` of `last`") }),
      ...(local === undefined ? {} : { local }),
      onTop: keep.onTop,
    };
  }

  reuse({ reuse }: SelectModel): Reuse | undefined {
    if (reuse === undefined) return undefined;
    const all = new Amounts(this.at, "one");
    if (reuse.kind === "layers") return { kind: "layers", at: all.bool(reuse.at, "`at`") };
    if (reuse.kind === "while") return { kind: "while", cosine: all.real(reuse.cosine, "the least cosine", "between 0 and 1") };
    return { kind: "every", steps: all.count(reuse.steps, "the number of steps", 1) };
  }

  /** One at least, where that is asked for. */
  private atLeast(n: IntExpr | undefined, one: boolean): IntExpr | undefined {
    if (!one) return n;
    return n === undefined ? m.int(1) : simplifyInt(m.max(n, m.int(1)));
  }

  private count(typed: Typed, what: string, least = 0): IntExpr {
    const { lowering, frame } = this.at;
    const value = lowering.lowerInt(typed, frame);
    const found = constantOf(value);
    if (found !== undefined && found < least) {
      lowering.add(diagnostic("ATTN3001", typed.span, { what, rule: `at least ${least}`, found }));
    }
    return this.shared(lowering.values.int(value), what, typed.span);
  }

  private bool(typed: Typed, what: string): BoolExpr {
    const { lowering, frame } = this.at;
    return this.shared(lowering.values.bool(lowering.lowerBool(typed, frame)), what, typed.span);
  }

  private real(typed: Typed, what: string, rule?: string): RealValue {
    const { lowering, frame } = this.at;
    const real = lowering.values.real(lowering.lowerNumber(typed, frame));
    if (real.kind === "scalar") this.shared(m.scalar(real.slot), what, typed.span);
    else if (!Number.isFinite(real.value)) lowering.add(diagnostic("ATTN3001", typed.span, { what, rule: "finite", found: real.value }));
    else if (rule !== undefined && !(real.value >= 0 && real.value <= 1)) {
      lowering.add(diagnostic("ATTN3001", typed.span, { what, rule, found: real.value }));
    }
    return real;
  }

  /** Reports what differs between heads that share a selection. */
  private shared<E extends IntExpr | BoolExpr>(expr: E, where: string, span: Span): E {
    if (this.heads === "query") return expr;
    const { lowering } = this.at;
    const byHead = (name: string): boolean => name === "h" || (name === "kvh" && this.heads === "one");
    const differs = some(expr, (node) => {
      if (node.kind === "var") return byHead(node.name);
      if (node.kind === "bit") return isFiner(lowering.selections.headsOf(node.input), this.heads);
      return node.kind === "scalar" && mentions(lowering.scalars.list[node.slot]!.expr, byHead);
    });
    if (differs) lowering.add(diagnostic("ATTN3020", span, { where }));
    return expr;
  }
}

function bounded(n: IntExpr, least: IntExpr | undefined, most: IntExpr | undefined): IntExpr {
  const raised = least === undefined ? n : m.max(n, least);
  return simplifyInt(most === undefined ? raised : m.min(raised, most));
}

/** Whether heads that share one selection have others of another. */
function isFiner(heads: SelectionHeads | undefined, than: SelectionHeads): boolean {
  return heads === "query" || (heads === "kv" && than === "one");
}

function mentions(expr: HostExpr, test: (name: string) => boolean): boolean {
  let found = false;
  walkHost(expr, (node) => {
    if (node.kind === "var" && test(node.name)) found = true;
  });
  return found;
}
