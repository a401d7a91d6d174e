import { add, ceilDiv, div, int, intKey } from "../../select/int.js";
import type { MapResult, MapStage } from "../../select/ir.js";
import { elementOf } from "../../select/places.js";
import { COLUMN, DIM, HEAD, ROW } from "../../select/axes.js";
import { Renaming } from "../../select/rename.js";
import { mapResults, stageReals, walkReals } from "../../select/walk.js";
import { SelectValues } from "../print/select-values.js";
import { axesOf, countAll } from "../print/take-apart.js";
import type { Sizes } from "../print/select-sizes.js";
import { sharedLoopFunctions, takeApart, wgslKernel } from "./select-text.js";
import type { StageText } from "./select-text.js";
import { KernelText } from "./text.js";

const THREADS = 64;
const SHARING_THREADS = 256;
/** Neighbouring dims that a thread computes: one loop for all of them. It divides all dims of queries and keys. */
const OWN_DIMS = 4;

/** Numbers one by one: a thread for each, or for some neighbours, or a workgroup whose threads share its loops. */
export function printMap(stage: MapStage, sizes: Sizes): StageText {
  if (stage.share === "group") return printShared(stage, sizes);
  const own = ownedDims(stage);
  const text = new KernelText();
  const places = Array.from({ length: own }, (_, i) => ({ dim: add(DIM, int(i)), results: resultsAt(stage, i) }));
  const roots = places.flatMap(({ results }) => results.map(({ value }) => value));
  const fours = own === OWN_DIMS && readsOwnDim(stage);
  const values = new SelectValues(wgslKernel, text, sizes, roots, { fours });
  const axes = axesOf(stage).map((axis) => (own > 1 && axis.name === "dim" ? { name: "dims", count: div(axis.count, int(own)) } : axis));
  const total = countAll(stage.to.heads, axes);
  text.line(`let element = i32(group) * ${THREADS} + lane;`);
  text.block(`if (element >= ${values.int(total)})`, () => text.line("return;"));
  takeApart(text, values, "element", axes, stage.to.heads);
  if (own > 1) text.line(`let dim = dims * ${own};`);
  const found = roots.map((value) => values.real(value));
  places.forEach(({ dim, results }, i) =>
    results.forEach(({ to }, j) => {
      const place = values.int(elementOf(to, { head: HEAD, row: ROW, column: COLUMN, dim }));
      text.line(`scratch[${place}] = bitcast<u32>(${found[i * results.length + j]!});`);
    }),
  );
  return { threads: THREADS, workgroups: ceilDiv(total, int(THREADS)), fours, body: text.toString() };
}

/** How many dims a thread computes: more than one where its loops go through the same range for all of them. */
function ownedDims(stage: MapStage): number {
  if (stage.to.dim === undefined) return 1;
  const renaming = renamingTo(1);
  let same = true;
  walkReals(stage, (value) => (same &&= value.kind !== "loop" || renaming.keepsRange(value)));
  return same ? OWN_DIMS : 1;
}

/** Whether of queries and keys an element reads its own dim only. Dims of both are multiples of four. */
function readsOwnDim(stage: MapStage): boolean {
  let own = true;
  walkReals(stage, (value) => (own &&= (value.kind !== "query" && value.kind !== "key") || intKey(value.dim) === DIM.name));
  return own;
}

const renamingTo = (dims: number): Renaming => new Renaming(new Map([["dim", add(DIM, int(dims))]]));

/** The results of an element so many dims on. */
function resultsAt(stage: MapStage, dims: number): readonly MapResult[] {
  if (dims === 0) return mapResults(stage);
  const renaming = renamingTo(dims);
  return mapResults(stage).map(({ to, value }) => ({ to, value: renaming.real(value) }));
}

/** A workgroup for each element. */
function printShared(stage: MapStage, sizes: Sizes): StageText {
  const text = new KernelText();
  const values = new SelectValues(wgslKernel, text, sizes, stageReals(stage), { shared: { lane: "lane", threads: SHARING_THREADS } });
  const axes = axesOf(stage);
  const total = countAll(stage.to.heads, axes);
  text.line("let element = i32(group);");
  text.block(`if (element >= ${values.int(total)})`, () => text.line("return;"));
  takeApart(text, values, "element", axes, stage.to.heads);
  const results = mapResults(stage).map(({ to, value }) => ({ to, found: values.real(value) }));
  text.block("if (lane == 0)", () => {
    for (const { to, found } of results) {
      const place = values.int(elementOf(to, { head: HEAD, row: ROW, column: COLUMN, dim: DIM }));
      text.line(`scratch[${place}] = bitcast<u32>(${found});`);
    }
  });
  const body = text.toString();
  return { threads: SHARING_THREADS, workgroups: total, before: sharedLoopFunctions(SHARING_THREADS, body), body };
}
