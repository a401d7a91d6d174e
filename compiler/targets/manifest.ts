import { planTiles } from "../tiles/plan.js";
import { rowLengths } from "../tiles/row-lengths.js";
import { keyOrder, mostChosen } from "../tiles/key-order.js";
import { gatheredLists } from "../tiles/walks.js";
import { maxLength } from "../mask/bounds.js";
import { hostBinary, hostUnary, toScalar } from "../mask/evaluate.js";
import type { HostExpr, HostScalar, MaskModule, Table } from "../mask/ir.js";
import { walkHost } from "../mask/walk.js";
import type { AttentionModule, KernelVariant, LengthRule, ScalarEnv, SelectionSpec, UniformField } from "../../runtime/launch/module.js";
import { usedLaunchVariables } from "./print/uniforms.js";

/** What a target made of a mask module. */
export interface Kernels {
  readonly uniforms: readonly UniformField[];
  readonly variants: readonly KernelVariant[];
  /** Kernels that are no variants have a key order. */
  readonly keyOrder?: boolean | undefined;
  readonly selection?: SelectionSpec | undefined;
}

/** The launch manifest of one operator: everything the runtime needs to check and to make a call. */
export function attentionModule(module: MaskModule, kernels: Kernels): AttentionModule {
  const { heads, kvHeads, headDim, valueDim, dtype } = module.shape;
  const lists = gatheredLists(module);
  return {
    name: module.name,
    space: module.space.kind,
    dtype,
    length: lengthRule(module),
    ...(module.layout === undefined ? {} : { layout: module.layout.name }),
    ...(hasQueryPlaces(module) ? { queryPlaces: true } : {}),
    ...(module.orders === undefined ? {} : { orders: module.orders }),
    ...windowsOf(module),
    ...(rowLengths(module, planTiles(module)).uneven ? { uneven: true } : {}),
    maxLength: maxLength(module),
    defaults: { heads, kvHeads, headDim, valueDim },
    fixed: fixedCounts(module),
    params: module.params.map(({ name, default: value, min }) => ({
      name,
      ...(value === undefined ? {} : { default: value }),
      ...(min === undefined ? {} : { min }),
    })),
    phases: module.phases,
    uses: usedLaunchVariables(module),
    inputs: module.inputs,
    ...(module.scalars.length > 0 ? { scalars: hostScalars(module) } : {}),
    ...(lists.length === 0 ? {} : { lists }),
    ...keyOrderSpec(module, kernels),
    ...(kernels.selection === undefined ? {} : { selection: kernels.selection }),
    uniforms: kernels.uniforms,
    variants: kernels.variants,
  };
}

const windowsOf = ({ windows, selections }: MaskModule): Pick<AttentionModule, "windows"> =>
  windows === undefined || selections === undefined ? {} : { windows: { tokens: windows.tokens, space: windows.space.kind } };

const hasQueryPlaces = ({ layout, space }: MaskModule): boolean => layout?.tokens.q !== undefined && space.kind === "self";

/** Where there are kernels for it. */
function keyOrderSpec(module: MaskModule, { variants, keyOrder: turns }: Kernels): Pick<AttentionModule, "keyOrder"> {
  const order = turns === true || variants.some((variant) => variant.keyOrder !== undefined) ? keyOrder(module) : undefined;
  if (order === undefined) return {};
  const { selection: name, unit, grouped } = order;
  const chosen = module.selections!.find((each) => each.name === name);
  const most = chosen?.kind === "selection" ? mostChosen(chosen) : undefined;
  return {
    keyOrder: {
      selection: name,
      unit,
      grouped,
      causal: module.space.kind === "self" && module.space.causal,
      ...(most === undefined ? {} : { most }),
    },
  };
}

/** Which lengths the index space has room for: a grid fixes them, a sequence must hold its segments. */
export function lengthRule({ space }: Pick<MaskModule, "space">): LengthRule {
  const extra = space.segments.reduce((sum, segment) => sum + segment.length, 0);
  const extents = space.axes.map(({ name, extent }) => (extent === "runtime" ? name : extent));
  return { kind: extents.length > 0 ? "extents" : "any", extents, extra };
}

/** The head and layer counts that tables have a row or a column for. A table with one row or column serves any number. */
export function fixedCounts(module: MaskModule): AttentionModule["fixed"] {
  const fixed: { heads?: number; kvHeads?: number; layers?: number } = {};
  const fix = (field: keyof typeof fixed, count: number, table: Table): void => {
    if (count === 1) return;
    if (fixed[field] !== undefined && fixed[field] !== count) {
      throw new Error(
        `table ${table.name} has ${count} ${field} where another has ${fixed[field]}; the declaration should have been refused`,
      );
    }
    fixed[field] = count;
  };
  for (const { expr } of module.scalars) {
    walkHost(expr, (node) => {
      if (node.kind !== "table") return;
      const table = module.tables[node.table]!;
      if (node.row.kind === "var" && node.row.name === "layer") fix("layers", table.rows, table);
      if (node.column.kind === "var" && node.column.name === "h") fix("heads", table.columns, table);
      if (node.column.kind === "var" && node.column.name === "kvh") fix("kvHeads", table.columns, table);
    });
  }
  return fixed;
}

function hostScalars(module: MaskModule): AttentionModule["scalars"] {
  const floats = module.scalars.flatMap(({ as }, slot) => (as === "f32" ? [slot] : []));
  return { count: module.scalars.length, ...(floats.length === 0 ? {} : { floats }), evaluate: scalarEvaluator(module) };
}

/** A function that computes all host scalars of one head by slot, as int32s but for those that are floats. */
export function scalarEvaluator(module: Pick<MaskModule, "scalars" | "tables">): (env: ScalarEnv) => readonly number[] {
  const compiled = module.scalars.map((scalar: HostScalar) => compileHost(scalar.expr, module.tables));
  return (env) => compiled.map((value, slot) => (module.scalars[slot]!.as === "f32" ? value(env) : toScalar(value(env))));
}

type HostFunction = (env: ScalarEnv) => number;

function compileHost(expr: HostExpr, tables: readonly Table[]): HostFunction {
  switch (expr.kind) {
    case "number":
      return () => expr.value;
    case "var":
      return (env) => env[expr.name];
    case "param":
      return (env) => env.params[expr.name]!;
    case "table": {
      const { values, rows, columns } = tables[expr.table]!;
      const row = compileHost(expr.row, tables);
      const column = compileHost(expr.column, tables);
      return (env) => values[held(row(env), rows) * columns + held(column(env), columns)]!;
    }
    case "neg":
    case "abs":
    case "not":
    case "log":
    case "exp":
    case "tanh":
    case "floor":
    case "ceil": {
      const a = compileHost(expr.a, tables);
      return (env) => hostUnary(expr.kind, a(env));
    }
    case "select": {
      const [cond, a, b] = [expr.cond, expr.a, expr.b].map((e) => compileHost(e, tables)) as [HostFunction, HostFunction, HostFunction];
      return (env) => (cond(env) !== 0 ? a(env) : b(env));
    }
    default: {
      const a = compileHost(expr.a, tables);
      const b = compileHost(expr.b, tables);
      return (env) => hostBinary(expr.kind, a(env), b(env));
    }
  }
}

/** An index held inside `[0, length)`. */
function held(index: number, length: number): number {
  return Math.max(0, Math.min(length - 1, Math.floor(index)));
}
