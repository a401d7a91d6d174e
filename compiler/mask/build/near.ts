import { diagnostic } from "../../diagnostics/report.js";
import type { Typed } from "../../semantics/typed.js";
import type { BoolExpr } from "../ir.js";
import * as m from "../make.js";
import { baseLength, coordinateOf } from "../space.js";
import type { Frame, Lowering } from "./lower.js";
import { constantOf, intConstant, type BoolValue, type IntValue } from "./value.js";

/**
 * Neighborhood attention along one axis, by NATTEN's integer rule (its CUDA reference mask): the
 * dilation D splits the axis into D residue classes; inside the class of length L, with coordinates
 * i of the query and j of the key, queries of one stride group S share the window of their leader,
 *
 *   leader = min((i / S) * S + S / 2, L - 1)     start = clamp(leader - W / 2, 0, L - W)
 *
 * and see start <= j < start + W. Causally, leader = min((i / S) * S + S - 1, L - 1) and
 * max(leader - (W - 1), 0) <= j <= i. A class shorter than the window is seen whole. Tokens behind
 * the grid have no neighbours and are nobody's.
 */
export function lowerNear(typed: Extract<Typed, { readonly kind: "near" }>, frame: Frame, lowering: Lowering): BoolValue {
  const { span, axis } = typed;
  const { space } = lowering.around;
  const number = (option: Typed | undefined): IntValue => (option === undefined ? intConstant(1, span) : lowering.lowerInt(option, frame));
  const window = number(typed.window);
  const stride = number(typed.stride);
  const dilation = number(typed.dilation);
  if (!checkSizes(typed, window, stride, dilation, lowering)) return { type: "bool", ir: m.bool(false), span };
  const W = lowering.values.int(window);
  const S = lowering.values.int(stride);
  const D = lowering.values.int(dilation);
  const extent = lowering.extent(axis.index);
  const qc = coordinateOf(space, axis.index, m.q);
  const kc = coordinateOf(space, axis.index, m.k);
  const group = m.mod(qc, D);
  const i = m.div(qc, D);
  const j = m.div(kc, D);
  // How many coordinates of the axis are in the query's class.
  const L = m.div(m.add(m.sub(extent, group), m.sub(D, m.int(1))), D);
  const groupStart = m.mul(m.div(i, S), S);
  const sharedLeader = (shift: ReturnType<typeof m.int>) => m.min(m.add(groupStart, shift), m.sub(L, m.int(1)));
  const center = sharedLeader(m.div(S, m.int(2)));
  const start = m.max(m.min(m.sub(center, m.div(W, m.int(2))), m.sub(L, W)), m.int(0));
  const full = m.and(m.le(start, j), m.lt(j, m.add(start, W)));
  const causalStart = m.max(m.sub(sharedLeader(m.sub(S, m.int(1))), m.sub(W, m.int(1))), m.int(0));
  const causal = m.and(m.le(causalStart, j), m.le(j, i));
  const option = typed.causal === undefined ? undefined : lowering.lowerBool(typed.causal, frame);
  const inWindow: BoolExpr = option === undefined ? full : m.choose(lowering.values.bool(option), causal, full);
  const end = baseLength(space);
  const inGrid = space.segments.length === 0 ? [] : [m.lt(m.q, end), m.lt(m.k, end)];
  return { type: "bool", ir: m.and(...inGrid, m.eq(m.mod(kc, D), group), inWindow), span };
}

/** 1 <= stride <= window and window * dilation <= extent, as far as the numbers are known. */
function checkSizes(
  typed: Extract<Typed, { readonly kind: "near" }>,
  window: IntValue,
  stride: IntValue,
  dilation: IntValue,
  lowering: Lowering,
): boolean {
  let fits = true;
  const wrong = (at: Typed | undefined, what: string, rule: string, found: number): void => {
    fits = false;
    lowering.add(diagnostic("ATTN3001", (at ?? typed).span, { what, rule, found }));
  };
  const w = constantOf(window);
  const s = constantOf(stride);
  const d = constantOf(dilation);
  if (w !== undefined && w < 1) wrong(typed.window, "the window of `near`", "at least 1", w);
  // A constant that is no divisor is reported by the check of divisors.
  else if (w !== undefined && s !== undefined && s > w) wrong(typed.stride, "the stride of `near`", `at most its window, ${w}`, s);
  const extent = lowering.around.space.axes[typed.axis.index]!.extent;
  if (fits && w !== undefined && d !== undefined && d >= 1 && extent !== "runtime" && w * d > extent) {
    fits = false;
    const size = d === 1 ? `${w}` : `${w} * ${d}`;
    lowering.add(
      diagnostic(
        "ATTN3004",
        typed.span,
        { size, axis: typed.axis.name, extent },
        { labels: [{ span: typed.axis.span, text: "the axis" }] },
      ),
    );
  }
  const divisors = [stride, dilation].map((divisor) => lowering.checkDivisor(divisor));
  return fits && divisors.every(Boolean);
}
