import type { MatrixProduct } from "../../runtime/launch/module.js";
import type { KernelTask } from "./check-kernels.js";

/**
 * Edits of a kernel's text that put plain functions in place of subgroup matrices. `lanes` neighbouring threads are
 * taken for a subgroup, and each of them owns as many numbers of a result as the others. Operands are read where they
 * lie when they are multiplied: in a kernel nothing comes between.
 */
export function emulateMatrices({ m, n, k }: MatrixProduct, threads: number, lanes: number): NonNullable<KernelTask["edits"]> {
  const owned = (m * n) / lanes;
  const eachOwned = (body: string): string =>
    `for (var e = 0; e < ${owned}; e++) {\n    let r = (own + e * ${lanes}) / ${n};\n    let c = (own + e * ${lanes}) % ${n};\n    ${body}\n  }`;
  const operand = (order: "row" | "col", place: string) => ({
    find: `^fn (\\w+)_at\\(at: i32\\) -> (Left|Right) \\{\\n  return subgroupMatrixLoad<\\w+, ${order}_major>\\(&(\\w+), u32\\(at\\), (\\d+)\\);\\n\\}`,
    replace: `fn $1_at(at: i32) -> $2 {\n  return $2(at, $1_tile);\n}\n\nfn number_of_$1(at: i32, r: i32, c: i32) -> f32 {\n  return f32($3[at + ${place}]);\n}`,
  });
  return [
    { find: "^enable (subgroups|chromium_experimental_subgroup_matrix);\\n", replace: "" },
    { find: "^  @builtin\\((subgroup_id|num_subgroups)\\) \\w+: u32,\\n", replace: "" },
    {
      find: "^\\) \\{$",
      replace: `) {\n  let subgroup = lane / ${lanes}u;\n  let subgroups = ${threads / lanes}u;\n  own = i32(lane % ${lanes}u);\n  depth = ${k} + min(u.batch, 0);`,
    },
    { find: "^alias (Left|Right) = .*$", replace: "alias $1 = vec2<i32>;" },
    { find: "^alias Sums = .*$", replace: `alias Sums = array<f32, ${owned}>;\n${NAMES}` },
    operand("row", "r * $4 + c"),
    operand("col", "c * $4 + r"),
    {
      find: "return subgroupMatrixLoad<Sums, row_major>\\(&(\\w+), u32\\(at\\), (\\d+)\\);",
      replace: `var sums: Sums;\n  ${eachOwned("sums[e] = $1[at + r * $2 + c];")}\n  return sums;`,
    },
    {
      find: "return subgroupMatrixMultiplyAccumulate\\(left, right, sums\\);",
      replace: `var more = sums;
  ${eachOwned(`for (var d = 0; d < depth; d++) {\n      more[e] += left_number(left, r, d) * right_number(right, d, c);\n    }`)}
  return more;`,
    },
    {
      find: "subgroupMatrixStore<row_major>\\(&(\\w+), u32\\(at\\), matrix, (\\d+)\\);",
      replace: `var sums = matrix;\n  ${eachOwned("$1[at + r * $2 + c] = sums[e];")}`,
    },
  ];
}

/** Which tile an operand lies in, beside where. */
const NAMES = `
const queries_tile = 0;
const probabilities_tile = 1;
const keys_tile = 0;
const values_tile = 1;
var<private> own: i32;
// Compilers do not learn it, or they would unroll every product.
var<private> depth: i32;

fn left_number(left: Left, r: i32, c: i32) -> f32 {
  if (left.y == queries_tile) {
    return number_of_queries(left.x, r, c);
  }
  return number_of_probabilities(left.x, r, c);
}

fn right_number(right: Right, r: i32, c: i32) -> f32 {
  if (right.y == keys_tile) {
    return number_of_keys(right.x, r, c);
  }
  return number_of_values(right.x, r, c);
}`;
