/**
 * Several attentions in one layer: a mask for each, and how their outputs become one. Queries are the call's in all;
 * keys and values are the call's, or tensors of the caller with one key for each window of the call's keys.
 */

import type { Factor, Mix } from "../../runtime/launch/branches/mixture.js";
import type { BoolExpr, FloatInput, HostExpr, HostScalar, Input, IntExpr, MaskModule, RuntimeParam, Shape, Space } from "./ir.js";
import * as m from "./make.js";
import type { SelectionItem } from "./selection.js";
import { mapHost, mapLeaves, mapTables } from "./walk.js";

export type { Factor, Mix } from "../../runtime/launch/branches/mixture.js";

/**
 * Inputs of kind `pooled` in the place of keys and values: [batch, kv heads, windows, head dim] and [batch, kv heads,
 * windows, value dim], of the dtype.
 */
export interface PooledKeys {
  readonly key: string;
  readonly value: string;
}

export interface Branch {
  readonly name: string;
  /** Called `ATTENTION.BRANCH`. It has those inputs and parameters of the attention that its mask reads. */
  readonly module: MaskModule;
  /** Present where its keys are windows, as its module says. */
  readonly from?: PooledKeys | undefined;
}

/** Floats of the caller, [batch, heads, NQ, count], float32. */
export interface Gates {
  readonly name: string;
  readonly count: number;
}

/** One attention with branches. */
export interface BranchedMask {
  readonly name: string;
  readonly doc?: string | undefined;
  /** `file:line` of the declaration. */
  readonly origin: string;
  readonly space: Space;
  readonly shape: Shape;
  readonly phases: readonly string[];
  /** Of all branches together. */
  readonly params: readonly RuntimeParam[];
  readonly inputs: readonly Input[];
  /** What the selections of branches read, and these selections, each name once. */
  readonly floatInputs: readonly FloatInput[];
  readonly selections: readonly SelectionItem[];
  readonly gates: readonly Gates[];
  readonly branches: readonly Branch[];
  /** Numbers the branches as they stand here. */
  readonly mix: Mix;
  readonly emitLse: boolean;
  readonly requireRowsNonempty: boolean;
}

/** Whether a mix is a softmax over keys, whose sums have a logarithm. */
export const hasLse = (mix: Mix): boolean => mix.kind === "branch" || mix.kind === "merge";

/** All factors of a mix. */
export function factorsOf(mix: Mix): readonly Factor[] {
  switch (mix.kind) {
    case "branch":
    case "merge":
      return [];
    case "scale":
      return [mix.factor, ...factorsOf(mix.of)];
    default:
      return [...factorsOf(mix.a), ...factorsOf(mix.b)];
  }
}

/** The branches that merges weigh by their lse. */
export function mergedBranches(mix: Mix): readonly number[] {
  switch (mix.kind) {
    case "branch":
      return [];
    case "merge":
      return mix.branches;
    case "scale":
      return mergedBranches(mix.of);
    default:
      return [...new Set([...mergedBranches(mix.a), ...mergedBranches(mix.b)])];
  }
}

/**
 * The whole as if it were one attention: what a call of it must give, and what tables fix. Its mask is of use for this
 * only: it says of a pair of a query and a number that some branch takes the pair, or the window of that number.
 */
export function wholeModule(mask: BranchedMask): MaskModule {
  const { name, doc, origin, space, shape, phases, params, inputs, emitLse, requireRowsNonempty } = mask;
  const scalars: HostScalar[] = [];
  const tables: MaskModule["tables"][number][] = [];
  const masks = mask.branches.map(({ module }): BoolExpr => {
    const [slots, first] = [scalars.length, tables.length];
    // What a branch over windows is told as a parameter is the number of keys here.
    const isTokens = (node: IntExpr | HostExpr): boolean => node.kind === "param" && node.name === module.windows?.tokens;
    const inHost = (expr: HostExpr): HostExpr => mapHost(expr, (node) => (isTokens(node) ? { kind: "var", name: "N" } : node));
    scalars.push(...module.scalars.map((scalar) => ({ ...scalar, expr: mapTables(inHost(scalar.expr), (table) => table + first) })));
    tables.push(...module.tables);
    const inMask = (leaf: IntExpr): IntExpr =>
      leaf.kind === "scalar" ? m.scalar(leaf.slot + slots) : isTokens(leaf) ? m.variable("N") : leaf;
    return mapLeaves(module.mask, inMask);
  });
  const { floatInputs, selections } = mask;
  return {
    ...{ name, doc, origin, space, shape, phases, params, inputs, tables, scalars, emitLse, requireRowsNonempty },
    ...(floatInputs.length === 0 ? {} : { floatInputs }),
    ...(selections.length === 0 ? {} : { selections }),
    mask: m.or(...masks),
  };
}
