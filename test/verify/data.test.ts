import { expect, test } from "vitest";
import type { InputSpec } from "../../runtime/launch/module.js";
import { compare } from "../../runtime/verify/compare.js";
import { standardCases } from "../../runtime/verify/cases.js";
import { PADDING, randomInput } from "../../runtime/verify/inputs.js";
import { random } from "../../runtime/verify/random.js";
import { sampleRows } from "../../runtime/verify/rows.js";
import { makeTensors, TAIL } from "../../runtime/verify/tensors.js";
import { skippedTiles, unseenKeys, unseenTiles } from "../../runtime/verify/unseen.js";

test("random numbers are reproducible and spread", () => {
  const [a, b, other] = [random(1), random(1), random(2)];
  const words = Array.from({ length: 1000 }, () => a.word());
  expect(Array.from({ length: 1000 }, () => b.word())).toEqual(words);
  expect(Array.from({ length: 1000 }, () => other.word())).not.toEqual(words);
  expect(new Set(words).size).toBeGreaterThan(990);
  const normals = Array.from({ length: 20000 }, () => a.normal());
  const mean = normals.reduce((sum, x) => sum + x, 0) / normals.length;
  const variance = normals.reduce((sum, x) => sum + (x - mean) ** 2, 0) / normals.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  const dice = Array.from({ length: 600 }, () => a.integer(1, 6));
  expect(new Set(dice)).toEqual(new Set([1, 2, 3, 4, 5, 6]));
});

/** PCG (XSH-RR, state of 64 bits) with whole numbers of any length. */
function* plainWords(seed: number): Generator<number> {
  const multiplier = 6364136223846793005n;
  const wrapped = (x: bigint): bigint => BigInt.asUintN(64, x);
  const increment = 2n * BigInt(seed >>> 0) + 1n;
  for (let state = wrapped((BigInt(seed >>> 0) + increment) * multiplier + increment); ; state = wrapped(state * multiplier + increment)) {
    const mixed = BigInt.asUintN(32, ((state >> 18n) ^ state) >> 27n);
    const turn = state >> 59n;
    yield Number(BigInt.asUintN(32, (mixed >> turn) | (mixed << (32n - turn))));
  }
}

