import { ceilDiv, int } from "../../../select/int.js";
import type { PairsStage, SnapStage } from "../../../select/ir.js";
import { bitRow, wordsPerRow } from "../../../select/places.js";
import { named } from "../../../select/int.js";
import { printBool } from "../../print/expressions.js";
import { ScalarPrinter } from "../../print/scalars.js";
import type { Sizes } from "../../print/select-sizes.js";
import { StatementText } from "../../print/statement-text.js";
import { countAll, printTakeApart, rowAxis } from "../../print/take-apart.js";
import { cppKernel } from "./dialect.js";
import { HEADS, member, valuesFor, wordMember } from "./stage.js";
import type { StageText } from "./stage.js";

const THREADS = 128;

/** A warp for each word, a lane for each of its bits: `bit` is the member that answers for one. */
function printWords(stage: PairsStage | SnapStage, sizes: Sizes, bit: string): StageText {
  const { to } = stage;
  const text = new StatementText();
  const values = valuesFor(text, sizes);
  const axes = [rowAxis("row", stage), { name: "word", count: wordsPerRow(to) }];
  const total = countAll(to.heads, axes);
  const warps = THREADS / 32;
  text.line(`const int element = group * ${warps} + lane / 32;`);
  text.line(`if (element >= ${values.int(total)}) return;`);
  printTakeApart(cppKernel, text, values, "element", axes, to.heads);
  text.line("const int column = word * 32 + lane % 32;");
  text.line(`const unsigned int found = lanes_with(column < ${values.int(to.columns)} && bit(b, head, h, kvh, row, column));`);
  text.line("if (lane % 32 == 0) *word_at(b, head, row, word) = found;");
  return {
    threads: THREADS,
    blocks: ceilDiv(total, int(warps)),
    sharedBytes: 0,
    members: [bit, wordMember(to, sizes)],
    run: text.toString(),
  };
}

export function printSnap(stage: SnapStage, sizes: Sizes): StageText {
  const bit = member("bool", "bit", `${HEADS}, int row, int column`, (text) => {
    const values = valuesFor(text, sizes);
    text.block(`for (int i = ${values.int(stage.row0)}; i < ${values.int(stage.row1)}; i++)`, () => {
      text.block(`for (int j = ${values.int(stage.column0)}; j < ${values.int(stage.column1)}; j++)`, () =>
        text.line(`if (scratch_bit(${values.int(bitRow(stage.from, named("i")))}, j)) return true;`),
      );
    });
    text.line("return false;");
  });
  return printWords(stage, sizes, bit);
}

export function printPairs(stage: PairsStage, sizes: Sizes): StageText {
  const bit = member("bool", "bit", `${HEADS}, int row, int column`, (text) => {
    const values = valuesFor(text, sizes);
    for (const name of ["q0", "q1", "k0", "k1"] as const) text.line(`const int ${name} = ${values.int(stage[name])};`);
    printClasses(text, stage);
    const offsets = stage.columns === "offsets";
    text.block("for (int q = q0; q <= q1; q++)", () =>
      text.block("for (int each = k0; each <= k1; each++)", () => {
        text.line(`[[maybe_unused]] const int k = ${offsets ? "q - each" : "each"};`);
        text.line(`if (${offsets ? "k >= 0 && " : ""}${printBool(stage.pairs, cppKernel)}) return true;`);
      }),
    );
    text.line("return false;");
  });
  return printWords(stage, sizes, bit);
}

/** Answers where no pair or all pairs satisfy the mask. */
function printClasses(text: StatementText, { may, must }: PairsStage): void {
  if (may === undefined || must === undefined) return;
  const printer = new ScalarPrinter(cppKernel, [may, must]);
  const [some, all] = [printer.print(may), printer.print(must)];
  for (const { type, name, text: value } of [...printer.outer, ...printer.inner]) text.line(cppKernel.constant(type, name, value));
  text.line(`if (!(${some})) return false;`);
  text.line(`if (${all}) return true;`);
}
