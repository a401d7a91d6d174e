import type { Bits, Cond, Int, MapResult, MapStage, Place, Real, Stage, Tensor } from "./ir.js";

/** The numbers directly below one, those that its conditions and places read included. */
export function realChildren(value: Real): readonly Real[] {
  const placed = realInts(value).flatMap(intReals);
  return placed.length === 0 ? operands(value) : [...placed, ...operands(value)];
}

/** The numbers that an integer is read from. */
export function intReals(a: Int): readonly Real[] {
  if (a.kind === "whole") return [a.of];
  if (a.kind === "token" || a.kind === "id") return intReals(a.place);
  return "a" in a ? [...intReals(a.a), ...intReals(a.b)] : [];
}

function operands(value: Real): readonly Real[] {
  switch (value.kind) {
    case "neg":
    case "abs":
    case "exp":
    case "log":
    case "tanh":
    case "sqrt":
    case "round":
      return [value.a];
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "min":
    case "max":
    case "lt":
    case "le":
      return [value.a, value.b];
    case "choose":
      return [...condReals(value.cond), value.a, value.b];
    case "loop":
      return value.where === undefined ? [value.body] : [...condReals(value.where), value.body];
    default:
      return [];
  }
}

/** The numbers that a condition reads. */
export function condReals(cond: Cond): readonly Real[] {
  switch (cond.kind) {
    case "and":
    case "or":
      return cond.items.flatMap(condReals);
    case "not":
      return condReals(cond.a);
    case "nonzero":
      return [cond.a];
    default:
      return condInts(cond).flatMap(intReals);
  }
}

/** The integers that a condition holds, those inside of numbers aside. */
export function condInts(cond: Cond): readonly Int[] {
  switch (cond.kind) {
    case "lt":
    case "le":
      return [cond.a, cond.b];
    case "and":
    case "or":
      return cond.items.flatMap(condInts);
    case "not":
      return condInts(cond.a);
    case "bit":
      return [cond.row, cond.column];
    default:
      return [];
  }
}

/** The bits that a condition reads. */
export function condBits(cond: Cond): readonly Bits[] {
  switch (cond.kind) {
    case "and":
    case "or":
      return cond.items.flatMap(condBits);
    case "not":
      return condBits(cond.a);
    case "bit":
      return [cond.bits];
    default:
      return [];
  }
}

export const placeInts = ({ head, row, column, dim }: Place): readonly Int[] => [head, row, column, dim].flatMap((each) => each ?? []);

/** Calls `see` for every number of a stage, each once. */
export function walkReals(stage: Stage, see: (value: Real) => void): void {
  const seen = new Set<Real>();
  const visit = (value: Real): void => {
    if (seen.has(value)) return;
    seen.add(value);
    see(value);
    for (const child of realChildren(value)) visit(child);
  };
  for (const value of stageReals(stage)) visit(value);
}

/** The numbers that a stage is written with. */
export function stageReals(stage: Stage): readonly Real[] {
  const conditions = stageConds(stage).flatMap(condReals);
  switch (stage.kind) {
    case "map":
      return mapResults(stage).map(({ value }) => value);
    case "flag":
      return [stage.value];
    case "words":
      return [stage.value, ...conditions];
    case "dot":
      return [stage.a, stage.b, stage.value, ...conditions];
    case "sort":
      return [stage.score];
    case "keep":
      return [stage.score, ...conditions];
    case "pairs":
    case "snap":
      return stageInts(stage).flatMap(intReals);
  }
}

/** The condition directly in a number. */
function condOf(value: Real): Cond | undefined {
  return value.kind === "choose" ? value.cond : value.kind === "loop" ? value.where : undefined;
}

/** The conditions of a stage, those inside of numbers aside. */
export function stageConds(stage: Stage): readonly Cond[] {
  if (stage.kind === "dot") return [stage.only, stage.wanted].filter((cond) => cond !== undefined);
  if (stage.kind === "words") return stage.stays === undefined ? [] : [stage.stays];
  if (stage.kind !== "keep") return [];
  return [stage.candidate, stage.forced, stage.when, ...(stage.stays === undefined ? [] : [stage.stays])];
}

/** The integers of a stage, those inside of numbers and conditions aside. */
export function stageInts(stage: Stage): readonly Int[] {
  switch (stage.kind) {
    case "keep":
      return [...(stage.rule.kind === "top" ? [stage.rule.n] : []), ...[stage.least, stage.most].flatMap((each) => each ?? [])];
    case "pairs":
      return [stage.q0, stage.q1, stage.k0, stage.k1];
    case "snap":
      return [stage.row0, stage.row1, stage.column0, stage.column1];
    default:
      return [];
  }
}

/** The integers directly in a number. */
export function realInts(value: Real): readonly Int[] {
  switch (value.kind) {
    case "scalar":
      return [value.head];
    case "float":
      return [value.a];
    case "load":
    case "input":
    case "word":
      return placeInts(value.at);
    case "query":
    case "key":
      return [value.head, value.row, value.dim];
    case "loop":
      return [value.from, value.to];
    default:
      return [];
  }
}

/** All integers of a stage, with those that they are made of. */
export function walkInts(stage: Stage, see: (a: Int) => void): void {
  const visit = (a: Int): void => {
    see(a);
    if (a.kind === "token" || a.kind === "id") visit(a.place);
    if ("a" in a) [a.a, a.b].forEach(visit);
  };
  stageInts(stage).forEach(visit);
  stageConds(stage).flatMap(condInts).forEach(visit);
  walkReals(stage, (value) => {
    realInts(value).forEach(visit);
    if (value.kind === "choose") condInts(value.cond).forEach(visit);
    if (value.kind === "loop" && value.where !== undefined) condInts(value.where).forEach(visit);
  });
}

/** What a stage of numbers fills, and with what. */
export const mapResults = ({ to, value, also = [] }: MapStage): readonly MapResult[] => [{ to, value }, ...also];

/** What a stage writes. */
export const writesOf = (stage: Stage): readonly (Tensor | Bits)[] =>
  stage.kind === "map" ? mapResults(stage).map(({ to }) => to) : [stage.to];

/** What a stage reads of what others wrote. */
export function readsOf(stage: Stage): readonly (Tensor | Bits)[] {
  const read = new Set<Tensor | Bits>();
  walkReals(stage, (value) => {
    if (value.kind === "load") read.add(value.from);
    const cond = condOf(value);
    if (cond !== undefined) for (const bits of condBits(cond)) read.add(bits);
  });
  if (stage.unless !== undefined) read.add(stage.unless);
  walkInts(stage, (a) => {
    if (a.kind === "token" && a.bits !== undefined) read.add(a.bits);
  });
  if (stage.kind === "snap") read.add(stage.from);
  if (stage.kind === "pairs") for (const bits of stage.reads) read.add(bits);
  for (const bits of stageConds(stage).flatMap(condBits)) read.add(bits);
  return [...read];
}
