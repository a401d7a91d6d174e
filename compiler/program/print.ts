import { printBool, printedTokens, printInt } from "../mask/print.js";
import type { TileCond, TileExpr } from "../tiles/expr.js";
import type { KeyBand } from "../tiles/ranges.js";
import { TilePrinter } from "../tiles/print.js";
import type { Stmt, TileProgram } from "./ir.js";

/** A tile program as text: `--emit program`, and the goldens of this level. */
export function printProgram(program: TileProgram): string {
  const { name, shape } = program.module;
  const head = `program ${name}: tiles of ${program.tileQ} queries x ${program.tileK} keys, head dim ${shape.headDim}, value dim ${shape.valueDim}, ${shape.dtype}, ${program.order}`;
  const { tokens, queries, chosen } = program;
  const tiles = new TilePrinter([...(queries === undefined ? [] : [queries]), ...program.body.flatMap(tileExpressions)]);
  const leave = queries === undefined ? [] : [`  leave unless ${tiles.print(queries)}`];
  const body = program.body.flatMap((stmt) => printStmt(stmt, "  ", tiles));
  const places = printedTokens({ tokens: tokens ?? {} }).map(([what, token]) =>
    what === "token"
      ? `  the row of place k is that of token ${printInt(token)}`
      : `  the ${what} at place k is that at ${printInt(token)}`,
  );
  const rows = chosen === undefined ? [] : [`  the rows are queries that chose a block of ${chosen.unit} keys by ${chosen.selection}`];
  return [head, ...places, ...rows, ...tiles.definitions.map((each) => `  where ${each}`), ...leave, ...body, ""].join("\n");
}

/** The tile expressions of a statement and of those in it. */
function tileExpressions(stmt: Stmt): readonly (TileExpr | TileCond)[] {
  switch (stmt.op) {
    case "keyTiles":
      return [...stmt.ranges.flatMap((range) => [range.lo, range.hi]), stmt.may, ...stmt.body.flatMap(tileExpressions)];
    case "when":
      return [stmt.cond, ...stmt.body.flatMap(tileExpressions)];
    default:
      return [];
  }
}

const printBands = (bands: readonly KeyBand[]): string => bands.map(({ lo, hi }) => `[${printInt(lo)}, ${printInt(hi)})`).join(" + ");

function keysOf({ ranges, list, chosen }: Extract<Stmt, { op: "keyTiles" }>, tiles: TilePrinter): string {
  if (chosen === true) return "the chosen block";
  const texts = ranges.map((r) => `[${tiles.print(r.lo)}, ${tiles.print(r.hi)})`);
  return texts.join(" + ") || (list === undefined ? "nothing" : "all places");
}

function printStmt(stmt: Stmt, indent: string, tiles: TilePrinter): readonly string[] {
  const line = (text: string): readonly string[] => [indent + text];
  const nested = (head: string, body: readonly Stmt[]): readonly string[] => [
    indent + head,
    ...body.flatMap((s) => printStmt(s, `${indent}  `, tiles)),
  ];
  switch (stmt.op) {
    case "load":
      return line(`load ${stmt.to}${stmt.to === "Q" ? " * scale" : ""}`);
    case "fill":
      return line(`${stmt.to} = ${stmt.value}`);
    case "keyTiles":
      return nested(
        `for each key tile ${stmt.list === undefined ? "" : `gathered from ${stmt.list} `}in ${keysOf(stmt, tiles)}` +
          ` that may look${stmt.spans.length > 0 ? `, ${[...stmt.spans].reverse().join(" and ")} tiles asked at once` : ""}: ${tiles.print(stmt.may)}`,
        stmt.body,
      );
    case "when":
      return nested(`when ${tiles.print(stmt.cond)}:`, stmt.body);
    case "dot":
      return line(`${stmt.to} = ${stmt.a} ${stmt.b}^T`);
    case "mask":
      return line(
        `mask ${stmt.tile} unless ${printBool(stmt.looks)}${stmt.bands === undefined ? "" : `, which in a tile from k on ${stmt.where === undefined ? "" : `with ${printBool(stmt.where)} `}is the keys in ${printBands(stmt.bands)}`}`,
      );
    case "rowMax":
      return line(`${stmt.to} = max(${stmt.from}, row max of ${stmt.tile})`);
    case "exp2":
      return line(`${stmt.to} = exp2(${stmt.x} - ${stmt.y})`);
    case "copy":
      return line(`${stmt.to} = ${stmt.from}`);
    case "scale":
      return line(`${stmt.to} *= ${stmt.by}`);
    case "addRowSum":
      return line(`${stmt.to} += row sum of ${stmt.tile}`);
    case "accumulate":
      return line(`${stmt.to} += ${stmt.a} ${stmt.b}`);
    case "normalize":
      return line(`${stmt.to} /= ${stmt.by}, 0 where ${stmt.by} is 0`);
    case "store":
      return line(`store ${stmt.from}`);
    case "storePart":
      return line(`keep part ${stmt.from} with ${stmt.max} + log2 ${stmt.sum}`);
    case "storeLse":
      return line(`store lse = ln 2 * (${stmt.max} + log2 ${stmt.sum})`);
  }
}
