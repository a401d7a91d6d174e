import { evaluateHost } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { rememberedQueries } from "../mask/reuse.js";
import type { Selection } from "../mask/selection.js";
import type { OracleBits } from "../oracle/oracle.js";
import type { SelectedBits } from "../../runtime/launch/selection/lists.js";
import type { VerifyCall } from "../../runtime/verify/operator.js";
import type { Random } from "../../runtime/verify/random.js";
import { bitAt } from "../../runtime/verify/selection.js";
import type { ExpectedHead, ExpectedSelection } from "../../runtime/verify/selection-expected.js";
import type { VerifyTensors } from "../../runtime/verify/tensors.js";
import { maskEnvOf } from "./executor.js";

/** A selection whose rows stay while their queries are alike, with what a call is given back of it. */
export interface GuardedChoice {
  readonly selection: Selection;
  readonly queriesName: string;
  readonly bits: SelectedBits;
  /** The queries that the rows were chosen for. */
  readonly queries: SelectedBits;
}

/** The selections of a module whose rows stay while their queries are alike, with the names of these queries. */
export const guardedSelections = (module: MaskModule): readonly (readonly [selection: Selection, queries: string])[] =>
  [...rememberedQueries(module)].map(([name, queries]) => [
    (module.selections ?? []).find((each): each is Selection => each.name === name)!,
    queries,
  ]);

/**
 * Queries that rows might have been chosen for: those of the call doubled, or turned round, so that rounding does not decide which
 * rows stay. Heads that share a choice have the same.
 */
export function queriesLike(
  module: MaskModule,
  shape: Omit<SelectedBits, "words">,
  selection: Selection,
  call: VerifyCall,
  tensors: VerifyTensors,
  source: Random,
): SelectedBits {
  const { batch, heads, rows } = shape;
  const numbers = new Float32Array(batch * heads * rows * call.headDim);
  const sharing = sharedBy(selection, call);
  for (let b = 0; b < batch; b++) {
    for (let row = 0; row < rows; row++) {
      for (let h = 0; h < heads; h += sharing) {
        const factor = source.chance(0.5) ? 2 : -1;
        for (let own = h; own < h + sharing; own++) {
          const mean = meanQuery(module, selection, call, tensors, b, own, row);
          numbers.set(
            mean.map((x) => x * factor),
            ((b * heads + own) * rows + row) * call.headDim,
          );
        }
      }
    }
  }
  return { ...shape, words: new Uint32Array(numbers.buffer) };
}

/** Query heads that share a choice. */
function sharedBy({ heads }: Selection, call: VerifyCall): number {
  return heads === "query" ? 1 : heads === "kv" ? call.heads / call.kvHeads : call.heads;
}

/** The mean of the queries of a row, in float64. */
function meanQuery(
  module: MaskModule,
  { rows }: Selection,
  call: VerifyCall,
  { q }: VerifyTensors,
  b: number,
  h: number,
  row: number,
): readonly number[] {
  const { queries, heads, headDim, keys } = call;
  const first = module.space.kind === "self" ? keys - queries : 0;
  const unit = rows!.unit;
  const start = Math.max(0, (Math.floor(first / unit) + row) * unit - first);
  const end = Math.min(queries, (Math.floor(first / unit) + row + 1) * unit - first);
  return Array.from({ length: headDim }, (_, d) => {
    let sum = 0;
    for (let i = start; i < end; i++) sum += q[((b * heads + h) * queries + i) * headDim + d]!;
    return sum / (end - start);
  });
}

/** A row of numbers that stand word for word in a matrix. */
export const wordsOf = ({ heads, rows, words }: OracleBits, headDim: number, b: number, h: number, row: number): readonly number[] => {
  const start = ((b * heads + h) * rows + row) * headDim;
  return [...new Float32Array(Uint32Array.from(Array.from({ length: headDim }, (_, d) => words[start + d]!)).buffer)];
};

