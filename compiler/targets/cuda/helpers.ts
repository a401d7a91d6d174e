import type { MaskModule } from "../../mask/ir.js";
import { SUMMARY_TOKENS } from "../../tiles/expr.js";
import { usedHelpers } from "../print/helpers.js";
import type { Helper } from "../print/helpers.js";
import { uniformName } from "../print/names.js";
import { loadedInputs, type LoadedInput } from "../print/uniforms.js";

/** The member functions that printed expressions call; those that `text` does not mention are left out. */
export function printHelpers(module: MaskModule, text: string): string {
  const all = [...arithmetic, ...(module.scalars.length > 0 ? [scalarHelper(module)] : []), ...loadedInputs(module).flatMap(inputHelpers)];
  return usedHelpers(all, text).join("\n\n");
}

/** Divisors are positive: the compiler has refused others. */
const arithmetic: readonly Helper[] = [
  {
    name: "floor_div",
    text: `__device__ __forceinline__ static int floor_div(int a, int b) {
  const int quotient = a / b;
  return a % b < 0 ? quotient - 1 : quotient;
}`,
  },
  {
    name: "floor_mod",
    text: `__device__ __forceinline__ static int floor_mod(int a, int b) {
  const int rest = a % b;
  return rest < 0 ? rest + b : rest;
}`,
  },
  {
    name: "is_pow2",
    text: `__device__ __forceinline__ static bool is_pow2(int a) {
  return a > 0 && (a & (a - 1)) == 0;
}`,
  },
  {
    name: "pow2_in",
    text: `// A power of two lies in [low, high]: one is 1, or the highest bits of low - 1 and high differ.
__device__ __forceinline__ static bool pow2_in(int low, int high) {
  if (high < 1 || high < low) return false;
  return low <= 1 || __clz(low - 1) > __clz(high);
}`,
  },
];

function scalarHelper(module: MaskModule): Helper {
  return {
    name: "scalar_of",
    text: `// Computed by the host for each head.
__device__ __forceinline__ int scalar_of(int h, int slot) const {
  return static_cast<int>(aux[u.scalars + h * ${module.scalars.length} + slot]);
}`,
  };
}

function inputHelpers(input: LoadedInput): readonly Helper[] {
  return input.kind === "ids" || input.kind === "made" ? idHelpers(input) : bitHelpers(input.name);
}

function idHelpers(input: Extract<LoadedInput, { kind: "ids" | "made" }>): readonly Helper[] {
  const { name } = input;
  const made = input.kind === "made";
  const field = (of: string): string => `u.${uniformName(name, "input", of)}`;
  const headOf = (stride: string): string => ` + (h * ${field("headCount")} / u.heads) * ${field(stride)}`;
  const [h, head, summaryHead] =
    made || input.order === true ? ["int h, ", headOf("headStride"), headOf("summaryHeadStride")] : ["", "", ""];
  const length = made ? `u.${uniformName(input.places)}` : field("length");
  const start = `${field("base")} + b * ${field("batchStride")}${head}`;
  const summary = made ? `${start} + ${length}` : `${field("summary")} + b * ${field("summaryBatchStride")}${summaryHead}`;
  // Where numbers never fall from place to place, the ends of a range have the least and the greatest.
  const endOfRange = (pick: "min" | "max", end: string): Helper => ({
    name: `${pick}_id_${name}`,
    text: `__device__ __forceinline__ int ${pick}_id_${name}(int b, ${h}[[maybe_unused]] int low, [[maybe_unused]] int high) const {
  return id_${name}(b, h, ${end});
}`,
  });
  const extremum = (pick: "min" | "max", component: number): Helper => ({
    name: `${pick}_id_${name}`,
    text: `// From the summary: the ${pick} over the groups of ${SUMMARY_TOKENS} tokens that hold tokens low to high.
__device__ inline int ${pick}_id_${name}(int b, ${h}int low, int high) const {
  const int first = min(max(low, 0), ${length} - 1) / ${SUMMARY_TOKENS};
  const int last = min(max(high, 0), ${length} - 1) / ${SUMMARY_TOKENS};
  const unsigned int* base = aux + ${summary};
  int found = static_cast<int>(base[first * 2 + ${component}]);
  for (int i = first + 1; i <= last; i++) found = ${pick}(found, static_cast<int>(base[i * 2 + ${component}]));
  return found;
}`,
  });
  return [
    {
      name: `id_${name}`,
      text: `__device__ __forceinline__ int id_${name}(int b, ${h}int i) const {
  const int at = min(max(i, 0), ${length} - 1);
  return static_cast<int>(aux[${start} + at]);
}`,
    },
    ...(made && input.rising ? [endOfRange("min", "low"), endOfRange("max", "high")] : [extremum("min", 0), extremum("max", 1)]),
  ];
}

function bitHelpers(name: string): readonly Helper[] {
  const field = (of: string): string => `u.${uniformName(name, "input", of)}`;
  const base = `aux + ${field("base")} + b * ${field("batchStride")} + (h * ${field("headCount")} / u.heads) * ${field("headStride")}`;
  return [
    {
      name: `bit_${name}`,
      text: `__device__ __forceinline__ bool bit_${name}(int b, int h, int row, int column) const {
  if (row < 0 || row >= ${field("rows")} || column < 0 || column >= ${field("columns")}) return false;
  const unsigned int* base = ${base};
  return ((base[row * ${field("rowStride")} + (column >> 5)] >> (column & 31)) & 1u) != 0u;
}`,
    },
    {
      name: `any_${name}`,
      text: `__device__ inline bool any_${name}(int b, int h, int row0, int row1, int column0, int column1) const {
  const int first = max(column0, 0);
  const int last = min(column1, ${field("columns")} - 1);
  if (first > last) return false;
  const unsigned int* base = ${base};
  for (int row = max(row0, 0); row <= min(row1, ${field("rows")} - 1); row++) {
    for (int i = first >> 5; i <= last >> 5; i++) {
      if ((base[row * ${field("rowStride")} + i] & word_mask(i, first, last)) != 0u) return true;
    }
  }
  return false;
}`,
    },
    {
      name: `all_${name}`,
      text: `__device__ inline bool all_${name}(int b, int h, int row0, int row1, int column0, int column1) const {
  if (row0 < 0 || row1 >= ${field("rows")} || column0 < 0 || column1 >= ${field("columns")}) return false;
  const unsigned int* base = ${base};
  for (int row = row0; row <= row1; row++) {
    for (int i = column0 >> 5; i <= column1 >> 5; i++) {
      const unsigned int wanted = word_mask(i, column0, column1);
      if ((base[row * ${field("rowStride")} + i] & wanted) != wanted) return false;
    }
  }
  return true;
}`,
    },
    {
      name: `list_${name}`,
      text: `// Where the list is: how many keys it has, and behind that the keys, rising.
__device__ __forceinline__ int list_${name}(int b, int h) const {
  return ${field("list")} + b * ${field("listBatchStride")} + (h * ${field("headCount")} / u.heads) * ${field("listStride")};
}`,
    },
    wordMask,
  ];
}

const wordMask: Helper = {
  name: "word_mask",
  text: `// The bits of word i that belong to columns first to last.
__device__ __forceinline__ static unsigned int word_mask(int i, int first, int last) {
  const int low = max(first - i * 32, 0);
  const int high = min(last - i * 32, 31);
  return (0xffffffffu << low) & (0xffffffffu >> (31 - high));
}`,
};
