import type { MaskModule } from "../../mask/ir.js";
import { SUMMARY_TOKENS } from "../../tiles/expr.js";
import { usedHelpers } from "../print/helpers.js";
import type { Helper } from "../print/helpers.js";
import { uniformName } from "../print/names.js";
import { loadedInputs, type LoadedInput } from "../print/uniforms.js";

/** The helper functions a kernel may call; those it does not mention are left out of the text. */
export function printHelpers(module: MaskModule, text: string): readonly string[] {
  const all = [
    ...arithmetic,
    ...(module.scalars.length > 0 ? [scalarHelper(module)] : []),
    ...loadedInputs(module).flatMap(inputHelpers),
    listedKey,
  ];
  return usedHelpers(all, text);
}

/** Divisors are positive: the compiler has refused others. */
const arithmetic: readonly Helper[] = [
  {
    name: "unpack_half",
    text: `fn unpack_half(words: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}`,
  },
  {
    name: "floor_div",
    text: `fn floor_div(a: i32, b: i32) -> i32 {
  let quotient = a / b;
  return select(quotient, quotient - 1, a % b < 0);
}`,
  },
  {
    name: "floor_mod",
    text: `fn floor_mod(a: i32, b: i32) -> i32 {
  let rest = a % b;
  return select(rest, rest + b, rest < 0);
}`,
  },
  {
    name: "is_pow2",
    text: `fn is_pow2(a: i32) -> bool {
  return a > 0 && (a & (a - 1)) == 0;
}`,
  },
  {
    name: "pow2_in",
    text: `// A power of two lies in [lo, hi]: one is 1, or the highest bits of lo - 1 and hi differ.
fn pow2_in(lo: i32, hi: i32) -> bool {
  if (hi < 1 || hi < lo) {
    return false;
  }
  return lo <= 1 || firstLeadingBit(lo - 1) < firstLeadingBit(hi);
}`,
  },
];

function scalarHelper(module: MaskModule): Helper {
  return {
    name: "scalar_of",
    text: `// Computed by the host for each head.
fn scalar_of(h: i32, slot: i32) -> i32 {
  return bitcast<i32>(aux[u.scalars + h * ${module.scalars.length} + slot]);
}`,
  };
}

function inputHelpers(input: LoadedInput): readonly Helper[] {
  const field = (name: string): string => `u.${uniformName(input.name, "input", name)}`;
  const headOf = (count: string, stride: string): string => `(h * ${field(count)} / u.heads) * ${field(stride)}`;
  const made = input.kind === "made";
  if (made || input.kind === "ids") {
    const [h, head, summaryHead] =
      !made && input.order === undefined
        ? ["", "", ""]
        : ["h: i32, ", ` + ${headOf("headCount", "headStride")}`, ` + ${headOf("headCount", "summaryHeadStride")}`];
    const length = made ? `u.${uniformName(input.places)}` : field("length");
    const start = `${field("base")} + b * ${field("batchStride")}${head}`;
    const summary = made ? `${start} + ${length}` : `${field("summary")} + b * ${field("summaryBatchStride")}${summaryHead}`;
    // Where numbers never fall from place to place, the ends of a range have the least and the greatest.
    const endOfRange = (pick: "min" | "max", end: string): Helper => ({
      name: `${pick}_id_${input.name}`,
      text: `fn ${pick}_id_${input.name}(b: i32, ${h}lo: i32, hi: i32) -> i32 {
  return id_${input.name}(b, h, ${end});
}`,
    });
    const extremum = (pick: "min" | "max", component: number): Helper => ({
      name: `${pick}_id_${input.name}`,
      text: `// From the summary: the ${pick} over the groups of ${SUMMARY_TOKENS} tokens that hold tokens lo to hi.
fn ${pick}_id_${input.name}(b: i32, ${h}lo: i32, hi: i32) -> i32 {
  let first = clamp(lo, 0, ${length} - 1) / ${SUMMARY_TOKENS};
  let last = clamp(hi, 0, ${length} - 1) / ${SUMMARY_TOKENS};
  let base = ${summary};
  var found = bitcast<i32>(aux[base + first * 2 + ${component}]);
  for (var i = first + 1; i <= last; i++) {
    found = ${pick}(found, bitcast<i32>(aux[base + i * 2 + ${component}]));
  }
  return found;
}`,
    });
    return [
      {
        name: `id_${input.name}`,
        text: `fn id_${input.name}(b: i32, ${h}i: i32) -> i32 {
  let at = clamp(i, 0, ${length} - 1);
  return bitcast<i32>(aux[${start} + at]);
}`,
      },
      ...(made && input.rising ? [endOfRange("min", "lo"), endOfRange("max", "hi")] : [extremum("min", 0), extremum("max", 1)]),
    ];
  }
  const head = `${field("base")} + b * ${field("batchStride")} + ${headOf("headCount", "headStride")}`;
  return [
    {
      name: `bit_${input.name}`,
      text: `fn bit_${input.name}(b: i32, h: i32, row: i32, column: i32) -> bool {
  if (row < 0 || row >= ${field("rows")} || column < 0 || column >= ${field("columns")}) {
    return false;
  }
  let word = aux[${head} + row * ${field("rowStride")} + (column >> 5u)];
  return ((word >> u32(column & 31)) & 1u) != 0u;
}`,
    },
    {
      name: `any_${input.name}`,
      text: `fn any_${input.name}(b: i32, h: i32, row0: i32, row1: i32, column0: i32, column1: i32) -> bool {
  let first = max(column0, 0);
  let last = min(column1, ${field("columns")} - 1);
  if (first > last) {
    return false;
  }
  let base = ${head};
  for (var row = max(row0, 0); row <= min(row1, ${field("rows")} - 1); row++) {
    for (var i = first >> 5u; i <= last >> 5u; i++) {
      if ((aux[base + row * ${field("rowStride")} + i] & word_mask(i, first, last)) != 0u) {
        return true;
      }
    }
  }
  return false;
}`,
    },
    {
      name: `all_${input.name}`,
      text: `fn all_${input.name}(b: i32, h: i32, row0: i32, row1: i32, column0: i32, column1: i32) -> bool {
  if (row0 < 0 || row1 >= ${field("rows")} || column0 < 0 || column1 >= ${field("columns")}) {
    return false;
  }
  let base = ${head};
  for (var row = row0; row <= row1; row++) {
    for (var i = column0 >> 5u; i <= column1 >> 5u; i++) {
      let wanted = word_mask(i, column0, column1);
      if ((aux[base + row * ${field("rowStride")} + i] & wanted) != wanted) {
        return false;
      }
    }
  }
  return true;
}`,
    },
    {
      name: `list_${input.name}`,
      text: `// Where the list is: how many keys it has, and behind that the keys, rising.
fn list_${input.name}(b: i32, h: i32) -> i32 {
  return ${field("list")} + b * ${field("listBatchStride")} + (h * ${field("headCount")} / u.heads) * ${field("listStride")};
}`,
    },
    wordMask,
  ];
}

const listedKey: Helper = {
  name: "listed_key",
  text: `fn listed_key(list: i32, place: i32) -> i32 {
  return i32(aux[list + 1 + place]);
}`,
};

const wordMask: Helper = {
  name: "word_mask",
  text: `// The bits of word i that belong to columns first to last.
fn word_mask(i: i32, first: i32, last: i32) -> u32 {
  let low = u32(max(first - i * 32, 0));
  let high = u32(min(last - i * 32, 31));
  return (0xffffffffu << low) & (0xffffffffu >> (31u - high));
}`,
};
