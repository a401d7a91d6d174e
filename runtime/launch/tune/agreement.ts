import type { AttentionOutput } from "../run.js";
import type { Rounding } from "./rounding.js";

/** The place where two results differ most beyond what rounding explains, in words; undefined where they agree. */
export function disagreement(a: AttentionOutput, b: AttentionOutput, rounding: Rounding): string | undefined {
  let worst: string | undefined;
  let worstExcess = 0;
  for (const tensor of ["out", "lse"] as const) {
    const [x, y, allowed] = [a[tensor], b[tensor], rounding[tensor]];
    for (let i = 0; i < x.length; i++) {
      if (x[i] === y[i]) continue;
      const difference = Math.abs(x[i]! - y[i]!);
      const tolerance = allowed(x[i]!);
      // A NaN, or an infinity on one side, agrees with nothing.
      if (Number.isFinite(difference) && difference <= tolerance) continue;
      const excess = Number.isFinite(difference) ? difference / tolerance : Infinity;
      if (excess <= worstExcess) continue;
      worstExcess = excess;
      worst = `${tensor}[${i}] is ${y[i]} and not ${x[i]}; rounding explains ${tolerance.toExponential(1)}`;
    }
  }
  return worst;
}

/** Kernels in groups of equal results. */
export interface Groups {
  /** Adds the result of the next kernel. */
  add(result: AttentionOutput): void;
  /** The group of each kernel, in the order in which they were added. */
  readonly of: readonly number[];
  /** How the first kernel of one group differs from that of another. */
  difference(group: number, from: number): string | undefined;
}

/** Keeps one result for each group: they are as large as the output of the operator. */
export function groupsOf(rounding: Rounding): Groups {
  const first: AttentionOutput[] = [];
  const of: number[] = [];
  return {
    of,
    add(result) {
      let group = first.findIndex((each) => disagreement(each, result, rounding) === undefined);
      if (group < 0) group = first.push(result) - 1;
      of.push(group);
    },
    difference: (group, from) => disagreement(first[from]!, first[group]!, rounding),
  };
}

/** The members of the largest group; undefined where two groups are of that size. */
export function majority(labels: readonly string[]): readonly number[] | undefined {
  const groups = new Map<string, number[]>();
  labels.forEach((label, i) => groups.set(label, [...(groups.get(label) ?? []), i]));
  const [largest, second] = [...groups.values()].sort((a, b) => b.length - a.length);
  return largest === undefined || second?.length === largest.length ? undefined : largest;
}
