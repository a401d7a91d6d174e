/** Words of Python, and names that the functions of a generated file use themselves. */
const TAKEN = new Set([
  ...["False", "None", "True", "and", "as", "assert", "async", "await", "break", "case", "class", "continue", "def", "del", "elif", "else"],
  ...[
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "match",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
  ],
  ...["return", "try", "type", "while", "with", "yield", "print", "int", "float", "bool", "str", "list", "tuple", "dict", "range", "len"],
  ...[
    "isinstance",
    "enumerate",
    "zip",
    "getattr",
    "property",
    "object",
    "super",
    "self",
    "ctypes",
    "hashlib",
    "os",
    "shutil",
    "subprocess",
  ],
  ...["sys", "tempfile", "threading", "torch", "pathlib", "q", "k", "v", "out", "lse", "scale", "return_lse", "sizes", "call", "pack_bits"],
  ...["layer", "layers", "step", "steps", "phase", "math", "library", "Optional", "NAME", "SOURCE", "KERNELS", "ARCHITECTURES_ALONE"],
  ...["SELF", "DTYPES", "FUNCTIONS", "PHASES", "ValueError", "TypeError", "RuntimeError", "OSError", "any", "reversed", "setattr"],
]);

/** A name as Python may call it: with a `_` behind it where it has another meaning there. */
export function pythonName(name: string): string {
  const plain = name.replace(/\W/g, "_").replace(/^(?=\d)/, "_");
  return TAKEN.has(plain.replace(/_+$/, "")) || plain.startsWith("_") ? `${plain}_` : plain;
}

/** A text as a literal. */
export const pythonText = (text: string): string =>
  JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** A number as a literal of Python's float. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "math.nan" : value > 0 ? "math.inf" : "-math.inf";
  return /[.e]/.test(String(value)) ? String(value) : `${value}.0`;
}

/** Lines that can stand in a docstring. */
export const docText = (text: string): string => text.trim().replace(/\\/g, "\\\\").replace(/"/g, '\\"');