const product = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** Whether the row of a head stays, and whether rounding cannot tell otherwise. */
export function stays(
  module: MaskModule,
  { selection, queries }: GuardedChoice,
  call: VerifyCall,
  tensors: VerifyTensors,
  b: number,
  h: number,
  row: number,
): { readonly stays: boolean; readonly sure: boolean } {
  const sharing = sharedBy(selection, call);
  const first = Math.floor(h / sharing) * sharing;
  const own = Array.from({ length: sharing }, (_, i) => first + i);
  const now = own.flatMap((each) => meanQuery(module, selection, call, tensors, b, each, row));
  const old = own.flatMap((each) => wordsOf(queries, call.headDim, b, each, row));
  const [lengths, alike] = [product(now, now) * product(old, old), product(now, old)];
  const found = alike > 0 && lengths <= 3.4e38 ? alike / Math.sqrt(lengths) : -1;
  const least = leastCosine(module, selection, call);
  // Sums of so many products, and what is below float32.
  const slack = 4 * now.length * 2 ** -23;
  return { stays: found >= least, sure: Math.abs(found - least) > slack && (lengths === 0 || (lengths > 1e-30 && lengths < 1e38)) };
}

function leastCosine(module: MaskModule, { reuse }: Selection, call: VerifyCall): number {
  if (reuse?.kind !== "while") throw new Error("its queries guard no choice");
  const { cosine } = reuse;
  if (cosine.kind === "number") return cosine.value;
  return evaluateHost(module.scalars[cosine.slot]!.expr, module, maskEnvOf(module, { ...call, ...call.launch }), 0);
}

/** What is expected where some rows stay: of these the very units that are given back. Rows that rounding may decide are taken as made. */
export function withRowsThatStay(
  module: MaskModule,
  expected: ExpectedSelection,
  choice: GuardedChoice,
  call: VerifyCall,
  tensors: VerifyTensors,
  made: OracleBits,
): ExpectedSelection {
  const { bits } = choice;
  const select = (b: number, h: number): ExpectedHead => {
    const head = expected.select(b, h);
    const { rows, columns } = head;
    const [candidates, forced, kept] = [head.candidates.slice(), head.forced.slice(), head.kept.slice()];
    for (let row = 0; row < rows; row++) {
      const of = stays(module, choice, call, tensors, b, h, row);
      if (of.sure && !of.stays) continue;
      const own = (each: { readonly heads: number }): number => Math.floor((h * each.heads) / call.heads);
      const given = (column: number): boolean => column >= bits.columns || bitAt(bits, b, own(bits), row, column);
      const found = (column: number): boolean => bitAt(made, b, own(made), row, column);
      const isGiven = Array.from({ length: columns }, (_, column) => given(column) === found(column)).every(Boolean);
      if (!of.sure && !isGiven) continue;
      for (let column = 0; column < columns; column++) {
        const at = row * columns + column;
        candidates[at] = forced[at] = kept[at] = Number(given(column));
      }
    }
    return { ...head, candidates, forced, kept };
  };
  return { ...expected, select };
}

/** What is wrong with the queries that a run gave out: of rows that stay the old ones, of others those of the call. */
export function rememberedFault(
  module: MaskModule,
  choice: Pick<GuardedChoice, "selection"> & Partial<GuardedChoice>,
  call: VerifyCall,
  tensors: VerifyTensors,
  made: OracleBits | undefined,
): { readonly batch: number; readonly head: number; readonly row: number; readonly problem: string } | undefined {
  if (made === undefined) return { batch: 0, head: 0, row: 0, problem: "the queries that it was made for are not there" };
  for (let b = 0; b < call.batch; b++) {
    for (let h = 0; h < call.heads; h++) {
      for (let row = 0; row < made.rows; row++) {
        const given = choice.queries === undefined ? undefined : stays(module, choice as GuardedChoice, call, tensors, b, h, row);
        const found = wordsOf(made, call.headDim, b, h, row);
        const now = meanQuery(module, choice.selection, call, tensors, b, h, row);
        const most = now.reduce((all, x) => Math.max(all, Math.abs(x)), 0);
        const isNew = found.every((x, d) => Math.abs(x - now[d]!) <= 1e-5 * most);
        const isOld = choice.queries !== undefined && wordsOf(choice.queries, call.headDim, b, h, row).every((x, d) => x === found[d]);
        const right = given === undefined ? isNew : given.sure ? (given.stays ? isOld : isNew) : isOld || isNew;
        if (!right) return { batch: b, head: h, row, problem: "remembers other queries than those that it was made for" };
      }
    }
  }
  return undefined;
}
