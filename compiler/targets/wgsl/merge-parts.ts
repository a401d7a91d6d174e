import type { Storage } from "./storage.js";

/**
 * Statements that merge the `parts` parts of a row, each weighed by its sum, and write four values of the `output` at `group`,
 * and the lse. `slot` is the text for the place in `scratch` of the part `part`, and `query` that of the output's row, which
 * has so many `vectors`.
 */
export const mergeParts = (slot: string, query: string, vectors: number, storage: Storage): string => `var most = MASKED;
for (var part = 0; part < parts; part++) {
  most = max(most, scratch[${slot} + ${vectors}].x);
}
var sum = 0.0;
var merged = vec4<f32>(0.0);
for (var part = 0; part < parts; part++) {
  let weight = exp2(scratch[${slot} + ${vectors}].x - most);
  sum += weight;
  merged += weight * scratch[${slot} + group];
}
// The greatest part has the weight 1. A query without a key has no part, or parts that are 0.
merged = merged / max(sum, 1.0);
let query = ${query};
output[query * ${vectors} + group] = ${storage.store("merged")};
if (u.write_lse != 0 && group == 0) {
  // Minus infinity has no literal.
  var minus_infinity = 0xff800000u;
  lse[query] = select(${Math.LN2} * (most + log2(sum)), bitcast<f32>(minus_infinity), most == MASKED);
}`;
