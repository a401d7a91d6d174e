/**
 * What the numbers of a case are like.
 * - `normal`: independent, normally distributed.
 * - `large logits`: scores in the hundreds, far beyond what exp takes without the running maximum.
 * - `low scores`: all scores some hundreds below 0, where exp gives 0 without the running maximum.
 * - `equal keys`: all keys of a head the same, so that the output is a plain mean and the lse counts keys.
 * - `dominant key`: one key of each head takes nearly all weight wherever it is seen.
 * - `strong keys`: some keys of each head stand out, by different amounts, so that it matters which are selected.
 * - `repeated keys`: queries and keys of small integers, whose products and sums are exact, and keys that repeat after 16:
 *   many scores are equal, and ties have one right answer.
 */
export type DataKind = "normal" | "large logits" | "low scores" | "equal keys" | "dominant key" | "strong keys" | "repeated keys";

/** One run of an operator. */
export interface VerifyCase {
  readonly name: string;
  readonly seed: number;
  readonly data: DataKind;
  readonly batch: number;
  /** All batch entries share each input. */
  readonly sharedInputs?: boolean | undefined;
  readonly heads: number;
  readonly kvHeads: number;
  readonly queries: number;
  readonly keys: number;
  /** Launch variables and runtime parameters, where the operator has them. */
  readonly launch: LaunchValues;
  readonly params: Readonly<Record<string, number>>;
}

export interface LaunchValues {
  readonly layer?: number | undefined;
  readonly layers?: number | undefined;
  readonly step?: number | undefined;
  readonly steps?: number | undefined;
  readonly phase?: string | undefined;
}

/** What the cases of an operator are made from. */
export interface CasePlan {
  /** Numbers of keys: `--seq`. With a grid of fixed size only that one makes sense. */
  readonly lengths: readonly number[];
  /** Seeds of random data per length: `--seeds`. */
  readonly seeds: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** The least number of keys that the operator takes: more than 1 where its space has segments or a grid. */
  readonly leastLength?: number | undefined;
  /** False where a grid or a table fixes the length: then no case of another length is added. */
  readonly freeLength: boolean;
  /** False where a table or a rule of the pattern fixes the numbers of heads. */
  readonly freeHeads: boolean;
  readonly launches?: readonly LaunchValues[] | undefined;
  /** Whether it selects from its keys: then there are cases in which that matters. */
  readonly selects?: boolean | undefined;
  /** A length at which selections have to choose, where it is longer than the others. */
  readonly choosing?: number | undefined;
  readonly params?: readonly Readonly<Record<string, number>>[] | undefined;
}

/** Queries of a case that is long only to have many units. */
const CHOOSING_QUERIES = 33;

/**
 * The cases of an operator: for every length random data at several seeds, and fewer queries than keys; at
 * the shortest length the other kinds of data, two batch entries and grouped heads; at the longest two batch
 * entries again; and length 1. Operators that select have cases of keys that stand out, and of ties, besides. Values of
 * launch variables and parameters go round.
 */
export function standardCases(plan: CasePlan): readonly VerifyCase[] {
  const cases: VerifyCase[] = [];
  const launches = plan.launches ?? [{}];
  const params = plan.params ?? [{}];
  const { heads, kvHeads } = plan;
  const add = (name: string, keys: number, rest: Partial<VerifyCase> = {}): void => {
    const i = cases.length;
    const launch = launches[i % launches.length]!;
    const common = { name, seed: i + 1, data: "normal", batch: 1, heads, kvHeads, queries: keys, keys } as const;
    cases.push({ ...common, launch, params: params[i % params.length]!, ...rest });
  };

  for (const keys of plan.lengths) {
    for (let seed = 1; seed <= plan.seeds; seed++) add(`random, seed ${seed}`, keys, { seed });
    // The values of launch variables that the seeds did not reach.
    for (let i = plan.seeds; i < Math.max(launches.length, params.length) && keys === plan.lengths[0]; i++)
      add(`random, call ${i + 1}`, keys);
    if (keys > 1) add("fewer queries than keys", keys, { queries: Math.ceil(keys / 3) });
  }
  const short = Math.min(...plan.lengths);
  for (const data of ["large logits", "low scores", "equal keys", "dominant key"] as const) add(data, short, { data });
  add("two batch entries, shared inputs", short, { batch: 2, sharedInputs: true });
  const long = Math.max(...plan.lengths);
  add("two batch entries", long, { batch: 2, queries: Math.ceil(long / 3) });
  if (plan.selects) {
    add("strong keys", short, { data: "strong keys" });
    add("strong keys, fewer queries than keys", long, { data: "strong keys", queries: Math.ceil(long / 3) });
    add("repeated keys", long, { data: "repeated keys" });
    if (plan.choosing !== undefined && plan.choosing > long)
      add("as many units as it takes to choose", plan.choosing, {
        data: "strong keys",
        queries: Math.min(plan.choosing, CHOOSING_QUERIES),
      });
  }
  if (plan.freeHeads) {
    add("one kv head", short, { heads: 3, kvHeads: 1 });
    add("grouped heads", short, { heads: 4, kvHeads: 2 });
  }
  if (short > 1) add("one query", short, { queries: 1 });
  if (plan.freeLength) {
    const least = plan.leastLength ?? 1;
    if (!plan.lengths.includes(least)) add(least === 1 ? "length 1" : `shortest length, ${least}`, least);
    // Neighbours of a tile's length.
    for (const keys of [31, 33, 65]) if (keys >= least && !plan.lengths.includes(keys)) add(`length ${keys}`, keys);
  }
  return cases;
}
