/** Widths of a warpgroup's product that may be asked for: any multiple of 8 up to 256 (PTX ISA, wgmma.mma_async). */
export const wgmmaWidths = [32, 64, 96, 128, 192, 256] as const;

const perLine = 8;

/** Items of a list, some on each line. */
function inLines(items: readonly string[], indent: string): string {
  const lines: string[] = [];
  for (let i = 0; i < items.length; i += perLine) lines.push(indent + items.slice(i, i + perLine).join(", "));
  return lines.join(",\n");
}

/** The operands %first, %first + 1, … as string literals, one for each line of the list. */
function placeholders(count: number, indent: string): string {
  const names = Array.from({ length: count }, (_, i) => `%${i}`);
  const lines: string[] = [];
  for (let i = 0; i < count; i += perLine) {
    lines.push(`${indent}"${names.slice(i, i + perLine).join(", ")}${i + perLine < count ? ", " : ""}"`);
  }
  return lines.join("\n");
}

interface Operand {
  /** Text of operand a after the accumulators. */
  readonly text: (first: number) => string;
  readonly inputs: string;
  /** How many operands it is. */
  readonly count: number;
  /** Whether its order of elements is an operand of its own: only in shared memory is there one. */
  readonly transposable: boolean;
}

const inShared: Operand = { text: (first) => `%${first}`, inputs: `"l"(a)`, count: 1, transposable: true };
const inRegisters: Operand = {
  text: (first) => `{${[0, 1, 2, 3].map((i) => `%${first + i}`).join(", ")}}`,
  inputs: [0, 1, 2, 3].map((i) => `"r"(a[${i}])`).join(", "),
  count: 4,
  transposable: false,
};

/** One asm statement. The predicate says whether the accumulators are added to. */
function statement(type: string, width: number, a: Operand): string {
  const indent = "      ";
  const count = width / 2;
  const b = count + a.count;
  const accumulators = Array.from({ length: count }, (_, i) => `"+f"(d[${i}])`);
  return [
    `    asm volatile("{ .reg .pred p; setp.ne.b32 p, %${b + 1}, 0; "`,
    `${indent}"wgmma.mma_async.sync.aligned.m64n${width}k16.f32.${type}.${type} {"`,
    placeholders(count, indent),
    `${indent}"}, ${a.text(count)}, %${b}, p, 1, 1, ${a.transposable ? "0, " : ""}%${b + 2}; }"`,
    `${indent}:\n${inLines(accumulators, indent)}`,
    `${indent}: ${a.inputs}, "l"(b), "r"((int)accumulate), "n"(B_TRANSPOSED ? 1 : 0) : "memory");`,
  ].join("\n");
}

function specializations(name: string, parameter: string, a: Operand, widths: readonly number[]): string {
  const branches = widths.flatMap((width) =>
    ["f16", "bf16"].map((type) => {
      const condition = `N == ${width} && attnc_same<T, ${type}>::value`;
      return `  if constexpr (${condition}) {\n${statement(type, width, a)}\n  }`;
    }),
  );
  return `\
template <class T, int N, bool B_TRANSPOSED> __device__ __forceinline__ void ${name}(float (&d)[N / 2], ${parameter}, unsigned long long b, bool accumulate) {
  static_assert(${widths.map((width) => `N == ${width}`).join(" || ")}, "no product of this width was printed");
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
${branches.join("\n")}
#else
  __trap();
#endif
}
`;
}

/** The products of a warpgroup, for the widths that a source's kernels use. */
export function wgmmaProducts(widths: readonly number[]): string {
  return `\
template <class A, class B> struct attnc_same { static constexpr bool value = false; };
template <class A> struct attnc_same<A, A> { static constexpr bool value = true; };

/**
 * Starts d = a b, or d += a b with \`accumulate\`, for matrices [64, 16] and [16, N] of the warpgroup, in float32. a and b
 * are in shared memory, as their descriptors say: a with neighbouring columns together, b with neighbouring rows
 * together (keys of \`Q K^T\`), or neighbouring columns with B_TRANSPOSED (values of \`P V\`). Warp w of the group holds rows
 * 16 w to 16 w + 15; lane l holds d[4 j + i] = (r + 8 (i / 2), 8 j + c + i % 2), with r = l / 4 and c = 2 (l % 4).
 * d belongs to the product until wgmma_wait.
 */
${specializations("wgmma_shared", "unsigned long long a", inShared, widths)}
/** The same with a in registers: the fragments of multiply_16x8x16, each warp those of its rows. */
${specializations("wgmma_registers", "const unsigned int (&a)[4]", inRegisters, widths)}`;
}
