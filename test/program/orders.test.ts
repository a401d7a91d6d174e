import fc from "fast-check";
import { expect, test } from "vitest";
import { headEvaluator, type IdsValue, type MaskEnv } from "../../compiler/mask/evaluate.js";
import { positions } from "../../compiler/mask/layout/places.js";
import { interpret } from "../../compiler/program/interpret.js";
import { lower } from "../../compiler/program/lower.js";
import { verifyProgram } from "../../compiler/program/verify.js";
import { tileFrame } from "../../compiler/tiles/evaluate.js";
import { classify, countTiles, planTiles } from "../../compiler/tiles/plan.js";
import { verifyPlan } from "../../compiler/tiles/verify.js";
import { unvisitedKeys } from "../../compiler/tiles/visit.js";
import { compare } from "../../runtime/verify/compare.js";
import { random } from "../../runtime/verify/random.js";
import { expectedWithin } from "../../runtime/verify/tolerance.js";
import { attention, moduleOf } from "../semantics/compile.js";

const [BATCH, HEADS, KV_HEADS, HEAD_DIM, VALUE_DIM] = [2, 4, 2, 8, 4];

/** One permutation for each batch entry and head, of which there may be one for all. */
const orders = (length: number): fc.Arbitrary<IdsValue> =>
  fc.record({ batch: fc.constantFrom(1, BATCH), heads: fc.constantFrom(1, KV_HEADS), seed: fc.nat() }).map(({ batch, heads, seed }) => {
    const source = random(seed);
    const sorted = (): number[] =>
      Array.from({ length }, (_, i) => [source.normal(), i] as const)
        .sort((a, b) => a[0] - b[0])
        .map(([, i]) => i);
    return { kind: "ids", batch, heads, length, data: Int32Array.from(Array.from({ length: batch * heads }, sorted).flat()) };
  });

interface Case {
  readonly clauses: string;
  readonly env: MaskEnv;
}

const MASKS = ["q - k < 9", "k < 3 | q - k < 5", "q / 8 == k / 8", "(q - k) % 3 == 0", "k % 4 == h", "doc[q] == doc[k]", "all"];

/** Programs whose queries, keys or both are permuted, in one order or in two. */
const programs: fc.Arbitrary<Case> = fc
  .record({
    mask: fc.constantFrom(...MASKS),
    layout: fc.constantFrom("permute(k: a)", "permute(q: a)", "permute(a, b)", "permute(q: b, k: b)"),
    N: fc.integer({ min: 1, max: 70 }),
    part: fc.integer({ min: 1, max: 3 }),
    ids: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 70, maxLength: 70 }),
  })
  .chain(({ mask, layout, N, part, ids }) =>
    fc.record({ a: orders(N), b: orders(N) }).map(({ a, b }) => ({
      clauses:
        ["a", "b"]
          .filter((name) => layout.includes(`${name})`) || layout.includes(`${name},`))
          .map((name) => `input ${name} : order\n`)
          .join("") + `${mask.includes("doc") ? "input doc : ids\n" : ""}layout ${layout}\nattend ${mask}`,
      env: {
        ...{ N, NQ: Math.ceil(N / part), heads: HEADS, kvHeads: KV_HEADS },
        inputs: { a, b, doc: { kind: "ids", batch: 1, length: N, data: Int32Array.from(ids.slice(0, N)) } },
      },
    })),
  );

const tiles = fc.record({ tileQ: fc.constantFrom(4, 8, 12), tileK: fc.constantFrom(4, 8) });

test("an order changes no result, whatever the mask, the tiles and the number of queries", () => {
  fc.assert(
    fc.property(programs, tiles, fc.nat(), ({ clauses, env }, size, seed) => {
      const module = moduleOf(attention(clauses));
      const program = lower(module, size);
      expect(verifyProgram(program)).toEqual([]);
      const source = random(seed);
      const fill = (count: number): Float32Array => Float32Array.from({ length: count }, () => source.normal());
      const { N: keys, NQ: queries } = env;
      const data = {
        q: fill(BATCH * HEADS * queries * HEAD_DIM),
        k: fill(BATCH * KV_HEADS * keys * HEAD_DIM),
        v: fill(BATCH * KV_HEADS * keys * VALUE_DIM),
      };
      const sizes = { batch: BATCH, heads: HEADS, kvHeads: KV_HEADS, headDim: HEAD_DIM, valueDim: VALUE_DIM, queries, keys };
      const looks = Array.from({ length: HEADS }, (_, h) => headEvaluator(module, env, 0, h));
      const problem = {
        ...sizes,
        firstPosition: keys - queries,
        ...data,
        mask: (_: number, h: number, q: number, k: number) => looks[h]!(q, k),
      };
      const got = interpret(program, data, { env, batch: BATCH, headDim: HEAD_DIM, valueDim: VALUE_DIM });
      const result = compare(expectedWithin(problem, "f32"), got, sizes);
      expect(result.ok ? undefined : JSON.stringify(result.worst)).toBeUndefined();
    }),
    { numRuns: 60 },
  );
});

