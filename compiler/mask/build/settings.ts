import { diagnostic } from "../../diagnostics/report.js";
import { suggest } from "../../diagnostics/suggest.js";
import type { AttentionModel, ParamModel } from "../../semantics/model.js";
import type { Dtype, Shape } from "../ir.js";
import type { Lowering } from "./lower.js";

/** What the caller of the compiler decides: it overrides what the file says. */
export interface MaskSettings {
  /** Values of parameters. For a runtime parameter, or an extent given at run time, it is the new default. */
  readonly params?: Readonly<Record<string, number | boolean>> | undefined;
  readonly shape?: Partial<Shape> | undefined;
}

type Report = Pick<Lowering, "add">;

/** The value that the settings give a parameter, if they give one that fits it. */
export function settingFor(param: ParamModel, settings: MaskSettings, { add }: Report): number | boolean | undefined {
  const params = settings.params ?? {};
  if (!Object.hasOwn(params, param.name)) return undefined;
  const value = params[param.name]!;
  const fits =
    param.type.kind === "bool"
      ? typeof value === "boolean"
      : typeof value === "number" && (param.type.kind === "int" ? Number.isInteger(value) : Number.isFinite(value));
  if (fits) return value;
  const expected = param.type.kind === "bool" ? "true or false" : param.type.kind === "int" ? "an integer" : "a number";
  add(diagnostic("ATTN3010", param.span, { name: param.name, expected, found: String(value) }));
  return undefined;
}

/** What settings may name: the parameters, and the extents that are given at run time. */
export function settableNames(attention: AttentionModel): readonly string[] {
  const extents = attention.space.axes.filter((axis) => axis.extent === "runtime");
  return [...attention.params, ...extents].map(({ name }) => name);
}

/** Reports settings that no parameter and no extent of the attentions at hand takes. */
export function checkSettings(attentions: readonly AttentionModel[], settings: MaskSettings, { add }: Report): void {
  const names = new Set(attentions.flatMap(settableNames));
  for (const name of Object.keys(settings.params ?? {})) {
    if (names.has(name)) continue;
    const near = suggest(name, names);
    const have = names.size === 0 ? "there are no parameters" : `the parameters are ${[...names].join(", ")}`;
    const at = attentions.length === 1 ? attentions[0]!.span : undefined;
    add(diagnostic("ATTN3009", at, { name, have }, near === undefined ? {} : { hint: `did you mean \`${near}\`?` }));
  }
}

/**
 * The kv heads of a shape that names none: those of the declaration. Where `heads` takes the place of the declared heads and is
 * no multiple of them, groups stay as large as declared if that comes out even, and else each head has its own.
 */
function kvHeadsFor(heads: number, overridden: number | undefined, declared: number | undefined): number {
  if (declared === undefined) return heads;
  if (overridden === undefined || heads % declared === 0) return declared;
  const group = overridden / declared;
  return Number.isInteger(group) && heads % group === 0 ? heads / group : heads;
}

const MAX_DIM = 256;

/** The shape: settings before the `shape` clause before the defaults. Reports sizes that cannot be. */
export function resolveShape(
  attention: AttentionModel,
  settings: MaskSettings,
  read: (field: string) => number | undefined,
  { add }: Report,
): Shape {
  const given = settings.shape ?? {};
  const heads = given.heads ?? read("heads") ?? 8;
  const kvHeads = given.kvHeads ?? kvHeadsFor(heads, given.heads === undefined ? undefined : (read("heads") ?? 8), read("kv_heads"));
  const headDim = given.headDim ?? read("dim") ?? 64;
  const valueDim = given.valueDim ?? read("value_dim") ?? headDim;
  const dtype: Dtype = given.dtype ?? attention.shape?.dtype ?? "f32";
  const at = (name: string) =>
    attention.shape?.fields.find((field) => field.name === name)?.value.span ?? attention.shape?.span ?? attention.span;
  let fits = true;
  const wrong = (name: string, rule: string, found: number): void => {
    fits = false;
    add(diagnostic("ATTN3001", at(name), { what: `\`${name}\``, rule, found }));
  };
  if (!Number.isInteger(heads) || heads < 1) wrong("heads", "at least 1", heads);
  if (fits && (!Number.isInteger(kvHeads) || kvHeads < 1)) wrong("kv_heads", "at least 1", kvHeads);
  else if (fits && heads % kvHeads !== 0) {
    fits = false;
    add(diagnostic("ATTN3002", at("kv_heads"), { heads, kvHeads }));
  }
  for (const [name, dim] of [
    ["dim", headDim],
    ["value_dim", valueDim],
  ] as const) {
    if (!Number.isInteger(dim) || dim < 4 || dim > MAX_DIM || dim % 4 !== 0) {
      wrong(name, `a multiple of 4 from 4 to ${MAX_DIM}`, dim);
      if (valueDim === headDim) break;
    }
  }
  return fits ? { heads, kvHeads, headDim, valueDim, dtype } : { heads: 1, kvHeads: 1, headDim: 64, valueDim: 64, dtype };
}
