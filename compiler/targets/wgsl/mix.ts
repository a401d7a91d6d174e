import { factorsOf, hasLse, mergedBranches, type BranchedMask, type Factor, type Mix } from "../../mask/branched.js";
import { MIX_THREADS } from "../../../runtime/launch/branches/module.js";
import { storageFor, type Storage } from "./storage.js";
import { floatLiteral } from "./text.js";

/** An lse that stands for minus infinity: that of a row without keys. */
const NONE = -3e38;

/**
 * The kernel that makes the output of an attention with branches from theirs. A thread makes four numbers of a row.
 * Merges weigh outputs by their lse, as `mergeAttention` does; factors are computed anew by each thread.
 */
export function printMix(mask: BranchedMask): string {
  const { branches, gates, mix } = mask;
  const storage = storageFor(mask.shape.dtype === "f16" ? "packed" : "none");
  const weighs = mergedBranches(mix);
  const read = weighed(mix);
  const lse = hasLse(mix);
  const bindings: string[] = [];
  const bind = (name: string, type: string, access: string): void =>
    void bindings.push(`@group(0) @binding(${bindings.length + 1}) var<storage, ${access}> ${name}: array<${type}>;`);
  branches.forEach((_, i) => bind(`o_${i}`, storage.type, "read"));
  if (read.length > 0) bind("lses", "f32", "read");
  for (const { name } of gates) bind(gateName(name), "f32", "read");
  bind("output", storage.type, "read_write");
  if (lse) bind("lse", "f32", "read_write");
  const lines: string[] = [];
  weighs.forEach((branch) => lines.push(...loadLse(branch, read)));
  const result = vector(mix, { storage, lines, next: { value: 0 }, read });
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
    ...(read.length > 0 ? [`const NONE = f32(${floatLiteral(NONE)});`, ""] : []),
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
    ...lines.map((line) => `  ${line}`),
    `  output[i] = ${storage.store(`(${result.value})`)};`,
    ...(lse ? writeLse(mix, result.lse, read) : []),
    "}",
    "",
  ].join("\n");
}

/** The branches whose lse the kernel reads: those of merges, and one that is the whole output. */
export function weighed(mix: Mix): readonly number[] {
  return mix.kind === "branch" ? [mix.branch] : mergedBranches(mix);
}

const gateName = (name: string): string => `gate_${name}`;

function loadLse(branch: number, read: readonly number[]): readonly string[] {
  return [`let lse_${branch} = ${lseOf(branch, read)};`];
}

/** The lse of a row of a branch, NONE where it sees no key. */
const lseOf = (branch: number, read: readonly number[]): string =>
  `select(max(lses[${read.indexOf(branch)} * u.lse_stride + row], NONE), NONE, ${isEmpty(branch)})`;

const isEmpty = (branch: number): string => `(u.empty & ${1 << branch}) != 0`;

interface Scope {
  readonly storage: Storage;
  readonly lines: string[];
  readonly next: { value: number };
  readonly read: readonly number[];
}

interface Vector {
  readonly value: string;
  /** Names of the greatest lse and of the sum of weights, of a merge. */
  readonly lse?: { readonly most: string; readonly sum: string } | undefined;
}

function vector(mix: Mix, scope: Scope): Vector {
  switch (mix.kind) {
    case "branch":
      return { value: output(mix.branch, scope) };
    case "merge":
      return merged(mix, scope);
    case "scale": {
      const of = vector(mix.of, scope);
      const id = scope.next.value++;
      scope.lines.push(`let factor_${id} = ${factor(mix.factor)};`);
      return { value: `factor_${id} * (${of.value})` };
    }
    default: {
      const [a, b] = [vector(mix.a, scope), vector(mix.b, scope)];
      return { value: `(${a.value}) ${mix.kind === "add" ? "+" : "-"} (${b.value})` };
    }
  }
}

/** The output of a branch; 0 where it has no keys, and its buffer was not written. */
function output(branch: number, { storage, lines }: Scope): string {
  const name = `out_${branch}`;
  const text = `let ${name} = select(${storage.load(`o_${branch}[i]`)}, vec4<f32>(0.0), ${isEmpty(branch)});`;
  if (!lines.includes(text)) lines.push(text);
  return name;
}

function merged({ branches, counts = [] }: Extract<Mix, { readonly kind: "merge" }>, scope: Scope): Vector {
  const id = scope.next.value++;
  const [most, sum, value] = [`most_${id}`, `sum_${id}`, `merged_${id}`];
  const names = branches.map((branch) => output(branch, scope));
  const { lines } = scope;
  lines.push(`let ${most} = ${branches.map((branch) => `lse_${branch}`).reduce((a, b) => `max(${a}, ${b})`)};`);
  // A part without keys has no weight, also where no part has one.
  branches.forEach((branch, i) => {
    const count = counts[i] ?? 1;
    const times = count === 1 ? "" : `${floatLiteral(count)} * `;
    lines.push(`let weight_${id}_${branch} = select(0.0, ${times}exp(lse_${branch} - ${most}), lse_${branch} > NONE);`);
  });
  const weights = branches.map((branch) => `weight_${id}_${branch}`);
  lines.push(`let ${sum} = ${weights.join(" + ")};`);
  const terms = weights.map((weight, i) => `${weight} * ${names[i]!}`);
  lines.push(`let ${value} = select((${terms.join(" + ")}) / ${sum}, vec4<f32>(0.0), ${sum} == 0.0);`);
  return { value, lse: { most, sum } };
}

function factor(of: Factor): string {
  switch (of.kind) {
    case "number":
      return `f32(${floatLiteral(of.value)})`;
    case "gate":
      return `${gateName(of.input)}[row * GATES_${of.input} + ${of.index}]`;
    case "neg":
      return `-(${factor(of.a)})`;
    case "add":
    case "sub":
    case "mul":
    case "div":
      return `(${factor(of.a)}) ${{ add: "+", sub: "-", mul: "*", div: "/" }[of.kind]} (${factor(of.b)})`;
    case "exp":
      return `exp(${factor(of.a)})`;
    default:
      return `attn_${of.kind}(${factor(of.a)})`;
  }
}

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
  const kinds = new Set(factorsOf(mask.mix).flatMap(kindsOf));
  const counts = mask.gates.map(({ name, count }) => `const GATES_${name} = ${count};\n`);
  const unpack = `fn unpack_half(pair: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(pair.x), unpack2x16float(pair.y));
}
`;
  const functions = (["sigmoid", "tanh"] as const).filter((name) => kinds.has(name)).map((name) => FUNCTIONS[name]);
  return [...counts, ...(storage.type === "vec2<u32>" ? [unpack] : []), ...functions];
}

function kindsOf(of: Factor): readonly string[] {
  const below = "b" in of ? [of.a, of.b] : "a" in of ? [of.a] : [];
  return [of.kind, ...below.flatMap(kindsOf)];
}

function writeLse(mix: Mix, of: Vector["lse"], read: readonly number[]): readonly string[] {
  const setup =
    of === undefined
      ? [`let whole = ${lseOf((mix as { branch: number }).branch, read)};`, "let seen = whole > NONE;"]
      : [`let seen = ${of.sum} > 0.0;`, `let whole = ${of.most} + log(${of.sum});`];
  return [
    "  if (u.write_lse != 0 && i == row * u.vectors) {",
    ...setup.map((line) => `    ${line}`),
    "    // Minus infinity has no literal.",
    "    var minus_infinity = 0xff800000u;",
    "    lse[row] = select(bitcast<f32>(minus_infinity), whole, seen);",
    "  }",
  ];
}
