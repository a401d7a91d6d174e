import fc from "fast-check";
import { expect, test } from "vitest";
import type { Factor, Mix } from "../../runtime/launch/branches/mixture.js";
import { mergeAttention, type AttentionPart } from "../../runtime/launch/merge/merge.js";
import { mixRow, type MixRow } from "../../runtime/reference/mix.js";

const f = Math.fround;
const BRANCHES = 4;
const WIDTH = 3;

const number = fc.float({ min: -8, max: 8, noNaN: true, noDefaultInfinity: true });
const row: fc.Arbitrary<MixRow> = fc.record({
  out: fc.array(fc.array(number, { minLength: WIDTH, maxLength: WIDTH }), { minLength: BRANCHES, maxLength: BRANCHES }),
  lse: fc.array(fc.oneof(fc.constant(-Infinity), fc.float({ min: -60, max: 60, noNaN: true })), {
    minLength: BRANCHES,
    maxLength: BRANCHES,
  }),
  gates: fc.record({ g: fc.array(number, { minLength: 3, maxLength: 3 }) }),
});

const factor: fc.Arbitrary<Factor> = fc.letrec<{ factor: Factor }>((tie) => ({
  factor: fc.oneof(
    { maxDepth: 3 },
    fc.nat(2).map((index) => ({ kind: "gate", input: "g", index }) as const),
    number.map((value) => ({ kind: "number", value }) as const),
    fc.record({ kind: fc.constantFrom("neg", "exp", "tanh", "sigmoid"), a: tie("factor") }),
    fc.record({ kind: fc.constantFrom("add", "sub", "mul"), a: tie("factor"), b: tie("factor") }),
  ),
})).factor;

/** How many keys a key of each branch stands for. */
const counts = fc.array(fc.oneof(fc.integer({ min: 1, max: 64 }), fc.double({ min: 1, max: 8, noNaN: true })), {
  minLength: BRANCHES,
  maxLength: BRANCHES,
});

const mix: fc.Arbitrary<Mix> = fc.letrec<{ mix: Mix }>((tie) => ({
  mix: fc.oneof(
    { maxDepth: 3 },
    fc.nat(BRANCHES - 1).map((branch) => ({ kind: "branch", branch }) as const),
    fc
      .record({ branches: fc.uniqueArray(fc.nat(BRANCHES - 1), { minLength: 2 }), counts: fc.option(counts, { nil: undefined }) })
      .map(({ branches, counts: all }) => ({ kind: "merge", branches, counts: all?.slice(0, branches.length) }) as const),
    fc.record({ kind: fc.constant("scale" as const), factor, of: tie("mix") }),
    fc.record({ kind: fc.constantFrom("add", "sub"), a: tie("mix"), b: tie("mix") }),
  ),
})).mix;

/** A factor in float32 as the kernel has it. */
function factor32(of: Factor, gates: MixRow["gates"]): number {
  switch (of.kind) {
    case "number":
      return f(of.value);
    case "gate":
      return gates[of.input]![of.index]!;
    case "neg":
      return -factor32(of.a, gates);
    case "exp":
      return f(Math.exp(factor32(of.a, gates)));
    case "sigmoid": {
      const x = factor32(of.a, gates);
      const e = f(Math.exp(-Math.abs(x)));
      return f((x >= 0 ? 1 : e) / f(1 + e));
    }
    case "tanh": {
      const x = factor32(of.a, gates);
      const e = f(Math.exp(f(-2 * Math.abs(x))));
      return Math.sign(x) * f(f(1 - e) / f(1 + e));
    }
    case "div":
      return f(factor32(of.a, gates) / factor32(of.b, gates));
    default: {
      const [a, b] = [factor32(of.a, gates), factor32(of.b, gates)];
      return f(of.kind === "add" ? a + b : of.kind === "sub" ? a - b : a * b);
    }
  }
}

