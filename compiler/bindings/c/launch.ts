import type { MaskModule } from "../../mask/ir.js";
import { symbolStem } from "../../../runtime/cuda/module.js";
import type { CudaKernel, CudaModule } from "../../../runtime/cuda/module.js";
import { mostKeys } from "../../../runtime/cuda/most-keys.js";
import type { InputField, ListField, UniformSource } from "../../../runtime/launch/module.js";
import { printChecks } from "./check.js";
import { printHeader } from "./header.js";
import { doubleLiteral } from "./host-expressions.js";
import { printPlaces, printPrepareInputs, printPrepareLists } from "./inputs.js";
import { callFields, dtypeConstants, fieldName } from "./names.js";
import { printOrders } from "./order.js";
import { printScalarFunction, printScalarKernel, printWriteScalars } from "./scalars.js";
import { FLOAT_SUPPORT, printCheckSelections, printMakeSelections, printSelectionTables, SELECTION_SUPPORT } from "./selection.js";
import { LAUNCH_SUPPORT, TENSOR_MAP_SUPPORT } from "./support.js";
import { callKeys, callSpace } from "./windows.js";

/** An operator on its way into the host's side of a source. */
interface HostPart {
  readonly mask: MaskModule;
  readonly module: CudaModule;
}

/**
 * The host's side of a source, for programs that link it: checks a call, fills the uniforms, brings scalars
 * and inputs into the workspace and launches the kernel. The runtime's launcher does the same by the manifest.
 */
export function printLaunch(mask: MaskModule, module: CudaModule): string {
  const stem = symbolStem(module.name);
  const call = `${stem}_call`;
  return printHostSide(
    [{ mask, module }],
    `${printHeader(mask, module)}
`,
    `${printHost({ mask, module }, 'extern "C" ')}
${printOrders(mask)}extern "C" const char* ${stem}_error(void) { return message; }

extern "C" attnc_status ${stem}_launch(const ${call}* p, cudaStream_t stream) { return launch_call(p, stream); }
`,
  );
}

/** What the host's side of a source is framed by: what it includes, and what all of its operators need. */
export function printHostSide(parts: readonly HostPart[], header: string, text: string): string {
  const scalars = parts.some(({ mask }) => mask.scalars.some(({ as }) => as === "f32"));
  const maps = parts.some(({ module }) => usesMaps(module));
  const selects = parts.some(({ module }) => module.selection !== undefined);
  const floats = parts.some(({ mask, module }) => callFields(mask, module).floats.length > 0);
  return `#ifndef __CUDACC_RTC__
// The host's side, for programs that link this file.
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
${scalars ? "#include <string.h>\n" : ""}${maps ? "#include <cuda.h>\n" : ""}
${header}namespace {

${LAUNCH_SUPPORT.trim()}
${selects ? SELECTION_SUPPORT : ""}${floats ? FLOAT_SUPPORT : ""}${maps ? TENSOR_MAP_SUPPORT : ""}
}  // namespace

${text}#endif
`;
}

const usesMaps = ({ cuda }: CudaModule): boolean => cuda.kernels.some(({ tensorMaps }) => tensorMaps !== undefined);

/**
 * Functions of one operator: beside those of its header `check_call`, which looks at all that can be wrong with a call before
 * anything is launched, and `launch_call`, which launches it then.
 */
