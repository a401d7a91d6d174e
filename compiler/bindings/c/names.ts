import type { MaskModule } from "../../mask/ir.js";
import { launchVariables } from "../../targets/print/uniforms.js";
import type { CudaDtype } from "../../../runtime/cuda/module.js";
import type { AttentionModule, FloatInputSpec, InputSpec, LaunchVariable, ParamSpec } from "../../../runtime/launch/module.js";

/** An input, or a table of a layout, which is given to the launcher in the same way. */
export type CallInput = InputSpec & { readonly field: string };

/** An input of floats, which selections read. */
export type CallFloats = FloatInputSpec & { readonly field: string };

/** What a selection chose: it can be asked for, and given back where the declaration says so. */
export interface CallSelection {
  readonly name: string;
  readonly field: string;
  readonly reusable: boolean;
  /** The field that is given back with it, or neither is. */
  readonly withField?: string | undefined;
  /** Whether it holds the queries that a selection was made for. */
  readonly remembers: boolean;
  /** Whether it holds numbers that a launch ends with. */
  readonly numbers: boolean;
}

/** Fields of the struct that a C caller fills, after the tensors and lengths. */
export interface CallFields {
  readonly params: readonly (ParamSpec & { readonly type: "int" | "double"; readonly field: string; readonly doc: string | undefined })[];
  readonly launch: readonly LaunchVariable[];
  /** The caller's inputs, then the tables of a layout. */
  readonly inputs: readonly CallInput[];
  readonly floats: readonly CallFloats[];
  readonly selections: readonly CallSelection[];
}

export function callFields(mask: MaskModule, module: AttentionModule): CallFields {
  const isInt = (name: string): boolean =>
    [...module.uniforms, ...(module.selection?.uniforms ?? [])].some(
      ({ type, source }) => type === "i32" && source.kind === "param" && source.name === name,
    );
  const asked = (name: LaunchVariable): boolean => module.uses.includes(name) || (name === "layers" && module.fixed.layers !== undefined);
  return {
    params: mask.params.map((param) => ({
      ...param,
      doc: param.doc,
      type: isInt(param.name) ? "int" : "double",
      field: fieldName(param.name),
    })),
    launch: launchVariables.filter(asked),
    inputs: [
      ...module.inputs.map((spec) => ({ ...spec, field: fieldName(spec.name) })),
      ...(mask.orders ?? []).map(({ name }): CallInput => ({ kind: "ids", name, axis: "k", field: fieldName(name) })),
    ],
    floats: (module.selection?.floatInputs ?? []).map((spec) => ({ ...spec, field: fieldName(spec.name) })),
    selections: (module.selection?.matrices ?? []).map(({ name, reusable, with: other, remembers, numbers }) => ({
      ...{ name, reusable, field: fieldName(name), remembers: remembers !== undefined, numbers: numbers === true },
      ...(other === undefined ? {} : { withField: fieldName(other) }),
    })),
  };
}

/** Fields that every call has. */
const FIELDS = [
  ...["q", "k", "v", "out", "lse", "dtype", "batch", "heads", "kv_heads", "queries", "keys", "head_dim", "value_dim", "scale"],
  ...["layer", "layers", "step", "steps", "phase", "workspace", "workspace_bytes"],
];

/** Words of C and C++, and macros of the headers that are read. */
const WORDS = [
  ...["alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "char8_t"],
  ...["char16_t", "char32_t", "class", "co_await", "co_return", "co_yield", "compl", "concept", "const", "const_cast", "consteval"],
  ...["constexpr", "constinit", "continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit"],
  ...["export", "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new"],
  ...["noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "private", "protected", "public", "register"],
  ...["reinterpret_cast", "requires", "restrict", "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast"],
  ...["struct", "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "typeof"],
  ...["typeof_unqual", "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq"],
  ...["NULL", "NAN", "INFINITY", "EOF", "errno", "stdin", "stdout", "stderr", "unix", "linux", "i386"],
];

const taken = new Set([...FIELDS, ...WORDS]);

/** The field for a parameter or an input: its name, with a `_` behind it where that has another meaning. */
export function fieldName(name: string): string {
  // Tables of a layout: no name of a program starts with a digit.
  if (/^\d/.test(name)) return `order_${name.slice(1)}`;
  return taken.has(name.replace(/_+$/, "")) || /^(order_|selected_|reuse_|_)/.test(name) ? `${name}_` : name;
}

/** The constants of the header for element types. */
export const dtypeConstants: Readonly<Record<CudaDtype, string>> = { f32: "ATTNC_F32", f16: "ATTNC_F16", bf16: "ATTNC_BF16" };

/** A text as lines of comment: none ends in a backslash, which would take the next line into the comment. */
export function cComment(text: string, indent = ""): string {
  const line = (words: string): string => `${indent}// ${words.trimEnd().replaceAll("??/", "? ?/").replace(/\\$/, "\\.")}`.trimEnd();
  return text
    .trim()
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map((words) => `${line(words)}\n`)
    .join("");
}
