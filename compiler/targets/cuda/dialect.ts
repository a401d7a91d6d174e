import type { UniformField } from "../../../runtime/launch/module.js";
import type { Dialect } from "../print/dialect.js";

/** C++, as far as expressions go. */
export const cpp: Dialect = { select: (condition, yes, no) => `(${condition} ? ${yes} : ${no})` };

const types = { i32: "int", f32: "float" } as const;

/** What one launch says to all threads, in 4-byte words. */
export function printUniforms(fields: readonly UniformField[], name = "Uniforms"): string {
  return [`struct ${name} {`, ...fields.map(({ name, type }) => `  ${types[type]} ${name};`), "};"].join("\n");
}
