import type { RealValue } from "../../mask/selection.js";
import { ceilDiv, int, max, min, product, sub } from "../../select/int.js";
import type { Int, KeepStage } from "../../select/ir.js";
import { wordsPerRow } from "../../select/places.js";
import type { Sizes } from "../print/select-sizes.js";
import { SelectValues } from "../print/select-values.js";
import { countAll, rowAxis } from "../print/take-apart.js";
import { bitWord } from "./select-bits.js";
import { bitsOf, keepFunctions, UNIT } from "./select-keep.js";
import { keyFunctions, massFunctions } from "./select-numbers.js";
import { takeApart, wgslKernel } from "./select-text.js";
import type { StageText } from "./select-text.js";
import { KernelText } from "./text.js";

/** Units of a row up to which a thread compares each with each: then nothing is shared and nothing waits. */
export const FEW_UNITS = 64;

const THREADS = 64;

/** Rows of a launch: a thread for each. */
const lines = (stage: KeepStage): Int => countAll(stage.to.heads, [rowAxis("row", stage)]);

/**
 * Exact selection for rows of at most {@link FEW_UNITS} units, as `printKeep` does it for any number: a unit is kept where
 * fewer of the others are better than the row keeps, and of equal ones the first are better. With masses, those of the
 * better ones tell whether it belongs to the prefix.
 */
export function printKeepFew(stage: KeepStage, sizes: Sizes): StageText {
  const text = new KernelText();
  const values = new SelectValues(wgslKernel, text, sizes, []);
  const byMass = stage.rule.kind === "mass";
  const total = values.int(lines(stage));
  text.line(`let line = i32(group) * ${THREADS} + lane;`);
  text.block(`if (line >= ${total})`, () => text.line("return;"));
  takeApart(text, values, "line", [rowAxis("row", stage)], stage.to.heads);
  if (stage.stays !== undefined) text.block(`if ${values.cond(stage.stays)}`, () => text.line("return;"));
  text.line(`let units = select(0, ${values.int(stage.to.columns)}, ${values.cond(stage.when)});`);
  readUnits(text, byMass);
  text.line("let all_others = i32(countOneBits(others.x) + countOneBits(others.y));");
  text.line("let all_forced = i32(countOneBits(forced.x) + countOneBits(forced.y));");
  // Forced units have their part in a budget unless they are on top of it.
  text.line(`let spent = ${stage.onTop ? "0" : "all_forced"};`);
  if (byMass) findMasses(text, stage);
  findWanted(text, values, stage);
  text.line("let kept = clamp(wanted, 0, all_others);");
  text.line("var found = forced;");
  eachOther(text, "unit", () => {
    text.line("var better = 0;");
    eachOther(text, "other", () => text.line("better += select(0, 1, is_better(keys[other], other, keys[unit], unit));"));
    text.block("if (better < kept)", () => text.line("found[unit >> 5u] |= 1u << u32(unit & 31);"));
  });
  const words = values.int(wordsPerRow(stage.to));
  text.block(`for (var word = 0; word < ${words}; word++)`, () => text.line(`${bitWord(values, stage.to, "row", "word")} = found[word];`));
  const uses = byMass || stage.rule.kind === "fraction";
  const before = [...keepFunctions(stage, sizes), keyFunctions, ...(uses ? [massFunctions] : []), ...(byMass ? [massOfKey] : []), isBetter];
  return { threads: THREADS, workgroups: product(ceilDiv(lines(stage), int(THREADS)), few(stage)), before, body: text.toString() };
}

/** 1 where the rows of a launch have few units, else 0. */
const few = ({ to }: KeepStage): Int => min(int(1), max(int(0), sub(int(FEW_UNITS + 1), to.columns)));

/** The kernel for any number of units, for launches in which there are more. */
export const unlessFew = (text: StageText, stage: KeepStage): StageText => ({
  ...text,
  workgroups: product(text.workgroups, sub(int(1), few(stage))),
});

const isBetter = `
fn is_better(key: u32, unit: i32, than: u32, than_unit: i32) -> bool {
  return key > than || (key == than && unit < than_unit);
}`;

