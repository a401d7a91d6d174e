import { isOrder } from "../descriptions.js";
import type { MaskModule } from "../../mask/ir.js";
import { symbolStem } from "../../../runtime/cuda/module.js";
import type { CudaModule } from "../../../runtime/cuda/module.js";
import { callFields, cComment } from "./names.js";
import type { CallFields, CallFloats, CallInput } from "./names.js";
import { CALL_KEYS } from "./windows.js";

/** A tensor of a call that only attentions with branches have. */
export interface CallTensor {
  readonly name: string;
  readonly field: string;
  readonly type: string;
  readonly doc: string;
}

/** What the struct of a call has more or less than that of one attention. */
export interface CallTensors {
  readonly lse: boolean;
  readonly more: readonly CallTensor[];
}

export const ONE_ATTENTION: CallTensors = { lse: true, more: [] };

/** The C header of an operator: the struct of a call, and the functions that fill, measure and launch it. C99 and C++ read it. */
export function printHeader(mask: MaskModule, module: CudaModule, tensors: CallTensors = ONE_ATTENTION): string {
  const { name } = module;
  const guard = `ATTNC_${name}_H`;
  const fields = callFields(mask, module);
  return `${cComment(`${name} (${mask.origin}): made by attnc.`)}#ifndef ${guard}
#define ${guard}

#include <cuda_runtime_api.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

${TYPES}
${fields.floats.length > 0 ? FLOATS : ""}${mask.doc === undefined ? "" : cComment(mask.doc)}${printCallStruct(mask, module, tensors)}
// A call with the declaration's shape and parameters; pointers, lengths and what has no default are left to fill.
attnc_${name}_call attnc_${name}_defaults(void);

// Bytes of workspace that a call needs.
attnc_status attnc_${name}_workspace(const attnc_${name}_call* call, size_t* bytes);

// Puts the kernels of a call on a stream and returns; they may be captured in a graph. The values of inputs must be
// right: those out of range are ignored.
attnc_status attnc_${name}_launch(const attnc_${name}_call* call, cudaStream_t stream);

// What was wrong with this thread's last call.
const char* attnc_${name}_error(void);
${printOrders(mask)}
#ifdef __cplusplus
}
#endif
#endif
`;
}

/** The struct of a call of an operator. */
export function printCallStruct(mask: MaskModule, module: CudaModule, { lse, more }: CallTensors = ONE_ATTENTION): string {
  const fields = callFields(mask, module);
  const stem = symbolStem(module.name);
  return `typedef struct {
  // On the device, contiguous, aligned to 16 bytes: q [batch, heads, queries, head_dim],
  // k [batch, kv_heads, keys, head_dim], v [batch, kv_heads, keys, value_dim], out [batch, heads, queries, value_dim].
  const void* q;
  const void* k;
  const void* v;
  void* out;
${lse ? LSE : ""}  attnc_dtype dtype;
  int batch;
  int heads;
  int kv_heads;
  ${module.space === "self" ? "// The queries are the last of the keys' positions." : "// Queries and keys have positions of their own."}
  int queries;
  int keys;
  int head_dim;
  int value_dim;
  // Factor of the logits; NaN, the default, stands for 1 / sqrt(head_dim).
  double scale;
${more.map(({ doc, type, field }) => `${cComment(doc, "  ")}  ${type} ${field};\n`).join("")}${printParams(fields)}${printLaunchVariables(fields, module)}${fields.inputs.map((input) => printInput(input, module)).join("")}${printSelectionFields(fields, module)}${module.windows === undefined ? "" : `  // The keys of the call, which selections read.\n  const void* ${CALL_KEYS};\n`}  // On the device, aligned to 16 bytes, of the bytes that ${stem}_workspace() tells; NULL where those are none.
  // Launches that may run at the same time must not share it.
  void* workspace;
  size_t workspace_bytes;
} ${stem}_call;
`;
}

const LSE = `  // [batch, heads, queries], natural logarithms of the rows' sums of exponentials, or NULL.
  float* lse;
`;

/** What all headers share, so that several can be included. */
const TYPES = `#ifndef ATTNC_TYPES
#define ATTNC_TYPES
typedef enum { ATTNC_F32 = 0, ATTNC_F16 = 1, ATTNC_BF16 = 2 } attnc_dtype;

typedef enum {
  ATTNC_OK = 0,
  // A value of the call that cannot be: attnc_NAME_error() says which, what was expected and what was found.
  ATTNC_BAD_CALL = 1,
  // No kernel for the dtype and dims, or none that this device can run.
  ATTNC_NO_KERNEL = 2,
  ATTNC_CUDA_ERROR = 3
} attnc_status;

// An input of the declaration, on the device: int32, or 32-bit words of packed bits, lowest bit first.
typedef struct {
  const int* data;
  // Leading axes: 1 or the batch; 1, the kv heads or the query heads. 0 stands for 1.
  int batch;
  int heads;
  // Entries of each list, where the input is lists.
  int entries;
  // For lists by offsets: numbers of key blocks.
  const int* indices;
  int index_count;
} attnc_input;
#endif
`;

/** For operators whose selections read numbers of the caller. */
export const FLOATS = `#ifndef ATTNC_FLOATS
#define ATTNC_FLOATS
// An input of float32 numbers, on the device; batch and heads as those of attnc_input.
typedef struct {
  const float* data;
  int batch;
  int heads;
} attnc_floats;
#endif

