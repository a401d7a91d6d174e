import { children } from "../tiles/walk.js";
import type { TileCond, TileExpr } from "../tiles/expr.js";
import type { Stmt, TileProgram } from "./ir.js";

/**
 * Structural rules of tile programs, as sentences about what breaks them; empty for a sound program.
 * - A tile or vector is written before it is read, on every path.
 * - Only inside `keyTiles` do K, V, S, P and the key position exist; `keyTiles` do not nest.
 * - Tiles of a chosen block are of programs whose rows chose one, and of no others.
 * - The conditions of `when` mention keys only inside `keyTiles`; ranges never do.
 */
export function verifyProgram(program: TileProgram): readonly string[] {
  const problems: string[] = [];
  checkBody(program.body, new Set(), false, problems);
  for (const stmt of program.body) {
    if (stmt.op === "keyTiles" && (stmt.chosen === true) !== (program.chosen !== undefined))
      problems.push("keyTiles of a chosen block and rows that chose none, or the other way round");
  }
  return problems;
}

function checkBody(body: readonly Stmt[], written: Set<string>, inside: boolean, problems: string[]): void {
  for (const stmt of body) {
    const { reads, writes } = effects(stmt);
    for (const name of reads) if (!written.has(name)) problems.push(`${stmt.op} reads ${name} before it is written`);
    for (const name of [...reads, ...writes]) {
      if (!inside && keyTileNames.has(name)) problems.push(`${stmt.op} uses ${name} outside of key tiles`);
    }
    switch (stmt.op) {
      case "keyTiles":
        if (inside) problems.push("keyTiles inside keyTiles");
        for (const range of stmt.ranges)
          if (mentionsKeys(range.lo) || mentionsKeys(range.hi)) problems.push("a key range mentions the key tile");
        if (stmt.spans.some((span, i) => span % (stmt.spans[i - 1] ?? 1) !== 0 || span <= (stmt.spans[i - 1] ?? 1)))
          problems.push("the spans of a keyTiles are not multiples of one another");
        if (stmt.list !== undefined && (stmt.ranges.length > 0 || stmt.spans.length > 0)) problems.push("a list of keys with ranges");
        // The loop may run not at all: what it writes first does not count afterwards.
        checkBody(stmt.body, new Set(written), true, problems);
        break;
      case "when":
        if (!inside && mentionsKeys(stmt.cond)) problems.push("a condition mentions the key tile outside of it");
        checkBody(stmt.body, new Set(written), inside, problems);
        break;
    }
    for (const name of writes) written.add(name);
  }
}

const keyTileNames: ReadonlySet<string> = new Set(["K", "V", "S", "P", "n", "a"]);

function effects(stmt: Stmt): { readonly reads: readonly string[]; readonly writes: readonly string[] } {
  switch (stmt.op) {
    case "load":
    case "fill":
      return { reads: [], writes: [stmt.to] };
    case "dot":
      return { reads: [stmt.a, stmt.b], writes: [stmt.to] };
    case "mask":
      return { reads: [stmt.tile], writes: [stmt.tile] };
    case "rowMax":
      return { reads: [stmt.from, stmt.tile], writes: [stmt.to] };
    case "exp2":
      return { reads: [stmt.x, stmt.y], writes: [stmt.to] };
    case "copy":
      return { reads: [stmt.from], writes: [stmt.to] };
    case "scale":
      return { reads: [stmt.to, stmt.by], writes: [stmt.to] };
    case "addRowSum":
      return { reads: [stmt.to, stmt.tile], writes: [stmt.to] };
    case "accumulate":
      return { reads: [stmt.to, stmt.a, stmt.b], writes: [stmt.to] };
    case "normalize":
      return { reads: [stmt.to, stmt.by], writes: [stmt.to] };
    case "store":
      return { reads: [stmt.from], writes: [] };
    case "storePart":
      return { reads: [stmt.from, stmt.max, stmt.sum], writes: [] };
    case "storeLse":
      return { reads: [stmt.max, stmt.sum], writes: [] };
    default:
      return { reads: [], writes: [] };
  }
}

const keyVariables: ReadonlySet<string> = new Set(["k0", "k1", "place", "places"]);

function mentionsKeys(e: TileExpr | TileCond): boolean {
  return (e.kind === "var" && keyVariables.has(e.name)) || children(e).some(mentionsKeys);
}
