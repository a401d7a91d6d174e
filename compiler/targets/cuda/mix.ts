import { hasLse, type BranchedMask } from "../../mask/branched.js";
import { CUDA_MIX_THREADS } from "../../../runtime/cuda/branches/module.js";
import { symbolStem } from "../../../runtime/cuda/module.js";
import type { CudaDtype } from "../../../runtime/cuda/module.js";
import { indent } from "../print/indent.js";
import { mixFunctions, NO_KEYS, printMix, weighed, type MixDialect, type MixText } from "../print/mix.js";
import { elementType } from "./family.js";
import { cppKernel } from "./select/dialect.js";

/** What the kernels of a mix take, by name: see `CudaMixSpec`. */
function parameters({ branches, gates, mix }: BranchedMask): {
  readonly outputs: readonly string[];
  readonly floats: readonly string[];
  readonly lse: boolean;
} {
  const lses = weighed(mix).map((branch) => `lse_of_${branch}`);
  return { outputs: branches.map((_, i) => `o_${i}`), floats: [...lses, ...gates.map(({ name }) => gateName(name))], lse: hasLse(mix) };
}

const gateName = (name: string): string => `gate_${name}`;

/** The kernels that make the output of an attention with branches from theirs, one for each of the types. A thread makes four numbers of a row. */
export function printCudaMix(mask: BranchedMask, dtypes: readonly CudaDtype[]): string {
  const { branches, mix } = mask;
  const { rows, vectors, value, lse } = printMix(mix, dialect(mask));
  const { outputs, floats } = parameters(mask);
  return `// ${mask.name}: its output, from those of ${branches.map(({ name }) => name).join(", ")}.
struct MixUniforms {
  // Groups of four numbers: all of the output's, and those of a row.
  long long count;
  int width;
  int write_lse;
  // A bit for each branch without keys in this call.
  unsigned int empty;
};

${weighed(mix).length > 0 ? `// An lse that stands for minus infinity.\nconstexpr float NO_KEYS = ${cppKernel.float(NO_KEYS)};\n\n` : ""}${mixFunctions(
    mix,
  )
    .map((name) => FUNCTIONS[name])
    .join("\n")}template <class T>
__device__ __forceinline__ void mix_branches(${signature(mask, "T").join(", ")}) {
  const long long i = static_cast<long long>(blockIdx.x) * ${CUDA_MIX_THREADS} + threadIdx.x;
  if (i >= u.count) return;
  ${floats.length > 0 || lse !== undefined ? "const long long row = i / u.width;\n" : ""}${indent(rows.join("\n"))}
${outputs.map((name) => `  float x${name}[4];\n  load_four(${name} + 4 * i, x${name});\n`).join("")}  float mixed[4];
#pragma unroll
  for (int c = 0; c < 4; c++) {
${indent(vectors.join("\n"), 2)}
    mixed[c] = ${value};
  }
  store_four(output + 4 * i, mixed);
${lse === undefined ? "" : writeLse(lse)}}

${dtypes.map((dtype) => printKernel(mask, dtype)).join("\n")}`;
}

function signature(mask: BranchedMask, type: string): readonly string[] {
  const { outputs, floats, lse } = parameters(mask);
  return [
    "const MixUniforms u",
    ...outputs.map((name) => `const ${type}* ${name}`),
    ...floats.map((name) => `const float* ${name}`),
    `${type}* output`,
    ...(lse ? ["float* lse"] : []),
  ];
}

function printKernel(mask: BranchedMask, dtype: CudaDtype): string {
  const { outputs, floats, lse } = parameters(mask);
  const passed = ["u", ...outputs, ...floats, "output", ...(lse ? ["lse"] : [])].join(", ");
  const type = elementType[dtype];
  return `extern "C" __global__ void __launch_bounds__(${CUDA_MIX_THREADS}) ${symbolStem(mask.name)}_mix_${dtype}(${signature(mask, type).join(", ")}) {
  mix_branches<${type}>(${passed});
}
`;
}

const dialect = ({ gates }: BranchedMask): MixDialect => ({
  ...cppKernel,
  constant: (_, name, text) => `const float ${name} = ${text};`,
  zeros: "0.0f",
  max: (a, b) => `fmaxf(${a}, ${b})`,
  exp: (x) => `expf(${x})`,
  log: (x) => `logf(${x})`,
  noKeys: "NO_KEYS",
  output: (branch) => `xo_${branch}[c]`,
  lse: (branch) => `lse_of_${branch}[row]`,
  empty: (branch) => `(u.empty & ${2 ** branch}u) != 0u`,
  gate: (input, index) => `${gateName(input)}[row * ${gates.find(({ name }) => name === input)!.count} + ${index}]`,
});

const FUNCTIONS = {
  // Neither overflows: the exponential is of a number that is not positive.
  sigmoid: `__device__ __forceinline__ float attn_sigmoid(float x) {
  const float e = expf(-fabsf(x));
  return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}
`,
  tanh: `__device__ __forceinline__ float attn_tanh(float x) {
  const float e = expf(-2.0f * fabsf(x));
  return (x < 0.0f ? -1.0f : 1.0f) * ((1.0f - e) / (1.0f + e));
}
`,
} as const;

const writeLse = ({ seen, value }: NonNullable<MixText["lse"]>): string =>
  `  if (u.write_lse != 0 && i == row * u.width) lse[row] = ${seen} ? ${value} : __uint_as_float(0xff800000u);\n`;
