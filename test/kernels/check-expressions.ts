import { toLaunchInput } from "../../compiler/cli/input-forms.js";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { attentionModule } from "../../compiler/targets/manifest.js";
import { wgslVariants } from "../../compiler/targets/wgsl/operator.js";
import { declare, wgsl } from "../../compiler/targets/wgsl/dialect.js";
import { ScalarPrinter } from "../../compiler/targets/print/scalars.js";
import { uniformFields } from "../../compiler/targets/print/uniforms.js";
import { compileCond, compileInt, tileFrame } from "../../compiler/tiles/evaluate.js";
import { planTiles } from "../../compiler/tiles/plan.js";
import type { TilePlan } from "../../compiler/tiles/plan.js";
import { keyWalks } from "../../compiler/tiles/walks.js";
import { createAttention } from "../../runtime/launch/operator.js";
import type { VerifyCase } from "../../runtime/verify/cases.js";
import { runWithTails } from "../../runtime/verify/gpu.js";
import { randomInput } from "../../runtime/verify/inputs.js";
import { mixSeeds, random } from "../../runtime/verify/random.js";
import { envOf } from "./check-kernels.js";
import type { KernelTask } from "./check-kernels.js";

/** Most keys of a case: an output row holds a vec4 for each. */
export const MOST_KEYS = 64;

const DIMS = { headDim: 4, valueDim: 4 * MOST_KEYS };
/** Keys of the tiles that conditions are asked about: from each key on, as many as the row says. */
const WIDTHS = 16;

/**
 * The expressions of a kernel without its arithmetic, which compile many times faster: the printed mask of
 * every pair, and of many tiles the printed conditions and ranges, against their evaluators. The first
 * difference of each task, or undefined.
 */
export async function job(device: GPUDevice, tasks: readonly Pick<KernelTask, "module" | "cases">[]): Promise<(string | undefined)[]> {
  const answers: (string | undefined)[] = [];
  for (const { module, cases } of tasks) answers.push(await check(device, module, cases));
  return answers;
}

async function check(device: GPUDevice, random: MaskModule, cases: readonly VerifyCase[]): Promise<string | undefined> {
  // Of a mask that is taken apart by lists the part that is walked through tile by tile.
  const mask = keyWalks(random).find(({ list }) => list === undefined)?.mask ?? m.bool(false);
  const module: MaskModule = { ...random, mask, shape: { ...random.shape, ...DIMS, dtype: "f32" } };
  const plan = planTiles(module);
  const { variant } = wgslVariants(module, [DIMS]).find(({ variant: { profile } }) => profile === "gpu")!;
  const text = shader(variant.wgsl, plan, variant.tileK);
  const launch = attentionModule(module, { uniforms: uniformFields(module), variants: [{ ...variant, wgsl: text }] });
  const operator = await createAttention(device, launch);
  for (const one of cases) {
    const found = await differenceIn(operator, module, plan, variant.tileQ, {
      ...one,
      heads: module.shape.heads,
      kvHeads: module.shape.kvHeads,
    });
    if (found !== undefined) return `${JSON.stringify(one)}: ${found}`;
  }
  operator.destroy();
  return undefined;
}

/** What stands before a kernel's work, and in place of the work the values of its expressions. */
function shader(kernel: string, plan: TilePlan, tileK: number): string {
  const printer = new ScalarPrinter(wgsl, [plan.may, plan.must, ...plan.ranges.flatMap(({ lo, hi }) => [lo, hi])]);
  const [may, must] = [printer.print(plan.may), printer.print(plan.must)];
  const inside = plan.ranges.map(({ lo, hi }) => `(${printer.print(lo)} <= k0 && k0 < ${printer.print(hi)})`).join(" || ") || "false";
  return `${kernel.slice(0, kernel.indexOf("  let row_thread")).replace(
    "@compute",
    `
fn conditions(q0: i32, q1: i32, k0: i32, k1: i32, h: i32, kvh: i32, b: i32) -> vec3<bool> {
  ${[...printer.outer, ...printer.inner].map(declare).join("\n  ")}
  return vec3<bool>(${may}, ${must}, ${inside});
}

@compute`,
  )}
  for (var row = first_row + i32(lane); row < min(first_row + 32, u.queries); row += 64) {
    for (var k = 0; k < u.keys; k++) {
      let about = conditions(q0, q1, k, min(k + row % ${WIDTHS}, u.keys - 1), h, kvh, b);
      let seen = ${seenBy(kernel, tileK)};
      output[(query_base + row) * ${MOST_KEYS} + k] = vec4<f32>(select(0.0, 1.0, seen), select(vec3<f32>(0.0), vec3<f32>(1.0), about));
    }
  }
}
`;
}

