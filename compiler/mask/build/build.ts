import type { Diagnostic } from "../../diagnostics/diagnostic.js";
import { diagnostic } from "../../diagnostics/report.js";
import { suggest } from "../../diagnostics/suggest.js";
import { positionAt } from "../../source/file.js";
import type { AttentionModel, BranchModel, Model, ParamModel } from "../../semantics/model.js";
import { maxLength } from "../bounds.js";
import type { BranchedMask } from "../branched.js";
import type { MaskModule, RuntimeParam, Shape, Space, Table } from "../ir.js";
import * as m from "../make.js";
import { simplifyModule } from "../simplify.js";
import { fixedBaseLength, segmentsLength } from "../space.js";
import { buildBranched, type Builder } from "./branches.js";
import { floatInputOf, inputOf, isFloatInput, isMaskInput } from "./inputs.js";
import { reorderOf } from "./layout.js";
import { Lowering, type Frame } from "./lower.js";
import { withReaders } from "./selections/when.js";
import type { WindowsRead } from "./selections/windows.js";
import { checkSettings, resolveShape, settingFor, type MaskSettings } from "./settings.js";
import { constantOf, type Value } from "./value.js";

export interface MaskBuild {
  /** Those that could be built, in the order written. */
  readonly modules: readonly MaskModule[];
  /** Those with branches that could be built. */
  readonly branched: readonly BranchedMask[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The masks of a model without errors: all its attentions, or the one called `name`. Parameters are
 * folded, patterns and lets inlined, tables and floats turned into host scalars.
 */
export function buildMasks(model: Model, name?: string, settings: MaskSettings = {}): MaskBuild {
  const diagnostics: Diagnostic[] = [];
  const add = (d: Diagnostic): void => {
    if (!diagnostics.some((earlier) => isEcho(d, earlier))) diagnostics.push(d);
  };
  const chosen = name === undefined ? model.attentions : model.attentions.filter((attention) => attention.name === name);
  if (name !== undefined && chosen.length === 0) {
    const names = model.attentions.map((attention) => attention.name);
    const near = suggest(name, names);
    const have = names.length === 0 ? "it declares none" : `it declares ${names.join(", ")}`;
    add(
      diagnostic(
        "ATTN3015",
        undefined,
        { name, file: model.file.name, have },
        near === undefined ? {} : { hint: `did you mean \`${near}\`?` },
      ),
    );
    return { modules: [], branched: [], diagnostics };
  }
  checkSettings(chosen, settings, { add });
  const [single, several] = [undefined, true].map((mixed) => chosen.filter(({ mix }) => (mix && true) === mixed));
  const modules = single!.map((attention) => buildMask(attention, settings, add)).filter((module) => module !== undefined);
  const branched = several!.map((attention) => buildMix(attention, settings, add)).filter((mask) => mask !== undefined);
  return { modules, branched, diagnostics };
}

function buildMix(attention: AttentionModel, settings: MaskSettings, report: (d: Diagnostic) => void): BranchedMask | undefined {
  let failed = false;
  const add = (d: Diagnostic): void => {
    if (d.severity === "error") failed = true;
    report(d);
  };
  const frame = paramsFrame(attention, settings, add);
  const lowering = new Lowering({ space: emptySpace, shape: emptyShape, phases: [] }, add);
  const build: Builder["build"] = (one, say, from) => buildMask(one, settings, say, from);
  const branched = buildBranched(attention, { build, lowering, frame }, add);
  return failed ? undefined : branched;
}

/** With `from` keys are windows: causality is the mask's own, and selections are made over the space of the call. */
function buildMask(
  attention: AttentionModel,
  settings: MaskSettings,
  report: (d: Diagnostic) => void,
  from?: BranchModel["from"],
): MaskModule | undefined {
  let failed = false;
  const add = (d: Diagnostic): void => {
    if (d.severity === "error") failed = true;
    report(d);
  };
  const frame = paramsFrame(attention, settings, add);
  const shape = shapeOf(attention, frame, settings, add);
  const space = spaceOf(attention, frame, add);
  const plainLowering = new Lowering({ space: emptySpace, shape: emptyShape, phases: [] }, add);
  // Windows have no place among the tokens that a layout puts in order.
  const reorder = from === undefined ? reorderOf(attention, space, frame, plainLowering) : undefined;
  if (failed) return undefined;

  const read = from && windowsRead(plainLowering.inputSizes(from.key, frame), attention);
  const lowering = new Lowering({ space, shape, phases: attention.phases, reordered: reorder?.places, windowsRead: read }, add);
  reorder?.make?.(lowering.selections, frame);
  const attended = lowering.values.bool(lowering.attend(attention.attend!, frame));
  checkTables(lowering, attention, shape, add);
  const params = runtimeParams(attention, frame, settings, space, lowering.positive, add);
  // What the mask does not read is still an input of the operator; a name that a pattern uses too has been reported.
  const inputs = new Map([...attention.inputs.map((input) => [input.name, input] as const), ...lowering.inputs]);
  const inputList = [...inputs.values()].filter(isMaskInput).map((input) => inputOf(input, lowering.inputSizes(input, frame)));
  const floatInputs = [...lowering.inputs.values()]
    .filter(isFloatInput)
    .map((input) => floatInputOf(input, lowering.inputSizes(input, frame)));
  const { selections, rename } = lowering.selections.finish([...inputs.keys()]);
  if (failed) return undefined;

  const { line } = positionAt(attention.file, attention.span.start);
  const plain = simplifyModule({
    name: attention.name,
    ...(attention.doc === undefined ? {} : { doc: attention.doc }),
    origin: `${attention.file.name}:${line}`,
    space,
    shape,
    params,
    inputs: inputList,
    ...(floatInputs.length === 0 ? {} : { floatInputs }),
    tables: lowering.tables.map(({ name, rows, columns, values }): Table => ({ name, rows, columns, values })),
    scalars: lowering.scalars.list,
    phases: attention.phases,
    mask: rename(space.causal && from === undefined ? m.and(m.le(m.k, m.q), attended) : attended),
    ...(selections.length === 0 ? {} : { selections }),
    emitLse: attention.emitLse,
    requireRowsNonempty: attention.requireRowsNonempty,
  });
  const readers = withReaders(plain);
  const module = reorder === undefined ? readers : reorder.apply(readers);
  checkLength(module, attention, add);
  return failed ? undefined : module;
}

function windowsRead([n, stride]: readonly number[], { layout }: AttentionModel): WindowsRead {
  return { n: n!, stride: stride!, reordered: layout !== undefined };
}

/** Units that do not go together are said once, and not again of the expression around. */
function isEcho(later: Diagnostic, earlier: Diagnostic): boolean {
  const [outer, inner] = [later.span, earlier.span];
  if (later.code !== "ATTN3017" || earlier.code !== "ATTN3017" || outer === undefined || inner === undefined) return false;
  return outer.file === inner.file && outer.start <= inner.start && outer.end >= inner.end;
}

/** The values of the parameters: numbers where they are known at compile time, IR parameters where they are not. */
function paramsFrame(attention: AttentionModel, settings: MaskSettings, add: (d: Diagnostic) => void): Frame {
  const params = new Map<ParamModel, Value>();
  const frame: Frame = { params, lets: new Map() };
  // Defaults are constants: they mention neither the space nor the shape.
  const lowering = new Lowering({ space: emptySpace, shape: emptyShape, phases: [] }, add);
  for (const param of attention.params) {
    if (param.runtime) {
      params.set(param, {
        type: "int",
        ir: m.param(param.name),
        host: { kind: "param", name: param.name },
        span: param.span,
      });
      continue;
    }
    const setting = settingFor(param, settings, { add });
    const value = setting === undefined ? lowering.lower(param.value, frame) : lowering.constant(setting, param.type.kind, param.span);
    params.set(param, value);
  }
  return frame;
}

/** The integer parameters that are fixed when an attention is compiled, with the values that they have under the settings. */
export function fixedIntegers(
  attention: AttentionModel,
  settings: MaskSettings,
): readonly { readonly name: string; readonly value: number }[] {
  const { params } = paramsFrame(attention, settings, () => undefined);
  return attention.params.flatMap((param) => {
    const value = param.runtime || param.type.kind !== "int" ? undefined : constantOf(params.get(param)!);
    return value === undefined ? [] : [{ name: param.name, value }];
  });
}

const emptySpace: Space = { kind: "self", causal: false, axes: [], segments: [] };
const emptyShape: Shape = { heads: 1, kvHeads: 1, headDim: 64, valueDim: 64, dtype: "f32" };

function shapeOf(attention: AttentionModel, frame: Frame, settings: MaskSettings, add: (d: Diagnostic) => void): Shape {
  const lowering = new Lowering({ space: emptySpace, shape: emptyShape, phases: [] }, add);
  const read = (name: string): number | undefined => {
    const field = attention.shape?.fields.find((each) => each.name === name);
    return field === undefined ? undefined : constantOf(lowering.lower(field.value, frame));
  };
  return resolveShape(attention, settings, read, { add });
}

function spaceOf(attention: AttentionModel, frame: Frame, add: (d: Diagnostic) => void): Space {
  const { space } = attention;
  const lowering = new Lowering({ space: emptySpace, shape: emptyShape, phases: [] }, add);
  const size = (typed: Parameters<Lowering["lower"]>[0], what: string): number => {
    const value = constantOf(lowering.lower(typed, frame)) ?? 0;
    if (value < 1) add(diagnostic("ATTN3001", typed.span, { what, rule: "at least 1", found: value }));
    return Math.max(1, value);
  };
  return {
    kind: space.kind,
    causal: space.causal,
    axes: space.axes.map(({ name, extent }) => ({
      name,
      extent: extent === "runtime" ? extent : size(extent, `the extent of axis \`${name}\``),
    })),
    segments: space.segments.map(({ name, length }) => ({ name, length: size(length!, `the length of segment \`${name}\``) })),
  };
}

function runtimeParams(
  attention: AttentionModel,
  frame: Frame,
  settings: MaskSettings,
  space: Space,
  positive: ReadonlySet<string>,
  add: (d: Diagnostic) => void,
): readonly RuntimeParam[] {
  const lowering = new Lowering({ space: emptySpace, shape: emptyShape, phases: [] }, add);
  const list: RuntimeParam[] = [];
  for (const param of attention.params.filter((each) => each.runtime)) {
    const setting = settingFor(param, settings, { add });
    const value = typeof setting === "number" ? setting : constantOf(lowering.lower(param.value, frame));
    const min = positive.has(param.name) ? 1 : undefined;
    if (min !== undefined && value !== undefined && value < min) {
      add(diagnostic("ATTN3001", param.value.span, { what: `\`${param.name}\`, which divides,`, rule: "at least 1", found: value }));
    }
    list.push({ name: param.name, ...(value === undefined ? {} : { default: value }), ...(min === undefined ? {} : { min }) });
  }
  for (const axis of space.axes) {
    if (axis.extent !== "runtime") continue;
    const value = settings.params?.[axis.name];
    if (value !== undefined && (typeof value !== "number" || !Number.isInteger(value) || value < 1)) {
      const at = attention.space.axes.find((each) => each.name === axis.name)!.span;
      add(diagnostic("ATTN3010", at, { name: axis.name, expected: "an integer of at least 1", found: String(value) }));
    }
    const given = typeof value === "number" ? { default: value } : {};
    list.push({ name: axis.name, ...given, min: 1, doc: `The extent of axis ${axis.name}.` });
  }
  return list;
}

/** A table has a column for each kv head or query head, or one for all. */
function checkTables(lowering: Lowering, attention: AttentionModel, shape: Shape, add: (d: Diagnostic) => void): void {
  for (const table of lowering.tables) {
    if ([1, shape.heads, shape.kvHeads].includes(table.columns)) continue;
    const { name, file, columns, span } = table;
    const { heads, kvHeads } = shape;
    const labels = attention.shape === undefined ? [] : [{ span: attention.shape.span, text: "the shape" }];
    add(diagnostic("ATTN3007", span, { name, file, columns, heads, kvHeads }, { labels }));
  }
}

/** A grid of fixed size must not be longer than the indices allow. */
function checkLength(module: MaskModule, attention: AttentionModel, add: (d: Diagnostic) => void): void {
  const base = fixedBaseLength(module.space);
  const needed = base === undefined ? 1 : base + segmentsLength(module.space);
  const limit = maxLength(module);
  if (limit === 0) add(diagnostic("ATTN3014", attention.span, { name: attention.name }));
  else if (limit < needed) add(diagnostic("ATTN3011", attention.span, { name: attention.name, limit, needed }));
}
