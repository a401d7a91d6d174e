import { CUDA_MIX_THREADS } from "../../../runtime/cuda/branches/module.js";
import { symbolStem } from "../../../runtime/cuda/module.js";
import type { CudaDtype } from "../../../runtime/cuda/module.js";
import type { WindowsSpec } from "../../../runtime/launch/branches/module.js";
import { printChecks } from "./check.js";
import { dtypesOf } from "./division.js";
import { FLOATS, printCallStruct, printHeader } from "./header.js";
import { printDefaults, printHost, printHostSide } from "./launch.js";
import { callFields, fieldName } from "./names.js";
import { printOrders } from "./order.js";
import { floatsOfCall, wholeOperator, type CompiledCudaBranched } from "./whole.js";
import { CALL_KEYS } from "./windows.js";

/** The C header of an attention with branches. */
export function printBranchedHeader(operator: CompiledCudaBranched): string {
  const { mask, launch } = wholeOperator(operator);
  return printHeader(mask, launch, { lse: operator.launch.mix.lse, more: floatsOfCall(operator.launch) });
}

/**
 * The host's side of a source of an attention with branches: each branch is an operator in its own namespace, with a call of
 * its own that is made from that of the whole; then the mix. The runtime's launcher does the same by the manifest.
 */
export function printBranchedLaunch(operator: CompiledCudaBranched): string {
  const { branched, launch } = operator;
  const whole = wholeOperator(operator);
  const stem = symbolStem(launch.name);
  const parts = branched.branches.map(({ module: mask }, i) => ({ mask, module: launch.branches[i]!.module }));
  const floats = parts.some(({ mask, module }) => callFields(mask, module).floats.length > 0);
  const spaces = parts.map(({ mask, module }) => {
    const space = symbolStem(module.name);
    return `namespace ${space} {
${printCallStruct(mask, module)}
${printHost({ mask, module }, "static ")}
}  // namespace ${space}
`;
  });
  return printHostSide(
    parts,
    `${printBranchedHeader(operator)}
${floats ? FLOATS : ""}`,
    `${spaces.join("\n")}
namespace {

${printChecks(whole.mask, whole.launch, `${stem}_call`, floatsOfCall(launch))}

${printPlaces(operator)}
${launch.branches.map((_, i) => printBranch(operator, i)).join("\n")}
${printMixLaunch(operator)}
}  // namespace

extern "C" ${stem}_call ${stem}_defaults(void) {
  ${stem}_call p = {};
${printDefaults(whole.mask, whole.launch)}  return p;
}

extern "C" const char* ${stem}_error(void) { return message; }

extern "C" attnc_status ${stem}_workspace(const ${stem}_call* p, size_t* bytes) {
  Parts parts;
  attnc_status status = check_shape(p);
  if (status == ATTNC_OK) status = lay_out(p, &parts);
  if (status == ATTNC_OK) *bytes = parts.bytes;
  return status;
}

extern "C" attnc_status ${stem}_launch(const ${stem}_call* p, cudaStream_t stream) {
  Parts parts;
  attnc_status status = check_shape(p);
  if (status == ATTNC_OK) status = check_pointers(p);
  if (status == ATTNC_OK) status = lay_out(p, &parts);
  if (status != ATTNC_OK) return status;
  const size_t given = p->workspace == nullptr ? 0 : p->workspace_bytes;
  if (given < parts.bytes) return wrong("workspace: expected %zu bytes, found %zu", parts.bytes, given);
  // All of them are looked at before the first is launched.
${launch.branches.map((_, i) => `  if (status == ATTNC_OK) status = check_${i}(p, parts);\n`).join("")}${launch.branches.map((_, i) => `  if (status == ATTNC_OK) status = launch_${i}(p, parts, stream);\n`).join("")}  return status == ATTNC_OK ? launch_mix(p, parts, stream) : status;
}

${printOrders(whole.mask)}`,
  );
}

const windowCount = ({ n, stride }: Pick<WindowsSpec, "n" | "stride">): string => `(p->keys < ${n} ? 0 : (p->keys - ${n}) / ${stride} + 1)`;

