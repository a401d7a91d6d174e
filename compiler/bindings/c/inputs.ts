import type { MaskModule } from "../../mask/ir.js";
import { symbolStem } from "../../../runtime/cuda/module.js";
import type { CudaModule } from "../../../runtime/cuda/module.js";
import type { InputSpec } from "../../../runtime/launch/module.js";
import { printDivision } from "./division.js";
import { callFields } from "./names.js";
import { printLayOutSelections, printSelectionPlaces } from "./selection.js";
import type { CallInput } from "./names.js";
import { isOrder } from "../descriptions.js";

/** The kinds of inputs as support.ts tells them apart, and the kernels that prepare them. */
const KINDS = {
  ids: { kind: "IDS", kernel: "ids" },
  bits: { kind: "WORDS", kernel: "words" },
  blocks: { kind: "WORDS", kernel: "words" },
  columns: { kind: "LISTS", kernel: "lists" },
  diagonals: { kind: "LISTS", kernel: "lists" },
  csr: { kind: "OFFSETS", kernel: "csr" },
} as const;

const kindOf = (spec: InputSpec): string => (isOrder(spec) ? "ORDER" : KINDS[spec.kind].kind);

/** Where the inputs of a call lie in the workspace, and the function that finds it. */
export function printPlaces(mask: MaskModule, module: CudaModule, call: string): string {
  const { inputs } = callFields(mask, module);
  const scalars = mask.scalars.length;
  return `${printDivision(mask, module, call)}
// Where inputs lie in the workspace, in words: after the scalars of all heads.
struct Places {
${inputs.map(({ field }) => `  InputPlace ${field};\n`).join("")}${printSelectionPlaces(mask, module)}  size_t words;
};

attnc_status lay_out([[maybe_unused]] const ${call}* p, Places* places) {
  size_t words = ${scalars === 0 ? "0" : `static_cast<size_t>(p->heads) * ${scalars}`};
${inputs.map((input) => `  if (!${placeInput(input, module)}) return ATTNC_BAD_CALL;\n`).join("")}${printLayOutSelections(mask, module)}${listed(
    mask,
    module,
  )
    .map((field) => `  place_list(&words, &places->${field});\n`)
    .join("")}  places->words = words;
  if (words >= 0x7fffffff) return wrong("workspace: expected fewer than 2^31 words, found %zu", words);
${
  module.selection === undefined
    ? ""
    : `  places->scratch = words;
  places->words += places->scratch_words;
`
}  return ATTNC_OK;
}`;
}

/** The fields of the inputs and selections whose rows are made into lists. */
function listed(mask: MaskModule, module: CudaModule): readonly string[] {
  const { inputs, selections } = callFields(mask, module);
  return [...inputs, ...selections].flatMap(({ name, field }) => (module.lists?.includes(name) === true ? [field] : []));
}

function placeInput(input: CallInput, module: CudaModule): string {
  const [rows, columns] = sizes(input, module);
  const size = `${rows}, ${columns}, p->batch, p->heads, p->kv_heads`;
  return `place_input("${input.field}", ${kindOf(input)}, p->${input.field}, ${size}, &words, &places->${input.field})`;
}

/** Rows and columns of the bit matrix that an input becomes: see runtime/launch/input-layout.ts. */
function sizes(spec: InputSpec, module: CudaModule): readonly [rows: string, columns: string] {
  const queries = module.space === "self" ? "p->keys" : "p->queries";
  const blocks = (of: string, n: number): string => `(${of} + ${n - 1}) / ${n}`;
  switch (spec.kind) {
    case "ids":
      return ["1", spec.axis === "k" ? "p->keys" : queries];
    case "bits":
      return [spec.rows === "q" ? "p->queries" : String(spec.rows), spec.columns === "k" ? "p->keys" : String(spec.columns)];
    case "blocks":
    case "csr":
      return [blocks(queries, spec.n), blocks("p->keys", spec.m)];
    case "columns":
      return ["1", "p->keys"];
    case "diagonals":
      return ["1", `p->keys + ${queries} - 1`];
  }
}

/** Conditions that say of each input whether its pointers are there. */
export function printInputChecks(mask: MaskModule, module: CudaModule): string {
  return callFields(mask, module)
    .inputs.map((input) => `  if (!check_input("${input.field}", ${kindOf(input)}, p->${input.field})) return ATTNC_BAD_CALL;\n`)
    .join("");
}

/** Statements that make lists of inputs and selections, which are in the workspace by then. */
export function printPrepareLists(mask: MaskModule, module: CudaModule): string {
  const lists = listed(mask, module).map(
    (field) =>
      `  if (!prepare_list(reinterpret_cast<const void*>(&${symbolStem(module.name)}_prepare_key_lists), places.${field}, aux, stream)) return ATTNC_CUDA_ERROR;\n`,
  );
  return lists.join("");
}

/** Statements that bring the inputs of a call into the workspace. */
export function printPrepareInputs(mask: MaskModule, module: CudaModule): string {
  return callFields(mask, module)
    .inputs.map((input) => {
      const { field } = input;
      const { kernel } = KINDS[input.kind];
      const params = parameters(field, input).map((param) => `static_cast<int>(${param})`);
      return `  {
    const InputPlace& in = places.${field};
    const Prepare prepare = {{${params.join(", ")}}};
    const void* function = reinterpret_cast<const void*>(&${symbolStem(module.name)}_prepare_${kernel});
    if (!prepare_input(function, prepare, in, p->${field}, aux, stream)) return ATTNC_CUDA_ERROR;
  }
`;
    })
    .join("");
}

/** The parameters of the kernel that prepares an input, as runtime/launch/prepare/pass.ts computes them. */
function parameters(field: string, spec: InputSpec): readonly string[] {
  switch (spec.kind) {
    case "ids": {
      const bounds = isOrder(spec) ? ["0", "in.columns - 1"] : ["INT_MIN", "INT_MAX"];
      return ["in.batch * in.heads * in.groups", "in.groups", "in.columns", "in.base", "in.summary", ...bounds];
    }
    case "bits":
    case "blocks":
      return ["in.batch * in.heads * in.head_stride", "in.base"];
    case "columns":
    case "diagonals":
      return [
        "in.batch * in.heads * in.entries",
        "in.entries",
        "in.base",
        "in.row_stride",
        "in.columns",
        spec.kind === "diagonals" ? "p->keys - 1" : "0",
      ];
    case "csr":
      return ["in.batch * in.heads * in.rows", "in.rows", `p->${field}.index_count`, "in.base", "in.row_stride", "in.columns"];
  }
}