test("random numbers are those of PCG", () => {
  for (const seed of [0, 1, 2, 12345, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
    const [source, plain] = [random(seed), plainWords(seed)];
    for (let i = 0; i < 2000; i++) expect(source.word()).toBe(plain.next().value);
  }
});

const sizes = { batch: 2, heads: 4, kvHeads: 2, queries: 50, keys: 70, lastPosition: 70 };

test("inputs have the shapes they promise", () => {
  const specs: readonly InputSpec[] = [
    { kind: "ids", name: "a", axis: "k" },
    { kind: "bits", name: "b", rows: "q", columns: "k" },
    { kind: "blocks", name: "c", n: 16, m: 32 },
    { kind: "columns", name: "d" },
    { kind: "diagonals", name: "e" },
    { kind: "csr", name: "f", n: 16, m: 32 },
  ];
  for (let seed = 0; seed < 30; seed++) {
    for (const spec of specs) {
      const input = randomInput(spec, sizes, random(seed));
      if (input.kind === "csr") {
        expect([1, 2]).toContain(input.lists.length);
        for (const list of input.lists.flat(2))
          expect([...list]).toEqual([...new Set(list)].sort((x, y) => x - y).filter((c) => c >= 0 && c < 3));
        expect(input.lists[0]![0]!.length).toBe(5);
        continue;
      }
      expect(input.data.length).toBe((input.shape as readonly number[]).reduce((product, size) => product * size, 1));
      if (spec.kind === "blocks") expect(input.shape.slice(2)).toEqual([5, 3]);
      if (spec.kind === "bits") expect(input.shape.slice(2)).toEqual([50, 70]);
      if (spec.kind === "ids") expect(input.shape[1]).toBe(70);
      if (input.kind === "list") {
        const length = input.shape[2];
        for (let at = 0; at < input.data.length; at += length) {
          const row = [...input.data.slice(at, at + length)];
          const used = row.filter((value) => value !== PADDING);
          expect(row.slice(0, used.length)).toEqual([...new Set(used)].sort((x, y) => x - y));
        }
      }
    }
  }
});

test("cases hold what a verifier needs", () => {
  const cases = standardCases({
    lengths: [64, 257],
    seeds: 3,
    heads: 8,
    kvHeads: 8,
    freeLength: true,
    freeHeads: true,
    launches: [{ layer: 0 }, { layer: 1 }],
  });
  const names = cases.map((one) => one.name);
  for (const name of [
    "random, seed 3",
    "fewer queries than keys",
    "large logits",
    "equal keys",
    "dominant key",
    "two batch entries",
    "grouped heads",
    "length 1",
  ]) {
    expect(names).toContain(name);
  }
  expect(new Set(cases.map((one) => one.launch.layer))).toEqual(new Set([0, 1]));
  for (const one of cases) expect(one.heads % one.kvHeads).toBe(0);
  const fixed = standardCases({ lengths: [120], seeds: 1, heads: 2, kvHeads: 2, freeLength: false, freeHeads: false });
  expect(new Set(fixed.map((one) => one.keys))).toEqual(new Set([120]));
  expect(new Set(fixed.map((one) => one.heads))).toEqual(new Set([2]));
});

test("tensors end in poison, and what is unused is poison", () => {
  const one = standardCases({ lengths: [20], seeds: 1, heads: 2, kvHeads: 1, freeLength: false, freeHeads: false })[0]!;
  const tensors = makeTensors(one, { headDim: 4, valueDim: 3, dtype: "f32" }, (_b, _g, key) => key === 5);
  expect(tensors.q.length).toBe(2 * 20 * 4 + TAIL);
  expect([...tensors.q.slice(-TAIL)].some(Number.isFinite)).toBe(false);
  expect([...tensors.k.slice(20, 24)].some(Number.isFinite)).toBe(false);
  expect([...tensors.v.slice(15, 18)].some(Number.isFinite)).toBe(false);
  expect([...tensors.k.slice(0, 20), ...tensors.k.slice(24, 80)].every(Number.isFinite)).toBe(true);
});

test("kinds of data are what their names say", () => {
  const cases = standardCases({ lengths: [20], seeds: 1, heads: 2, kvHeads: 1, freeLength: false, freeHeads: false });
  const of = (data: string) =>
    makeTensors(
      cases.find((one) => one.data === data)!,
      { headDim: 4, valueDim: 4, dtype: "f32" },
    );
  const equal = of("equal keys");
  for (let key = 1; key < 20; key++) expect([...equal.k.slice(key * 4, key * 4 + 4)]).toEqual([...equal.k.slice(0, 4)]);
  expect(Math.max(...of("large logits").q.slice(0, 160))).toBeGreaterThan(10);
  const dominant = of("dominant key");
  expect([...dominant.k.slice(0, 80)].filter((_, i) => i % 4 === 0 && dominant.k[i]! === 16).length).toBe(1);
});

test("keys and tiles that nothing sees", () => {
  const all = { batch: 1, heads: 2, kvHeads: 1, queries: 12, keys: 12, firstPosition: 0 };
  const mask = (_b: number, h: number, q: number, k: number): boolean => k <= q && k % 4 === (h === 0 ? 0 : 1) && k < 8;
  const unseen = unseenKeys(all, mask);
  expect(Array.from({ length: 12 }, (_, k) => unseen(0, 0, k))).toEqual([0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1].map(Boolean));
  const tiles = unseenTiles(all, mask, 4);
  expect(Array.from({ length: 12 }, (_, k) => tiles(0, 0, k))).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1].map(Boolean));
  expect(skippedTiles(all, mask, 0, 0, 0, 4, 4)).toEqual([1, 2]);
  expect(skippedTiles(all, mask, 0, 0, 1, 4, 4)).toEqual([2]);
});

test("sampled rows hold the ends of every head", () => {
  const rows = sampleRows({ batch: 2, heads: 3, queries: 1000 }, 60, random(1));
  expect(rows.length).toBe(60);
  for (let head = 0; head < 3; head++) {
    for (const query of [0, 999]) expect(rows).toContainEqual({ batch: 1, head, query });
  }
  expect(sampleRows({ batch: 1, heads: 2, queries: 5 }, 60, random(1)).length).toBe(10);
});

test("comparing: NaN, infinities and empty rows", () => {
  const rows = [{ batch: 0, head: 0, query: 0 }];
  const expected = {
    rows,
    out: Float64Array.of(0, 1),
    lse: Float64Array.of(-Infinity),
    outRounding: new Float64Array(2),
    outNarrowing: new Float64Array(2),
    lseRounding: new Float64Array(1),
    outTolerance: Float64Array.of(1e-6, 1e-6),
    lseTolerance: Float64Array.of(1e-6),
  };
  const shape = { heads: 1, queries: 1, valueDim: 2 };
  const judge = (out: number[], lse: number) => compare(expected, { out: Float32Array.from(out), lse: Float32Array.of(lse) }, shape);
  expect(judge([0, 1], -Infinity)).toMatchObject({ ok: true, maxAbs: 0, lseMaxAbs: 0, relL2: 0 });
  expect(judge([0, NaN], -Infinity)).toMatchObject({ ok: false, maxAbs: Infinity, worst: { tensor: "out", dim: 1, got: NaN } });
  expect(judge([0, 1], 0)).toMatchObject({ ok: false, lseMaxAbs: Infinity, worst: { tensor: "lse", got: 0 } });
  expect(judge([0, 1.0000005], -Infinity).ok).toBe(true);
  expect(judge([0, 1.00001], -Infinity)).toMatchObject({ ok: false, worst: { dim: 1, expected: 1, tolerance: 1e-6 } });
});
