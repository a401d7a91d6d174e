import type { UniformField } from "../../../runtime/launch/module.js";
import type { Dialect } from "../print/dialect.js";
import type { SharedValue } from "../print/scalars.js";

/** WGSL, where a select has its condition last and names tell no type. */
export const wgsl: Dialect = { select: (condition, yes, no) => `select(${no}, ${yes}, ${condition})` };

export const declare = ({ name, text }: SharedValue): string => `let ${name} = ${text};`;

export function printUniforms(fields: readonly UniformField[]): string {
  return ["struct Uniforms {", ...fields.map((f) => `  ${f.name}: ${f.type},`), "}"].join("\n");
}
