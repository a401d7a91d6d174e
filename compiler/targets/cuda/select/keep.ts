import type { RealValue } from "../../../mask/selection.js";
import { ceilDiv, int } from "../../../select/int.js";
import type { KeepStage } from "../../../select/ir.js";
import type { Sizes } from "../../print/select-sizes.js";
import { scalarWord } from "../../print/names.js";
import { StatementText } from "../../print/statement-text.js";
import { countAll, printTakeApart, rowAxis } from "../../print/take-apart.js";
import { bitsOf, cppKernel } from "./dialect.js";
import { condMember, HEADS, intMember, member, realMember, valuesFor, wordMember } from "./stage.js";
import type { StageText } from "./stage.js";

/** Rows of a block, threads of each, and bits of a key that one pass of the radix selection settles. */
interface KeepLayout {
  readonly rows: number;
  readonly threads: number;
  readonly digit: number;
}

const SHORT: KeepLayout = { rows: 8, threads: 32, digit: 4 };
const LONG: KeepLayout = { rows: 1, threads: 512, digit: 8 };

const RULES = { top: "KEEP_TOP", mass: "KEEP_MASS", threshold: "KEEP_THRESHOLD", fraction: "KEEP_FRACTION" } as const;

/** Which units are kept, as bits: see the Keeper. */
export function printKeep(stage: KeepStage, sizes: Sizes): StageText {
  const { to, scope } = stage;
  const layout = stage.short ? SHORT : LONG;
  const text = new StatementText();
  const values = valuesFor(text, sizes);
  const byHead = scope === "head";
  const axes = byHead ? [] : [rowAxis("own_row", stage)];
  const lines = countAll(to.heads, axes);
  text.line(`const int line = group * ${layout.rows} + lane / ${layout.threads};`);
  text.line(`if (line >= ${values.int(lines)}) return;`);
  printTakeApart(cppKernel, text, values, "line", axes, to.heads);
  if (stage.stays !== undefined) {
    text.line("const int row = own_row;");
    text.line(`if (${values.cond(stage.stays)}) return;`);
  }
  text.line(`using Rows = Keeper<Self, ${layout.threads}, ${layout.digit}>;`);
  text.line(`static_assert(sizeof(Rows::Memory) * ${layout.rows} <= ${sharedBytes(stage, layout)}, "the shared memory of the stage");`);
  text.line(`Rows::Memory& memory = reinterpret_cast<Rows::Memory*>(shared)[lane / ${layout.threads}];`);
  const fields = [
    `lane % ${layout.threads}`,
    "b",
    "head",
    "h",
    "kvh",
    byHead ? "0" : "own_row",
    values.int(to.rows),
    values.int(to.columns),
  ];
  text.line(`Rows{*this, memory, ${fields.join(", ")}, ${values.cond(stage.when)}}.keep();`);
  return {
    threads: layout.rows * layout.threads,
    blocks: ceilDiv(lines, int(layout.rows)),
    sharedBytes: sharedBytes(stage, layout),
    members: members(stage, sizes),
    run: text.toString(),
  };
}

/** Bytes of the Keeper's memory for all rows of a block. */
function sharedBytes({ rule }: KeepStage, { rows, threads, digit }: KeepLayout): number {
  const bins = 1 << digit;
  const bytes = 8 * ((rule.kind === "mass" ? bins : 1) + 3) + 4 * (bins + threads / 32 + 6);
  return rows * Math.ceil(bytes / 8) * 8;
}

function members(stage: KeepStage, sizes: Sizes): readonly string[] {
  const { rule } = stage;
  const element = `${HEADS}, int row, int column`;
  return [
    `static constexpr KeepRule RULE = ${RULES[rule.kind]};\nstatic constexpr bool BY_HEAD = ${stage.scope === "head"};\nstatic constexpr bool ON_TOP = ${stage.onTop};`,
    condMember("takes_part", element, stage.candidate, sizes),
    condMember("is_forced", element, stage.forced, sizes),
    realMember("score", element, stage.score, sizes),
    ...(rule.kind === "top" ? [intMember("top", HEADS, rule.n, sizes)] : [numberMember(rule.value), boundedMember(stage, sizes)]),
    wordMember(stage.to, sizes),
  ];
}

/** The bits of a rule's float32, known or by head. */
const numberMember = (value: RealValue): string =>
  member("unsigned int", "number", "int h", (text) =>
    text.line(
      value.kind === "scalar"
        ? `return static_cast<unsigned int>(${scalarWord(value.slot)});`
        : `return 0x${bitsOf(value.value).toString(16)}u;`,
    ),
  );

/** A number of units within the bounds of the rule. */
const boundedMember = ({ least, most }: KeepStage, sizes: Sizes): string =>
  member("int", "bounded", `${HEADS}, int wanted, int spent`, (text) => {
    const values = valuesFor(text, sizes);
    if (least !== undefined) text.line(`wanted = max(wanted, ${values.int(least)} - spent);`);
    if (most !== undefined) text.line(`wanted = min(wanted, ${values.int(most)} - spent);`);
    text.line("return wanted;");
  });
