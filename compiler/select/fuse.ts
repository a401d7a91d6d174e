import { intKey, named } from "./int.js";
import type { Cond, Int, MapStage, Real, Stage } from "./ir.js";
import { axesKey } from "./places.js";
import { Renaming } from "./rename.js";
import { condInts, condReals, mapResults, readsOf, realChildren, writesOf } from "./walk.js";

type Loop = Extract<Real, { kind: "loop" }>;

/**
 * Makes one stage of those that reduce the same numbers over the same range for tensors of the same axes, such as the least and
 * the greatest of a block: what they read is read once.
 */
export function fuse(stages: readonly Stage[]): readonly Stage[] {
  const fused: Stage[] = [];
  for (const stage of stages) {
    const at = stage.kind === "map" ? fused.findIndex((other, i) => isBefore(fused, i, stage) && joined(other, stage) !== undefined) : -1;
    if (at < 0) fused.push(stage);
    else fused[at] = joined(fused[at]!, stage as MapStage)!;
  }
  return fused;
}

/** Whether all that a stage reads is written before the one at `at`. */
function isBefore(stages: readonly Stage[], at: number, stage: Stage): boolean {
  const later = new Set(stages.slice(at).flatMap(writesOf));
  return readsOf(stage).every((read) => read !== stage.to && !later.has(read));
}

function joined(one: Stage, other: MapStage): MapStage | undefined {
  if (
    one.kind !== "map" ||
    one.share !== other.share ||
    one.unless !== other.unless ||
    one.strips !== other.strips ||
    axesKey(one.to) !== axesKey(other.to)
  )
    return undefined;
  const values = mapResults(one).map(({ value }) => value);
  const loops = values.flatMap(outerLoops);
  const names = new Map<string, Int>();
  for (const loop of outerLoops(other.value)) {
    const same = loops.find((each) => sameRange(each, loop));
    if (same !== undefined) names.set(loop.name, named(same.name));
  }
  if (names.size === 0) return undefined;
  const reads = loops.flatMap(readsIn);
  const value = new Renaming(names, reads).real(other.value);
  // What only one of them reads would be read no less often.
  const shared = outerLoops(value).flatMap(readsIn);
  if (shared.length === 0 || !(isSubset(shared, reads) || isSubset(reads, shared))) return undefined;
  return { ...one, also: [...(one.also ?? []), { to: other.to, value }] };
}

const isSubset = (some: readonly Real[], all: readonly Real[]): boolean => some.every((each) => all.includes(each));

/** Loops that stand in no other. */
function outerLoops(value: Real): readonly Loop[] {
  return value.kind === "loop" ? [value] : realChildren(value).flatMap(outerLoops);
}

/** What a loop reads, each once. */
function readsIn(loop: Loop): readonly Real[] {
  const reads = new Set<Real>();
  const visit = (value: Real): void => {
    if (isRead(value)) reads.add(value);
    for (const child of realChildren(value)) visit(child);
  };
  visit(loop.body);
  return [...reads];
}

const isRead = ({ kind }: Real): boolean => kind === "load" || kind === "query" || kind === "key" || kind === "input" || kind === "word";

/** Whether two loops go through the same range, whatever their variables are called. Conditions that read something are not compared. */
function sameRange(a: Loop, b: Loop): boolean {
  if (intKey(a.from) !== intKey(b.from) || intKey(a.to) !== intKey(b.to)) return false;
  if (a.where === undefined || b.where === undefined) return a.where === b.where;
  const renamed = new Renaming(new Map([[b.name, named(a.name)]])).real(b) as Loop;
  return readsNothing(a.where) && condKey(a.where) === condKey(renamed.where!);
}

const readsNothing = (cond: Cond): boolean => condReals(cond).length === 0;

/** A text that is equal for equal conditions. */
function condKey(cond: Cond): string {
  if (cond.kind === "and" || cond.kind === "or") return `${cond.kind}(${cond.items.map(condKey).join()})`;
  if (cond.kind === "not") return `not(${condKey(cond.a)})`;
  if (cond.kind === "bit") return `${cond.bits.name}[${condInts(cond).map(intKey).join()}]`;
  if (cond.kind === "lt" || cond.kind === "le") return `${cond.kind}(${condInts(cond).map(intKey).join()})`;
  return JSON.stringify(cond);
}
