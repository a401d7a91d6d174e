import type { MaskModule } from "../../mask/ir.js";
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

/**
 * The host's side of a source, for programs that link it: checks a call, fills the uniforms, brings scalars
 * and inputs into the workspace and launches the kernel. The runtime's launcher does the same by the manifest.
 */
export function printLaunch(mask: MaskModule, module: CudaModule): string {
  const { name } = module;
  const call = `attnc_${name}_call`;
  const keys = mostKeys(module.lists?.length ?? 0);
  const maps = module.cuda.kernels.some(({ tensorMaps }) => tensorMaps !== undefined);
  return `#ifndef __CUDACC_RTC__
// The host's side, for programs that link this file.
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
${mask.scalars.some(({ as }) => as === "f32") ? "#include <string.h>\n" : ""}${maps ? "#include <cuda.h>\n" : ""}
${printHeader(mask, module)}
${printScalarKernel(mask)}namespace {

${LAUNCH_SUPPORT.trim()}
${module.selection === undefined ? "" : SELECTION_SUPPORT}${callFields(mask, module).floats.length === 0 ? "" : FLOAT_SUPPORT}${maps ? TENSOR_MAP_SUPPORT : ""}
const Kernel kernels[] = {
${module.cuda.kernels.map((kernel) => `  ${printKernel(kernel)},`).join("\n")}
};

${printScalarFunction(mask, call)}
${printChecks(mask, module, call)}

${printPlaces(mask, module, call)}
${printSelectionTables(mask, module, call)}
}  // namespace

${printOrders(mask)}extern "C" ${call} attnc_${name}_defaults(void) {
  ${call} p = {};
${defaults(mask, module)
  .map((line) => `  ${line}\n`)
  .join("")}  return p;
}

extern "C" const char* attnc_${name}_error(void) { return message; }

extern "C" attnc_status attnc_${name}_workspace(const ${call}* p, size_t* bytes) {
  Places places;
  attnc_status status = check_shape(p);
  if (status == ATTNC_OK) status = lay_out(p, &places);
  if (status == ATTNC_OK) *bytes = 4 * places.words;
  return status;
}

extern "C" attnc_status attnc_${name}_launch(const ${call}* p, cudaStream_t stream) {
  Places places;
  attnc_status status = check_shape(p);
  if (status == ATTNC_OK) status = check_pointers(p);
  if (status == ATTNC_OK) status = lay_out(p, &places);
  if (status != ATTNC_OK) return status;
${printCheckSelections(mask, module)}  const size_t given = p->workspace == nullptr ? 0 : p->workspace_bytes;
  if (given < 4 * places.words) return wrong("workspace: expected %zu bytes, found %zu", 4 * places.words, given);
  const Choice* choice = nullptr;
  status = choose(kernels, p->dtype, p->head_dim, p->value_dim, &choice);
  if (status != ATTNC_OK) return status;
  const Kernel* kernel = choice->kernel;
  if (!succeeded(cudaFuncSetAttribute(kernel->function, cudaFuncAttributeMaxDynamicSharedMemorySize, kernel->shared_bytes), "cudaFuncSetAttribute"))
    return ATTNC_CUDA_ERROR;
  const int grid_heads = kernel->packs ? p->kv_heads : p->heads;
  const long long rows = ${module.queryPlaces === undefined ? "static_cast<long long>(p->queries) * (kernel->packs ? p->heads / p->kv_heads : 1)" : "p->keys"};
  const long long tiles = (rows + kernel->tile_q - 1) / kernel->tile_q;
  const double total = static_cast<double>(tiles) * grid_heads * p->batch;
  if (rows > INT_MAX - kernel->tile_q || total > INT_MAX) return wrong("queries: expected fewer than 2^31 tiles of %d rows, found %.15g", kernel->tile_q, total);
  if (p->keys > ${keys}) return wrong("keys: expected at most ${keys}, found %d", p->keys);
  unsigned int* aux = static_cast<unsigned int*>(p->workspace);
${printWriteScalars(mask)}${printPrepareInputs(mask, module)}${printMakeSelections(mask, module, uniform)}${printPrepareLists(mask, module)}  Uniforms u = {};
${module.uniforms.map(({ name: field, source }) => `  u.${field} = ${uniform(source, module)};\n`).join("")}  int blocks = static_cast<int>(total);
  if (kernel->persistent && blocks > choice->multiprocessors) blocks = choice->multiprocessors;
${maps ? MAPS : ""}  void* out = p->out;
  float* lse = p->lse;
  const void* q = p->q;
  const void* k = p->k;
  const void* v = p->v;
  void* arguments[] = {&u, &q, &k, &v, &aux, &out, &lse${maps ? ", &maps[0], &maps[1], &maps[2]" : ""}};
  return launch(kernel->function, blocks, kernel->threads, arguments, kernel->shared_bytes, stream) ? ATTNC_OK : ATTNC_CUDA_ERROR;
}
#endif
`;
}

function printKernel(k: CudaKernel): string {
  const { queryRows = 0, keyRows = 0, innerElements = 0 } = k.tensorMaps ?? {};
  const values = [k.headDim, k.valueDim, k.tileQ, k.threads, k.sharedBytes, k.persistent, k.packsHeads, queryRows, keyRows, innerElements];
  return `{reinterpret_cast<const void*>(&${k.symbol}), ${dtypeConstants[k.dtype]}, ${values.join(", ")}}`;
}

const MAPS = `  CUtensorMap maps[3] = {};
  if (kernel->key_rows > 0) {
    if (!tensor_map(&maps[0], *kernel, p->q, p->head_dim, p->queries, p->heads, p->batch, kernel->query_rows) ||
        !tensor_map(&maps[1], *kernel, p->k, p->head_dim, p->keys, p->kv_heads, p->batch, kernel->key_rows) ||
        !tensor_map(&maps[2], *kernel, p->v, p->value_dim, p->keys, p->kv_heads, p->batch, kernel->key_rows))
      return ATTNC_CUDA_ERROR;
  }
`;

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
function defaults(mask: MaskModule, module: CudaModule): readonly string[] {
  const { heads, kvHeads, headDim, valueDim } = module.defaults;
  const { params, launch } = callFields(mask, module);
  return [
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
}
