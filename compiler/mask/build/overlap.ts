import { compileMask } from "../compile.js";
import { fixedBaseLength, segmentsLength } from "../space.js";
import type { MaskModule } from "../ir.js";

/** Lengths to look at: past the windows and blocks that people write, and still quick. */
const LENGTHS = [8, 64, 320];
const MOST_PAIRS = 320 * 320;

/** A pair that satisfies a mask, for people: `query 5 and key 3 of 8`; undefined where none is found, or only a caller can say. */
export function examplePair(module: MaskModule): string | undefined {
  const { space, params, shape } = module;
  const needsCaller =
    module.inputs.length > 0 || (module.selections ?? []).length > 0 || space.axes.some((axis) => axis.extent === "runtime");
  if (needsCaller || params.some((param) => param.default === undefined)) return undefined;
  const own = fixedBaseLength(space);
  const extra = segmentsLength(space);
  const lengths = own === undefined ? LENGTHS.map((length) => length + extra) : [own + extra];
  const launch = { layer: 0, layers: 1, step: 0, steps: 1, phase: 0 };
  const values = Object.fromEntries(params.map((param) => [param.name, param.default!]));
  for (const N of lengths) {
    if (N * N > MOST_PAIRS + extra * N) return undefined;
    const env = { N, NQ: N, heads: shape.heads, kvHeads: shape.kvHeads, params: values, ...launch };
    for (let h = 0; h < shape.heads; h++) {
      const looks = compileMask(module, env, 0, h);
      for (let q = 0; q < N; q++) {
        for (let k = 0; k < N; k++) if (looks(q, k)) return `query ${q} and key ${k} of ${N}${h > 0 ? ` in head ${h}` : ""}`;
      }
    }
  }
  return undefined;
}
