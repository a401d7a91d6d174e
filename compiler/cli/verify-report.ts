import type { Diagnostic } from "../diagnostics/diagnostic.js";
import type { CaseResult } from "../../runtime/verify/operator.js";
import type { SelectionCheck, SelectionFault } from "../../runtime/verify/selection.js";

/** What came of one operator: its cases, or why they could not all be run. */
export interface OperatorResult {
  readonly file: string;
  readonly name: string;
  readonly ok: boolean;
  readonly cases: readonly CaseResult[];
  readonly error?: Diagnostic | undefined;
}

/**
 * The results as `--format json` prints them. JSON has no infinities and no NaN, and a null would compare as 0: an
 * error that is infinite, or that no number says, is the greatest number there is, and the elements of `worst`, which
 * may rightly be infinite, are texts then: "Infinity", "-Infinity", "NaN".
 */
export function verifyJson(device: string, results: readonly OperatorResult[]): unknown {
  return {
    version: 1,
    device,
    results: results.map(({ file, name, ok, cases, error }) => ({
      file,
      name,
      ok,
      cases: cases.map(caseJson),
      ...(error ? { error: { code: error.code, message: error.message, hint: error.hint ?? null } } : {}),
    })),
  };
}

export function caseJson(one: CaseResult): unknown {
  const { maxAbs, relL2, lseMaxAbs, tolerance, lseTolerance, worst, selections, ...rest } = one;
  const errors = Object.entries({ maxAbs, relL2, lseMaxAbs, tolerance, lseTolerance }).map(([key, value]) => [key, finite(value)]);
  const element = worst && { ...worst, expected: texted(worst.expected), got: texted(worst.got), tolerance: finite(worst.tolerance) };
  const chosen = selections === undefined ? {} : { selections: selections.map(selectionJson) };
  return { ...rest, ...Object.fromEntries(errors), ...(element ? { worst: element } : {}), ...chosen };
}

function selectionJson({ worst, ...rest }: SelectionCheck): unknown {
  if (worst === undefined) return rest;
  const scores = Object.entries({ score: worst.score, otherScore: worst.otherScore }).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, texted(value)] as const],
  );
  return { ...rest, worst: { ...worst, ...Object.fromEntries(scores) } };
}

const finite = (value: number): number => (Number.isFinite(value) ? value : Number.MAX_VALUE);
const texted = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

/** A line for an operator; more for the worst of its cases where it fails. */
export function verifyText(result: OperatorResult): string {
  const name = result.name.padEnd(28);
  if (result.error) {
    const { code, message, hint } = result.error;
    return [`FAIL ${name} ${code}: ${message}`, ...(hint === undefined ? [] : [`     hint: ${hint}`])].join("\n");
  }
  const worst = result.cases.reduce((a, b) => (b.maxAbs / b.tolerance > a.maxAbs / a.tolerance ? b : a));
  const line = `${result.ok ? "ok  " : "FAIL"} ${name} ${String(result.cases.length).padStart(3)} cases  max error ${worst.maxAbs.toExponential(1)} of ${worst.tolerance.toExponential(1)} allowed${selectionText(result.cases)}`;
  const failed = result.cases.filter((c) => !c.ok);
  return [line, ...failed.slice(0, 3).map(caseFailure)].join("\n");
}

/** Units that were selected over all cases, and how many of them rounding put in the place of others. */
function selectionText(cases: readonly CaseResult[]): string {
  const checks = cases.flatMap((one) => one.selections ?? []);
  if (checks.length === 0) return "";
  const sum = (of: (check: SelectionCheck) => number): number => checks.reduce((total, check) => total + of(check), 0);
  return `, ${sum(({ kept }) => kept)} units selected, ${sum(({ swaps }) => swaps)} swapped`;
}

/** The case, and the worst of its elements. */
export function caseFailure(one: CaseResult): string {
  const where = `     ${one.name}, ${one.queries} queries, ${one.seq} keys, ${one.heads}/${one.kvHeads} heads, batch ${one.batch}`;
  const problem = one.problem === undefined ? "" : `: ${one.problem}`;
  const selector = (one.selections ?? []).flatMap((each) => (each.worst === undefined ? [] : [selectionFailure(each.name, each.worst)]));
  if (selector.length > 0) return [where + problem, ...selector].join("\n");
  if (!one.worst) return where + problem;
  const { tensor, batch, head, query, dim, expected, got } = one.worst;
  const place = `${tensor}[batch ${batch}, head ${head}, query ${query}${dim === undefined ? "" : `, dim ${dim}`}]`;
  return `${where}${problem}\n     worst element ${place}: expected ${expected}, got ${got}`;
}

/** What was selected that should not be, or was not. */
function selectionFailure(name: string, { batch, head, row, problem, unit, score, other, otherRow, otherScore }: SelectionFault): string {
  const of = unit === undefined ? "" : `: unit ${unit}, score ${score}`;
  const instead =
    other === undefined ? "" : `, instead of unit ${other}${otherRow === row ? "" : ` of row ${otherRow}`}, score ${otherScore}`;
  return `     ${name}[batch ${batch}, head ${head}, row ${row}] ${problem}${of}${instead}`;
}
