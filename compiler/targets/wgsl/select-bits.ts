import { ceilDiv, int } from "../../select/int.js";
import type { Bits, FlagStage, PairsStage, SnapStage, WordsStage } from "../../select/ir.js";
import { bitRow, wordsPerRow } from "../../select/places.js";
import { ROW } from "../../select/axes.js";
import { printBool } from "../print/expressions.js";
import { uniformName } from "../print/names.js";
import { ScalarPrinter } from "../print/scalars.js";
import type { Sizes } from "../print/select-sizes.js";
import { SelectValues } from "../print/select-values.js";
import { countAll, rowAxis, wordAxis } from "../print/take-apart.js";
import { declare } from "./dialect.js";
import { takeApart, wgslKernel } from "./select-text.js";
import type { StageText } from "./select-text.js";
import { KernelText } from "./text.js";

const THREADS = 64;

/** The word of a row of bits as something to assign to. */
export function bitWord(values: SelectValues, bits: Bits, row: string, word: string): string {
  if (bits.base !== undefined) return `scratch[${values.int(bitRow(bits, ROW))} + ${word}]`;
  const field = (name: string): string => `u.${uniformName(bits.name, "input", name)}`;
  return `aux[${field("base")} + b * ${field("batchStride")} + head * ${field("headStride")} + ${row} * ${field("rowStride")} + ${word}]`;
}

/** A thread for each word: `bit` writes statements that end with `bit` being whether one column is on. */
function printWords(
  stage: PairsStage | SnapStage,
  sizes: Sizes,
  bit: (text: KernelText, values: SelectValues) => void,
  before: readonly string[] = [],
): StageText {
  const text = new KernelText();
  const values = new SelectValues(wgslKernel, text, sizes, []);
  const { to } = stage;
  const axes = [rowAxis("row", stage), { name: "word", count: wordsPerRow(to) }];
  const total = countAll(to.heads, axes);
  text.line(`let element = i32(group) * ${THREADS} + lane;`);
  text.block(`if (element >= ${values.int(total)})`, () => text.line("return;"));
  takeApart(text, values, "element", axes, to.heads);
  text.line("var found = 0u;");
  text.block(`for (var column = word * 32; column < min(word * 32 + 32, ${values.int(to.columns)}); column++)`, () => {
    bit(text, values);
    text.line("found |= select(0u, 1u, bit) << u32(column & 31);");
  });
  text.line(`${bitWord(values, to, "row", "word")} = found;`);
  return { threads: THREADS, workgroups: ceilDiv(total, int(THREADS)), before, body: text.toString() };
}

export function printSnap(stage: SnapStage, sizes: Sizes): StageText {
  return printWords(stage, sizes, (text, values) => {
    text.line("var bit = false;");
    const inner = new SelectValues(wgslKernel, text, sizes, []);
    text.block(`for (var i = ${values.int(stage.row0)}; i < ${values.int(stage.row1)}; i++)`, () => {
      const word = inner.int(bitRow(stage.from, { kind: "name", name: "i" }));
      text.block(`for (var j = ${values.int(stage.column0)}; j < ${values.int(stage.column1)}; j++)`, () =>
        text.line(`bit = bit || scratch_bit(${word}, j);`),
      );
    });
  });
}

export function printPairs(stage: PairsStage, sizes: Sizes): StageText {
  return printWords(
    stage,
    sizes,
    (text, values) => {
      for (const name of ["q0", "q1", "k0", "k1"] as const) text.line(`let ${name} = ${values.int(stage[name])};`);
      text.line("let bit = some_pair(b, h, kvh, q0, q1, k0, k1);");
    },
    [somePair(stage)],
  );
}

function somePair(stage: PairsStage): string {
  const text = new KernelText();
  const { may, must } = stage;
  if (may !== undefined && must !== undefined) {
    const printer = new ScalarPrinter(wgslKernel, [may, must]);
    const [some, all] = [printer.print(may), printer.print(must)];
    for (const each of [...printer.outer, ...printer.inner]) text.line(declare(each));
    text.block(`if (!(${some}))`, () => text.line("return false;"));
    text.block(`if (${all})`, () => text.line("return true;"));
  }
  const offsets = stage.columns === "offsets";
  text.block("for (var q = q0; q <= q1; q++)", () =>
    text.block(`for (var each = k0; each <= k1; each++)`, () => {
      text.line(`let k = ${offsets ? "q - each" : "each"};`);
      const condition = printBool(stage.pairs, wgslKernel);
      text.block(`if (${offsets ? "k >= 0 && " : ""}${condition})`, () => text.line("return true;"));
    }),
  );
  text.line("return false;");
  return `\nfn some_pair(b: i32, h: i32, kvh: i32, q0: i32, q1: i32, k0: i32, k1: i32) -> bool {\n${text.toString()}\n}`;
}

/** A thread for each word. */
export function printRemember(stage: WordsStage, sizes: Sizes): StageText {
  const text = new KernelText();
  const values = new SelectValues(wgslKernel, text, sizes, [stage.value]);
  const axes = [rowAxis("row", stage), wordAxis(stage)];
  const total = countAll(stage.to.heads, axes);
  text.line(`let element = i32(group) * ${THREADS} + lane;`);
  text.block(`if (element >= ${values.int(total)})`, () => text.line("return;"));
  takeApart(text, values, "element", axes, stage.to.heads);
  if (stage.stays !== undefined) text.block(`if ${values.cond(stage.stays)}`, () => text.line("return;"));
  const value = values.real(stage.value);
  text.line(`${bitWord(values, stage.to, "row", "dim")} = ${stage.whole === true ? "u32" : "bitcast<u32>"}(${value});`);
  return { threads: THREADS, workgroups: ceilDiv(total, int(THREADS)), body: text.toString() };
}

export function printFlag(stage: FlagStage, sizes: Sizes): StageText {
  const text = new KernelText();
  const values = new SelectValues(wgslKernel, text, sizes, [stage.value]);
  const total = countAll(stage.to.heads, []);
  text.line(`let element = i32(group) * ${THREADS} + lane;`);
  text.block(`if (element >= ${values.int(total)})`, () => text.line("return;"));
  takeApart(text, values, "element", [], stage.to.heads);
  const value = values.real(stage.value);
  text.line(`${bitWord(values, stage.to, "0", "0")} = select(0u, 1u, ${value} != 0.0);`);
  return { threads: THREADS, workgroups: ceilDiv(total, int(THREADS)), body: text.toString() };
}
