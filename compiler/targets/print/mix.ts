import { factorsOf, mergedBranches, type Factor, type Mix } from "../../mask/branched.js";
import type { Dialect } from "./dialect.js";

/** An lse that stands for minus infinity: that of a row without keys. */
export const NO_KEYS = -3e38;

/** How a target writes a mix. A `number` is one of a row, a `vector` what is computed at a time of its outputs. */
export interface MixDialect extends Pick<Dialect, "select"> {
  readonly constant: (kind: "number" | "vector", name: string, text: string) => string;
  readonly float: (value: number) => string;
  /** A vector of zeros. */
  readonly zeros: string;
  readonly max: (a: string, b: string) => string;
  readonly exp: (x: string) => string;
  readonly log: (x: string) => string;
  /** `NO_KEYS`, as the kernel calls it. */
  readonly noKeys: string;
  /** The output of a branch, and of those that are weighed by it the lse as it stands in memory. */
  readonly output: (branch: number) => string;
  readonly lse: (branch: number) => string;
  /** Whether a branch has no keys in the call: what would be its outputs and lse was never written. */
  readonly empty: (branch: number) => string;
  readonly gate: (input: string, index: number) => string;
}

/** A mix in statements. */
export interface MixText {
  /** What is the same for all of a row, and what is not. */
  readonly rows: readonly string[];
  readonly vectors: readonly string[];
  /** The result, a vector. */
  readonly value: string;
  /** Of a softmax over keys: whether the row sees any, and its lse where it does. */
  readonly lse?: { readonly seen: string; readonly value: string } | undefined;
}

/** The branches whose lse the kernel reads: those of merges, and one that is the whole output. */
export function weighed(mix: Mix): readonly number[] {
  return mix.kind === "branch" ? [mix.branch] : mergedBranches(mix);
}

/** The functions of factors that a mix calls, which a kernel defines as `attn_NAME`. */
export function mixFunctions(mix: Mix): readonly ("sigmoid" | "tanh")[] {
  const kinds = new Set(factorsOf(mix).flatMap(kindsOf));
  return (["sigmoid", "tanh"] as const).filter((name) => kinds.has(name));
}

function kindsOf(of: Factor): readonly string[] {
  const below = "b" in of ? [of.a, of.b] : "a" in of ? [of.a] : [];
  return [of.kind, ...below.flatMap(kindsOf)];
}

interface Scope {
  readonly dialect: MixDialect;
  readonly rows: string[];
  readonly vectors: string[];
  readonly next: { value: number };
}

interface Vector {
  readonly value: string;
  readonly lse?: MixText["lse"];
}

/** Merges weigh outputs by their lse, as `mergeAttention` does. */
export function printMix(mix: Mix, dialect: MixDialect): MixText {
  const rows = weighed(mix).map((branch) => {
    const lse = dialect.max(dialect.lse(branch), dialect.noKeys);
    return dialect.constant("number", `lse_${branch}`, dialect.select(dialect.empty(branch), dialect.noKeys, lse));
  });
  const scope: Scope = { dialect, rows, vectors: [], next: { value: 0 } };
  const { value, lse } = vector(mix, scope);
  return { rows, vectors: scope.vectors, value, ...(lse === undefined ? {} : { lse }) };
}

function vector(mix: Mix, scope: Scope): Vector {
  const { dialect, rows } = scope;
  switch (mix.kind) {
    case "branch": {
      const lse = `lse_${mix.branch}`;
      return { value: output(mix.branch, scope), lse: { seen: `${lse} > ${dialect.noKeys}`, value: lse } };
    }
    case "merge":
      return merged(mix, scope);
    case "scale": {
      const { value } = vector(mix.of, scope);
      const name = `factor_${scope.next.value++}`;
      rows.push(dialect.constant("number", name, factor(mix.factor, dialect)));
      return { value: `${name} * (${value})` };
    }
    default: {
      const [a, b] = [vector(mix.a, scope), vector(mix.b, scope)];
      return { value: `(${a.value}) ${mix.kind === "add" ? "+" : "-"} (${b.value})` };
    }
  }
}

/** The output of a branch; 0 where it has no keys. */
function output(branch: number, { dialect, vectors }: Scope): string {
  const name = `out_${branch}`;
  const text = dialect.constant("vector", name, dialect.select(dialect.empty(branch), dialect.zeros, dialect.output(branch)));
  if (!vectors.includes(text)) vectors.push(text);
  return name;
}

function merged({ branches, counts = [] }: Extract<Mix, { readonly kind: "merge" }>, scope: Scope): Vector {
  const { dialect, rows, vectors } = scope;
  const id = scope.next.value++;
  const [most, sum, value] = [`most_${id}`, `sum_${id}`, `merged_${id}`];
  const names = branches.map((branch) => output(branch, scope));
  rows.push(dialect.constant("number", most, branches.map((branch) => `lse_${branch}`).reduce(dialect.max)));
  // A part without keys has no weight, also where no part has one.
  const weights = branches.map((branch, i) => {
    const count = counts[i] ?? 1;
    const weight = `${count === 1 ? "" : `${dialect.float(count)} * `}${dialect.exp(`lse_${branch} - ${most}`)}`;
    const name = `weight_${id}_${branch}`;
    rows.push(dialect.constant("number", name, dialect.select(`lse_${branch} > ${dialect.noKeys}`, weight, dialect.float(0))));
    return name;
  });
  rows.push(dialect.constant("number", sum, weights.join(" + ")));
  const terms = weights.map((weight, i) => `${weight} * ${names[i]!}`).join(" + ");
  const seen = `${sum} > ${dialect.float(0)}`;
  vectors.push(dialect.constant("vector", value, dialect.select(seen, `(${terms}) / ${sum}`, dialect.zeros)));
  return { value, lse: { seen, value: `${most} + ${dialect.log(sum)}` } };
}

function factor(of: Factor, dialect: MixDialect): string {
  switch (of.kind) {
    case "number":
      return dialect.float(of.value);
    case "gate":
      return dialect.gate(of.input, of.index);
    case "neg":
      return `-(${factor(of.a, dialect)})`;
    case "add":
    case "sub":
    case "mul":
    case "div":
      return `(${factor(of.a, dialect)}) ${{ add: "+", sub: "-", mul: "*", div: "/" }[of.kind]} (${factor(of.b, dialect)})`;
    case "exp":
      return dialect.exp(factor(of.a, dialect));
    default:
      return `attn_${of.kind}(${factor(of.a, dialect)})`;
  }
}
