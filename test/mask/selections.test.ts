import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluateBool, evaluateMask, evaluateScalars, type BitsValue, type MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import type { Selection } from "../../compiler/mask/selection.js";
import { simplifyModule } from "../../compiler/mask/simplify.js";
import { attention, compile, moduleOf, show } from "../semantics/compile.js";

const selectionsOf = (module: MaskModule): readonly Selection[] => (module.selections ?? []).filter((item) => item.kind === "selection");
const named = (module: MaskModule, name: string): Selection => selectionsOf(module).find((item) => item.name === name)!;

/** All bits of a matrix on or off. */
function bits(rows: number, columns: number, value: (row: number, column: number) => boolean): BitsValue {
  const data = Uint8Array.from({ length: rows * columns }, (_, i) => Number(value(Math.floor(i / columns), i % columns)));
  return { kind: "bits", batch: 1, heads: 1, rows, columns, data };
}

const plain = (unit: string, more = ""): string =>
  attention(`select c { unit ${unit}; score 1; keep top(4)${more === "" ? "" : `; ${more}`} }\nattend c`);

test("a pair reads the bit of its units", () => {
  const sizes = fc.integer({ min: 1, max: 9 });
  const snaps = fc.integer({ min: 1, max: 3 });
  fc.assert(
    fc.property(sizes, sizes, snaps, fc.boolean(), fc.integer({ min: 1, max: 40 }), fc.nat(), (n, m, times, snapped, N, less) => {
      const NQ = 1 + (less % N);
      const snap = n * m * times;
      const module = moduleOfRows(plain(`q: block(${n}), k: block(${m})`, snapped ? `snap block(${snap})` : ""));
      const [height, width] = snapped ? [snap, snap] : [n, m];
      const first = N - NQ;
      for (let q = first; q < N; q++) {
        for (let k = 0; k <= q; k++) {
          const row = Math.floor(q / height) - Math.floor(first / height);
          const column = Math.floor(k / width);
          const env = (on: boolean): MaskEnv => ({
            ...{ N, NQ, heads: 8, kvHeads: 8 },
            inputs: { c: bits(Math.ceil(N / height) + 1, Math.ceil(N / width), (i, j) => on === (i === row && j === column)) },
          });
          expect(evaluateMask(module, env(true), 0, 0, q, k)).toBe(true);
          expect(evaluateMask(module, env(false), 0, 0, q, k)).toBe(false);
        }
      }
    }),
    { numRuns: 25 },
  );
});

test("a pair reads the bit of its distance", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 3 }), fc.boolean(), (unit, times, snapped) => {
      const N = 40;
      const snap = unit * times;
      const module = moduleOf(plain(`diag: block(${unit})`, snapped ? `force first(1); snap block(${snap})` : "force first(1)"));
      for (let q = 0; q < N; q++) {
        for (let k = 0; k <= q; k++) {
          const column = snapped ? Math.floor(q / snap) - Math.floor(k / snap) : Math.floor((q - k) / unit);
          const env: MaskEnv = { N, NQ: N, heads: 8, kvHeads: 8, inputs: { c: bits(1, N, (_, j) => j === column) } };
          expect(evaluateMask(module, env, 0, 0, q, k)).toBe(true);
        }
      }
    }),
    { numRuns: 20 },
  );
});

/** The module of a program that may warn of empty rows, and of nothing else. */
function moduleOfRows(text: string): MaskModule {
  const { modules, diagnostics } = compile(text);
  expect(diagnostics.map(show)).toEqual([]);
  return modules[0]!;
}

const conditions = fc.constantFrom("h < 3", "h == 5", "kvh < 1", "layer < 2", "h % 2 == 0", "step == 1", "kvh == 3 & layer == 1");
const terms = fc.constantFrom("a", "b", "a | b", "local(4)", "a & local(9)", "all");

test("a selection is made for every head whose mask reads it", () => {
  const groups = fc.constantFrom("", "; group sum over kvh", "; group max over h");
  fc.assert(
    fc.property(fc.array(fc.tuple(conditions, terms), { maxLength: 3 }), terms, groups, (cases, otherwise, group) => {
      const select = (name: string): string =>
        `select ${name} { unit k: block(4); score sum(dot(q, mean(k)), over: q)${group}; keep top(2) }`;
      const rows = cases.map(([when, value]) => `when ${when} -> ${value}`);
      const text = attention(
        ["shape heads: 8, kv_heads: 4", select("a"), select("b"), "assign {", ...rows, `else -> ${otherwise}`, "}"].join("\n"),
      );
      const { modules } = compile(text);
      const module = modules[0]!;
      for (const layer of [0, 1, 2]) {
        for (const step of [0, 1]) {
          const env = (on: string): MaskEnv => ({
            ...{ N: 12, NQ: 12, heads: 8, kvHeads: 4, layer, step, layers: 4, steps: 4 },
            inputs: Object.fromEntries(["a", "b"].map((name) => [name, bits(1, 3, () => name === on)])),
          });
          for (let h = 0; h < 8; h++) {
            const at = { env: env(""), scalars: evaluateScalars(module, env(""), h), b: 0, h, q: 0, k: 0 };
            for (const name of ["a", "b"]) {
              const item = named(module, name) as Selection | undefined;
              const made = item !== undefined && (item.when === undefined || evaluateBool(item.when, at));
              const reads = Array.from({ length: 144 }, (_, i) => [Math.floor(i / 12), i % 12] as const).some(
                ([q, k]) => k <= q && evaluateMask(module, env(name), 0, h, q, k) !== evaluateMask(module, env(""), 0, h, q, k),
              );
              if (reads) expect(made, text).toBe(true);
            }
          }
        }
      }
    }),
    { numRuns: 40 },
  );
});