/** Whether row's query looks at k, as the kernel asks: pair by pair, or by the bands of a query in the tile of the key. */
function seenBy(kernel: string, tileK: number): string {
  const tile = `k / ${tileK} * ${tileK}`;
  const pair = "((looks_at(u.offset + row, k, h, kvh, b) & 1u) != 0u)";
  const bands = [...kernel.matchAll(/^fn (band_\d+)/gm)].map(([, name]) => `${name}(u.offset + row, ${tile}, h, kvh, b)`);
  if (bands.length === 0) return pair;
  const within = `(${bands.map((band) => `(${band}.x <= k && k < ${band}.y)`).join(" || ")})`;
  return kernel.includes("fn has_bands(") ? `select(${pair}, ${within}, has_bands(${tile}, h, kvh, b))` : within;
}

async function differenceIn(
  operator: Awaited<ReturnType<typeof createAttention>>,
  module: MaskModule,
  plan: TilePlan,
  tileQ: number,
  one: VerifyCase,
): Promise<string | undefined> {
  const { batch, heads, kvHeads, queries, keys, params, launch } = one;
  const source = random(mixSeeds(one.seed, queries, keys));
  const inputs = Object.fromEntries(module.inputs.map((spec) => [spec.name, randomInput(spec, { ...one, lastPosition: keys }, source)]));
  const env = envOf(module, { ...one, ...DIMS, firstPosition: keys - queries, inputs });
  const rows = batch * heads * queries;
  const floats = (count: number): Float32Array => new Float32Array(count);
  const tensors = {
    q: floats(rows * DIMS.headDim),
    k: floats(batch * kvHeads * keys * DIMS.headDim),
    v: floats(batch * kvHeads * keys * DIMS.valueDim),
    out: floats(rows * DIMS.valueDim),
    lse: floats(rows),
  };
  const given = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, toLaunchInput(value)]));
  const { out } = await runWithTails(operator, tensors, given, { batch, queryLength: queries, keyLength: keys, params, ...launch });
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const looks = headEvaluator(module, env, b, h);
      const frame = tileFrame(module, env, b, h);
      for (let row = 0; row < queries; row++) {
        const offset = keys - queries;
        const first = Math.floor(row / tileQ) * tileQ;
        for (let k = 0; k < keys; k++) {
          const tile = {
            q0: offset + first,
            q1: offset + Math.min(first + tileQ, queries) - 1,
            k0: k,
            k1: Math.min(k + (row % WIDTHS), keys - 1),
          };
          Object.assign(frame, tile);
          const inside = plan.ranges.some(({ lo, hi }) => compileInt(lo)(frame) <= k && k < compileInt(hi)(frame));
          const expected = [looks(offset + row, k), compileCond(plan.may)(frame), compileCond(plan.must)(frame), inside].map(Number);
          const at = (((b * heads + h) * queries + row) * MOST_KEYS + k) * 4;
          const got = [...out.slice(at, at + 4)];
          if (expected.some((value, i) => value !== got[i])) {
            return `batch ${b}, head ${h}, query ${offset + row}, ${JSON.stringify(tile)}: mask, may, must, range are ${got.join(" ")}, not ${expected.join(" ")}`;
          }
        }
      }
    }
  }
  return undefined;
}
