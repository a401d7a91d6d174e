import type { SpaceClause } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { checkConstantInt } from "../expressions.js";
import type { AxisModel, SegmentModel, SpaceModel } from "../model.js";
import { declareName } from "../declare-name.js";

/** The index space of an attention, its axes and segments declared as names. Undefined when it cannot be used. */
export function checkSpace(clause: SpaceClause, context: Context): SpaceModel | undefined {
  const causality = checkCausality(clause, context);
  const axes = clause.base.kind === "grid" ? checkAxes(clause.base.args, clause.base.span, context) : [];
  const segments: SegmentModel[] = [];
  for (const call of clause.segments) {
    const { name, span } = call.callee;
    const arg = call.args[0];
    if (call.args.length !== 1 || arg === undefined || arg.label !== undefined) {
      report(context, "ATTN2217", call.span, { name });
      declareName(call.callee, { kind: "error", span }, context);
      continue;
    }
    const length = checkConstantInt(arg.value, context, `the length of segment \`${name}\``);
    const segment: SegmentModel = { name, index: segments.length, length, span };
    segments.push(segment);
    declareName(call.callee, { kind: "segment", segment, span }, context);
  }
  if (axes === undefined || causality === undefined) return undefined;
  return {
    kind: causality === "cross" ? "cross" : "self",
    causal: causality === "causal",
    axes,
    segments,
    base: { name: clause.base.kind, index: "base", span: clause.base.span },
    span: clause.span,
  };
}

function checkCausality(clause: SpaceClause, context: Context): "causal" | "full" | "cross" | undefined {
  const written = clause.causality;
  if (written === undefined) {
    // Both readings of a bare `seq` are common, and the wrong one leaks the future: it has to be said.
    if (clause.base.kind === "seq") report(context, "ATTN2206", clause.span, {});
    return clause.base.kind === "seq" ? undefined : "full";
  }
  if (written.value === "cross" && (clause.base.kind === "grid" || clause.segments.length > 0)) {
    report(context, "ATTN2207", written.span, {});
    return undefined;
  }
  return written.value;
}

const MAX_AXES = 4;

function checkAxes(args: Extract<SpaceClause["base"], { kind: "grid" }>["args"], span: SpaceClause["span"], context: Context) {
  const axes: AxisModel[] = [];
  let failed = false;
  for (const arg of args) {
    if (arg.label === undefined || !/^[A-Za-z_]/.test(arg.label.text)) {
      report(context, "ATTN2214", arg.span, {});
      failed = true;
      continue;
    }
    const name = arg.label.text;
    const extent = arg.value.kind === "unknown" ? "runtime" : checkConstantInt(arg.value, context, `the extent of axis \`${name}\``);
    const axis: AxisModel = { name, index: axes.length, extent, span: arg.label.span };
    axes.push(axis);
    declareName({ name, span: arg.label.span }, { kind: "axis", axis, span: arg.label.span }, context);
  }
  if (args.length < 1 || args.length > MAX_AXES) {
    report(context, "ATTN2218", span, { found: args.length, most: MAX_AXES });
    return undefined;
  }
  return failed ? undefined : axes;
}
