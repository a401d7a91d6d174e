import { hasLse, type BranchedMask } from "../../mask/branched.js";
import { MIX_THREADS } from "../../../runtime/launch/branches/module.js";
import { mixFunctions, NO_KEYS, printMix as printMixText, weighed, type MixDialect, type MixText } from "../print/mix.js";
import { wgsl } from "./dialect.js";
import { storageFor, type Storage } from "./storage.js";
import { floatLiteral } from "./text.js";

const gateName = (name: string): string => `gate_${name}`;

/**
 * The kernel that makes the output of an attention with branches from theirs. A thread makes four numbers of a row;
 * factors are computed anew by each thread.
 */
export function printMix(mask: BranchedMask): string {
  const { branches, gates, mix } = mask;
  const storage = storageFor(mask.shape.dtype === "f16" ? "packed" : "none");
  const read = weighed(mix);
  const bindings: string[] = [];
  const bind = (name: string, type: string, access: string): void =>
    void bindings.push(`@group(0) @binding(${bindings.length + 1}) var<storage, ${access}> ${name}: array<${type}>;`);
  branches.forEach((_, i) => bind(`o_${i}`, storage.type, "read"));
  if (read.length > 0) bind("lses", "f32", "read");
  for (const { name } of gates) bind(gateName(name), "f32", "read");
  bind("output", storage.type, "read_write");
  if (hasLse(mix)) bind("lse", "f32", "read_write");
  const { rows, vectors, value, lse } = printMixText(mix, dialect(storage, read));
  return [
    `// ${mask.name}: its output, from those of ${branches.map(({ name }) => name).join(", ")}.`,
    `struct Uniforms {
  rows: i32,
  vectors: i32,
  write_lse: i32,
  // A bit for each branch without keys in this call.
  empty: i32,
  lse_stride: i32,
}
`,
    "@group(0) @binding(0) var<uniform> u: Uniforms;",
    ...bindings,
    "",
    ...(read.length > 0 ? [`const NONE = f32(${floatLiteral(NO_KEYS)});`, ""] : []),
    ...helpers(mask, storage),
    `@compute @workgroup_size(${MIX_THREADS})
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = i32((workgroup.y * workgroups.x + workgroup.x) * ${MIX_THREADS} + lane);
  if (i >= u.rows * u.vectors) {
    return;
  }
  let row = i / u.vectors;`,
    ...[...rows, ...vectors].map((line) => `  ${line}`),
    `  output[i] = ${storage.store(`(${value})`)};`,
    ...(lse === undefined ? [] : writeLse(lse)),
    "}",
    "",
  ].join("\n");
}

const dialect = (storage: Storage, read: readonly number[]): MixDialect => ({
  ...wgsl,
  constant: (_, name, text) => `let ${name} = ${text};`,
  float: (value) => `f32(${floatLiteral(value)})`,
  zeros: "vec4<f32>(0.0)",
  max: (a, b) => `max(${a}, ${b})`,
  exp: (x) => `exp(${x})`,
  log: (x) => `log(${x})`,
  noKeys: "NONE",
  output: (branch) => storage.load(`o_${branch}[i]`),
  lse: (branch) => `lses[${read.indexOf(branch)} * u.lse_stride + row]`,
  empty: (branch) => `(u.empty & ${1 << branch}) != 0`,
  gate: (input, index) => `${gateName(input)}[row * GATES_${input} + ${index}]`,
});

const FUNCTIONS = {
  // Neither overflows: the exponential is of a number that is not positive.
  sigmoid: `fn attn_sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}
`,
  tanh: `fn attn_tanh(x: f32) -> f32 {
  let e = exp(-2.0 * abs(x));
  return sign(x) * ((1.0 - e) / (1.0 + e));
}
`,
} as const;

function helpers(mask: BranchedMask, storage: Storage): readonly string[] {
  const counts = mask.gates.map(({ name, count }) => `const GATES_${name} = ${count};\n`);
  const unpack = `fn unpack_half(pair: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(pair.x), unpack2x16float(pair.y));
}
`;
  const functions = mixFunctions(mask.mix).map((name) => FUNCTIONS[name]);
  return [...counts, ...(storage.type === "vec2<u32>" ? [unpack] : []), ...functions];
}

function writeLse({ seen, value }: NonNullable<MixText["lse"]>): readonly string[] {
  return [
    "  if (u.write_lse != 0 && i == row * u.vectors) {",
    "    // Minus infinity has no literal.",
    "    var minus_infinity = 0xff800000u;",
    `    lse[row] = select(bitcast<f32>(minus_infinity), ${value}, ${seen});`,
    "  }",
  ];
}
