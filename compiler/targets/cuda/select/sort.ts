import { ceilDiv, int, shape } from "../../../select/int.js";
import type { SortStage } from "../../../select/ir.js";
import { SUMMARY_TOKENS } from "../../../tiles/expr.js";
import type { Sizes } from "../../print/select-sizes.js";
import { StatementText } from "../../print/statement-text.js";
import { countAll, printTakeApart } from "../../print/take-apart.js";
import { cppKernel } from "./dialect.js";
import { HEADS, realMember, valuesFor, wordMember } from "./stage.js";
import type { StageText } from "./stage.js";

const THREADS = 256;

/** A block for each segment: the place of a key is the number of keys that come before it, see the WGSL kernel of this stage. */
export function printSort(stage: SortStage, sizes: Sizes): StageText {
  const { segment, to, score } = stage;
  const text = new StatementText();
  const values = valuesFor(text, sizes);
  const axes = [{ name: "part", count: ceilDiv(shape("N"), int(segment)) }];
  const total = countAll(to.heads, axes);
  text.line(`if (group >= ${values.int(total)}) return;`);
  printTakeApart(cppKernel, text, values, "group", axes, to.heads);
  text.line("unsigned int* keys = reinterpret_cast<unsigned int*>(shared);");
  text.line(`int* sorted = reinterpret_cast<int*>(keys + ${segment});`);
  text.line(`const int first = part * ${segment};`);
  text.line(`const int count = min(${segment}, u.keys - first);`);
  text.line(`for (int i = lane; i < count; i += ${THREADS}) keys[i] = key_of(__float_as_uint(score(b, head, h, kvh, first + i)));`);
  text.line("__syncthreads();");
  text.block(`for (int i = lane; i < count; i += ${THREADS})`, () => {
    text.line("const unsigned int own = keys[i];");
    text.line("int place = 0;");
    text.line("for (int j = 0; j < count; j++) place += keys[j] > own || (keys[j] == own && j < i) ? 1 : 0;");
    text.line("sorted[place] = first + i;");
    text.line("*word_at(b, head, first + place, 0) = static_cast<unsigned int>(first + i);");
  });
  text.line("__syncthreads();");
  text.block(`for (int i = lane * ${SUMMARY_TOKENS}; i < count; i += ${THREADS * SUMMARY_TOKENS})`, () => {
    text.line("int least = sorted[i];");
    text.line("int greatest = least;");
    text.block(`for (int j = i + 1; j < min(i + ${SUMMARY_TOKENS}, count); j++)`, () => {
      text.line("least = min(least, sorted[j]);");
      text.line("greatest = max(greatest, sorted[j]);");
    });
    text.line(`const int row = u.keys + (first + i) / ${SUMMARY_TOKENS} * 2;`);
    text.line("*word_at(b, head, row, 0) = static_cast<unsigned int>(least);");
    text.line("*word_at(b, head, row + 1, 0) = static_cast<unsigned int>(greatest);");
  });
  return {
    threads: THREADS,
    blocks: total,
    sharedBytes: 8 * segment,
    members: [realMember("score", `${HEADS}, int column`, score, sizes), wordMember(to, sizes)],
    run: text.toString(),
  };
}