/** A mix in float32 as the kernel has it. */
function mix32(of: Mix, data: MixRow): { readonly out: readonly number[]; readonly lse?: number } {
  switch (of.kind) {
    case "branch":
      return { out: Array.from(data.out[of.branch]!), lse: data.lse[of.branch]! };
    case "merge": {
      const most = Math.max(...of.branches.map((branch) => data.lse[branch]!));
      const weights = of.branches.map((branch, i) =>
        data.lse[branch] === -Infinity ? 0 : f(f(of.counts?.[i] ?? 1) * f(Math.exp(f(data.lse[branch]! - most)))),
      );
      const sum = weights.reduce((a, b) => f(a + b));
      if (sum === 0) return { out: Array<number>(WIDTH).fill(0), lse: -Infinity };
      const terms = (d: number) => of.branches.map((branch, i) => f(weights[i]! * data.out[branch]![d]!)).reduce((a, b) => f(a + b));
      return { out: Array.from({ length: WIDTH }, (_, d) => f(terms(d) / sum)), lse: f(most + f(Math.log(sum))) };
    }
    case "scale": {
      const by = factor32(of.factor, data.gates);
      return { out: mix32(of.of, data).out.map((value) => f(by * value)) };
    }
    default: {
      const [a, b] = [mix32(of.a, data).out, mix32(of.b, data).out];
      return { out: a.map((value, i) => f(of.kind === "add" ? value + b[i]! : value - b[i]!)) };
    }
  }
}

test("the bound of a mix holds what float32 makes of it", () => {
  let tight = 0;
  fc.assert(
    fc.property(mix, row, (of, data) => {
      const truth = mixRow(of, data);
      const got = mix32(of, data);
      truth.out.forEach(({ value, error }, d) => {
        // Numbers beyond float32 are no matter of rounding.
        fc.pre(Math.abs(value) < 2 ** 100 && (value === 0 || Math.abs(value) > 2 ** -100) && error < 2 ** 100);
        // First order: squares of errors are left out.
        expect(Math.abs(got.out[d]! - value)).toBeLessThanOrEqual(error * (1 + 2 ** -10) + 2 ** -120);
        if (Math.abs(got.out[d]! - value) > error / 50) tight++;
      });
      if (truth.lse === undefined) return;
      if (truth.lse.value === -Infinity) expect(got.lse).toBe(-Infinity);
      else expect(Math.abs(got.lse! - truth.lse.value)).toBeLessThanOrEqual(truth.lse.error);
    }),
    { numRuns: 3000 },
  );
  // A bound that everything keeps by far would hold nothing.
  expect(tight).toBeGreaterThan(500);
});

test("a merge of a row is what merging the parts gives", () => {
  fc.assert(
    fc.property(row, (data) => {
      const parts = [0, 1, 2, 3].map((b): AttentionPart => ({ out: Float32Array.from(data.out[b]!), lse: Float32Array.of(data.lse[b]!) }));
      const merged = parts.reduce(mergeAttention);
      const { out, lse } = mixRow({ kind: "merge", branches: [0, 1, 2, 3] }, data);
      out.forEach(({ value, error }, d) => expect(Math.abs(merged.out[d]! - value)).toBeLessThanOrEqual(4 * error + 2 ** -22 * 8 * 60));
      if (lse!.value === -Infinity) expect(merged.lse[0]).toBe(-Infinity);
      else expect(Math.abs(merged.lse[0]! - lse!.value)).toBeLessThanOrEqual(4 * 2 ** -24 * 64);
    }),
  );
});

test("a key that stands for several is as that many keys: in a merge, and with the logarithm added to its logit", () => {
  fc.assert(
    fc.property(row, counts, fc.uniqueArray(fc.nat(BRANCHES - 1), { minLength: 2 }), (data, all, branches) => {
      const counted = branches.map((_, i) => all[i]!);
      const raised = Array.from(data.lse, (lse, b) => lse + Math.log(counted[branches.indexOf(b)] ?? 1));
      const { out, lse } = mixRow({ kind: "merge", branches, counts: counted }, data);
      const same = mixRow({ kind: "merge", branches }, { ...data, lse: raised });
      out.forEach(({ value }, d) => expect(value).toBeCloseTo(same.out[d]!.value, 9));
      if (lse!.value !== -Infinity) expect(lse!.value).toBeCloseTo(same.lse!.value, 9);
    }),
  );
});
