import type { HeadCounts, OracleInput } from "./inputs.js";
import type { OracleFile, OracleHost } from "./program.js";
import type { OracleSpace } from "./space.js";
import type { OracleTable, PatternCell } from "./tables.js";
import type { Term } from "./values.js";

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
}

/** What a name means in a body. */
export type Meaning =
  | { readonly kind: "term"; readonly term: Term }
  | { readonly kind: "input"; readonly type: string; readonly sizes: readonly number[]; readonly value: OracleInput }
  | { readonly kind: "table"; readonly table: OracleTable }
  | { readonly kind: "patterns"; readonly table: OracleTable<PatternCell> };

/** Where an expression stands: the names it sees, and the launch. */
export interface Place {
  readonly file: OracleFile;
  readonly host: OracleHost;
  readonly launch: OracleLaunch;
  /** The space of the attention; undefined while its extents are read. */
  readonly space?: OracleSpace | undefined;
  readonly names: Map<string, Meaning>;
}
