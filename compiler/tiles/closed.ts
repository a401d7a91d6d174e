import { evaluateScalars, idsRow, inputHead, kvHeadOf } from "../mask/evaluate.js";
import type { InputValue, MaskEnv } from "../mask/evaluate.js";
import type { BoolExpr, IntExpr, MaskModule, Variable } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { simplifyBool } from "../mask/simplify.js";
import { mapLeaves } from "../mask/walk.js";

/** The mask of one head of one batch entry with all that a call fixes put in: of `q`, `k`, inputs and what `open` names. */
export function closeMask(module: MaskModule, env: MaskEnv, batch: number, head: number, open: readonly Variable[] = []): BoolExpr {
  const scalars = evaluateScalars(module, env, head);
  const known = (leaf: IntExpr): number | undefined => {
    if (leaf.kind === "scalar") return scalars[leaf.slot];
    if (leaf.kind === "param") return env.params?.[leaf.name];
    if (leaf.kind !== "var" || leaf.name === "q" || leaf.name === "k" || open.includes(leaf.name)) return undefined;
    if (leaf.name === "h") return head;
    if (leaf.name === "b") return batch;
    return leaf.name === "kvh" ? kvHeadOf(head, env.heads, env.kvHeads) : env[leaf.name];
  };
  return simplifyBool(
    mapLeaves(module.mask, (leaf) => {
      const value = known(leaf);
      return value === undefined ? leaf : m.int(value);
    }),
  );
}

/** A mask in a call that has one head and one batch entry: what several heads see together, for example. */
export interface OneMask {
  readonly module: MaskModule;
  readonly env: MaskEnv;
}

/** The pairs that any of the heads looks at, over positions. Variables that `open` names stay variables. */
export function unionOfHeads(module: MaskModule, env: MaskEnv, heads: readonly number[], open: readonly Variable[] = []): OneMask {
  const inputs: Record<string, InputValue> = {};
  const items = heads.map((head) => {
    const rename = (name: string): string => {
      const { name: own, value } = inputOfHead(name, env, 0, head);
      inputs[own] = value;
      return own;
    };
    return renameInputs(closeMask(module, env, 0, head, open), rename);
  });
  const mask = simplifyBool(m.or(...items));
  const names = Object.keys(inputs);
  return {
    module: oneHead(module, mask),
    env: { N: env.N, NQ: env.NQ, heads: 1, kvHeads: 1, ...(names.length > 0 ? { inputs } : {}) },
  };
}

/** A module of one head with another mask, over positions, and nothing that the mask does not say. */
export function oneHead(module: MaskModule, mask: BoolExpr): MaskModule {
  const shape = { ...module.shape, heads: 1, kvHeads: 1 };
  return { ...module, mask, scalars: [], tables: [], params: [], inputs: [], layout: undefined, shape };
}

/** The part of an input that a head of a batch entry reads, under a name of its own. */
function inputOfHead(name: string, env: MaskEnv, batch: number, head: number): { readonly name: string; readonly value: InputValue } {
  const input = env.inputs?.[name];
  if (!input) throw new Error(`the mask environment lacks input ${name}`);
  const entry = input.batch === 1 ? 0 : batch;
  if (input.kind === "ids") {
    const start = idsRow(input, env, batch, head);
    const data = input.data.subarray(start, start + input.length);
    const own = input.heads === undefined || input.heads === 1 ? name : `${name}[${inputHead(input.heads, head, env.heads, env.kvHeads)}]`;
    return { name: own, value: { ...input, batch: 1, heads: 1, data } };
  }
  const own = inputHead(input.heads, head, env.heads, env.kvHeads);
  const size = input.rows * input.columns;
  const start = (entry * input.heads + own) * size;
  return { name: `${name}[${own}]`, value: { ...input, batch: 1, heads: 1, data: input.data.subarray(start, start + size) } };
}

function renameInputs<T extends BoolExpr | IntExpr>(expr: T, rename: (name: string) => string): T {
  const change = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(change);
    if (typeof node !== "object" || node === null) return node;
    const changed = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, change(value)]));
    if (changed["kind"] === "load" || changed["kind"] === "bit") changed["input"] = rename(changed["input"] as string);
    return changed;
  };
  return change(expr) as T;
}
