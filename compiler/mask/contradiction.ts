import type { BoolExpr, IntExpr, MaskModule } from "./ir.js";
import * as m from "./make.js";
import { simplifyBool } from "./simplify.js";
import { keyOf } from "./walk.js";

/**
 * Whether no pair satisfies the mask of a module, at any length, for any caller: proved or not. The condition is
 * taken apart into cases, in each of which comparisons are linear inequalities over `q`, `k`, lengths, parameters
 * and terms taken as they are; Fourier-Motzkin elimination finds out which have no solution. What is only known
 * of integers (remainders that never meet) may stay unproved.
 */
export function isEmpty(module: Pick<MaskModule, "mask" | "space" | "params">): boolean {
  const search: Search = { steps: 0 };
  const known = factsOf(module);
  return refuted({ formulas: [simplifyBool(module.mask)], splits: [], linear: [], signs: new Map(), terms: new Set() }, known, search);
}

/** Cases looked at, and inequalities of one case, before the proof is given up. */
const MOST_STEPS = 4000;
const MOST_ROWS = 600;

interface Search {
  steps: number;
}

/** The sum of the terms times their coefficients, plus `constant`, is at most 0. */
interface Linear {
  readonly terms: ReadonlyMap<string, number>;
  readonly constant: number;
}

/** One of several things is so: each with conditions and inequalities that then hold. */
type Split = readonly { readonly formulas: readonly BoolExpr[]; readonly linear: readonly Linear[] }[];

interface Case {
  readonly formulas: readonly BoolExpr[];
  readonly splits: readonly Split[];
  readonly linear: readonly Linear[];
  /** Conditions that are taken as they are, by their keys, and whether they hold. */
  readonly signs: ReadonlyMap<string, boolean>;
  /** Terms of which all that is known has been said. */
  readonly terms: ReadonlySet<string>;
}

/** Whether a case has no solution. */
function refuted(start: Case, known: readonly Linear[], search: Search): boolean {
  if (++search.steps > MOST_STEPS) return false;
  const reader = new Reader(start);
  if (!reader.readAll()) return true;
  const now = reader.result();
  if (unsolvable([...known, ...now.linear])) return true;
  const [split, ...splits] = now.splits;
  if (split === undefined) return false;
  return split.every((way) => refuted({ ...now, splits, formulas: way.formulas, linear: [...now.linear, ...way.linear] }, known, search));
}

/** Takes the conditions of a case apart until only inequalities and splits are left. */
class Reader {
  private readonly queue: BoolExpr[];
  private readonly splits: Split[];
  private readonly linear: Linear[];
  private readonly signs: Map<string, boolean>;
  private readonly terms: Set<string>;

  constructor({ formulas, splits, linear, signs, terms }: Case) {
    this.queue = [...formulas];
    this.splits = [...splits];
    this.linear = [...linear];
    this.signs = new Map(signs);
    this.terms = new Set(terms);
  }

  result(): Case {
    const { splits, linear, signs, terms } = this;
    return { formulas: [], splits, linear, signs, terms };
  }

  /** False where two conditions contradict each other outright. */
  readAll(): boolean {
    for (let next = this.queue.pop(); next !== undefined; next = this.queue.pop()) if (!this.read(next)) return false;
    return true;
  }

  private read(e: BoolExpr): boolean {
    switch (e.kind) {
      case "bool":
        return e.value;
      case "and":
        this.queue.push(...e.items);
        return true;
      case "or":
        this.splits.push(e.items.map((item) => ({ formulas: [item], linear: [] })));
        return true;
      case "choose":
        this.splits.push([
          { formulas: [e.cond, e.a], linear: [] },
          { formulas: [complement(e.cond), e.b], linear: [] },
        ]);
        return true;
      case "not":
        return this.sign(e.a, false);
      case "pow2":
      case "bit":
        return this.sign(e, true);
      case "compare":
        return this.compare(e);
    }
  }

