import { intKey } from "./int.js";
import type { Bits, Cond, Int, Place, Real, SelectionProgram, Stage, Tensor } from "./ir.js";
import { axesKey, servesHeads } from "./places.js";
import { mapResults, readsOf, realInts, stageConds, stageInts, stageReals, walkReals, writesOf } from "./walk.js";

/**
 * Structural rules of selection programs, as sentences about what breaks them; empty for a sound program.
 * - What a stage reads was written before, and is written once. In a loop over strips a sum reads what it has so far.
 * - Every name is in scope where it stands: indices of the stage's own element, variables of loops inside of them.
 * - Loops of a stage over one name have one range; tensors that a stage fills have the same axes.
 * - A load has an index for each axis of its tensor and for no other; products stand in products only.
 * - Each matrix of the program is written, each stage serves one of them.
 */
export function verifySelectionProgram({ stages, matrices }: SelectionProgram): readonly string[] {
  const problems: string[] = [];
  const written = new Set<Tensor | Bits>();
  for (const stage of stages) {
    const say = (problem: string): void => void problems.push(`${stage.name}: ${problem}`);
    for (const read of readsOf(stage)) if (!written.has(read) && !addsUp(stage, read)) say(`${read.name} is read before it is written`);
    for (const to of writesOf(stage)) {
      if (written.has(to)) say(`${to.name} is written twice`);
      written.add(to);
    }
    if (stage.serves.length === 0) say("it serves no matrix");
    new StageScope(stage, say).check();
  }
  for (const { bits } of matrices) if (!written.has(bits)) problems.push(`${bits.name} is never written`);
  return problems;
}

const addsUp = (stage: Stage, read: Tensor | Bits): boolean => read === stage.to && stage.kind === "map" && stage.strips !== undefined;

class StageScope {
  constructor(
    private readonly stage: Stage,
    private readonly say: (problem: string) => void,
  ) {}

  check(): void {
    const { stage } = this;
    const names = new Set(["b", "head", "h", "kvh", ...indicesOf(stage)]);
    if (stage.kind === "dot") {
      this.real(stage.a, new Set([...names, "dim"]), ["column"]);
      this.real(stage.b, new Set([...names, "dim"]), ["row"]);
      this.real(stage.value, names);
    } else for (const value of stageReals(stage)) this.real(value, names);
    for (const cond of stageConds(stage)) this.cond(cond, names);
    for (const a of stageInts(stage)) this.int(a, names);
    this.together();
  }

  /** What is computed in one loop, or for one element. */
  private together(): void {
    const ranges = new Map<string, string>();
    walkReals(this.stage, (value) => {
      if (value.kind !== "loop") return;
      const range = JSON.stringify([intKey(value.from), intKey(value.to), value.where === undefined]);
      if ((ranges.get(value.name) ?? range) !== range) this.say(`${value.name} goes through two ranges`);
      ranges.set(value.name, range);
    });
    if (this.stage.kind !== "map") return;
    const axes = mapResults(this.stage).map(({ to }) => axesKey(to));
    if (new Set(axes).size > 1) this.say("it fills tensors with different axes");
  }

  private int(a: Int, names: ReadonlySet<string>, without: readonly string[] = []): void {
    if (a.kind === "name" && (!names.has(a.name) || without.includes(a.name))) this.say(`${a.name} is not in scope`);
    if (a.kind === "token" || a.kind === "id") this.int(a.place, names, without);
    if (a.kind === "whole") this.real(a.of, names, without);
    if (!("a" in a)) return;
    this.int(a.a, names, without);
    this.int(a.b, names, without);
  }

  private cond(cond: Cond, names: ReadonlySet<string>, without: readonly string[] = []): void {
    switch (cond.kind) {
      case "lt":
      case "le":
        this.int(cond.a, names, without);
        this.int(cond.b, names, without);
        return;
      case "and":
      case "or":
        for (const item of cond.items) this.cond(item, names, without);
        return;
      case "not":
        this.cond(cond.a, names, without);
        return;
      case "nonzero":
        this.real(cond.a, names, without);
        return;
      case "bit":
        this.int(cond.row, names, without);
        this.int(cond.column, names, without);
        if (!servesHeads(cond, this.stage.to.heads)) this.say(`${cond.bits.name} has other heads`);
        return;
    }
  }

  private real(value: Real, names: ReadonlySet<string>, without: readonly string[] = []): void {
    for (const a of realInts(value)) this.int(a, names, without);
    switch (value.kind) {
      case "load":
        this.place(value.from, value.at);
        return;
      case "product":
        if (this.stage.kind !== "dot") this.say("there is no product");
        return;
      case "choose":
        this.cond(value.cond, names, without);
        this.real(value.a, names, without);
        this.real(value.b, names, without);
        return;
      case "loop": {
        if (names.has(value.name)) this.say(`${value.name} is a variable twice`);
        const inner = new Set([...names, value.name]);
        if (value.where !== undefined) this.cond(value.where, inner, without);
        this.real(value.body, inner, without);
        return;
      }
      default:
        if (!("a" in value) || value.kind === "float") return;
        this.real(value.a, names, without);
        if ("b" in value) this.real(value.b, names, without);
    }
  }

  private place(from: Tensor, at: Place): void {
    for (const [extent, index] of [
      [from.rows, at.row],
      [from.columns, at.column],
      [from.dim, at.dim],
    ]) {
      if ((extent === undefined) !== (index === undefined)) this.say(`${from.name} is read with other axes than it has`);
    }
  }
}

/** The indices that an element of a stage has. */
function indicesOf(stage: Stage): readonly string[] {
  if (stage.kind === "flag") return [];
  if (stage.kind === "words") return ["row", "dim"];
  if (stage.kind !== "map" && stage.kind !== "dot") return ["row", "column"];
  const { rows, columns, dim } = stage.to;
  return [...(rows === undefined ? [] : ["row"]), ...(columns === undefined ? [] : ["column"]), ...(dim === undefined ? [] : ["dim"])];
}
