import type { Stmt } from "../../program/ir.js";
import type { Schedule } from "../../schedule/schedule.js";
import type { TileCond } from "../../tiles/expr.js";
import * as t from "../../tiles/expr.js";
import type { ScalarPrinter } from "../print/scalars.js";
import { declare } from "./dialect.js";
import type { Masking } from "./operations.js";
import type { KernelText } from "./text.js";

export type KeyTiles = Extract<Stmt, { op: "keyTiles" }>;

/** The tiles of a range, from `first` up to `end`, as texts. */
interface Ends {
  readonly first: string;
  readonly end: string;
}

/**
 * Prints the walk over the key tiles of a program: the ranges one after another, the questions that are asked of
 * their tiles, and the loops in which `work` prints what is done for a tile `k0` to `k1`. All of it is uniform.
 */
export class KeyTilesPrinter {
  constructor(
    private readonly text: KernelText,
    private readonly scalars: ScalarPrinter,
    private readonly schedule: Schedule,
    /** A workgroup may have the part `part` of `parts` of the tiles, counted over all ranges. */
    private readonly inParts: boolean,
    private readonly work: (masking: Masking) => void,
  ) {}

  /** `masked` is the condition under which a tile is masked, if some are. */
  print(stmt: KeyTiles, masked: TileCond | undefined): void {
    const before = this.text.mark();
    // Walks over lists have blocks of their own: names of an earlier walk mean something else in them.
    if (stmt.list !== undefined) this.text.block("", () => this.gathered(stmt, stmt.list!, masked));
    else if (stmt.chosen === true) this.ofBlock(stmt, masked);
    else if (stmt.ranges.length > 0) this.inRanges(stmt, masked);
    this.scalars.leaveKeyTile();
    // What the conditions share and does not depend on the keys was found while printing the loop.
    before(["", ...this.scalars.outer.splice(0).map(declare)]);
  }

  /** The tiles of a list: `place` to `last_place` in it, `k0` to `k1` among the keys. */
  private gathered(stmt: KeyTiles, list: string, masked: TileCond | undefined): void {
    this.text.line(`// Keys of ${list}, side by side wherever they stand.
let list = list_${list}(b, h);
let places = i32(aux[list]);`);
    const ends = { first: "0", end: `(places + ${this.schedule.tileK - 1}) / ${this.schedule.tileK}` };
    if (this.inParts) this.share([ends]);
    this.walk(stmt, masked, this.ownEnds(ends), false);
  }

  /** The tiles of the block that the rows chose, from its first key on. */
  private ofBlock(stmt: KeyTiles, masked: TileCond | undefined): void {
    const { tileK } = this.schedule;
    this.walk(stmt, masked, this.ownEnds({ first: "0", end: `(key_end - key_begin + ${tileK - 1}) / ${tileK}` }), false);
  }

  private inRanges(stmt: KeyTiles, masked: TileCond | undefined): void {
    const count = stmt.ranges.length;
    const ends = stmt.ranges.map((range, i) => this.rangeEnds(range, count === 1 ? "" : `_${i}`));
    if (count === 1) {
      if (this.inParts) this.share([ends[0]!]);
      this.walk(stmt, masked, this.ownEnds(ends[0]!), false);
    } else this.walkRanges(stmt, masked, ends);
  }

  private rangeEnds({ lo, hi }: KeyTiles["ranges"][number], own: string): Ends {
    const { tileK } = this.schedule;
    this.text.line(`let first_key${own} = ${this.scalars.print(t.max(lo, t.int(0)))};`);
    this.text.line(`let end_key${own} = ${this.scalars.print(t.min(hi, t.variable("N")))};`);
    // Rounding out to tiles would give a range without keys a tile.
    const end = `select(0, (end_key${own} + ${tileK - 1}) / ${tileK}, first_key${own} < end_key${own})`;
    return { first: `first_key${own} / ${tileK}`, end };
  }

  /**
   * Ranges with tiles one after another. The loop is tested at its end: devices that run threads as lanes walk through a
   * body once more than a test at the beginning lets through, and through that of a range without tiles.
   */
  private walkRanges(stmt: KeyTiles, masked: TileCond | undefined, ends: readonly Ends[]): void {
    const count = ends.length;
    this.text.line(`var first_tile: array<i32, ${count}>;
var end_tile: array<i32, ${count}>;
var ranges = 0;`);
    for (const { first, end } of ends) {
      this.text.line(`first_tile[ranges] = ${first};
end_tile[ranges] = ${end};
ranges += select(0, 1, first_tile[ranges] < end_tile[ranges]);`);
    }
    if (this.inParts) {
      this.share(ends.map((_, i) => ({ first: `first_tile[${i}]`, end: `end_tile[${i}]` })));
      this.text.line("var passed = 0;");
    }
    this.text.line("var range = 0;");
    this.text.block("loop", () => {
      const present = { first: "first_tile[range]", end: "end_tile[range]" };
      const own = this.ownEnds(present, "passed");
      if (this.inParts) this.text.line(`passed += ${tilesOf(present)};`);
      this.walk(stmt, masked, own, true);
      this.text.block("continuing", () => this.text.line("range++;\nbreak if range >= ranges;"));
    });
  }

