import type { MaskModule } from "../../mask/ir.js";
import type { CudaModule } from "../../../runtime/cuda/module.js";
import { printInputChecks } from "./inputs.js";
import { callFields, fieldName } from "./names.js";
import type { FloatsOfCall } from "./whole.js";

/** The greatest magnitude of parameters, layers and steps: the compiler's proof that no index overflows assumes it. */
const MOST = 2 ** 24;

/** A condition that a field must meet, and the words for what it should be. */
interface Rule {
  readonly field: string;
  readonly condition: string;
  readonly expected: string;
}

const atLeast = (field: string, least: number): Rule => ({ field, condition: `p->${field} >= ${least}`, expected: `at least ${least}` });
const atMost = (field: string, most: number): Rule => ({ field, condition: `p->${field} <= ${most}`, expected: `at most ${most}` });
const within = (field: string, least: number, most: number): Rule => ({
  field,
  condition: `p->${field} >= ${least} && p->${field} <= ${most}`,
  expected: `${least} to ${most}`,
});

/**
 * Functions that check a call before anything is launched: \`check_shape\` its numbers, \`check_pointers\` its tensors. The
 * rules are those of runtime/launch/call.ts.
 */
export function printChecks(mask: MaskModule, module: CudaModule, call: string, more: readonly FloatsOfCall[] = []): string {
  const rules = [...shapeRules(module), ...parameterRules(mask, module)].map(
    ({ field, condition, expected }) =>
      `if (!(${condition})) return wrong("${field}: expected ${expected}, found %.15g", static_cast<double>(p->${field}));`,
  );
  const tensors = [
    ...["q", "k", "v", "out"].map((name) => `{"${name}", p->${name}, false}`),
    ...more.map(({ field, windows }) => `{"${field}", p->${field}, ${windows === undefined ? "false" : `p->keys < ${windows.n}`}}`),
  ];
  return `attnc_status check_shape(const ${call}* p) {
  if (p == nullptr) return wrong("call: expected a pointer, found NULL");
  if (p->dtype != ATTNC_F32 && p->dtype != ATTNC_F16 && p->dtype != ATTNC_BF16)
    return wrong("dtype: expected ATTNC_F32, ATTNC_F16 or ATTNC_BF16, found %d", static_cast<int>(p->dtype));
${[...rules, ...lengthRule(module)].map((line) => `  ${line}`).join("\n")}
  return ATTNC_OK;
}

attnc_status check_pointers(const ${call}* p) {
  const struct { const char* name; const void* pointer; bool empty; } tensors[] = {${tensors.join(", ")}};
  for (const auto& tensor : tensors) {
    if (tensor.empty) continue;
    if (tensor.pointer == nullptr) return wrong("%s: expected a pointer, found NULL", tensor.name);
    if (reinterpret_cast<size_t>(tensor.pointer) % 16 != 0) return wrong("%s: expected an address that is a multiple of 16, found %p", tensor.name, tensor.pointer);
  }
${printInputChecks(mask, module)}  if (reinterpret_cast<size_t>(p->workspace) % 16 != 0) return wrong("workspace: expected an address that is a multiple of 16, found %p", p->workspace);
  return ATTNC_OK;
}`;
}

function shapeRules({ space, maxLength, fixed }: CudaModule): readonly Rule[] {
  const table = (field: string, count: number | undefined): readonly Rule[] =>
    count === undefined ? [] : [{ field, condition: `p->${field} == ${count}`, expected: `${count}, as in a table of the declaration` }];
  return [
    ...["batch", "heads", "kv_heads", "queries", "keys", "head_dim", "value_dim"].map((field) => atLeast(field, 1)),
    { field: "kv_heads", condition: "p->heads % p->kv_heads == 0", expected: "a divisor of heads" },
    atMost("keys", maxLength),
    atMost("queries", maxLength),
    ...(space === "self" ? [{ field: "queries", condition: "p->queries <= p->keys", expected: "at most as many as keys" }] : []),
    ...table("heads", fixed.heads),
    ...table("kv_heads", fixed.kvHeads),
    ...table("layers", fixed.layers),
    { field: "scale", condition: "!isinf(p->scale)", expected: "a finite number, or NaN" },
  ];
}

function parameterRules(mask: MaskModule, module: CudaModule): readonly Rule[] {
  const { params, launch } = callFields(mask, module);
  const ofParams = params.flatMap(({ field, type, min }) => [
    {
      field,
      condition: `${type === "int" ? "" : `floor(p->${field}) == p->${field} && `}p->${field} >= -${MOST} && p->${field} <= ${MOST}`,
      expected: `${type === "int" ? "a" : "a whole"} number within ${MOST} of 0`,
    },
    ...(min === undefined ? [] : [atLeast(field, min)]),
  ]);
  const ofLaunch = launch.map((field) =>
    within(field, field === "layers" || field === "steps" ? 1 : 0, field === "phase" ? Math.max(module.phases.length - 1, 0) : MOST),
  );
  const indices = [
    ["layer", "layers"],
    ["step", "steps"],
  ] as const;
  const below = indices
    .filter(([index, count]) => launch.includes(index) && launch.includes(count))
    .map(([index, count]): Rule => ({ field: index, condition: `p->${index} < p->${count}`, expected: `less than ${count}` }));
  return [...ofParams, ...ofLaunch, ...below];
}

/** A grid fixes the number of keys; a sequence must hold its segments. */
function lengthRule({ length: { kind, extents, extra } }: CudaModule): readonly string[] {
  if (kind === "any")
    return extra === 0
      ? []
      : [`if (p->keys < ${extra}) return wrong("keys: expected at least ${extra}, the length of the segments, found %d", p->keys);`];
  const product = extents.map((extent) => (typeof extent === "number" ? `${extent}.0` : `static_cast<double>(p->${fieldName(extent)})`));
  return [
    `const double tokens = ${product.join(" * ")}${extra === 0 ? "" : ` + ${extra}.0`};`,
    'if (p->keys != tokens) return wrong("keys: expected %.15g, the size of the declaration\'s grid, found %d", tokens, p->keys);',
  ];
}
