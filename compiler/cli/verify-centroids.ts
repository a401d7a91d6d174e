import { aroundOf, lastCentroids, type LastCentroids } from "../mask/centroids.js";
import type { MaskModule } from "../mask/ir.js";
import type { OracleBits } from "../oracle/oracle.js";
import type { VerifyInput } from "../../runtime/verify/inputs.js";
import type { VerifyCall } from "../../runtime/verify/operator.js";
import { bitAt, type SelectionFault } from "../../runtime/verify/selection.js";
import type { VerifyTensors } from "../../runtime/verify/tensors.js";
import { wordsOf } from "./verify-guard.js";

/** A number in float64, and how far one in float32 may be from it. */
interface Bounded {
  readonly value: number;
  readonly slack: number;
}

/**
 * What is wrong with the centroids that a run gave out, by the name of the last step of their k-means: they are the means of
 * the clusters that the run made at each step.
 */
export function centroidFaults(
  module: MaskModule,
  call: VerifyCall,
  tensors: VerifyTensors,
  selected: Readonly<Record<string, OracleBits>>,
): ReadonlyMap<string, SelectionFault> {
  const faults = new Map<string, SelectionFault>();
  for (const last of lastCentroids(module)) {
    const fault = faultOf(last, call, tensors, selected);
    if (fault !== undefined) faults.set(last.steps.at(-1)!.name, fault);
  }
  return faults;
}

function faultOf(
  { name, heads: axis, count, steps, ...last }: LastCentroids,
  call: VerifyCall,
  tensors: VerifyTensors,
  selected: Readonly<Record<string, OracleBits>>,
): SelectionFault | undefined {
  const made = selected[name];
  if (made === undefined) return { batch: 0, head: 0, row: 0, problem: `${name} is not there` };
  const { headDim } = call;
  const [all, length, heads] = axis === "query" ? [tensors.q, call.queries, call.heads] : [tensors.k, call.keys, call.kvHeads];
  const first = aroundOf(steps[0]!);
  const input = first.kind === "input" ? call.inputs[first.name] : undefined;
  for (let b = 0; b < call.batch; b++) {
    for (let h = 0; h < heads; h++) {
      const vector = (token: number): readonly number[] =>
        Array.from(all.subarray(((b * heads + h) * length + token) * headDim, ((b * heads + h) * length + token + 1) * headDim));
      let centroids: readonly (readonly Bounded[])[] = Array.from({ length: count }, (_, c) => {
        const start = input === undefined ? vector(Math.floor((c * length) / count)) : given(input, { b, h, heads, c, headDim });
        return start.map((value): Bounded => ({ value, slack: 0 }));
      });
      for (const step of steps) {
        const bits = selected[step.name];
        if (bits === undefined) return { batch: b, head: h, row: 0, problem: `${step.name} is not there` };
        const members = membersOf(bits, b, h, length, count);
        centroids = centroids.map((old, c) => (members[c]!.length === 0 ? old : mean(members[c]!.map(vector))));
      }
      for (let c = 0; c < count; c++) {
        const found = wordsOf(made, headDim, b, h, c);
        const right = centroids[c]!.every(({ value, slack }, d) => Math.abs(found[d]! - value) <= slack);
        if (!right) return { batch: b, head: h, row: c, problem: `${name} of the ${last.axis === "q" ? "queries" : "keys"} is another` };
      }
    }
  }
  return undefined;
}

/** A centroid of the caller: of the head, or of all heads. */
function given(
  input: VerifyInput,
  { b, h, heads, c, headDim }: { b: number; h: number; heads: number; c: number; headDim: number },
): readonly number[] {
  if (input.kind !== "floats") throw new Error("centroids are floats");
  const [batch, own, count] = input.shape as readonly [number, number, number];
  const head = Math.floor((h * own) / heads);
  const start = (((batch === 1 ? 0 : b) * own + head) * count + c) * headDim;
  return Array.from(input.data.subarray(start, start + headDim));
}

function membersOf(bits: OracleBits, b: number, h: number, length: number, count: number): readonly (readonly number[])[] {
  const members = Array.from({ length: count }, (): number[] => []);
  for (let token = 0; token < length; token++) {
    const cluster = members.findIndex((_, c) => bitAt(bits, b, h, token, c));
    members[cluster]?.push(token);
  }
  return members;
}

/** A float32 sum of m numbers is off by at most m - 1 roundings of the sum of their sizes, and a quotient by 2.5 units of its last place. */
function mean(vectors: readonly (readonly number[])[]): readonly Bounded[] {
  const m = vectors.length;
  return vectors[0]!.map((_, d) => {
    const sum = vectors.reduce((total, vector) => total + vector[d]!, 0);
    const sizes = vectors.reduce((total, vector) => total + Math.abs(vector[d]!), 0);
    return { value: sum / m, slack: ((m + 4) * 2 ** -24 * sizes) / m + 2 ** -126 };
  });
}
