import type { BlockClause, Expr } from "../syntax/ast.js";
import type { HeadCounts, OracleInput } from "./inputs.js";
import type { OracleFile, OracleHost } from "./program.js";
import type { OracleBits } from "./select/bits.js";
import type { OracleTensors } from "./select/scene.js";
import type { SelectionBook } from "./select/selections.js";
import type { OracleSpace } from "./space.js";
import type { OracleTable, PatternCell } from "./tables.js";
import type { Point, Term } from "./values.js";

/** What one launch fixes. */
export interface OracleLaunch extends HeadCounts {
  /** Number of keys, of queries. */
  readonly N: number;
  readonly NQ: number;
  readonly layer?: number | undefined;
  readonly layers?: number | undefined;
  readonly step?: number | undefined;
  readonly steps?: number | undefined;
  /** The name of the phase. */
  readonly phase?: string | undefined;
  /** Parameters of the attention, of compile time and runtime alike, and extents written `?`. */
  readonly params?: Readonly<Record<string, number | boolean>> | undefined;
  readonly inputs?: Readonly<Record<string, OracleInput>> | undefined;
  /** What selections are made from. */
  readonly tensors?: OracleTensors | undefined;
  /** Bits of selections and flags, by name, that are read instead of making these. */
  readonly selected?: Readonly<Record<string, OracleBits>> | undefined;
  /** Bits that stand for every selection and flag that is not among those: such as the compiler has found to decide nothing. */
  readonly unselected?: (() => OracleBits) | undefined;
}

/** What a name means in a body. */
export type Meaning =
  | { readonly kind: "term"; readonly term: Term }
  /** What `probe`, `pool` or `let` names, where it is a tensor. */
  | { readonly kind: "tensor"; readonly expr: Expr; readonly place: Place }
  | { readonly kind: "select"; readonly clause: BlockClause; readonly place: Place }
  | {
      readonly kind: "input";
      readonly type: string;
      readonly sizes: readonly number[];
      readonly axis: "q" | "k";
      readonly value: OracleInput;
    }
  | { readonly kind: "table"; readonly table: OracleTable }
  | { readonly kind: "patterns"; readonly table: OracleTable<PatternCell> };

/** The position at each place, of queries and of keys, for a batch entry and head; absent where places are positions. */
export interface Orders {
  readonly q?: TokensOf | undefined;
  readonly k?: TokensOf | undefined;
  /** The clusters that they are by, as selections know them. */
  readonly clusters?: Readonly<Partial<Record<"q" | "k", string>>> | undefined;
}

export type TokensOf = (at: Pick<Point, "b" | "h" | "kvh">) => readonly number[];

/** Where an expression stands: the names it sees, and the launch. */
export interface Place {
  readonly file: OracleFile;
  readonly host: OracleHost;
  readonly launch: OracleLaunch;
  /** The space of the attention; undefined while its extents are read. */
  readonly space?: OracleSpace | undefined;
  /** The order that the attention's layout has; undefined where there is none. */
  readonly orders?: Orders | undefined;
  readonly names: Map<string, Meaning>;
  /** The pattern whose body this is; undefined in an attention. */
  readonly pattern?: string | undefined;
  /** The selections of the call. */
  readonly selected: SelectionBook;
  /** Of a branch whose keys are windows of the sequence: a key is the first position of one. */
  readonly windows?: { readonly n: number; readonly stride: number } | undefined;
}
