import { printBool, printInt } from "../mask/print.js";
import type { Bits, Cond, Int, KeepStage, Place, Real, SelectionProgram, Stage, Tensor } from "./ir.js";
import { stageReals, writesOf } from "./walk.js";

/** A selection program as text: a paragraph for each stage. */
export function printSelectionProgram(program: SelectionProgram): string {
  const head = `selections of ${program.module.name}: ${printSize(program.scratch)} words between stages`;
  return [head, ...program.stages.map(printStage), ""].join("\n");
}

function printStage(stage: Stage): string {
  const strips = stage.strips === undefined ? "" : `, by strips of rows (${stage.strips})`;
  const to = writesOf(stage).map(placeText).join(" and ");
  const unless = stage.unless === undefined ? [] : [`    unless ${stage.unless.name}`];
  const lines = [`${to} for ${stage.serves.join(", ")}${strips}`, ...statements(stage).map((line) => `    ${line}`), ...unless];
  return `  ${lines.join("\n")}`;
}

/** What is written: name and extents. */
function placeText(to: Tensor | Bits): string {
  const isBits = !("dim" in to) && to.columns !== undefined && "rows" in to;
  const extents = [to.heads, to.rows, to.columns, "dim" in to ? to.dim : undefined].flatMap((each) =>
    each === undefined ? [] : [typeof each === "string" ? `${each} heads` : printSize(each)],
  );
  return `${to.name}${isBits ? " bits" : ""}[${extents.join(", ")}]`;
}

function statements(stage: Stage): readonly string[] {
  switch (stage.kind) {
    case "map":
      return stageReals(stage).map((value) => `${stage.share === "group" ? "shared by a workgroup: " : ""}${printReal(value)}`);
    case "dot":
      return [
        `product = sum over dim of ${printReal(stage.a)} * ${printReal(stage.b)}`,
        `${printReal(stage.value)}${stage.only === undefined ? "" : ` if ${printCond(stage.only)} else 0`}`,
        ...(stage.wanted === undefined ? [] : [`0 but for ${printCond(stage.wanted)}`]),
      ];
    case "keep":
      return keepLines(stage);
    case "pairs":
      return [
        `some pair of queries ${printSize(stage.q0)} to ${printSize(stage.q1)} and ${stage.columns === "keys" ? "keys" : "distances"} ${printSize(stage.k0)} to ${printSize(stage.k1)} with ${printBool(stage.pairs)}`,
      ];
    case "snap":
      return [
        `some bit of ${stage.from.name} in rows ${printSize(stage.row0)} up to ${printSize(stage.row1)}, columns ${printSize(stage.column0)} up to ${printSize(stage.column1)}`,
      ];
    case "sort":
      return [`positions of the keys of each ${stage.segment} by falling ${printReal(stage.score)}`];
    case "flag":
      return [`${printReal(stage.value)} is not 0`];
    case "words":
      return [
        `${stage.whole === true ? "integers" : "words"} of ${printReal(stage.value)}`,
        ...(stage.stays === undefined ? [] : [`as before where ${printCond(stage.stays)}`]),
      ];
  }
}

function keepLines({ rule, scope, score, candidate, forced, onTop, least, most, when, stays }: KeepStage): readonly string[] {
  const amount =
    rule.kind === "top" ? printSize(rule.n) : rule.value.kind === "number" ? String(rule.value.value) : `scalar ${rule.value.slot}`;
  const bounds = `${least === undefined ? "" : ` at least ${printSize(least)}`}${most === undefined ? "" : ` at most ${printSize(most)}`}`;
  return [
    `keep ${rule.kind} ${amount}${bounds} of a ${scope} by ${printReal(score)}`,
    `among ${printCond(candidate)}`,
    ...(forced.kind === "bool" && !forced.value ? [] : [`forced${onTop ? " on top" : ""}: ${printCond(forced)}`]),
    ...(when.kind === "bool" ? [] : [`when ${printCond(when)}`]),
    ...(stays === undefined ? [] : [`as before where ${printCond(stays)}`]),
  ];
}

function printSize(a: Int): string {
  switch (a.kind) {
    case "int":
      return String(a.value);
    case "shape":
    case "name":
      return a.name;
    case "mask":
      return printInt(a.expr);
    case "token":
      return `token of ${a.axis}(${printSize(a.place)})`;
    case "id":
      return `${a.input}[${printSize(a.place)}]`;
    case "whole":
      return printReal(a.of);
    case "min":
    case "max":
      return `${a.kind}(${printSize(a.a)}, ${printSize(a.b)})`;
    default:
      return `(${printSize(a.a)} ${operators[a.kind]} ${printSize(a.b)})`;
  }
}

const operators = { add: "+", sub: "-", mul: "*", div: "/", mod: "%", lt: "<", le: "<=" } as const;

function printCond(cond: Cond): string {
  switch (cond.kind) {
    case "bool":
      return cond.value ? "all" : "none";
    case "lt":
    case "le":
      return `${printSize(cond.a)} ${operators[cond.kind]} ${printSize(cond.b)}`;
    case "and":
    case "or":
      return `(${cond.items.map(printCond).join(cond.kind === "and" ? " & " : " | ")})`;
    case "not":
      return `!(${printCond(cond.a)})`;
    case "nonzero":
      return `${printReal(cond.a)} != 0`;
    case "mask":
      return printBool(cond.expr);
    case "bit":
      return `${cond.bits.name}[${printSize(cond.row)}, ${printSize(cond.column)}]`;
  }
}

const indices = ({ head, row, column, dim }: Place): string =>
  [head, row, column, dim].flatMap((each) => (each ? [printSize(each)] : [])).join(", ");

function printReal(value: Real): string {
  switch (value.kind) {
    case "number":
      return String(value.value);
    case "scale":
    case "product":
      return value.kind;
    case "scalar":
      return `scalar ${value.slot} of head ${printSize(value.head)}`;
    case "float":
      return printSize(value.a);
    case "load":
      return `${value.from.name}[${indices(value.at)}]`;
    case "word":
      return `word of ${value.from.name}[${indices(value.at)}]`;
    case "query":
    case "key":
      return `${value.kind}[${indices({ head: value.head, row: value.row, dim: value.dim })}]`;
    case "input":
      return `${value.input.name}[${indices(value.at)}]`;
    case "neg":
      return `-${printReal(value.a)}`;
    case "abs":
    case "exp":
    case "log":
    case "tanh":
    case "sqrt":
    case "round":
      return `${value.kind}(${printReal(value.a)})`;
    case "min":
    case "max":
      return `${value.kind}(${printReal(value.a)}, ${printReal(value.b)})`;
    case "choose":
      return `(${printReal(value.a)} if ${printCond(value.cond)} else ${printReal(value.b)})`;
    case "loop": {
      const where = value.where === undefined ? "" : ` where ${printCond(value.where)}`;
      return `${value.op}(${printReal(value.body)} for ${value.name} from ${printSize(value.from)} up to ${printSize(value.to)}${where})`;
    }
    default: {
      const symbol = value.kind === "div" ? "/" : operators[value.kind];
      return `(${printReal(value.a)} ${symbol} ${printReal(value.b)})`;
    }
  }
}
