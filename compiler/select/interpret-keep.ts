import type { Evaluation, Frame } from "./evaluate.js";
import { eachHead } from "./interpret-rows.js";
import type { KeepStage } from "./ir.js";
import { storedRow, type StoredBits } from "./memory.js";

/** A unit that may be kept. */
interface Unit {
  readonly at: number;
  readonly score: number;
}

/** What a keep stage keeps in a part of a call, as bits of `to`. */
export function keepUnits(stage: KeepStage, evaluation: Evaluation, to: StoredBits): void {
  const { columns, data } = to;
  const [when, candidate, isForced] = [stage.when, stage.candidate, stage.forced].map((cond) => evaluation.cond(cond)) as [
    CondOf,
    CondOf,
    CondOf,
  ];
  const score = evaluation.real(stage.score);
  const stays = stage.stays === undefined ? () => false : evaluation.cond(stage.stays);
  const count = countOf(stage, evaluation);
  eachHead(stage, evaluation, (b, head, all, frame) => {
    for (const rows of stage.scope === "head" ? [all] : all.map((row) => [row])) {
      const forced: Unit[] = [];
      const others: Unit[] = [];
      for (const row of rows) {
        if (stays(evaluation.place(frame, row, 0))) continue;
        const start = storedRow(to, b, head, row) * columns;
        data.fill(0, start, start + columns);
        if (!when(frame)) continue;
        for (let column = 0; column < columns; column++) {
          evaluation.place(frame, row, column);
          if (candidate(frame)) (isForced(frame) ? forced : others).push({ at: start + column, score: score(frame) });
        }
      }
      rank(others);
      for (const { at } of [...forced, ...others.slice(0, count({ forced, others }, frame))]) data[at] = 1;
    }
  });
}

type CondOf = (frame: Frame) => boolean;

interface Units {
  readonly forced: readonly Unit[];
  readonly others: readonly Unit[];
}

/** By falling score, ties by rising index, NaN last. */
function rank(units: Unit[]): void {
  const last = ({ score }: Unit): number => (Number.isNaN(score) ? 1 : 0);
  units.sort((x, y) => last(x) - last(y) || (last(x) === 1 || x.score === y.score ? x.at - y.at : x.score < y.score ? 1 : -1));
}

/** How many of the others are kept. */
function countOf(stage: KeepStage, evaluation: Evaluation): (units: Units, frame: Frame) => number {
  const [least, most] = [stage.least, stage.most].map((each) => (each === undefined ? undefined : evaluation.int(each)));
  const wanted = wantedOf(stage, evaluation);
  return (units, frame) => {
    const spent = stage.onTop ? 0 : units.forced.length;
    let count = wanted(units, spent, frame);
    if (stage.rule.kind !== "top" && least !== undefined) count = Math.max(count, least(frame) - spent);
    if (stage.rule.kind !== "top" && most !== undefined) count = Math.min(count, most(frame) - spent);
    return Math.max(0, count);
  };
}

/** How many of the others the rule asks for. */
function wantedOf({ rule, onTop }: KeepStage, evaluation: Evaluation): (units: Units, spent: number, frame: Frame) => number {
  if (rule.kind === "top") {
    const n = evaluation.int(rule.n);
    return (_, spent, frame) => n(frame) - spent;
  }
  return ({ forced, others }, spent, frame) => {
    const value = evaluation.realValue(rule.value, frame);
    switch (rule.kind) {
      case "threshold":
        return others.filter(({ score }) => score >= value).length;
      case "fraction":
        return Number(partOf(BigInt(others.length + spent), value)) - spent;
      case "mass": {
        const top = [...forced, ...others].reduce((most, { score }) => Math.max(most, score > 0 ? exponentOf(score) : 1), 1);
        const sum = (of: readonly Unit[]): bigint => of.reduce((all, { score }) => all + massOf(score, top), 0n);
        const taken = onTop ? 0n : sum(forced);
        const wanted = partOf(taken + sum(others), value);
        let mass = taken;
        let count = 0;
        while (mass < wanted) mass += massOf(others[count++]!.score, top);
        return count;
      }
    }
  };
}

const words = new DataView(new ArrayBuffer(4));

function bitsOf(value: number): number {
  words.setFloat32(0, value);
  return words.getUint32(0);
}

function exponentOf(value: number): number {
  return Math.max(1, (bitsOf(value) >>> 23) & 0xff);
}

/** The number without its power of two: an integer below 2^24. */
function mantissaOf(value: number): bigint {
  const bits = bitsOf(value);
  return BigInt((bits & 0x7fffff) | ((bits & 0x7f800000) === 0 ? 0 : 0x800000));
}

/**
 * A score as an integer relative to the largest exponent of the row: a multiple of a power of two is exact, and integers
 * add up to the same sum in any order, on every device. Bits below 2^-41 of the largest score are dropped.
 */
function massOf(score: number, top: number): bigint {
  return score > 0 ? (mantissaOf(score) << 18n) >> BigInt(top - exponentOf(score)) : 0n;
}

/** The least integer that is at least the fraction of the whole; all of it from 1 on, nothing for NaN. */
function partOf(whole: bigint, fraction: number): bigint {
  if (!(fraction > 0)) return 0n;
  if (fraction >= 1) return whole;
  const divisor = 1n << BigInt(150 - exponentOf(fraction));
  return (whole * mantissaOf(fraction) + divisor - 1n) / divisor;
}