/** Where branches leave what they compute, and the workspace of each. */
function printPlaces(operator: CompiledCudaBranched): string {
  const { launch } = operator;
  const { branches } = launch;
  const stem = symbolStem(launch.name);
  const names = branches.map(({ module }) => symbolStem(module.name));
  const calls = branches.map(({ name }, i) => {
    const space = names[i]!;
    return `// The call of the branch ${name}, without the memory that it writes.
${space}::${space}_call call_${i}(const ${stem}_call* p) {
  ${space}::${space}_call branch = ${space}::${space}_defaults();
${callLines(operator, i).join("")}  return branch;
}
`;
  });
  return `${calls.join("\n")}
// What branches leave in the workspace, in bytes: outputs, the lse of those that are weighed by it, workspaces of their own.
struct Parts {
  size_t out[${branches.length}];
  size_t lse[${branches.length}];
  size_t space[${branches.length}];
  size_t space_bytes[${branches.length}];
  size_t bytes;
  // A bit for each branch that has no keys in the call.
  unsigned int empty;
};

attnc_status lay_out(const ${stem}_call* p, Parts* parts) {
  *parts = {};
  const auto take = [&](size_t bytes) {
    const size_t at = parts->bytes;
    parts->bytes += (bytes + 255) / 256 * 256;
    return at;
  };
  const size_t rows = static_cast<size_t>(p->batch) * p->heads * p->queries;
${branches
  .map(({ windows, module }, i) => {
    const weighed = launch.mix.weighs.includes(i) ? `  parts->lse[${i}] = take(rows * 4);\n` : "";
    const space = `{
    const auto branch = call_${i}(p);
    const attnc_status status = ${names[i]}::${names[i]}_workspace(&branch, &parts->space_bytes[${i}]);
    if (status != ATTNC_OK) return status;
    parts->space[${i}] = take(parts->space_bytes[${i}]);
  }
`;
    const isEmpty = windows && `  if (${windowCount(windows)} == 0) {\n    parts->empty |= ${2 ** i}u;\n  }`;
    // What a branch without keys selects may be asked for.
    const empty =
      isEmpty === undefined ? `  ${space}` : module.windows === undefined ? `${isEmpty} else ${space}` : `${isEmpty}\n  ${space}`;
    return `  parts->out[${i}] = take(rows * p->value_dim * (p->dtype == ATTNC_F32 ? 4 : 2));\n${weighed}${empty}`;
  })
  .join("")}  return ATTNC_OK;
}
`;
}

/** Statements that fill the call of a branch from that of the whole. */
function callLines({ branched, launch }: CompiledCudaBranched, index: number): readonly string[] {
  const { windows } = launch.branches[index]!;
  const fields = (i: number) => callFields(branched.branches[i]!.module, launch.branches[i]!.module);
  const { params, launch: variables, inputs, floats, selections } = fields(index);
  const pools = floatsOfCall(launch).filter((each) => each.windows !== undefined);
  const isPool = ({ name }: { readonly name: string }): boolean => pools.some((pool) => pool.name === name);
  const first = firstSelected({ branched, launch }, index);
  const copied = [
    ...["q", "dtype", "batch", "heads", "kv_heads", "queries", "head_dim", "value_dim", "scale"],
    ...params.filter(({ name }) => name !== windows?.tokens).map(({ field }) => field),
    ...variables,
    ...inputs.map(({ field }) => field),
    ...floats.filter((each) => !isPool(each)).map(({ field }) => field),
    ...selections.flatMap(({ field, reusable }) => [
      ...(first.includes(field) ? [`selected_${field}`] : []),
      ...(reusable ? [`reuse_${field}`, `reuse_${field}_columns`] : []),
    ]),
  ];
  return [
    ...copied.map((field) => `branch.${field} = p->${field};`),
    ...keyLines(launch.branches[index]!),
    ...floats.filter(isPool).map(({ field }) => `branch.${field} = {static_cast<const float*>(p->${field}), p->batch, p->kv_heads};`),
  ].map((line) => `  ${line}\n`);
}

/** The fields of the selections that the app is given by this branch: of those that several make, by the first of them. */
function firstSelected({ branched, launch }: CompiledCudaBranched, index: number): readonly string[] {
  const made = (i: number) => callFields(branched.branches[i]!.module, launch.branches[i]!.module).selections;
  const before = launch.branches.slice(0, index).flatMap((_, i) => made(i).map(({ name }) => name));
  return made(index).flatMap(({ name, field }) => (before.includes(name) ? [] : [field]));
}

