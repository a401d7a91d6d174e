import { ceilDiv, int, shape } from "../../select/int.js";
import type { SortStage } from "../../select/ir.js";
import { SUMMARY_TOKENS } from "../../tiles/expr.js";
import type { Sizes } from "../print/select-sizes.js";
import { SelectValues } from "../print/select-values.js";
import { countAll } from "../print/take-apart.js";
import { bitWord } from "./select-bits.js";
import { keyFunctions } from "./select-numbers.js";
import { takeApart, wgslKernel } from "./select-text.js";
import type { StageText } from "./select-text.js";
import { KernelText } from "./text.js";

const THREADS = 256;

/**
 * A workgroup for each segment: scores become words that sort as they do, and the place of a key is the number of keys
 * that come before it. Counting is exact, so that the order is the same on every device.
 */
export function printSort(stage: SortStage, sizes: Sizes): StageText {
  const { segment, to, score } = stage;
  const text = new KernelText();
  const values = new SelectValues(wgslKernel, text, sizes, []);
  const axes = [{ name: "part", count: ceilDiv(shape("N"), int(segment)) }];
  const total = countAll(to.heads, axes);
  text.block(`if (i32(group) >= ${values.int(total)})`, () => text.line("return;"));
  takeApart(text, values, "i32(group)", axes, to.heads);
  text.line(`let first = part * ${segment};`);
  text.line(`let count = min(${segment}, u.keys - first);`);
  text.block(`for (var i = lane; i < count; i += ${THREADS})`, () => text.line("keys[i] = score_key(b, head, h, kvh, first + i);"));
  text.line("workgroupBarrier();");
  text.block(`for (var i = lane; i < count; i += ${THREADS})`, () => {
    text.line("let own = keys[i];");
    text.line("var place = 0;");
    text.block("for (var j = 0; j < count; j++)", () => {
      text.line("let other = keys[j];");
      text.line("place += select(0, 1, other > own || (other == own && j < i));");
    });
    text.line("sorted[place] = first + i;");
    text.line(`${bitWord(values, to, "(first + place)", "0")} = u32(first + i);`);
  });
  text.line("workgroupBarrier();");
  text.block(`for (var i = lane * ${SUMMARY_TOKENS}; i < count; i += ${THREADS * SUMMARY_TOKENS})`, () => {
    text.line("var least = sorted[i];");
    text.line("var greatest = least;");
    text.block(`for (var j = i + 1; j < min(i + ${SUMMARY_TOKENS}, count); j++)`, () => {
      text.line("least = min(least, sorted[j]);");
      text.line("greatest = max(greatest, sorted[j]);");
    });
    text.line(`let row = u.keys + (first + i) / ${SUMMARY_TOKENS} * 2;`);
    text.line(`${bitWord(values, to, "row", "0")} = u32(least);`);
    text.line(`${bitWord(values, to, "(row + 1)", "0")} = u32(greatest);`);
  });
  const scored = new KernelText();
  scored.line(`return key_of(bitcast<u32>(${new SelectValues(wgslKernel, scored, sizes, [score]).real(score)}));`);
  const before = [
    `var<workgroup> keys: array<u32, ${segment}>;`,
    `var<workgroup> sorted: array<i32, ${segment}>;`,
    keyFunctions,
    `\nfn score_key(b: i32, head: i32, h: i32, kvh: i32, column: i32) -> u32 {\n${scored.toString()}\n}`,
  ];
  return { threads: THREADS, workgroups: total, before, body: text.toString() };
}
