import type { BoolExpr, IntExpr, MaskModule } from "../../mask/ir.js";
import type { Selection, SelectionItem } from "../../mask/selection.js";
import { cpp } from "../../targets/cuda/dialect.js";
import { printBool, printInt } from "../../targets/print/expressions.js";
import { uniformName } from "../../targets/print/names.js";
import { symbolStem } from "../../../runtime/cuda/module.js";
import type { CudaModule, CudaStage } from "../../../runtime/cuda/module.js";
import type { UniformField } from "../../../runtime/launch/module.js";
import { dtypesOf } from "./division.js";
import { callFields, dtypeConstants } from "./names.js";
import type { CallFloats, CallSelection } from "./names.js";
import { CALL_KEYS, callKeys, callSpace } from "./windows.js";

/** Fields of a call's places that its selections need. */
export function printSelectionPlaces(mask: MaskModule, module: CudaModule): string {
  if (module.selection === undefined) return "";
  const { floats, selections } = callFields(mask, module);
  return [
    ...selections.map(({ field }) => `  InputPlace ${field};\n`),
    ...floats.map(({ field }) => `  FloatPlace ${field};\n`),
    "  // The parts in which the selections are made: the first of them, with all of its rows.\n",
    "  CallPart part;\n",
    "  size_t scratch;\n",
    "  size_t scratch_words;\n",
  ].join("");
}

/** Statements that lay out the matrices of the selections behind the inputs. */
export function printLayOutSelections(mask: MaskModule, module: CudaModule): string {
  const spec = module.selection;
  if (spec === undefined) return "";
  const { floats, selections } = callFields(mask, module);
  const heads = { query: "p->heads", kv: "p->kv_heads", one: "1" } as const;
  return `  if (divide_call(p, &places->part) != ATTNC_OK) return ATTNC_BAD_CALL;
  Sizes sizes;
  if (sizes_of(p, places->part, &sizes) != ATTNC_OK) return ATTNC_BAD_CALL;
  places->scratch_words = sizes.values[${spec.scratch}];
${selections
  .map(({ field, name }) => {
    const matrix = spec.matrices.find((each) => each.name === name)!;
    return `  place_matrix(p->batch, ${heads[matrix.heads]}, sizes.values[${matrix.rows}], sizes.values[${matrix.columns}], &words, &places->${field});\n`;
  })
  .join("")}${floats
    .map((input) => {
      const size = floatElements(input, module);
      const most = input.kind === "centroids" && input.axis === "k" ? "p->kv_heads" : "p->heads";
      return `  if (!place_floats("${input.field}", p->${input.field}, ${size}, p->batch, ${most}, p->kv_heads, &places->${input.field})) return ATTNC_BAD_CALL;\n`;
    })
    .join("")}`;
}

/** Elements of one head's part of a float input: see runtime/launch/selection/float-inputs.ts. */
function floatElements(spec: CallFloats, module: CudaModule): string {
  const [all, space] = [callKeys(module), callSpace(module)];
  const keys = (n: number): string => `((${all} - 1) / ${n} + 1)`;
  switch (spec.kind) {
    case "scores": {
      const rows = space === "self" ? `(${keys(spec.n)} - (${all} - p->queries) / ${spec.n})` : `((p->queries - 1) / ${spec.n} + 1)`;
      return `static_cast<size_t>(${rows}) * ${keys(spec.m)}`;
    }
    case "channels":
      return "static_cast<size_t>(p->head_dim)";
    case "centroids":
      return `static_cast<size_t>(${spec.n}) * p->head_dim`;
    case "weights":
      return `static_cast<size_t>(${spec.axis === "q" ? "p->queries" : all})`;
    case "pooled":
      return `static_cast<size_t>(${all} < ${spec.n} ? 0 : (${all} - ${spec.n}) / ${spec.stride} + 1) * p->head_dim`;
  }
}

