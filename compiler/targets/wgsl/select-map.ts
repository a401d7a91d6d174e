import { ceilDiv, int } from "../../select/int.js";
import type { MapStage } from "../../select/ir.js";
import { elementOf } from "../../select/places.js";
import { COLUMN, DIM, HEAD, ROW } from "../../select/axes.js";
import { SelectValues } from "../print/select-values.js";
import { axesOf, countAll } from "../print/take-apart.js";
import type { Sizes } from "../print/select-sizes.js";
import { sharedLoopFunctions, takeApart, wgslKernel } from "./select-text.js";
import type { StageText } from "./select-text.js";
import { KernelText } from "./text.js";

const THREADS = 64;
const SHARING_THREADS = 256;

/** Numbers one by one: a thread for each, or a workgroup whose threads share its loops. */
export function printMap(stage: MapStage, sizes: Sizes): StageText {
  const text = new KernelText();
  const shares = stage.share === "group";
  const lanes = shares ? { lane: "lane", threads: SHARING_THREADS } : undefined;
  const values = new SelectValues(wgslKernel, text, sizes, [stage.value], lanes);
  const axes = axesOf(stage);
  const total = countAll(stage.to.heads, axes);
  text.line(shares ? "let element = i32(group);" : `let element = i32(group) * ${THREADS} + lane;`);
  text.block(`if (element >= ${values.int(total)})`, () => text.line("return;"));
  takeApart(text, values, "element", axes, stage.to.heads);
  const value = values.real(stage.value);
  const place = values.int(elementOf(stage.to, { head: HEAD, row: ROW, column: COLUMN, dim: DIM }));
  const store = `scratch[${place}] = bitcast<u32>(${value});`;
  if (shares) text.block("if (lane == 0)", () => text.line(store));
  else text.line(store);
  const body = text.toString();
  return shares
    ? { threads: SHARING_THREADS, workgroups: total, before: sharedLoopFunctions(SHARING_THREADS, body), body }
    : { threads: THREADS, workgroups: ceilDiv(total, int(THREADS)), body };
}