export function printHost({ mask, module }: HostPart, linkage: string): string {
  const stem = symbolStem(module.name);
  const call = `${stem}_call`;
  const keys = mostKeys(module.lists?.length ?? 0);
  const maps = usesMaps(module);
  const turns = module.keyOrder !== undefined;
  return `${printScalarKernel(mask)}namespace {

const Kernel kernels[] = {
${module.cuda.kernels.map((kernel) => `  ${printKernel(kernel)},`).join("\n")}
};

// What this thread chose of them last.
thread_local Choice choice = {nullptr, -1, 0};

${printScalarFunction(mask, call)}
${printChecks(mask, module, call)}

${printPlaces(mask, module, call)}
${printSelectionTables(mask, module, call)}
// Rows of the queries of a head, or of a group whose queries share tiles.
long long rows_of(const ${call}* p, [[maybe_unused]] const Kernel& kernel) {
  return ${module.queryPlaces === undefined ? "static_cast<long long>(p->queries) * (kernel.packs ? p->heads / p->kv_heads : 1)" : "p->keys"};
}

// Everything that can be wrong with a call; gives where its inputs go and chooses its kernel.
attnc_status check_call(const ${call}* p, Places* found) {
  Places& places = *found;
  attnc_status status = check_shape(p);
  if (status == ATTNC_OK) status = check_pointers(p);
  if (status == ATTNC_OK) status = lay_out(p, &places);
  if (status != ATTNC_OK) return status;
${printCheckSelections(mask, module)}  const size_t given = p->workspace == nullptr ? 0 : p->workspace_bytes;
  if (given < 4 * places.words) return wrong("workspace: expected %zu bytes, found %zu", 4 * places.words, given);
  status = choose(kernels, p->dtype, p->head_dim, p->value_dim, choice);
  if (status != ATTNC_OK) return status;
  const Kernel* kernel = choice.kernel;
  if (!succeeded(cudaFuncSetAttribute(kernel->function, cudaFuncAttributeMaxDynamicSharedMemorySize, kernel->shared_bytes), "cudaFuncSetAttribute"))
    return ATTNC_CUDA_ERROR;
  const long long rows = rows_of(p, *kernel);
  const double total = static_cast<double>((rows + kernel->tile_q - 1) / kernel->tile_q) * (kernel->packs ? p->kv_heads : p->heads) * p->batch;
  if (rows > INT_MAX - kernel->tile_q || total > INT_MAX) return wrong("queries: expected fewer than 2^31 tiles of %d rows, found %.15g", kernel->tile_q, total);
  if (p->keys > ${keys}) return wrong("keys: expected at most ${keys}, found %d", p->keys);
  return ATTNC_OK;
}

attnc_status launch_call(const ${call}* p, cudaStream_t stream) {
  Places places;
  const attnc_status status = check_call(p, &places);
  if (status != ATTNC_OK) return status;
  const Kernel* kernel = choice.kernel;
  const long long tiles = (rows_of(p, *kernel) + kernel->tile_q - 1) / kernel->tile_q;
  unsigned int* aux = static_cast<unsigned int*>(p->workspace);
${printWriteScalars(mask)}${printPrepareInputs(mask, module)}${printMakeSelections(mask, module, selectionUniform)}${printPrepareLists(mask, module)}  Uniforms u = {};
${module.uniforms.map(({ name: field, source }) => `  u.${field} = ${uniform(source, module)};\n`).join("")}  int blocks = static_cast<int>(tiles) * (kernel->packs ? p->kv_heads : p->heads) * p->batch;
  if (kernel->persistent && blocks > choice.multiprocessors) blocks = choice.multiprocessors;
${maps ? MAPS : ""}  void* out = p->out;
  float* lse = p->lse;
  const void* q = p->q;
  const void* k = p->k;
  const void* v = p->v;
${turns ? QUERIES_FIRST : ""}  void* arguments[] = {&u, &q, &k, &v, &aux, &out, &lse${turns ? ", &keys_first" : ""}${maps ? ", &maps[0], &maps[1], &maps[2]" : ""}};
  return launch(kernel->function, blocks, kernel->threads, arguments, kernel->shared_bytes, stream) ? ATTNC_OK : ATTNC_CUDA_ERROR;
}

}  // namespace

${linkage}${call} ${stem}_defaults(void) {
  ${call} p = {};
${printDefaults(mask, module)}  return p;
}

${linkage}attnc_status ${stem}_workspace(const ${call}* p, size_t* bytes) {
  Places places;
  attnc_status status = check_shape(p);
  if (status == ATTNC_OK) status = lay_out(p, &places);
  if (status == ATTNC_OK) *bytes = 4 * places.words;
  return status;
}
`;
}

function printKernel(k: CudaKernel): string {
  const { queryRows = 0, keyRows = 0, innerElements = 0 } = k.tensorMaps ?? {};
  const values = [k.headDim, k.valueDim, k.tileQ, k.threads, k.sharedBytes, k.persistent, k.packsHeads, queryRows, keyRows, innerElements];
  return `{reinterpret_cast<const void*>(&${k.symbol}), ${dtypeConstants[k.dtype]}, ${values.join(", ")}}`;
}