  /** How many tiles a part has. */
  private share(ends: readonly Ends[]): void {
    this.text.line(`let share = (${ends.map(tilesOf).join(" + ")} + parts - 1) / parts;`);
  }

  /** Of the tiles of a range those of this workgroup; earlier ranges have `passed` tiles. */
  private ownEnds({ first, end }: Ends, passed?: string): Ends {
    if (this.inParts) {
      const [before, least] = passed === undefined ? ["", "part * share"] : [` - ${passed}`, `max(part * share - ${passed}, 0)`];
      this.text.line(`let begin = ${first} + ${least};`);
      this.text.line(`let end = min(${end}, ${first} + (part + 1) * share${before});`);
      return { first: "begin", end: "end" };
    }
    this.text.line(`let end = ${end};`);
    return { first, end: "end" };
  }

  /** The tiles of one range. Ranges may overlap: `overlaps` leaves out what an earlier one holds. */
  private walk(stmt: KeyTiles, masked: TileCond | undefined, ends: Ends, overlaps: boolean): void {
    if (masked === undefined || this.schedule.loops === "one") this.oneLoop(stmt, ends, overlaps, masked);
    else this.twoLoops(stmt, ends, overlaps, masked);
  }

  private oneLoop(stmt: KeyTiles, { first, end }: Ends, overlaps: boolean, masked: TileCond | undefined): void {
    if (stmt.spans.length === 0) {
      this.text.block(`for (var tile = ${first}; tile < ${end}; tile++)`, () => {
        if (overlaps) this.leaveVisited();
        this.keysOf(stmt, "tile");
        if (!isTrue(stmt.may)) this.text.line(`if (!(${this.condition(stmt.may)})) {\n  continue;\n}`);
        this.workWhere(masked);
      });
      return;
    }
    this.text.line(`var tile = ${first};`);
    this.text.block("loop", () => {
      this.passOver(stmt);
      this.text.line("if (tile >= end) {\n  break;\n}");
      if (overlaps) this.leaveVisited();
      this.keysOf(stmt, "tile");
      this.workWhere(masked);
      this.text.block("continuing", () => this.text.line("tile++;"));
    });
  }

  private workWhere(masked: TileCond | undefined): void {
    if (masked === undefined) return this.work({ kind: "never" });
    this.text.line(`let masked = ${this.condition(masked)};`);
    this.work({ kind: "where", condition: "masked" });
  }

  /** Moves `tile` to the next one that may look: blocks are asked first, from the widest that begins here. */
  private passOver(stmt: KeyTiles): void {
    this.text.line("// Empty blocks of tiles are passed over as a whole.");
    this.text.line("var span = span_at(tile);");
    this.text.block("loop", () => {
      this.text.line("if (tile >= end) {\n  break;\n}");
      this.keysOf(stmt, "tile", "span");
      this.text.block(`if (${this.condition(stmt.may)})`, () => {
        this.text.line("if (span == 1) {\n  break;\n}");
        this.text.line(`span = ${narrower(stmt.spans)};`);
      });
      this.text.line("else {\n  tile += span;\n  span = span_at(tile);\n}");
    });
    // The names of this loop end with it.
    this.scalars.leaveKeyTile();
  }

  /**
   * Runs of neighbouring tiles of one kind: `tile` goes ahead and asks, each tile once, and where the kind changes the
   * run up to there is worked off, in the loop of full tiles or in that of partial ones.
   */
  private twoLoops(stmt: KeyTiles, { first }: Ends, overlaps: boolean, masked: TileCond): void {
    this.text.line(`// The run of tiles of a kind that is not worked off yet, up to \`tile\`, which is asked next.
var tile = ${first};
var run = tile;
var run_kind = EMPTY;`);
    this.text.block("loop", () => {
      this.ask(stmt, overlaps, masked);
      this.text.block("if (kind != run_kind)", () => {
        this.text.block("if (run_kind == FULL)", () => this.workOff(stmt, { kind: "never" }));
        this.text.block("if (run_kind == PARTIAL)", () => this.workOff(stmt, { kind: "always" }));
        this.text.line("run = tile;\nrun_kind = kind;");
      });
      this.text.line("if (tile >= end) {\n  break;\n}");
      this.text.line(`tile += ${stmt.spans.length === 0 ? "1" : "span"};`);
    });
    // The names of the questions end with their loop.
    this.scalars.leaveKeyTile();
  }

