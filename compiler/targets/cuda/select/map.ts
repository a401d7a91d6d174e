import { COLUMN, DIM, HEAD, ROW } from "../../../select/axes.js";
import { ceilDiv, int } from "../../../select/int.js";
import type { FlagStage, MapStage, WordsStage } from "../../../select/ir.js";
import { elementOf } from "../../../select/places.js";
import { mapResults, stageReals } from "../../../select/walk.js";
import { SelectValues } from "../../print/select-values.js";
import type { Sizes } from "../../print/select-sizes.js";
import { StatementText } from "../../print/statement-text.js";
import { axesOf, countAll, printTakeApart, rowAxis, wordAxis } from "../../print/take-apart.js";
import { cppKernel } from "./dialect.js";
import { wordMember } from "./stage.js";
import type { StageText } from "./stage.js";

const THREADS = 128;
const SHARING_THREADS = 256;

/** Numbers one by one: a thread for each, or a block whose threads share its loops. */
export function printMap(stage: MapStage, sizes: Sizes): StageText {
  const { to, share } = stage;
  const results = mapResults(stage);
  const text = new StatementText();
  const shares = share === "group";
  const threads = shares ? SHARING_THREADS : THREADS;
  const values = new SelectValues(cppKernel, text, sizes, stageReals(stage), shares ? { shared: { lane: "lane", threads } } : {});
  const axes = axesOf(stage);
  const total = countAll(to.heads, axes);
  text.line(shares ? "const int element = group;" : `const int element = group * ${THREADS} + lane;`);
  text.line(`if (element >= ${values.int(total)}) return;`);
  printTakeApart(cppKernel, text, values, "element", axes, to.heads);
  const found = results.map(({ value }) => values.real(value));
  results.forEach((result, i) => {
    const place = values.int(elementOf(result.to, { head: HEAD, row: ROW, column: COLUMN, dim: DIM }));
    text.line(`${shares ? "if (lane == 0) " : ""}scratch[${place}] = __float_as_uint(${found[i]!});`);
  });
  const run = text.toString();
  const ops = (["sum", "min", "max"] as const).filter((op) => run.includes(`share_${op}(`));
  return {
    threads,
    blocks: shares ? total : ceilDiv(total, int(THREADS)),
    // A number and whether there is one, of each warp.
    sharedBytes: ops.length === 0 ? 0 : (SHARING_THREADS / 32) * 8,
    members: [],
    run:
      ops.length === 0
        ? run
        : `  const SharedLoop shared_loop{reinterpret_cast<float*>(shared)};\n${run.replaceAll(/\bshare_(sum|min|max)\(/g, "shared_loop.$1(")}`,
  };
}

/** Numbers word for word. */
export function printRemember(stage: WordsStage, sizes: Sizes): StageText {
  const { to, value, stays, whole } = stage;
  const text = new StatementText();
  const values = new SelectValues(cppKernel, text, sizes, [value]);
  const axes = [rowAxis("row", stage), wordAxis(stage)];
  const total = countAll(to.heads, axes);
  text.line(`const int element = group * ${THREADS} + lane;`);
  text.line(`if (element >= ${values.int(total)}) return;`);
  printTakeApart(cppKernel, text, values, "element", axes, to.heads);
  if (stays !== undefined) text.line(`if (${values.cond(stays)}) return;`);
  const found = values.real(value);
  text.line(`*word_at(b, head, row, dim) = ${whole === true ? "static_cast<unsigned int>" : "__float_as_uint"}(${found});`);
  return { threads: THREADS, blocks: ceilDiv(total, int(THREADS)), sharedBytes: 0, members: [wordMember(to, sizes)], run: text.toString() };
}

/** One bit for each head. */
export function printFlag({ to, value }: FlagStage, sizes: Sizes): StageText {
  const text = new StatementText();
  const values = new SelectValues(cppKernel, text, sizes, [value]);
  const total = countAll(to.heads, []);
  text.line(`const int element = group * ${THREADS} + lane;`);
  text.line(`if (element >= ${values.int(total)}) return;`);
  printTakeApart(cppKernel, text, values, "element", [], to.heads);
  text.line(`*word_at(b, head, 0, 0) = ${values.real(value)} != 0.0f ? 1u : 0u;`);
  return { threads: THREADS, blocks: ceilDiv(total, int(THREADS)), sharedBytes: 0, members: [wordMember(to, sizes)], run: text.toString() };
}
