/** What a section of the bench found. */
export interface Section {
  readonly name: string;
  readonly title: string;
  /** What was measured and how, in sentences. */
  readonly notes: readonly string[];
  readonly tables: readonly Table[];
  readonly charts: readonly Chart[];
  /** What went wrong with attnc's own part: the bench then ends with exit code 1. */
  readonly failures: readonly string[];
}

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly kind: "text" | "milliseconds" | "ratio" | "percent" | "error" | "count" | "bytes";
}

export type Cell = string | number | undefined;

export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Readonly<Record<string, Cell>>[];
}

/** Bars of measured values beside what is possible; or lines over a logarithmic axis. */
export type Chart =
  | {
      readonly kind: "bars";
      readonly title: string;
      readonly unit: string;
      readonly series: readonly string[];
      readonly groups: readonly { readonly label: string; readonly values: readonly (number | undefined)[] }[];
    }
  | {
      readonly kind: "lines";
      readonly title: string;
      readonly xTitle: string;
      readonly yTitle: string;
      readonly series: readonly { readonly label: string; readonly points: readonly (readonly [number, number])[] }[];
    };