`;

function printParams({ params }: CallFields): string {
  return params
    .map(({ name, type, field, doc, min, default: value }) => {
      const facts = [value === undefined ? "to be set" : `${value} by default`, ...(min === undefined ? [] : [`at least ${min}`])];
      return `${cComment(`${doc ?? `The parameter ${name}.`} (${facts.join(", ")})`, "  ")}  ${type} ${field};\n`;
    })
    .join("");
}

function printLaunchVariables({ launch }: CallFields, { phases, fixed }: CudaModule): string {
  const docs = {
    layer: "Number of the layer, from 0, to be set.",
    layers:
      fixed.layers === undefined
        ? "How many layers the model has, to be set."
        : `How many layers the model has: ${fixed.layers}, as in a table.`,
    step: "Number of the step, from 0, to be set.",
    steps: "How many steps there are, to be set.",
    phase: `The phase of the call, to be set: ${phases.map((phase, i) => `${i} ${phase}`).join(", ")}.`,
  };
  return launch.map((field) => `${cComment(docs[field], "  ")}  int ${field};\n`).join("");
}

function printInput(input: CallInput, module: CudaModule): string {
  return `${cComment(describe(input, module.space), "  ")}  attnc_input ${input.field};\n`;
}

function describe(spec: CallInput, space: CudaModule["space"]): string {
  if (/^\d/.test(spec.name)) return `[keys], what the function of that name gives, copied to the device.`;
  const rows = space === "self" ? "keys" : "queries";
  switch (spec.kind) {
    case "ids":
      if (isOrder(spec))
        return `[batch, heads, ${spec.axis === "k" ? "keys" : rows}], the position of the token at each place, each once; heads: 1 or the kv heads.`;
      return `[batch, ${spec.axis === "k" ? "keys" : rows}], an integer for each token.`;
    case "bits":
      return `[batch, heads, ${spec.rows === "q" ? "queries" : spec.rows}, ceil(${spec.columns === "k" ? "keys" : spec.columns} / 32)] words.`;
    case "blocks":
      return `[batch, heads, ceil(${rows} / ${spec.n}), ceil(ceil(keys / ${spec.m}) / 32)] words, a bit for each block of ${spec.n} queries and ${spec.m} keys.`;
    case "columns":
      return "[batch, heads, entries], positions of keys, padded with -2147483648.";
    case "diagonals":
      return "[batch, heads, entries], distances q - k, padded with -2147483648.";
    case "csr":
      return `Offsets [batch, heads, ceil(${rows} / ${spec.n}) + 1] into indices, numbers of blocks of ${spec.m} keys.`;
  }
}

/** Inputs of floats, and where what is selected goes and comes from. */
function printSelectionFields({ floats, selections }: CallFields, module: CudaModule): string {
  return [
    ...floats.map((input) => `${cComment(describeFloats(input, module.space), "  ")}  attnc_floats ${input.field};\n`),
    ...selections.map(({ name, field, reusable, remembers, numbers }) => {
      const { heads } = module.selection!.matrices.find((each) => each.name === name)!;
      const axes = `[batch, ${{ query: "heads", kv: "kv_heads", one: "1" }[heads]}, rows, ceil(columns / 32)] words`;
      const floats = remembers ? "queries" : numbers ? "centroids" : undefined;
      const what = floats === undefined ? `${axes} of a bit for each unit` : `${axes} that are the float32 numbers of ${floats}`;
      const selected = `${cComment(`Where ${floats !== undefined ? name : `what ${name} chose`} is copied to, ${what}, or NULL.`, "  ")}  unsigned int* selected_${field};\n`;
      if (!reusable) return selected;
      return `${selected}${cComment(`${remembers ? name : `What ${name} chose`} in an earlier launch, in place of a new choice, or NULL; its columns where they are fewer than now, else 0.`, "  ")}  const unsigned int* reuse_${field};\n  int reuse_${field}_columns;\n`;
    }),
  ].join("");
}

function describeFloats(spec: CallFloats, space: CudaModule["space"]): string {
  const from = space === "self" ? ", rows counted from the block of the first query" : "";
  switch (spec.kind) {
    case "scores":
      return `[batch, heads, blocks of ${spec.n} queries, ceil(keys / ${spec.m})] scores${from}.`;
    case "channels":
      return "[batch, heads, head_dim] numbers.";
    case "centroids":
      return `[batch, heads, ${spec.n}, head_dim]: the first centroids, finite; heads: 1${spec.axis === "q" ? ", the kv heads or the query heads" : " or the kv heads"}.`;
    case "weights":
      return spec.axis === "q" ? "[batch, heads, queries]: a number for each query." : "[batch, heads, keys]: a number for each key.";
    case "pooled":
      return `[batch, heads, windows, head_dim]: a vector for each window of ${spec.n} keys that fits whole, one every ${spec.stride}.`;
  }
}

/** Functions that make the tables of a layout. */
function printOrders({ name, orders = [], layout }: MaskModule): string {
  if (orders.length === 0) return "";
  const functions = orders.map((spec) => `void attnc_${name}_order_${spec.name.slice(1)}(int* table);\n`);
  return `
// The tables of ${layout?.name ?? "the layout"}, an integer for each of the keys, in memory of the host: to be made once and copied to the device.
${functions.join("")}`;
}
