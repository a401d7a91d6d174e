/** The rule of a selection with its numbers filled in. */
export interface KeepRule {
  readonly rule: "top" | "top_p" | "threshold" | "fraction";
  readonly amount: number;
  readonly least?: number | undefined;
  readonly most?: number | undefined;
  readonly onTop: boolean;
}

/** A unit among those that one budget is for. */
export interface Ranked {
  readonly score: number;
  readonly forced: boolean;
}

/**
 * Which of the units are kept, in the order given, which breaks ties. Forced units first; then, of the others, the
 * best as long as the rule wants more. Where forced units are on top the rule does not know of them.
 */
export function keep(units: readonly Ranked[], rule: KeepRule): readonly boolean[] {
  const others = units
    .map((unit, index) => ({ ...unit, index }))
    .filter((unit) => !unit.forced)
    .sort((a, b) => byScore(a.score, b.score) || a.index - b.index);
  const counted = rule.onTop ? others : units;
  const already = rule.onTop ? 0 : units.length - others.length;
  const wanted = bounded(already + howMany(rule, counted, others), rule);
  const best = new Set(others.slice(0, Math.max(0, wanted - already)).map((unit) => unit.index));
  return units.map((unit, index) => unit.forced || best.has(index));
}

/** Falling; NaN comes last. */
function byScore(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a === b ? 0 : b > a ? 1 : -1;
}

/** How many of the others, best first, the rule takes beside the forced ones that it counts. */
function howMany({ rule, amount }: KeepRule, counted: readonly Ranked[], others: readonly Ranked[]): number {
  const forced = counted.length - others.length;
  switch (rule) {
    case "top":
      return amount - forced;
    case "fraction":
      return Math.ceil(amount * counted.length) - forced;
    case "threshold":
      return others.filter((unit) => unit.score >= amount).length;
    case "top_p": {
      const total = counted.reduce((sum, unit) => sum + massOf(unit), 0);
      let mass = forced === 0 ? 0 : counted.reduce((sum, unit) => sum + (unit.forced ? massOf(unit) : 0), 0);
      let taken = 0;
      while (taken < others.length && mass < amount * total) mass += massOf(others[taken++]!);
      return taken;
    }
  }
}

/** NaN and what is below 0 have none; infinity has that of the first number beyond float32. */
const massOf = ({ score }: Ranked): number => (score > 0 ? Math.min(score, 2 ** 128) : 0);

function bounded(count: number, { least, most }: KeepRule): number {
  return Math.min(most ?? Infinity, Math.max(least ?? 0, count));
}
