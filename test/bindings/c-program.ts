import koffi, { type TypeObject } from "koffi";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printBranchedHeader } from "../../compiler/bindings/c/branched.js";
import { printHeader } from "../../compiler/bindings/c/header.js";
import { compileCuda, compileCudaBranched, cudaBranchedSource, cudaSource } from "../../compiler/driver/cuda-source.js";
import type { BranchedMask } from "../../compiler/mask/branched.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import type { CudaDtype } from "../../runtime/cuda/module.js";
import { compileProgram } from "../cuda/emulated-program.js";

/** A struct of a header, with the C types of its fields. */
export interface CStruct {
  readonly name: string;
  readonly fields: readonly { readonly type: string; readonly name: string }[];
}

/** The structs that a header defines, read from its text. */
export function headerStructs(header: string): readonly CStruct[] {
  return [...header.matchAll(/typedef struct \{([^}]*)\} (\w+);/g)].map(([, body, name]) => ({
    name: name!,
    fields: [...body!.replace(/\/\/.*/g, "").matchAll(/^\s*(.+?)\s*\b(\w+);$/gm)].map(([, type, field]) => ({ type: type!, name: field! })),
  }));
}

/** A value of a C struct: addresses are numbers. */
export type CValue = number | bigint | { readonly [field: string]: CValue };
export type CCall = Readonly<Record<string, CValue>>;

/** The functions of a header, linked to the emulated device. */
export interface CProgram {
  defaults(): CCall;
  workspace(call: CCall | null): { readonly status: number; readonly bytes: number };
  launch(call: CCall | null): number;
  error(): string;
  /** Fills a table of a layout. */
  order(name: string, table: Int32Array): void;
}

const koffiType = (type: string, structs: ReadonlyMap<string, TypeObject>): TypeObject | string => {
  if (type.endsWith("*")) return "uint64_t";
  if (type === "attnc_dtype") return "int";
  return structs.get(type) ?? type;
};

/** Compiles a header's operator as nvcc does, for the emulated device, and loads it; `before` is text before the source. */
export function cProgram(mask: MaskModule, architecture: string, dtypes: readonly CudaDtype[] = [], before = ""): CProgram {
  const operator = compileCuda(mask, { headDims: [], dtypes });
  return linkedProgram(mask.name, printHeader(operator.mask, operator.launch), before + cudaSource(operator), architecture);
}

/** As {@link cProgram}, of an attention with branches. */
export function branchedCProgram(mask: BranchedMask, architecture: string, dtypes: readonly CudaDtype[] = []): CProgram {
  const operator = compileCudaBranched(mask, { headDims: [], dtypes });
  return linkedProgram(mask.name, printBranchedHeader(operator), cudaBranchedSource(operator), architecture);
}

function linkedProgram(name: string, header: string, source: string, architecture: string): CProgram {
  const folder = mkdtempSync(join(tmpdir(), "attnc-c-"));
  const structs = new Map<string, TypeObject>();
  for (const { name, fields } of headerStructs(header)) {
    structs.set(name, koffi.struct(Object.fromEntries(fields.map((field) => [field.name, koffiType(field.type, structs)]))));
  }
  const struct = structs.get(`attnc_${name}_call`)!;
  try {
    const library = join(folder, "operator.so");
    writeFileSync(join(folder, "operator.cu"), source);
    compileProgram(join(folder, "operator.cu"), architecture, library);
    const loaded = koffi.load(library);
    const bind = (of: string, result: TypeObject | string, parameters: readonly (TypeObject | string)[]) =>
      loaded.func(`attnc_${name}_${of}`, result, [...parameters]) as unknown as (...args: readonly unknown[]) => never;
    const pointer = koffi.pointer(struct);
    const functions = {
      defaults: bind("defaults", struct, []),
      workspace: bind("workspace", "int", [pointer, "void *"]),
      launch: bind("launch", "int", [pointer, "uint64_t"]),
      error: bind("error", "str", []),
    };
    return {
      defaults: () => functions.defaults(),
      workspace(call) {
        const bytes = new BigUint64Array(1);
        return { status: functions.workspace(call, bytes), bytes: Number(bytes[0]!) };
      },
      launch: (call) => functions.launch(call, 0),
      error: () => functions.error(),
      order: (which, table) => bind(`order_${which}`, "void", ["void *"])(table),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