  private sign(e: BoolExpr, holds: boolean): boolean {
    const key = keyOf(e);
    const before = this.signs.get(key);
    this.signs.set(key, holds);
    return before === undefined || before === holds;
  }

  private compare(e: Extract<BoolExpr, { kind: "compare" }>): boolean {
    const [a, b] = [this.form(e.a), this.form(e.b)];
    switch (e.op) {
      case "lt":
        this.linear.push(plus(minus(a, b), 1));
        break;
      case "le":
        this.linear.push(minus(a, b));
        break;
      case "eq":
        this.linear.push(...equal(a, b));
        break;
      case "ne":
        this.splits.push([
          { formulas: [], linear: [plus(minus(a, b), 1)] },
          { formulas: [], linear: [plus(minus(b, a), 1)] },
        ]);
    }
    return true;
  }

  /** An integer as a sum of terms; says what is known of terms that are met for the first time. */
  private form(e: IntExpr): Linear {
    switch (e.kind) {
      case "int":
        return { terms: new Map(), constant: e.value };
      case "neg":
        return times(this.form(e.a), -1);
      case "add":
        return sum(this.form(e.a), this.form(e.b));
      case "sub":
        return minus(this.form(e.a), this.form(e.b));
      case "mul":
        if (e.a.kind === "int") return times(this.form(e.b), e.a.value);
        if (e.b.kind === "int") return times(this.form(e.a), e.b.value);
        return term(e);
      case "mod":
        if (e.b.kind !== "int") return term(e);
        return minus(this.form(e.a), times(this.form(m.div(e.a, e.b)), e.b.value));
      case "div":
        if (e.b.kind === "int") this.about(e, (t) => this.quotient(e.a, (e.b as { value: number }).value, t));
        return term(e);
      case "abs":
        this.about(e, (t) => this.oneOf(t, [this.form(e.a), times(this.form(e.a), -1)], "max"));
        return term(e);
      case "min":
      case "max": {
        const { kind } = e;
        this.about(e, (t) => this.oneOf(t, [this.form(e.a), this.form(e.b)], kind === "min" ? "min" : "max"));
        return term(e);
      }
      case "select":
        this.about(e, (t) => {
          this.splits.push([
            { formulas: [e.cond], linear: equal(t, this.form(e.a)) },
            { formulas: [complement(e.cond)], linear: equal(t, this.form(e.b)) },
          ]);
        });
        return term(e);
      default:
        return term(e);
    }
  }

  private about(e: IntExpr, say: (t: Linear) => void): void {
    const key = keyOf(e);
    if (this.terms.has(key)) return;
    this.terms.add(key);
    say(term(e));
  }

  /** `n t <= a <= n t + n - 1` */
  private quotient(a: IntExpr, n: number, t: Linear): void {
    const rest = minus(this.form(a), times(t, n));
    this.linear.push(times(rest, -1), plus(rest, 1 - n));
  }

  /** `t` is one of the values, and not beyond the others. */
  private oneOf(t: Linear, values: readonly Linear[], end: "min" | "max"): void {
    for (const value of values) this.linear.push(end === "min" ? minus(t, value) : minus(value, t));
    this.splits.push(values.map((value) => ({ formulas: [], linear: equal(t, value) })));
  }
}

const complement = (e: BoolExpr): BoolExpr => simplifyBool({ kind: "not", a: e });

/** What holds of every pair of a call. */
function factsOf({ space, params }: Pick<MaskModule, "space" | "params">): readonly Linear[] {
  const [N, NQ] = [m.variable("N"), m.variable("NQ")].map(term) as [Linear, Linear];
  const [q, k] = [m.q, m.k].map(term) as [Linear, Linear];
  const atLeast = (a: Linear, b: Linear | number): Linear => (typeof b === "number" ? plus(times(a, -1), b) : minus(b, a));
  const natural = (["h", "kvh", "b", "layer", "step", "phase"] as const).map((name) => atLeast(term(m.variable(name)), 0));
  const positive = (["N", "NQ", "layers", "steps"] as const).map((name) => atLeast(term(m.variable(name)), 1));
  const pair = [atLeast(k, 0), atLeast(plus(N, -1), k), atLeast(q, 0)];
  const rows = space.kind === "self" ? [atLeast(N, NQ), atLeast(q, minus(N, NQ)), atLeast(plus(N, -1), q)] : [atLeast(plus(NQ, -1), q)];
  const least = params.flatMap(({ name, min }) => (min === undefined ? [] : [atLeast(term(m.param(name)), min)]));
  return [...natural, ...positive, ...pair, ...rows, ...least];
}

