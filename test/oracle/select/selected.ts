import {
  oracleSelections,
  type OracleInput,
  type OracleSelection,
  type OracleTensors,
  type SelectedHead,
} from "../../../compiler/oracle/oracle.js";
import { bodyOf, programOf } from "../programs.js";

/** A call with plain numbers: `q[head][query][element]`, `k[kv head][key][element]`, one batch entry. */
export interface Call {
  readonly q: readonly (readonly (readonly number[])[])[];
  readonly k: readonly (readonly (readonly number[])[])[];
  readonly scale?: number;
  readonly params?: Readonly<Record<string, number | boolean>>;
  readonly inputs?: Readonly<Record<string, OracleInput>>;
}

export const tensorsOf = ({ q, k, scale }: Call): OracleTensors => ({
  headDim: q[0]![0]!.length,
  q: Float32Array.from(q.flat(2)),
  k: Float32Array.from(k.flat(2)),
  ...(scale === undefined ? {} : { scale }),
});

export const launchOf = (call: Call) => ({
  N: call.k[0]!.length,
  NQ: call.q[0]!.length,
  heads: call.q.length,
  kvHeads: call.k.length,
  params: call.params,
  inputs: call.inputs,
  tensors: tensorsOf(call),
});

/** One head, vectors of one element: a score `dot(q, k)` is a product. */
export const scalars = (q: readonly number[], k: readonly number[]): Call => ({ q: [q.map((x) => [x])], k: [k.map((x) => [x])] });

/** One query that sees these keys, whose scores they are. */
export const scores = (...k: readonly number[]): Call => scalars([1], k);

/** The selections of an attention `a` with this body, by name. */
export function selectionsOf(body: string, call: Call, params = ""): ReadonlyMap<string, OracleSelection> {
  const all = oracleSelections(programOf(bodyOf(body, params)), "a", launchOf(call));
  return new Map([...all].flatMap(([name, each]) => (each.kind === "selection" ? [[name, each]] : [])));
}

/** The selection `s` of a body that attends to nothing else. */
export function selected(space: string, select: string, call: Call, h = 0, params = ""): SelectedHead {
  return selectionsOf(`space ${space}\nselect s {\n${select}\n}\nattend s`, call, params).get("s")!.select(0, h);
}

/** The units kept in each row. */
export function rowsOf({ kept, rows, columns }: SelectedHead): number[][] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, j) => j).filter((j) => kept[row * columns + j] === 1),
  );
}

/** The scores of a row in float64. */
export const scoresOf = ({ scores: [exact], columns }: SelectedHead, row = 0): number[] => [
  ...exact!.slice(row * columns, (row + 1) * columns),
];