/** Statements for the keys of a branch. One that has none takes one of the call's: only what it selects is looked at then. */
function keyLines({ windows, module }: CompiledCudaBranched["launch"]["branches"][number]): readonly string[] {
  if (windows === undefined) return ["branch.k = p->k;", "branch.v = p->v;", "branch.keys = p->keys;"];
  const [key, value, count] = [fieldName(windows.key), fieldName(windows.value), windowCount(windows)];
  const tokens = `branch.${fieldName(windows.tokens)} = p->keys;`;
  if (module.windows === undefined) return [`branch.k = p->${key};`, `branch.v = p->${value};`, `branch.keys = ${count};`, tokens];
  return [
    `const int windows = ${count};`,
    `branch.k = windows == 0 ? p->k : p->${key};`,
    `branch.v = windows == 0 ? p->v : p->${value};`,
    "branch.keys = windows == 0 ? 1 : windows;",
    `branch.${CALL_KEYS} = p->k;`,
    tokens,
  ];
}

/** Functions that look at a branch's part of a call, and launch it. */
function printBranch({ launch, branched }: CompiledCudaBranched, index: number): string {
  const { module } = launch.branches[index]!;
  const asked =
    module.windows === undefined ? [] : firstSelected({ launch, branched }, index).map((field) => `p->selected_${field} == nullptr`);
  const unneeded = [`(parts.empty & ${2 ** index}u) != 0u`, ...asked].join(" && ");
  const space = symbolStem(launch.branches[index]!.module.name);
  const stem = symbolStem(launch.name);
  const weighed = launch.mix.weighs.includes(index);
  return `${space}::${space}_call placed_${index}(const ${stem}_call* p, const Parts& parts) {
  auto branch = call_${index}(p);
  unsigned char* memory = static_cast<unsigned char*>(p->workspace);
  branch.out = memory + parts.out[${index}];
${weighed ? `  branch.lse = reinterpret_cast<float*>(memory + parts.lse[${index}]);\n` : ""}  branch.workspace = memory + parts.space[${index}];
  branch.workspace_bytes = parts.space_bytes[${index}];
  return branch;
}

attnc_status check_${index}(const ${stem}_call* p, const Parts& parts) {
  if (${unneeded}) return ATTNC_OK;
  const auto branch = placed_${index}(p, parts);
  ${space}::Places places;
  return ${space}::check_call(&branch, &places);
}

attnc_status launch_${index}(const ${stem}_call* p, const Parts& parts, cudaStream_t stream) {
  if (${unneeded}) return ATTNC_OK;
  const auto branch = placed_${index}(p, parts);
  return ${space}::launch_call(&branch, stream);
}
`;
}

function printMixLaunch({ launch }: CompiledCudaBranched): string {
  const { branches, mix, mixSymbol, gates } = launch;
  const stem = symbolStem(launch.name);
  const dtypes = dtypesOf(branches[0]!.module);
  const kernel = (dtype: CudaDtype): string =>
    dtypes.includes(dtype) ? `reinterpret_cast<const void*>(&${mixSymbol}_${dtype})` : "nullptr";
  const pointers = [
    ...branches.map((_, i) => ({ name: `o_${i}`, text: `const void* o_${i} = memory + parts.out[${i}];` })),
    ...mix.weighs.map((i) => ({ name: `lse_${i}`, text: `const void* lse_${i} = memory + parts.lse[${i}];` })),
    ...gates.map(({ name }, i) => ({ name: `gate_${i}`, text: `const float* gate_${i} = p->${fieldName(name)};` })),
    { name: "out", text: "void* out = p->out;" },
    ...(mix.lse ? [{ name: "lse", text: "float* lse = p->lse;" }] : []),
  ];
  return `attnc_status launch_mix(const ${stem}_call* p, const Parts& parts, cudaStream_t stream) {
  // By ATTNC_F32, ATTNC_F16, ATTNC_BF16.
  const void* const mixes[] = {${(["f32", "f16", "bf16"] as const).map(kernel).join(", ")}};
  const int width = p->value_dim / 4;
  const long long count = static_cast<long long>(p->batch) * p->heads * p->queries * width;
  MixUniforms u = {count, width, ${mix.lse ? "p->lse != nullptr ? 1 : 0" : "0"}, parts.empty};
  unsigned char* memory = static_cast<unsigned char*>(p->workspace);
${pointers.map(({ text }) => `  ${text}\n`).join("")}  void* arguments[] = {&u, ${pointers.map(({ name }) => `&${name}`).join(", ")}};
  const int blocks = static_cast<int>((count - 1) / ${CUDA_MIX_THREADS} + 1);
  return launch(mixes[p->dtype], blocks, ${CUDA_MIX_THREADS}, arguments, 0, stream) ? ATTNC_OK : ATTNC_CUDA_ERROR;
}
`;
}