/** The kernels of the selections, and the rules by which a call may give one back. */
export function printSelectionTables(mask: MaskModule, module: CudaModule, call: string): string {
  if (module.selection === undefined) return "";
  const dtypes = dtypesOf(module);
  const functions = (stage: CudaStage): string =>
    (["f32", "f16", "bf16"] as const)
      .map((dtype) => {
        if (stage.typed && !dtypes.includes(dtype)) return "nullptr";
        return `reinterpret_cast<const void*>(&${stage.symbol}${stage.typed ? `_${dtype}` : ""})`;
      })
      .join(", ");
  const { selections } = callFields(mask, module);
  const serves = (stage: CudaStage): number =>
    selections.reduce((bits, { name }, i) => (stage.serves.length === 0 || stage.serves.includes(name) ? bits + 2 ** i : bits), 0);
  const stages = (module.cuda.stages ?? []).map(
    (stage) =>
      `  {{${functions(stage)}}, ${stage.threads}, ${stage.sharedBytes}, ${stage.blocks}, ${serves(stage)}u, ${stage.strips ?? -1}},`,
  );
  return `
// By ${Object.values(dtypeConstants).join(", ")}.
const SelectionStage selection_stages[] = {
${stages.join("\n")}
};
${selections.map((each) => printRule(each, mask, module, call)).join("")}`;
}

/** Whether a call makes a selection: always, or by the rule of its reuse. */
function printRule({ name, field, reusable, withField }: CallSelection, mask: MaskModule, module: CudaModule, call: string): string {
  if (!reusable || withField !== undefined) return "";
  const { reuse } = (mask.selections ?? []).find((each: SelectionItem) => each.name === name) as Selection;
  if (reuse === undefined || reuse.kind === "while") throw new Error(`${name} has no rule of layers or steps`);
  const { params, launch } = callFields(mask, module);
  const fields = [
    ...launch.map((variable) => [variable, `p->${variable}`] as const),
    ...params.filter(({ type }) => type === "int").map((param) => [uniformName(param.name, "param"), `p->${param.field}`] as const),
    ...[["keys", callKeys(module)] as const, ["queries", "p->queries"] as const],
  ];
  const expr: BoolExpr | IntExpr = reuse.kind === "layers" ? reuse.at : reuse.steps;
  const rule = reuse.kind === "layers" ? printBool(reuse.at, cpp) : `u.step % ${printInt(reuse.steps, cpp)} == 0`;
  const scalar = JSON.stringify(expr).includes('"scalar"');
  return `
bool makes_${field}(const ${call}* p) {
  const struct { ${fields.map(([name]) => `int ${name};`).join(" ")} } u = {${fields.map(([, value]) => value).join(", ")}};
  [[maybe_unused]] const int h = 0, kvh = 0;
${scalar ? "  const auto scalar_of = [p](int head, int slot) { return scalar(p, head, slot); };\n" : ""}  return ${rule};
}
`;
}

/** Statements that look at what a call gives to its selections, before anything is launched. */
export function printCheckSelections(mask: MaskModule, module: CudaModule): string {
  const { floats, selections } = callFields(mask, module);
  const inputs = floats.map(
    ({ field }) =>
      `  if (places.${field}.elements > 0 && p->${field}.data == nullptr) return wrong("${field}.data: expected a pointer, found NULL");\n`,
  );
  const reused = selections
    .filter(({ reusable }) => reusable)
    .map(({ field, name, withField }) => {
      const columns = `  if (p->reuse_${field}_columns < 0 || p->reuse_${field}_columns > places.${field}.columns)
    return wrong("reuse_${field}_columns: expected at most the %d columns of this call, found %d", places.${field}.columns, p->reuse_${field}_columns);
`;
      if (withField !== undefined) {
        return `  if (p->reuse_${field} != nullptr && p->reuse_${withField} == nullptr) return wrong("reuse_${withField}: expected what the launch that made ${name} gave out beside it, found NULL");
${columns}`;
      }
      const layers = (mask.selections ?? []).some(
        (each) => each.name === name && each.kind === "selection" && each.reuse?.kind === "layers",
      );
      const missing = `  if (p->reuse_${field} == nullptr && !makes_${field}(p)) return wrong("reuse_${field}: expected the selection of an earlier launch, found NULL");\n`;
      return `${layers ? missing : ""}  if (p->reuse_${field} != nullptr && makes_${field}(p)) return wrong("reuse_${field}: expected NULL, as this launch makes the selection");
${columns}`;
    });
  return [...inputs, ...reused].join("");
}