/** Of scores that are not negative the key is the number's bits and one more; others have no mass. */
const massOfKey = `
fn mass_of_key(key: u32, top: u32) -> vec2<u32> {
  return mass_of(select(0u, key & 0x7fffffffu, key >= 0x80000000u), top);
}`;

/** The keys of a row's units, and which of them are forced and which are others. */
function readUnits(text: KernelText, byMass: boolean): void {
  text.line(`var keys: array<u32, ${FEW_UNITS}>;`);
  text.line("var others = vec2<u32>(0u);");
  text.line("var forced = vec2<u32>(0u);");
  if (byMass) text.line("var top = 0u;");
  text.block("for (var column = 0; column < units; column++)", () =>
    text.block(`if (takes_part(${UNIT}))`, () => {
      text.line(`let score = score_bits(${UNIT});`);
      text.line("let bit = 1u << u32(column & 31);");
      text.line("keys[column] = key_of(score);");
      if (byMass) text.line("top = max(top, exponent_of(score));");
      text.block(`if (is_forced(${UNIT}))`, () => text.line("forced[column >> 5u] |= bit;"));
      text.block("else", () => text.line("others[column >> 5u] |= bit;"));
    }),
  );
}

function eachOther(text: KernelText, name: string, body: () => void): void {
  eachIn(text, name, "others", body);
}

function eachIn(text: KernelText, name: string, set: string, body: () => void): void {
  text.block(`for (var ${name} = 0; ${name} < units; ${name}++)`, () =>
    text.block(`if (((${set}[${name} >> 5u] >> u32(${name} & 31)) & 1u) != 0u)`, body),
  );
}

/** What is missing of the mass when the forced units have theirs. */
function findMasses(text: KernelText, stage: KeepStage): void {
  text.line("var all_mass = vec2<u32>(0u);");
  text.line("var taken_mass = vec2<u32>(0u);");
  eachOther(text, "unit", () => text.line("all_mass = add_wide(all_mass, mass_of_key(keys[unit], top));"));
  if (!stage.onTop) {
    eachIn(text, "unit", "forced", () => text.line("taken_mass = add_wide(taken_mass, mass_of_key(keys[unit], top));"));
    text.line("all_mass = add_wide(all_mass, taken_mass);");
  }
  text.line(`let target_mass = part_of(all_mass, ${bitsOf((stage.rule as { value: RealValue }).value)});`);
  text.line("let missing = select(subtract_wide(target_mass, taken_mass), vec2<u32>(0u), at_least_wide(taken_mass, target_mass));");
}

/** How many of the others the rule asks for. */
function findWanted(text: KernelText, values: SelectValues, { rule, least, most }: KeepStage): void {
  switch (rule.kind) {
    case "top":
      text.line(`let wanted = ${values.int(rule.n)} - spent;`);
      return;
    case "fraction":
      text.line(`var wanted = i32(part_of(vec2<u32>(u32(all_others + spent), 0u), ${bitsOf(rule.value)}).x) - spent;`);
      break;
    case "threshold":
      text.line("var wanted = 0;");
      text.line(`let threshold = ${bitsOf(rule.value)};`);
      eachOther(text, "unit", () =>
        text.line("wanted += select(0, 1, keys[unit] != 0u && !is_nan(threshold) && keys[unit] >= key_of(threshold));"),
      );
      break;
    case "mass":
      text.line("var wanted = 0;");
      eachOther(text, "unit", () => {
        text.line("var before = vec2<u32>(0u);");
        eachOther(text, "other", () =>
          text.block("if (is_better(keys[other], other, keys[unit], unit))", () =>
            text.line("before = add_wide(before, mass_of_key(keys[other], top));"),
          ),
        );
        text.line("wanted += select(1, 0, at_least_wide(before, missing));");
      });
      break;
  }
  if (least !== undefined) text.line(`wanted = max(wanted, ${values.int(least)} - spent);`);
  if (most !== undefined) text.line(`wanted = min(wanted, ${values.int(most)} - spent);`);
}
