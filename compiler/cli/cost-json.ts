import type { CostReport } from "../tiles/report.js";

/**
 * A cost report as JSON: `{version, ...}` with the fields of {@link CostReport}, every name always there. What has no
 * answer is null, and so is a speed-up without bound.
 */
export function costJson(report: CostReport): unknown {
  const { receptive, lastQuery, evictable, layout, orders, ...rest } = report;
  return plain({
    version: 1,
    ...rest,
    layout,
    orders,
    receptive: receptive && { ...receptive, covers: receptive.covers, ends: receptive.ends },
    lastQuery: lastQuery && { ...lastQuery, covers: lastQuery.covers },
    evictable: evictable && {
      ...evictable,
      groups: evictable.groups.map((group) => ({ ...group, counterexample: group.counterexample })),
    },
  });
}

function plain(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
