import { StatementText } from "../print/statement-text.js";

/** Lines of a shader's body. */
export class KernelText extends StatementText {
  barrier(): void {
    this.line("workgroupBarrier();");
  }
}

/** A number as a float literal: WGSL takes `1` for an integer. */
export function floatLiteral(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
