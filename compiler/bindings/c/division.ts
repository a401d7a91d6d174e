import type { MaskModule } from "../../mask/ir.js";
import type { Int } from "../../select/ir.js";
import { cudaSelection } from "../../targets/cuda/select/source.js";
import type { CudaDtype, CudaModule } from "../../../runtime/cuda/module.js";
import { callKeys, callSpace } from "./windows.js";

/** The types that a module has kernels for. */
export const dtypesOf = ({ cuda }: CudaModule): readonly CudaDtype[] => [...new Set(cuda.kernels.map(({ dtype }) => dtype))];

/** Functions that compute the numbers of the selections, and how a call is divided: see runtime/launch/selection/division.ts. */
export function printDivision(mask: MaskModule, module: CudaModule, call: string): string {
  const spec = module.selection;
  if (spec === undefined) return "";
  const { sizes } = cudaSelection(mask, dtypesOf(module))!;
  const { unit, heads } = spec.parts;
  return `// Numbers of the selections for a part of a call: extents of their tensors, and blocks of their kernels.
constexpr int SIZES = ${sizes.length};

struct Sizes {
  int values[SIZES];
};

void part_sizes(const ${call}* p, const CallPart& part, long long* sizes) {
  const long long values[] = {${sizes.map((size) => sizeText(size, callKeys(module))).join(", ")}};
  for (int i = 0; i < SIZES; i++) sizes[i] = values[i];
}

attnc_status sizes_of(const ${call}* p, const CallPart& part, Sizes* sizes) {
  long long values[SIZES];
  part_sizes(p, part, values);
  for (int i = 0; i < SIZES; i++) {
    if (values[i] > INT_MAX) return wrong("call: expected selections whose tensors have at most 2^31 - 1 elements, found %.15g", static_cast<double>(values[i]));
    sizes->values[i] = static_cast<int>(values[i]);
  }
  return ATTNC_OK;
}

// Strips hold a multiple of so many queries; 0 where rows are not divided.
constexpr long long STRIP_UNIT = ${unit ?? 0};
constexpr bool HEADS_APART = ${heads};

long long first_position([[maybe_unused]] const ${call}* p) { return ${callSpace(module) === "self" ? `static_cast<long long>(${callKeys(module)}) - p->queries` : "0"}; }

// Queries of one strip that holds those of the whole call.
long long whole_strip(const ${call}* p) {
  const long long unit = greater(STRIP_UNIT, 1);
  return ((first_position(p) + p->queries - 1) / unit - first_position(p) / unit + 1) * unit;
}

CallPart first_part(const ${call}* p, int batch, int kv_heads, long long queries) { return {0, batch, 0, kv_heads, 0, p->queries, queries}; }

long long scratch_bytes(const ${call}* p, const CallPart& part) {
  long long sizes[SIZES];
  part_sizes(p, part, sizes);
  return 4 * sizes[${spec.scratch}];
}

// The longest strip that needs at most so many bytes; 0 where none does.
long long longest_strip(const ${call}* p, int batch, int kv_heads, long long bytes) {
  const auto fits = [=](long long queries) { return scratch_bytes(p, first_part(p, batch, kv_heads, queries)) <= bytes; };
  const long long whole = whole_strip(p);
  if (fits(whole)) return whole;
  if (STRIP_UNIT == 0 || !fits(STRIP_UNIT)) return 0;
  long long low = 1;
  long long high = whole / greater(STRIP_UNIT, 1);
  while (high - low > 1) {
    const long long middle = (low + high) / 2;
    (fits(middle * STRIP_UNIT) ? low : high) = middle;
  }
  return low * STRIP_UNIT;
}

// The fewest parts that need at most so many bytes each; of equally many those with the most heads.
bool fewest_parts(const ${call}* p, long long bytes, CallPart* found) {
  long long fewest = 0;
  const auto look = [&](int batch, int kv_heads) {
    const long long longest = longest_strip(p, batch, kv_heads, bytes);
    if (longest == 0) return;
    const long long whole = whole_strip(p);
    const long long strips = (whole - 1) / longest + 1;
    const long long count = static_cast<long long>(p->batch / batch) * (p->kv_heads / kv_heads) * strips;
    if (fewest > 0 && count >= fewest) return;
    fewest = count;
    // As many strips of much the same length.
    const long long unit = STRIP_UNIT == 0 ? whole : STRIP_UNIT;
    *found = first_part(p, batch, kv_heads, ((whole / unit - 1) / strips + 1) * unit);
  };
  for (int batch = p->batch; batch > 0; batch--)
    if (p->batch % batch == 0) look(batch, p->kv_heads);
  for (int kv_heads = p->kv_heads - 1; HEADS_APART && kv_heads > 0; kv_heads--)
    if (p->kv_heads % kv_heads == 0) look(1, kv_heads);
  return fewest > 0;
}

attnc_status divide_call(const ${call}* p, CallPart* part) {
  const long long most = ATTNC_SELECTION_BYTES;
  *part = first_part(p, p->batch, p->kv_heads, whole_strip(p));
  if (scratch_bytes(p, *part) <= most || fewest_parts(p, lesser(1ll << 26, most), part) || fewest_parts(p, most, part)) return ATTNC_OK;
  const CallPart least = first_part(p, 1, HEADS_APART ? 1 : p->kv_heads, STRIP_UNIT == 0 ? whole_strip(p) : STRIP_UNIT);
  return wrong("the selections' intermediate results: expected at most %lld bytes (ATTNC_SELECTION_BYTES), found %lld bytes for the least that can be computed at a time",
               most, scratch_bytes(p, least));
}
`;
}

/** A number that the lengths and heads of a call decide, in 64 bits. */
function sizeText(size: Int, keys: string): string {
  const below = (each: Int): string => sizeText(each, keys);
  switch (size.kind) {
    case "int":
      return `${size.value}ll`;
    case "shape":
      return `static_cast<long long>(${size.name === "N" ? keys : shapeFields[size.name]})`;
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "mod":
      return `(${below(size.a)} ${operators[size.kind]} ${below(size.b)})`;
    case "min":
    case "max":
      return `${size.kind === "min" ? "lesser" : "greater"}(${below(size.a)}, ${below(size.b)})`;
    case "name":
    case "mask":
    case "token":
    case "id":
    case "whole":
      throw new Error(`a size of a selection depends on more than the launch: ${size.kind}`);
  }
}

const operators = { add: "+", sub: "-", mul: "*", div: "/", mod: "%" } as const;
const shapeFields = {
  ...{ batch: "p->batch", heads: "p->heads", kvHeads: "p->kv_heads", headDim: "p->head_dim", NQ: "p->queries" },
  ...{ firstBatch: "part.first_batch", partBatch: "part.part_batch", firstKvHead: "part.first_kv_head", partKvHeads: "part.part_kv_heads" },
  ...{ firstQuery: "part.first_query", endQuery: "part.end_query", stripQueries: "part.strip_queries" },
} as const;
