import * as estree from "prettier/plugins/estree";
import * as typescript from "prettier/plugins/typescript";
import { format } from "prettier/standalone";

/** TypeScript or JavaScript as prettier prints it at this project's width. */
export function formatScript(text: string): Promise<string> {
  // The estree plugin's types leave out what it exports.
  const plugins = [typescript, estree as unknown as typeof typescript];
  return format(text, { parser: "typescript", plugins, printWidth: 140, trailingComma: "all" });
}
