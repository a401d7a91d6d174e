import fc from "fast-check";
import { expect, test } from "vitest";
import {
  evaluateBool,
  evaluateInt,
  evaluateMask,
  evaluateScalars,
  type BitsValue,
  type MaskEnv,
  type PairEnv,
} from "../../compiler/mask/evaluate.js";
import type { IntExpr, MaskModule } from "../../compiler/mask/ir.js";
import type { Selection } from "../../compiler/mask/selection.js";
import { rowsNonempty } from "../../compiler/tiles/nonempty.js";
import { attention, compile, moduleOf } from "../semantics/compile.js";

const proved = (clauses: string, space = "seq causal"): boolean => rowsNonempty(compile(attention(clauses, { space })).modules[0]!);
const select = (unit: string, keep: string, more = ""): string => `select c { unit ${unit}; score 1; keep ${keep}${more} }`;

test("a query that keeps a unit sees its first key", () => {
  expect(proved(`${select("q: token, k: block(64)", "top(3)")}\nattend c`)).toBe(true);
  expect(proved(`${select("q: block(32), k: block(64)", "top(1)")}\nattend c`)).toBe(true);
  expect(proved(`${select("q: block(64), k: block(64)", "top_p(0.9) min 1")}\nattend c`)).toBe(true);
  expect(proved(`${select("q: block(64), k: block(64)", "fraction(0.1)")}\nattend c`)).toBe(true);
  expect(proved(`${select("q: block(64), k: block(64)", "top(2)")}\nattend c | local(3)`)).toBe(true);
});

test("what keeps nothing, or what a query does not see, proves nothing", () => {
  // Of blocks of 64 and 48 some begin inside of the other.
  expect(proved(`${select("q: block(64), k: block(48)", "top(1)")}\nattend c`)).toBe(false);
  expect(proved(`${select("q: block(128), k: block(64)", "top(1)")}\nattend c`)).toBe(false);
  expect(proved(`${select("q: token, k: block(64)", "top(0)")}\nattend c`)).toBe(false);
  expect(proved(`${select("q: token, k: block(64)", "top(h)")}\nattend c`)).toBe(false);
  expect(proved(`${select("q: token, k: block(64)", "top_p(0.9)")}\nattend c`)).toBe(false);
  expect(proved(`${select("q: token, k: block(64)", "threshold(0.1)")}\nattend c`)).toBe(false);
  expect(proved(`${select("q: token, k: block(64)", "top(3) over head")}\nattend c`)).toBe(false);
  expect(proved(`${select("k: block(64)", "top(3)")}\nattend c`)).toBe(false);
  expect(proved(`${select("q: token, k: block(64)", "top(3)")}\nattend c & q - k < 64`)).toBe(false);
  expect(proved(`${select("q: token, k: block(64)", "top(3)", "; reuse every 4 steps")}\nattend c`)).toBe(false);
});

test("without causality every query sees what is kept", () => {
  expect(proved(`${select("q: block(128), k: block(64)", "top(1)")}\nattend c`, "seq full")).toBe(true);
  expect(proved(`${select("k: block(64)", "top(3)")}\nattend c`, "seq full")).toBe(true);
  expect(proved(`${select("k: token", "fraction(0.1)")}\nattend c`, "seq cross")).toBe(true);
  expect(proved(`${select("k: block(64)", "top_p(0.9)")}\nattend c`, "seq full")).toBe(false);
  expect(proved(`${select("k: block(64)", "top(3)")}\nattend c & k > 3`, "seq full")).toBe(false);
});

test("what is forced is seen", () => {
  expect(proved(`${select("k: block(64)", "top(3)", "; force first(1)")}\nattend c`)).toBe(true);
  expect(proved(`${select("q: block(32), k: block(64)", "threshold(1)", "; force local(1)")}\nattend c`)).toBe(true);
  expect(proved(`${select("q: block(128), k: block(64)", "threshold(1)", "; force current")}\nattend c`)).toBe(true);
  expect(proved(`${select("q: block(128), k: block(64)", "threshold(1)", "; force local(1)")}\nattend c`)).toBe(false);
  expect(proved(`${select("diag: block(64)", "threshold(1)", "; force first(1); snap block(64)")}\nattend c`)).toBe(true);
  expect(proved(`${select("k: block(64)", "top(3)", "; force last(1)")}\nattend c`)).toBe(false);
  expect(proved(`${select("k: block(64)", "top(3)", "; force last(1)")}\nattend c`, "seq full")).toBe(true);
  expect(proved(`${select("k: block(64)", "top(3)", "; force first(1); reuse every 2 steps")}\nattend c`)).toBe(false);
});

test("what others leave may be nothing; what they force is seen where they are forced", () => {
  const two = (coarse: string, keep: string, fine: string): string =>
    `select d { unit q: token, k: block(64); score 1; keep top(1); ${coarse} }\n${select("q: token, k: block(64)", keep, `; ${fine}`)}\nattend c`;
  expect(proved(two("force local(1)", "threshold(1)", "force d"))).toBe(true);
  expect(proved(two("force local(1)", "threshold(1)", "force d & k < 64"))).toBe(false);
  expect(proved(two("force local(1); reuse every 2 steps", "threshold(1)", "force d"))).toBe(false);
  // Of what every query sees of another one each row has a candidate, and keeps it.
  expect(proved(two("force last(1)", "top(3)", "among d"))).toBe(true);
  expect(proved(two("force last(1)", "top(3)", "among d | q - k < 9"))).toBe(true);
  expect(proved(two("force last(1)", "top(3)", "among d & k > 0"))).toBe(false);
  expect(proved(two("force last(1)", "top_p(0.9)", "among d"))).toBe(false);
  expect(proved(two("reuse every 2 steps", "top(3)", "among d"))).toBe(false);
  expect(proved(two("among k > 3", "top(3)", "among d"))).toBe(false);
  expect(proved(two("force last(1)", "top(3)", "among d; force first(1)"))).toBe(true);
});