/** Statements that make the selections of a call, or copy them from where an earlier one left them. */
export function printMakeSelections(
  mask: MaskModule,
  module: CudaModule,
  uniform: (source: UniformField["source"], module: CudaModule) => string,
): string {
  const spec = module.selection;
  if (spec === undefined) return "";
  const { floats, selections } = callFields(mask, module);
  const copy = `reinterpret_cast<const void*>(&${symbolStem(module.name)}_copy_bits)`;
  const reuse = selections.flatMap(({ field, reusable, withField, remembers }, i) => {
    if (!reusable) return [];
    // Rows of a selection that its queries guard may be made all the same.
    const made = withField === undefined ? `    made &= ~${2 ** i}u;\n` : "";
    // Nothing is like zeros.
    const otherwise = remembers ? ` else if (!clear_bits(${copy}, places.${field}, aux, stream)) return ATTNC_CUDA_ERROR;` : "";
    return [
      `  if (p->reuse_${field} != nullptr) {
    if (!copy_in(${copy}, places.${field}, p->reuse_${field}, p->reuse_${field}_columns, aux, stream)) return ATTNC_CUDA_ERROR;
${made}  }${otherwise}
`,
    ];
  });
  const copies = selections.map(
    ({ field }) =>
      `  if (p->selected_${field} != nullptr && !copy_out(${copy}, places.${field}, aux, p->selected_${field}, stream)) return ATTNC_CUDA_ERROR;\n`,
  );
  return `  unsigned int* scratch = aux + places.scratch;
${floats.map(({ field }) => `  const float* floats_${field} = p->${field}.data;\n`).join("")}  // A bit for each selection that is not given back.
  unsigned int made = ${2 ** selections.length - 1}u;
${reuse.join("")}  {
    const void* q = p->q;
    const void* k = p->${module.windows === undefined ? "k" : CALL_KEYS};
    SelectionUniforms selection = {};
    void* arguments[] = {${["&selection", "&q", "&k", "&aux", "&scratch", ...floats.map(({ field }) => `&floats_${field}`)].join(", ")}};
    // The stages of a loop, for each strip of its rows; others for all rows.
    const auto run = [&](const SelectionStage* first, const SelectionStage* end, const CallPart& part) {
      Sizes sizes;
      if (sizes_of(p, part, &sizes) != ATTNC_OK) return ATTNC_BAD_CALL;
${spec.uniforms.map(({ name, source }) => `      selection.${name} = ${uniform(source, module)};\n`).join("")}      for (const SelectionStage* stage = first; stage < end; stage++) {
        const int blocks = sizes.values[stage->blocks];
        if (blocks == 0 || (stage->serves & made) == 0u) continue;
        if (!launch(stage->functions[p->dtype], blocks, stage->threads, arguments, stage->shared_bytes, stream)) return ATTNC_CUDA_ERROR;
      }
      return ATTNC_OK;
    };
    const SelectionStage* const last = selection_stages + sizeof selection_stages / sizeof selection_stages[0];
    CallPart part = places.part;
    const long long start = first_position(p);
    for (part.first_batch = 0; part.first_batch < p->batch; part.first_batch += part.part_batch)
      for (part.first_kv_head = 0; part.first_kv_head < p->kv_heads; part.first_kv_head += part.part_kv_heads)
        for (const SelectionStage *first = selection_stages, *end; first < last; first = end) {
          for (end = first + 1; end < last && end->strips == first->strips;) end++;
          if (first->strips < 0) {
            if (const attnc_status status = run(first, end, part)) return status;
            continue;
          }
          CallPart strip = part;
          for (long long at = start / greater(STRIP_UNIT, 1) * STRIP_UNIT; at < start + p->queries; at += part.strip_queries) {
            strip.first_query = static_cast<int>(greater(at, start) - start);
            strip.end_query = static_cast<int>(lesser(at + part.strip_queries - start, p->queries));
            if (const attnc_status status = run(first, end, strip)) return status;
          }
        }
  }
${copies.join("")}`;
}