test("a case of heads leaves the others without the selection", () => {
  const module = moduleOf(
    attention(`
      select a { unit q: token, k: block(4); score dot(q, mean(k)); keep top(2) }
      assign {
        when h < 3 -> all
        else -> a
      }`),
  );
  const env: MaskEnv = { N: 8, NQ: 8, heads: 8, kvHeads: 8 };
  const made = (h: number): boolean => evaluateBool(named(module, "a").when!, { env, scalars: [], b: 0, h, q: 0, k: 0 });
  expect([0, 1, 2, 3, 7].map(made)).toEqual([false, false, false, true, true]);
});

test("what other layers reuse is made where no mask reads it", () => {
  const module = moduleOf(
    attention(`
      select a { unit k: token; score sum(dot(q, k), over: q); keep top(2); at layer == 1; reuse later layers }
      attend local(1) | all if layer < 2 else a | local(1)`),
  );
  expect(named(module, "a").when).toBeUndefined();
});

test("what only another selection reads is made, for the heads of that one, and stands before it", () => {
  const { modules } = compile(
    attention(`select a { unit q: block(8), k: block(8); score dot(mean(q), mean(k)); keep top(3) }
      select b { unit q: block(8), k: block(4); score dot(mean(q), mean(k)); keep top(3) }
      select c { unit q: block(8), k: block(4); score dot(mean(q), mean(k)); keep top(3); among a | k < 4 }
      select d { unit q: block(8), k: token; score dot(mean(q), k); keep top(3); force c & k % 2 == 0 }
      attend d if h < 2 else c if h < 4 else b`),
  );
  const made = (name: string): readonly number[] => {
    const { when } = named(modules[0]!, name);
    const env: MaskEnv = { N: 8, NQ: 8, heads: 8, kvHeads: 8 };
    const at = (h: number) => ({ env, scalars: evaluateScalars(modules[0]!, env, h), b: 0, h, q: 0, k: 0 });
    return [0, 1, 2, 3, 4, 5, 6, 7].filter((h) => when === undefined || evaluateBool(when, at(h)));
  };
  expect(selectionsOf(modules[0]!).map(({ name }) => [name, made(name).join()])).toEqual([
    ["a", "0,1,2,3"],
    ["c", "0,1,2,3"],
    ["d", "0,1"],
    ["b", "4,5,6,7"],
  ]);
});

test("uses of a pattern that differ select for themselves, under names of their own", () => {
  const select = "select c { unit q: token, k: block(4); score dot(q, mean(k)); keep top(n) min 1 }";
  const pattern = `pattern p(n = 2) {\n  ${select}\n  attend c | c.min\n}\n`;
  const two = moduleOf(pattern + attention("input p_c : bits\nattend p(3) & p_c | p(3) | p"));
  expect(selectionsOf(two).map(({ name, keep }) => [name, keep.rule])).toMatchObject([
    ["p_c_2", { n: { value: 3 } }],
    ["p_c_min", { n: { value: 1 } }],
    ["p_c_3", { n: { value: 2 } }],
  ]);
});

test("equal tensors are one, whoever asks for them", () => {
  const pattern =
    "pattern p(n = 2) {\n  probe t = softmax(dot(q, mean(k, 4)) * scale)\n  select c { unit q: token, k: block(4); score t; keep top(n) }\n  attend c\n}\n";
  const [a, b] = selectionsOf(moduleOf(pattern + attention("attend p(3) | p(4)")));
  expect(a!.score).toBe(b!.score);
  const again = selectionsOf(simplifyModule(moduleOf(pattern + attention("attend p(3) | p(4)"))));
  expect(again[0]!.score).toBe(again[1]!.score);
});

test("a selection that no case reads is left out, with the scalars that only it has", () => {
  const module = moduleOf(
    attention(`
      select a { unit q: token, k: block(4); score dot(q, mean(k)) * exp(h); keep top(2) }
      attend local(4) | none & a`),
  );
  expect(module.selections).toBeUndefined();
  expect(module.scalars).toEqual([]);
});

test("floats of the host are float32s, integers are not", () => {
  const module = moduleOf(
    attention(`
      select a { unit q: token, k: block(4); score dot(q, mean(k)) * exp(h) + N; keep top(N / 4) min h; force first(1) }
      attend a`),
  );
  expect(module.scalars.map(({ as, note }) => [as, note])).toEqual([
    ["f32", "exp(h)"],
    ["f32", "N"],
  ]);
  const env: MaskEnv = { N: 7, NQ: 7, heads: 8, kvHeads: 8 };
  expect(evaluateScalars(module, env, 1)).toEqual([Math.fround(Math.E), 7]);
});