  private workOff(stmt: KeyTiles, masking: Masking): void {
    this.text.block("for (var own = run; own < tile; own++)", () => {
      this.keysOf(stmt, "own");
      this.work(masking);
    });
  }

  /** Finds the `kind` of the tile, where it is one of the range; with blocks, of the `span` tiles that begin here. */
  private ask(stmt: KeyTiles, overlaps: boolean, masked: TileCond): void {
    const { spans, may } = stmt;
    this.text.line("var kind = EMPTY;");
    if (spans.length === 0) {
      this.text.block("if (tile < end)", () => {
        this.keysOf(stmt, "tile");
        if (isTrue(may)) this.judge(overlaps, masked);
        else this.text.block(`if (${this.condition(may)})`, () => this.judge(overlaps, masked));
      });
      return;
    }
    this.text.line("// Empty blocks of tiles are passed over as a whole.");
    this.text.line("var span = span_at(tile);");
    this.text.block("while (tile < end)", () => {
      this.keysOf(stmt, "tile", "span");
      this.text.line(`if (!(${this.condition(may)})) {\n  break;\n}`);
      this.text.block("if (span == 1)", () => {
        this.judge(overlaps, masked);
        this.text.line("break;");
      });
      this.text.line(`span = ${narrower(spans)};`);
    });
  }

  /** The kind of a tile that may look. */
  private judge(overlaps: boolean, masked: TileCond): void {
    const kind = (): void => this.text.line(`kind = select(FULL, PARTIAL, ${this.condition(masked)});`);
    if (!overlaps) return kind();
    this.text.line(visited);
    this.text.block("if (!visited)", kind);
  }

  private leaveVisited(): void {
    this.text.line(`${visited}\nif (visited) {\n  continue;\n}`);
  }

  private keysOfBlock(tile: string): void {
    const { tileK } = this.schedule;
    this.text.line(`let place = key_begin + ${tile} * ${tileK};
let places = key_end;
let k0 = place;
let k1 = min(k0 + ${tileK}, key_end) - 1;`);
  }

  /** Declares the keys of a tile, or of `span` tiles, which lists do not have. */
  private keysOf(stmt: KeyTiles, tile: string, span?: string): void {
    if (stmt.chosen === true) return this.keysOfBlock(tile);
    const { tileK } = this.schedule;
    if (stmt.list !== undefined) {
      this.text.line(`let place = ${tile} * ${tileK};
let last_place = min(place + ${tileK}, places) - 1;
let k0 = listed_key(list, place);
let k1 = listed_key(list, last_place);`);
      return;
    }
    this.text.line(`let k0 = ${tile} * ${tileK};`);
    this.text.line(`let k1 = min(k0 + ${span === undefined ? "" : `${span} * `}${tileK}, u.keys) - 1;`);
  }

  private condition(cond: TileCond): string {
    const text = this.scalars.print(cond);
    for (const shared of this.scalars.inner.splice(0)) this.text.line(declare(shared));
    return text;
  }
}

export const isTrue = (cond: TileCond): boolean => cond.kind === "bool" && cond.value;

const tilesOf = ({ first, end }: Ends): string => `max(${end} - ${first}, 0)`;

const visited = `// Ranges may overlap: a tile that an earlier one holds has been visited.
var visited = false;
for (var earlier = 0; earlier < range; earlier++) {
  visited = visited || (first_tile[earlier] <= tile && tile < end_tile[earlier]);
}`;

/** The next narrower block. */
const narrower = (spans: readonly number[]): string =>
  spans.reduceRight((rest, width, i) => `select(${rest}, ${spans[i - 1] ?? 1}, span == ${width})`, "1");

/** Declarations of the module that the walk needs. */
export function walkDeclarations(body: readonly Stmt[], schedule: Schedule): readonly string[] {
  return [...(schedule.loops === "two" ? kinds : []), ...spanHelper(body)];
}

const kinds = ["// What is to be done for a key tile.", "const EMPTY = 0;", "const FULL = 1;", "const PARTIAL = 2;", ""];

/** The widest block of tiles that begins at a tile, where the program asks about blocks. */
function spanHelper(body: readonly Stmt[]): readonly string[] {
  const spans = body.flatMap((stmt) => (stmt.op === "keyTiles" ? stmt.spans : []));
  if (spans.length === 0) return [];
  const widest = spans.reduce((rest, span) => `select(${rest}, ${span}, tile % ${span} == 0)`, "1");
  return [`fn span_at(tile: i32) -> i32 {\n  return ${widest};\n}`, ""];
}