/** What the host's side of a source with selections needs besides. */
export const SELECTION_SUPPORT = /* cpp */ `
// The most bytes of the workspace that intermediate results of selections take: calls that need more are run in parts.
#ifndef ATTNC_SELECTION_BYTES
#define ATTNC_SELECTION_BYTES (1ll << 30)
#endif

struct SelectionStage {
  const void* functions[3];
  int threads;
  int shared_bytes;
  // Index of the number of blocks.
  int blocks;
  // A bit for each selection that it serves.
  unsigned int serves;
  // The loop over strips of rows that it stands in, with its neighbours; -1 where it stands in none.
  int strips;
};

// The part of a call for which a stage is run: batch entries, kv heads with their query heads, and queries from the first up
// to but without the end. All parts have as many batch entries and heads; strips may be shorter than strip_queries.
struct CallPart {
  int first_batch;
  int part_batch;
  int first_kv_head;
  int part_kv_heads;
  int first_query;
  int end_query;
  long long strip_queries;
};

// Of the rules of reuse.
[[maybe_unused]] int floor_div(int a, int b) { return a / b - (a % b < 0 ? 1 : 0); }
[[maybe_unused]] int floor_mod(int a, int b) { return a % b < 0 ? a % b + b : a % b; }
[[maybe_unused]] bool is_pow2(int a) { return a > 0 && (a & (a - 1)) == 0; }

[[maybe_unused]] long long lesser(long long a, long long b) { return a < b ? a : b; }
[[maybe_unused]] long long greater(long long a, long long b) { return a < b ? b : a; }

// Takes room for a matrix of bits.
void place_matrix(int batch, int heads, int rows, int columns, size_t* words, InputPlace* place) {
  *place = {};
  place->batch = batch;
  place->heads = heads;
  place->rows = rows;
  place->columns = columns;
  place->base = *words;
  place->row_stride = (static_cast<size_t>(columns) + 31) / 32;
  place->head_stride = rows * place->row_stride;
  place->batch_stride = heads * place->head_stride;
  *words += batch * place->batch_stride;
}

// Copies rows of bits: those of a call that has more columns than were given see all of what they lack.
[[maybe_unused]] bool copy_bits(const void* function, const InputPlace& place, int columns, const unsigned int* from, size_t from_base, unsigned int* to,
                                size_t to_base, cudaStream_t stream) {
  const size_t count = place.batch * place.batch_stride;
  if (count == 0) return true;
  Prepare prepare = {{static_cast<int>(count), static_cast<int>(from_base), (columns + 31) / 32, columns, static_cast<int>(to_base),
                      static_cast<int>(place.row_stride), place.columns, columns == 0 ? 1 : 0}};
  void* arguments[] = {&prepare, &from, &to};
  return launch(function, static_cast<int>((count - 1) / 64 + 1), 64, arguments, 0, stream);
}

[[maybe_unused]] bool clear_bits(const void* function, const InputPlace& place, unsigned int* aux, cudaStream_t stream) {
  return copy_bits(function, place, 0, aux, 0, aux, place.base, stream);
}

[[maybe_unused]] bool copy_in(const void* function, const InputPlace& place, const unsigned int* given, int columns, unsigned int* aux, cudaStream_t stream) {
  return copy_bits(function, place, columns == 0 ? place.columns : columns, given, 0, aux, place.base, stream);
}

[[maybe_unused]] bool copy_out(const void* function, const InputPlace& place, unsigned int* aux, unsigned int* selected, cudaStream_t stream) {
  return copy_bits(function, place, place.columns, aux, place.base, selected, 0, stream);
}
`;

/** For inputs of floats. */
export const FLOAT_SUPPORT = /* cpp */ `
// Where the batch entries and heads of an input of floats are, in elements.
struct FloatPlace {
  size_t elements;
  size_t batch_stride;
  size_t head_stride;
  int heads;
};

[[maybe_unused]] bool place_floats(const char* name, const attnc_floats& input, size_t elements, int batch, int heads, int kv_heads, FloatPlace* place) {
  const int input_batch = input.batch == 0 ? 1 : input.batch;
  const int input_heads = input.heads == 0 ? 1 : input.heads;
  if (input_batch != 1 && input_batch != batch) return !wrong("%s.batch: expected 1 or %d, found %d", name, batch, input.batch);
  if (input_heads != 1 && input_heads != kv_heads && input_heads != heads)
    return !wrong("%s.heads: expected 1, %d or %d, found %d", name, kv_heads, heads, input.heads);
  const double all = static_cast<double>(elements) * input_batch * input_heads;
  if (all > INT_MAX) return !wrong("%s: expected fewer than 2^31 elements, found %.15g", name, all);
  place->elements = elements;
  place->heads = input_heads;
  place->head_stride = input_heads == 1 ? 0 : elements;
  place->batch_stride = input_batch == 1 ? 0 : input_heads * elements;
  return true;
}
`;