function term(e: IntExpr): Linear {
  return { terms: new Map([[keyOf(e), 1]]), constant: 0 };
}

function sum(a: Linear, b: Linear): Linear {
  const terms = new Map(a.terms);
  for (const [key, factor] of b.terms) {
    const total = (terms.get(key) ?? 0) + factor;
    if (total === 0) terms.delete(key);
    else terms.set(key, total);
  }
  return { terms, constant: a.constant + b.constant };
}

function times(a: Linear, factor: number): Linear {
  if (factor === 0) return { terms: new Map(), constant: 0 };
  return { terms: new Map([...a.terms].map(([key, value]) => [key, value * factor])), constant: a.constant * factor };
}

const minus = (a: Linear, b: Linear): Linear => sum(a, times(b, -1));
const plus = (a: Linear, constant: number): Linear => ({ ...a, constant: a.constant + constant });
const equal = (a: Linear, b: Linear): readonly Linear[] => [minus(a, b), minus(b, a)];

/** Fourier-Motzkin elimination: whether no real numbers satisfy all inequalities. False where it would take too long. */
function unsolvable(all: readonly Linear[]): boolean {
  let rows = distinct(all);
  for (;;) {
    if (rows.some((row) => row.terms.size === 0 && row.constant > 0)) return true;
    const key = cheapest(rows);
    if (key === undefined) return false;
    const [above, below] = [1, -1].map((sign) => rows.filter((row) => sign * (row.terms.get(key) ?? 0) > 0));
    const rest = rows.filter((row) => !row.terms.has(key));
    const joined = above!.flatMap((a) => below!.map((b) => sum(times(a, -b.terms.get(key)!), times(b, a.terms.get(key)!))));
    rows = distinct([...rest, ...joined]);
    if (rows.length > MOST_ROWS || rows.some((row) => !isExact(row))) return false;
  }
}

/** The term whose elimination leaves the fewest inequalities. */
function cheapest(rows: readonly Linear[]): string | undefined {
  const counts = new Map<string, [number, number]>();
  for (const { terms } of rows) {
    for (const [key, factor] of terms) {
      const count = counts.get(key) ?? [0, 0];
      count[factor > 0 ? 0 : 1]++;
      counts.set(key, count);
    }
  }
  let best: string | undefined;
  let least = Infinity;
  for (const [key, [above, below]] of counts) {
    const cost = above * below - above - below;
    if (cost < least) [best, least] = [key, cost];
  }
  return best;
}

/** Each once, in its smallest numbers; of those with equal terms the tightest. */
function distinct(rows: readonly Linear[]): readonly Linear[] {
  const kept = new Map<string, Linear>();
  for (const row of rows) {
    const divisor = [...row.terms.values()].reduce((a, b) => gcd(a, Math.abs(b)), 0);
    // Terms are integers: a bound may be rounded.
    const small =
      divisor <= 1
        ? row
        : { terms: new Map([...row.terms].map(([k, v]) => [k, v / divisor])), constant: Math.ceil(row.constant / divisor) };
    const key = [...small.terms]
      .map(([name, factor]) => `${name}*${factor}`)
      .sort()
      .join("+");
    const present = kept.get(key);
    if (present === undefined || present.constant < small.constant) kept.set(key, small);
  }
  return [...kept.values()];
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Numbers beyond 2^53 are no longer exact, and what follows from them is no proof. */
const isExact = ({ terms, constant }: Linear): boolean => [...terms.values(), constant].every((value) => Math.abs(value) < 2 ** 52);
