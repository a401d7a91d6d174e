import type { MaskModule } from "../../mask/ir.js";
import { symbolStem } from "../../../runtime/cuda/module.js";
import { doubleLiteral, printHostExpr } from "./host-expressions.js";

const FLOAT_BITS = `
// A float32 that the host computes, as its bits.
int float_bits(double value) {
  const float number = static_cast<float>(value);
  int bits;
  memcpy(&bits, &number, sizeof bits);
  return bits;
}
`;

/** The tables that host scalars read, and a function that computes one of them for one head. */
export function printScalarFunction(mask: MaskModule, call: string): string {
  const { scalars, tables } = mask;
  if (scalars.length === 0) return "";
  const arrays = tables.map(({ values }, i) => `const double table_${i}[] = {${values.map(doubleLiteral).join(", ")}};\n`);
  return `${arrays.join("")}${scalars.some(({ as }) => as === "f32") ? FLOAT_BITS : ""}
// What kernels read of head h, in the order of their words.
int scalar(const ${call}* p, int h, int slot) {
  [[maybe_unused]] const int kvh = static_cast<int>(static_cast<long long>(h) * p->kv_heads / p->heads);
  switch (slot) {
${scalars.map(({ expr, as }, slot) => `    case ${slot}: return ${as === "f32" ? "float_bits" : "to_scalar"}(${printHostExpr(expr, tables)});`).join("\n")}
    default: return 0;
  }
}
`;
}

/** The kernel that writes scalars to the workspace; empty where there are none. */
export const printScalarKernel = ({ name, scalars }: MaskModule): string =>
  scalars.length === 0
    ? ""
    : `// Words that go to the workspace as a kernel's argument: so they are right in a captured graph too.
struct Words {
  static constexpr int MOST = 512;
  int first;
  int count;
  int word[MOST];
};

extern "C" __global__ void ${symbolStem(name)}_write_words(const Words words, unsigned int* aux) {
  for (int i = threadIdx.x; i < words.count; i += 64) aux[words.first + i] = static_cast<unsigned int>(words.word[i]);
}

`;

/** Statements that write the scalars of all heads to the workspace. */
export const printWriteScalars = ({ name, scalars: { length: count } }: MaskModule): string =>
  count === 0
    ? ""
    : `  Words words = {};
  for (int first = 0; first < p->heads * ${count}; first += words.count) {
    const int left = p->heads * ${count} - first;
    words.first = first;
    words.count = left < Words::MOST ? left : Words::MOST;
    for (int i = 0; i < words.count; i++) words.word[i] = scalar(p, (first + i) / ${count}, (first + i) % ${count});
    void* arguments[] = {&words, &aux};
    if (!launch(reinterpret_cast<const void*>(&${symbolStem(name)}_write_words), 1, 64, arguments, 0, stream)) return ATTNC_CUDA_ERROR;
  }
`;
