import { bitRow } from "../../../select/places.js";
import { ROW } from "../../../select/axes.js";
import type { Bits, Cond, Int, Real } from "../../../select/ir.js";
import { uniformName } from "../../print/names.js";
import { SelectValues } from "../../print/select-values.js";
import type { Sizes } from "../../print/select-sizes.js";
import { StatementText } from "../../print/statement-text.js";
import { cppKernel } from "./dialect.js";

/** A stage as members of a struct whose `run` does the work of one thread. */
export interface StageText {
  readonly threads: number;
  readonly blocks: Int;
  readonly sharedBytes: number;
  /** Members before `run`. */
  readonly members: readonly string[];
  /** Statements of `run`; `group`, `lane` and `shared` are in scope. */
  readonly run: string;
}

/** What members take that answer for an element. */
export const HEADS = "int b, int head, int h, int kvh";

/** A printer of statements that go to `text`. */
export const valuesFor = (text: StatementText, sizes: Sizes, roots: readonly Real[] = []): SelectValues =>
  new SelectValues(cppKernel, text, sizes, roots);

/** A member function whose body `write` prints. */
export function member(type: string, name: string, parameters: string, write: (text: StatementText) => void): string {
  const text = new StatementText();
  write(text);
  return `__device__ __forceinline__ ${type} ${name}(${parameters}) const {\n${text.toString()}\n}`;
}

export const condMember = (name: string, parameters: string, cond: Cond, sizes: Sizes): string =>
  member("bool", name, parameters, (text) => text.line(`return ${valuesFor(text, sizes).cond(cond)};`));

export const intMember = (name: string, parameters: string, value: Int, sizes: Sizes): string =>
  member("int", name, parameters, (text) => text.line(`return ${valuesFor(text, sizes).int(value)};`));

export const realMember = (name: string, parameters: string, value: Real, sizes: Sizes): string =>
  member("float", name, parameters, (text) => text.line(`return ${valuesFor(text, sizes, [value]).real(value)};`));

/** The address of a word of a row of bits. */
export function wordMember(bits: Bits, sizes: Sizes): string {
  return member("unsigned int*", "word_at", "int b, int head, int row, int word", (text) => {
    if (bits.base !== undefined) {
      text.line(`return scratch + ${valuesFor(text, sizes).int(bitRow(bits, ROW))} + word;`);
      return;
    }
    const field = (name: string): string => `u.${uniformName(bits.name, "input", name)}`;
    text.line(
      `return aux + ${field("base")} + b * ${field("batchStride")} + head * ${field("headStride")} + row * ${field("rowStride")} + word;`,
    );
  });
}