test("cases are proved one by one", () => {
  const two = `${select("q: token, k: block(64)", "top(3)")}\nselect d { unit k: token; score 1; keep top(3); force first(1) }`;
  expect(proved(`${two}\nassign {\n when h < 2 -> c\n when h < 4 -> d\n else -> local(2)\n }`)).toBe(true);
  expect(proved(`${two}\nassign {\n when h < 2 -> c\n when h < 4 -> d\n else -> q - k >= 2\n }`)).toBe(false);
});

const sizes = fc.integer({ min: 1, max: 6 });
const terms = fc.constantFrom("first(1)", "last(1)", "local(1)", "local(2)", "current", "q - k < 3", "k == 0", "k % 4 == 0");
const rules = fc.constantFrom("top(1)", "top(0)", "threshold(1)", "fraction(0.2)", "top(1) + forced");
const masks = fc.constantFrom("c", "c & q - k < 5", "c if h < 3 else k == 0", "c | q - k >= 2", "c & h < 4 | local(1)");

test("a proof holds for whatever is selected", () => {
  let proofs = 0;
  fc.assert(
    fc.property(
      fc.option(sizes),
      sizes,
      terms,
      rules,
      masks,
      fc.boolean(),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(),
      fc.nat(),
      (n, m, term, rule, mask, causal, N, less, seed) => {
        if (n === null && term.startsWith("local")) return;
        const unit = `${n === null ? "" : `q: block(${n}), `}k: block(${m})`;
        const module = compile(
          attention(`${select(unit, rule, `; force ${term}`)}\nattend ${mask}`, { space: causal ? "seq causal" : "seq full" }),
        ).modules[0]!;
        if (!rowsNonempty(module)) return;
        proofs++;
        const NQ = 1 + (less % N);
        const selection = module.selections?.[0] as Selection | undefined;
        for (let h = 0; h < 8; h += 3) {
          const env: MaskEnv = { N, NQ, heads: 8, kvHeads: 8 };
          const inputs: MaskEnv["inputs"] = selection === undefined ? {} : { c: anySelection(selection, module, env, h, seed) };
          for (let q = N - NQ; q < N; q++) {
            const row = Array.from({ length: N }, (_, k) => evaluateMask(module, { ...env, inputs }, 0, h, q, k));
            expect(row.some(Boolean), `query ${q} of ${N}`).toBe(true);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
  expect(proofs).toBeGreaterThan(50);
});

/** What a selection of keys may be: what it forces, and of the other candidates of a row as many as its rule asks for, any of them. */
function anySelection({ rows, columns, force, keep }: Selection, module: MaskModule, env: MaskEnv, h: number, seed: number): BitsValue {
  const { N, NQ } = env;
  const start = N - NQ;
  const n = rows?.unit ?? N;
  const firstRow = rows === undefined ? 0 : Math.floor(start / n);
  const height = rows === undefined ? 1 : Math.floor((N - 1) / n) - firstRow + 1;
  const width = Math.ceil(N / columns.unit);
  const data = new Uint8Array(height * width);
  const at = (q: number, k: number): PairEnv => ({ env, scalars: evaluateScalars(module, env, h), b: 0, h, q, k });
  const count = (expr: IntExpr | undefined): number => (expr === undefined ? 0 : evaluateInt(expr, at(0, 0)));
  for (let row = 0; row < height; row++) {
    const low = rows === undefined ? start : Math.max(start, (firstRow + row) * n);
    const high = rows === undefined ? N - 1 : Math.min(N - 1, (firstRow + row + 1) * n - 1);
    const own = Math.floor(high / columns.unit);
    const candidates = Array.from({ length: width }, (_, j) => j).filter((j) => !module.space.causal || j * columns.unit <= high);
    const last = candidates.slice(-1)[0]!;
    const touched = (j: number): boolean => {
      for (let q = low; q <= high; q++) {
        for (let k = j * columns.unit; k < Math.min(N, (j + 1) * columns.unit); k++) {
          if (force?.pairs !== undefined && evaluateBool(force.pairs, at(q, k))) return true;
        }
      }
      return false;
    };
    const isForced = (j: number): boolean =>
      j < count(force?.first) || j > last - count(force?.last) || (j <= own && j > own - count(force?.local)) || touched(j);
    const forced = candidates.filter(isForced);
    const others = candidates.filter((j) => !isForced(j));
    const counted = force?.onTop === true ? 0 : forced.length;
    const budget = keep.rule.kind === "top" ? count(keep.rule.n) : keep.rule.kind === "fraction" ? Math.ceil(0.2 * candidates.length) : 0;
    const more = Math.max(0, Math.min(others.length, budget - counted));
    const kept = [...forced, ...Array.from({ length: more }, (_, i) => others[(seed + i) % others.length]!)];
    for (const j of kept) data[row * width + j] = 1;
  }
  return { kind: "bits", batch: 1, heads: 1, rows: height, columns: width, data };
}

test("rows without a key stay reported", () => {
  const { modules } = compile(attention(`${select("k: block(64)", "top(3)")}\nattend c`));
  expect(rowsNonempty(modules[0]!)).toBe(false);
  expect(rowsNonempty(moduleOf(attention("attend q - k >= 4")))).toBe(false);
});