/** Launches of C have query order alone. */
const QUERIES_FIRST = "  const unsigned int* keys_first = nullptr;\n";

const MAPS = `  CUtensorMap maps[3] = {};
  if (kernel->key_rows > 0) {
    if (!tensor_map(&maps[0], *kernel, p->q, p->head_dim, p->queries, p->heads, p->batch, kernel->query_rows) ||
        !tensor_map(&maps[1], *kernel, p->k, p->head_dim, p->keys, p->kv_heads, p->batch, kernel->key_rows) ||
        !tensor_map(&maps[2], *kernel, p->v, p->value_dim, p->keys, p->kv_heads, p->batch, kernel->key_rows))
      return ATTNC_CUDA_ERROR;
  }
`;

/** As {@link uniform}, of the call's own keys. */
function selectionUniform(source: UniformSource, module: CudaModule): string {
  const keys = callKeys(module);
  if (source.kind === "shape" && source.name === "N") return keys;
  if (source.kind === "shape" && source.name === "offset") return callSpace(module) === "self" ? `${keys} - p->queries` : "0";
  return uniform(source, module);
}

function uniform(source: UniformSource, module: CudaModule): string {
  switch (source.kind) {
    case "shape":
      return {
        batch: "p->batch",
        heads: "p->heads",
        kvHeads: "p->kv_heads",
        N: "p->keys",
        NQ: "p->queries",
        headDim: "p->head_dim",
        offset: module.space === "self" ? "p->keys - p->queries" : "0",
        tiles: "static_cast<int>(tiles)",
      }[source.name];
    case "scale":
      return `static_cast<float>((isnan(p->scale) ? 1.0 / sqrt(static_cast<double>(p->head_dim)) : p->scale) * ${Math.LOG2E})`;
    case "plainScale":
      return "static_cast<float>(isnan(p->scale) ? 1.0 / sqrt(static_cast<double>(p->head_dim)) : p->scale)";
    case "size":
      return `sizes.values[${source.index}]`;
    case "floatInput":
      return `static_cast<int>(places.${fieldName(source.input)}.${floatFields[source.field]})`;
    case "writeLse":
      return "p->lse != nullptr ? 1 : 0";
    case "split":
      return "0";
    case "param":
      return `p->${fieldName(source.name)}`;
    case "launch":
      return `p->${source.name}`;
    case "scalars":
      return "0";
    case "input":
      return `static_cast<int>(places.${fieldName(source.input)}.${placeFields[source.field]})`;
  }
}

const floatFields = { batchStride: "batch_stride", headStride: "head_stride", headCount: "heads" } as const;

const placeFields: Readonly<Record<InputField | ListField, string>> = {
  base: "base",
  batchStride: "batch_stride",
  length: "columns",
  summary: "summary",
  summaryBatchStride: "summary_batch_stride",
  summaryHeadStride: "summary_head_stride",
  headCount: "heads",
  headStride: "head_stride",
  rowStride: "row_stride",
  rows: "rows",
  columns: "columns",
  list: "list",
  listBatchStride: "list_batch_stride",
  listStride: "list_stride",
};

/** What has no default gets a value that no call may have. */
export function printDefaults(mask: MaskModule, module: CudaModule): string {
  const { heads, kvHeads, headDim, valueDim } = module.defaults;
  const { params, launch } = callFields(mask, module);
  const lines = [
    `p.dtype = ${dtypeConstants[module.dtype]};`,
    "p.batch = 1;",
    `p.heads = ${heads};`,
    `p.kv_heads = ${kvHeads};`,
    `p.head_dim = ${headDim};`,
    `p.value_dim = ${valueDim};`,
    "p.scale = NAN;",
    ...params.map(({ field, type, default: value }) => {
      const unset = type === "int" ? "INT_MIN" : "NAN";
      return `p.${field} = ${value === undefined ? unset : type === "int" ? value : doubleLiteral(value)};`;
    }),
    ...launch.map((field) => `p.${field} = ${field === "layers" ? (module.fixed.layers ?? -1) : -1};`),
  ];
  return lines.map((line) => `  ${line}\n`).join("");
}