test("classes of tiles of places are sound, and counted for the order of each head", () => {
  fc.assert(
    fc.property(programs, tiles, ({ clauses, env }, { tileQ, tileK }) => {
      const module = moduleOf(attention(clauses));
      const plan = planTiles(module);
      expect(verifyPlan(plan, module)).toEqual([]);
      const { N, NQ } = env;
      const unvisited = unvisitedKeys(module, env, 1, { tileQ, tileK });
      const counts = countTiles(module, env, { blockQ: tileQ, blockK: tileK });
      const placesOfQueries = module.layout!.tokens.q !== undefined;
      const [first, end] = placesOfQueries ? [0, N] : [N - NQ, N];
      const [read] = [...module.inputs].filter((input) => input.kind === "ids" && input.order === true);
      const axis = module.layout!.tokens.k === undefined || clauses.includes("permute(a, b)") ? "q" : "k";
      for (let h = 0; h < HEADS; h++) {
        // Of two orders the first declared is that of the queries.
        const { batch, heads = 1, data } = env.inputs![read!.name] as IdsValue;
        const entry = (BATCH - 1) % batch;
        const row = (entry * heads + (heads === 1 ? 0 : Math.floor(h / 2))) * N;
        expect([...positions(module, env, axis, BATCH - 1, h)!]).toEqual([...data.subarray(row, row + N)]);
        const looks = headEvaluator(module, env, 0, h);
        const frame = tileFrame(module, env, 0, h);
        const [queryAt, keyAt] = (["q", "k"] as const).map((axis) => {
          const order = positions(module, env, axis, 0, h);
          return (place: number): number => (order === undefined ? place : order[place]!);
        });
        const found = { head: h, full: 0, partial: 0, empty: 0 };
        for (let q0 = first!; q0 < end!; q0 += tileQ) {
          for (let k0 = 0; k0 < N; k0 += tileK) {
            const [q1, k1] = [Math.min(q0 + tileQ, end!) - 1, Math.min(k0 + tileK, N) - 1];
            let pairs = 0;
            for (let q = q0; q <= q1; q++) {
              for (let k = k0; k <= k1; k++) {
                if (queryAt!(q) < N - NQ || !looks(queryAt!(q), keyAt!(k))) continue;
                pairs++;
                expect(unvisited[Math.floor(h / 2) * N + keyAt!(k)]).toBe(0);
              }
            }
            const truth = pairs === 0 ? "empty" : pairs === (q1 - q0 + 1) * (k1 - k0 + 1) ? "full" : "partial";
            const claimed = classify(plan, frame, q0, q1, k0, k1);
            if (claimed !== "partial") expect(claimed).toBe(truth);
            found[truth]++;
          }
        }
        expect(counts[h]).toEqual(found);
      }
    }),
    { numRuns: 40 },
  );
});

test("an order that puts the tokens of a document side by side makes fewer tiles", () => {
  const [N, documents] = [256, 8];
  const doc = Int32Array.from({ length: N }, (_, token) => token % documents);
  const sorted = Int32Array.from(Array.from({ length: N }, (_, i) => i).sort((a, b) => doc[a]! - doc[b]! || a - b));
  const computed = (order: Int32Array): number => {
    const ids = (data: Int32Array): IdsValue => ({ kind: "ids", batch: 1, length: N, data });
    const env: MaskEnv = { N, NQ: N, heads: 1, kvHeads: 1, inputs: { doc: ids(doc), a: ids(order) } };
    const module = moduleOf(
      attention("input doc : ids\ninput a : order\nlayout permute(a, a)\nattend doc[q] == doc[k]", { space: "seq full" }),
    );
    const { full, partial } = countTiles(module, env, { blockQ: 32, blockK: 32 })[0]!;
    return full + partial;
  };
  expect(computed(Int32Array.from(doc.keys()))).toBe(64);
  expect(computed(sorted)).toBe(8);
});
