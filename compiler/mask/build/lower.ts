import type { Diagnostic } from "../../diagnostics/diagnostic.js";
import { diagnostic } from "../../diagnostics/report.js";
import type { Span } from "../../source/file.js";
import type { AssignGroup, AttendModel, InputModel, LetModel, ParamModel, TableModel } from "../../semantics/model.js";
import type { Operator, Typed } from "../../semantics/typed.js";
import { boundsContext, boundsOf, hostBounds, MAX_LENGTH } from "../bounds.js";
import type { HostExpr, IntExpr, MaskModule } from "../ir.js";
import * as m from "../make.js";
import type { OfPlaces } from "../selection.js";
import { simplifyInt } from "../simplify.js";
import { coordinateOf, extentOf, inSegment } from "../space.js";
import { walk, walkHost } from "../walk.js";
import { lowerCall } from "./functions.js";
import { bitAt } from "./inputs.js";
import { lowerNear } from "./near.js";
import { quantile } from "./quantile.js";
import { Selections } from "./selections/selections.js";
import type { WindowsRead } from "./selections/windows.js";
import {
  boolConstant,
  constantOf,
  hostBinaryNode,
  intConstant,
  Scalars,
  Values,
  type BoolValue,
  type FloatValue,
  type IntValue,
  type NumberValue,
  type Value,
} from "./value.js";

/** What the names of one declaration stand for while its body is lowered. */
export interface Frame {
  readonly params: ReadonlyMap<ParamModel, Value>;
  /** Lets are lowered at their first use. */
  readonly lets: Map<LetModel, Value>;
  /** The pattern whose body this is; absent in an attention. */
  readonly pattern?: string | undefined;
}

/** The part of a module that is known before its mask. */
export interface Surroundings extends Pick<MaskModule, "space" | "shape" | "phases"> {
  /** Whose places are not positions, because a layout puts the tokens in another order. */
  readonly reordered?: { readonly q: OfPlaces | undefined; readonly k: OfPlaces | undefined } | undefined;
  /** Where the keys of the mask are windows. Selections are made of single keys all the same. */
  readonly windowsRead?: WindowsRead | undefined;
}

/** Lowers checked expressions to the IR: patterns and lets inlined, parameters folded, what only the host can compute hoisted. */
export class Lowering {
  readonly scalars = new Scalars();
  readonly values = new Values(this.scalars);
  readonly tables: TableModel[] = [];
  readonly inputs = new Map<string, InputModel>();
  readonly selections: Selections;
  private readonly sizes = new Map<InputModel, readonly number[]>();
  /** Runtime parameters that must be at least 1, because they divide. */
  readonly positive = new Set<string>();

  constructor(
    readonly around: Surroundings,
    readonly add: (diagnostic: Diagnostic) => void,
  ) {
    this.selections = new Selections(this);
  }

  /** Whether units that are written as tiles are runs of places: without a layout places are positions. */
  inTiles(written: boolean | undefined, axis: "q" | "k", span: Span): OfPlaces | undefined {
    const of = written === true ? this.around.reordered?.[axis] : undefined;
    // Queries by their clusters stand in an order of each query head.
    if (axis === "q" && of === "order by k-means") this.add(diagnostic("ATTN2364", span, {}));
    return of;
  }

  lower(typed: Typed, frame: Frame): Value {
    const { span } = typed;
    switch (typed.kind) {
      case "constant":
        return this.constant(typed.value, typed.type.kind, span);
      case "variable": {
        const { name } = typed;
        const host: HostExpr | undefined = name === "q" || name === "k" || name === "b" ? undefined : { kind: "var", name };
        return { type: "int", ir: m.variable(name), host, span };
      }
      case "param": {
        const value = frame.params.get(typed.param);
        if (value === undefined) throw new Error(`parameter ${typed.param.name} has no value`);
        return { ...value, span };
      }
      case "let": {
        let value = frame.lets.get(typed.let);
        if (value === undefined) {
          value = this.lower(typed.let.value, frame);
          frame.lets.set(typed.let, value);
        }
        return { ...value, span };
      }
      case "phase":
        return intConstant(this.around.phases.indexOf(typed.name), span);
      case "cell":
        return { type: "float", host: this.cell(typed.table, typed, frame), span };
      case "quantile": {
        const p = this.known(typed.p, frame, "the second argument of `quantile`") ?? 0;
        if (!(p >= 0 && p <= 1)) this.add(diagnostic("ATTN3001", typed.p.span, { what: "a quantile", rule: "between 0 and 1", found: p }));
        return { type: "float", host: { kind: "number", value: quantile(typed.table.values, p) }, span };
      }
      case "load":
        this.useInput(typed.input);
        return { type: "int", ir: m.load(typed.input.name, this.kernelInt(typed.index, frame)), span };
      case "bit": {
        this.useInput(typed.input);
        const at = typed.at && { row: this.kernelInt(typed.at.row, frame), column: this.kernelInt(typed.at.column, frame) };
        return { type: "bool", ir: bitAt(typed.input, this.inputSizes(typed.input, frame), at, this.around.space), span };
      }
      case "coordinate":
        return { type: "int", ir: coordinateOf(this.around.space, typed.axis.index, this.kernelInt(typed.of, frame)), span };
      case "windowEnd": {
        const [n, stride] = this.inputSizes(typed.windows, frame);
        const start = m.mul(m.k, m.int(stride!));
        return { type: "int", ir: simplifyInt(typed.end === "first" ? start : m.add(start, m.int(n! - 1))), span };
      }
      case "near":
        return lowerNear(typed, frame, this);
      case "inSegment": {
        return { type: "bool", ir: inSegment(this.around.space, typed.segment.index, this.kernelInt(typed.position, frame)), span };
      }
      case "inList": {
        const value = this.lowerInt(typed.value, frame);
        const tests = typed.items.map((item) => this.values.compare("eq", value, this.lowerInt(item, frame), item.span));
        return tests.reduce((a, b) => this.values.logic("or", a, b, span), boolConstant(false, span));
      }
      case "term":
        return this.term(typed, frame);
      case "call":
        return lowerCall(typed, frame, this);
      case "apply":
        return this.apply(typed, frame);
      case "negate": {
        const a = this.lowerNumber(typed.operand, frame);
        if (a.type === "float") return { type: "float", host: { kind: "neg", a: a.host }, span };
        return this.values.combineInt(
          [a],
          span,
          () => m.neg(this.values.int(a)),
          ([x]) => ({ kind: "neg", a: x! }),
        );
      }
      case "not":
        return this.values.not(this.lowerBool(typed.operand, frame));
      case "binary":
        return this.binary(typed.op, this.lower(typed.left, frame), this.lower(typed.right, frame), span);
      case "conditional": {
        const cond = this.lowerBool(typed.condition, frame);
        const then = this.lower(typed.then, frame);
        const otherwise = this.lower(typed.otherwise, frame);
        if (then.type === "bool") return this.values.chooseBool(cond, then, otherwise as BoolValue, span);
        if (typed.type.kind === "float") return this.values.chooseNumber(cond, asFloat(then), asFloat(otherwise as NumberValue), span);
        return this.values.chooseNumber(cond, then, otherwise as NumberValue, span);
      }
      case "selected":
        return this.selections.selected(typed, frame);
      case "flag":
        return this.selections.flag(typed, frame);
      case "error":
        throw new Error("an expression with an error reached the mask");
    }
  }

  lowerInt(typed: Typed, frame: Frame): IntValue {
    const value = this.lower(typed, frame);
    if (value.type !== "int") throw new Error(`expected an integer, found a ${value.type}`);
    return value;
  }

  lowerNumber(typed: Typed, frame: Frame): NumberValue {
    const value = this.lower(typed, frame);
    if (value.type === "bool") throw new Error("expected a number, found a boolean");
    return value;
  }

  lowerBool(typed: Typed, frame: Frame): BoolValue {
    const value = this.lower(typed, frame);
    if (value.type !== "bool") throw new Error(`expected a boolean, found a ${value.type}`);
    return value;
  }

  kernelInt(typed: Typed, frame: Frame): IntExpr {
    return this.values.int(this.lowerInt(typed, frame));
  }

  /** The value of an expression that must be known when the program is compiled; reports when it is not. */
  known(typed: Typed, frame: Frame, where: string): number | undefined {
    const value = constantOf(this.lower(typed, frame));
    if (value === undefined) this.add(diagnostic("ATTN2115", typed.span, { where }));
    return value;
  }

  constant(value: number | boolean, type: string, span: Span): Value {
    if (typeof value === "boolean") return boolConstant(value, span);
    if (type === "float") return { type: "float", host: { kind: "number", value }, span };
    return intConstant(this.int32(value, span), span);
  }

  /** Reports an integer that 32 bits do not hold; what stands for it is a size and a divisor like others, so that this is said once. */
  private int32(value: number, span: Span): number {
    if (value >= -(2 ** 31) && value < 2 ** 31) return value;
    this.add(diagnostic("ATTN3012", span, { value }));
    return 1;
  }

  private cell(table: TableModel, at: { readonly row?: Typed | undefined; readonly column?: Typed | undefined }, frame: Frame): HostExpr {
    let index = this.tables.indexOf(table);
    if (index < 0) index = this.tables.push(table) - 1;
    const zero: HostExpr = { kind: "number", value: 0 };
    const { heads, kvHeads } = this.around.shape;
    let column: HostExpr = zero;
    if (at.column !== undefined) column = this.lower(at.column, frame).host ?? zero;
    else if (table.columns === kvHeads) column = { kind: "var", name: "kvh" };
    else if (table.columns === heads) column = { kind: "var", name: "h" };
    const row: HostExpr =
      at.row !== undefined ? (this.lower(at.row, frame).host ?? zero) : table.rows === 1 ? zero : { kind: "var", name: "layer" };
    return { kind: "table", table: index, row, column: table.columns === 1 && at.column === undefined ? zero : column };
  }

  useInput(input: InputModel): void {
    const present = this.inputs.get(input.name);
    if (present === undefined) this.inputs.set(input.name, input);
    else if (present !== input) {
      this.add(diagnostic("ATTN3013", input.span, { name: input.name }, { labels: [{ span: present.span, text: "the other one" }] }));
    }
  }

  /** n and m of `blocks` and `csr`. */
  inputSizes(input: InputModel, frame: Frame): readonly number[] {
    const known = this.sizes.get(input);
    if (known !== undefined) return known;
    const sizes = input.sizes.map((size) => {
      const value = this.known(size, frame, `a block size of \`${input.name}\``) ?? 1;
      if (value >= 1) return value;
      this.add(diagnostic("ATTN3001", size.span, { what: `a block size of \`${input.name}\``, rule: "at least 1", found: value }));
      return 1;
    });
    this.sizes.set(input, sizes);
    return sizes;
  }

  private term(typed: Extract<Typed, { readonly kind: "term" }>, frame: Frame): BoolValue {
    const { span } = typed;
    const n = typed.n === undefined ? m.int(0) : this.kernelInt(typed.n, frame);
    const distance = m.sub(m.q, m.k);
    switch (typed.term) {
      case "first":
        return { type: "bool", ir: m.lt(m.k, n), span };
      case "last":
        return { type: "bool", ir: m.le(m.sub(m.variable("N"), n), m.k), span };
      case "local":
        return { type: "bool", ir: m.lt(this.around.space.causal ? distance : m.abs(distance), n), span };
      case "current":
        return { type: "bool", ir: m.eq(m.k, m.q), span };
    }
  }

  private apply(typed: Extract<Typed, { readonly kind: "apply" }>, frame: Frame): BoolValue {
    const params = new Map<ParamModel, Value>();
    const inner: Frame = { params, lets: new Map(), pattern: typed.pattern.name };
    for (const param of typed.pattern.params) {
      const arg = typed.args.get(param);
      const value = arg === undefined ? this.lower(param.value, inner) : this.lower(arg, frame);
      params.set(param, param.type.kind === "float" && value.type !== "bool" ? asFloat(value) : value);
    }
    if (typed.pattern.attend === undefined) throw new Error(`pattern ${typed.pattern.name} has errors`);
    return { ...this.attend(typed.pattern.attend, inner), span: typed.span };
  }

  /** What a declaration attends to. */
  attend(attend: AttendModel, frame: Frame): BoolValue {
    if (attend.kind === "attend") return this.lowerBool(attend.value, frame);
    if (attend.kind === "both") {
      const [first, ...others] = attend.items.map((item) => this.attend(item, frame));
      return others.reduce((a, b) => this.values.logic("and", a, b, a.span), first!);
    }
    const groups = attend.groups.map((group) => ({ group, value: this.group(group, frame) }));
    const last = groups[groups.length - 1]!;
    return groups.slice(0, -1).reduceRight((rest, { group, value }) => {
      const phase: IntValue = { type: "int", ir: m.variable("phase"), host: { kind: "var", name: "phase" }, span: group.span };
      const found = this.around.phases.indexOf(group.phase ?? "");
      if (found < 0) this.add(diagnostic("ATTN3016", group.span, { phase: group.phase ?? "", have: phasesText(this.around.phases) }));
      const index = intConstant(found, group.span);
      return this.values.chooseBool(this.values.compare("eq", phase, index, group.span), value, rest, group.span);
    }, last.value);
  }

  private group(group: AssignGroup, frame: Frame): BoolValue {
    const { choice, span } = group;
    if (choice.kind === "cases") {
      return choice.cases.reduceRight(
        (rest, each) => this.values.chooseBool(this.lowerBool(each.when, frame), this.lowerBool(each.value, frame), rest, span),
        this.lowerBool(choice.otherwise, frame),
      );
    }
    const terms = choice.terms.map((term) => this.lowerBool(term, frame));
    // One scalar tells which pattern, however many there are.
    const index: IntValue = {
      type: "int",
      ir: this.scalars.slot(this.cell(choice.table, {}, frame), `the pattern in ${choice.table.name}`),
      span,
    };
    return terms.slice(0, -1).reduceRight(
      (rest, term, i) => {
        return this.values.chooseBool(this.values.compare("eq", index, intConstant(i, span), span), term, rest, span);
      },
      terms[terms.length - 1]!,
    );
  }

  private binary(op: Operator, left: Value, right: Value, span: Span): Value {
    if (left.type === "bool" || right.type === "bool") {
      const a = left as BoolValue;
      const b = right as BoolValue;
      if (op === "&") return this.values.logic("and", a, b, span);
      if (op === "|") return this.values.logic("or", a, b, span);
      const equal = this.values.chooseBool(a, b, this.values.not(b), span);
      return op === "==" ? equal : this.values.not(equal);
    }
    switch (op) {
      case "<":
        return this.values.compare("lt", left, right, span);
      case "<=":
        return this.values.compare("le", left, right, span);
      case ">":
        return this.values.compare("lt", right, left, span);
      case ">=":
        return this.values.compare("le", right, left, span);
      case "==":
        return this.values.compare("eq", left, right, span);
      case "!=":
        return this.values.compare("ne", left, right, span);
      case "&":
      case "|":
        throw new Error(`${op} of numbers`);
      default:
        return this.arithmetic(op, left, right, span);
    }
  }

  arithmetic(op: "+" | "-" | "*" | "/" | "%", left: NumberValue, right: NumberValue, span: Span): NumberValue {
    const kind = ({ "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod" } as const)[op];
    if (left.type === "float" || right.type === "float") {
      return { type: "float", host: hostBinaryNode(kind === "div" ? "divide" : kind, left.host!, right.host!), span };
    }
    if (kind === "div" || kind === "mod") {
      if (!this.checkDivisor(right)) return intConstant(0, span);
    }
    const a = constantOf(left);
    const b = constantOf(right);
    if (a !== undefined && b !== undefined && kind !== "div" && kind !== "mod") {
      return intConstant(this.int32(kind === "add" ? a + b : kind === "sub" ? a - b : a * b, span), span);
    }
    return this.values.combineInt(
      [left, right],
      span,
      () => m.binary(kind, this.values.int(left), this.values.int(right)),
      ([x, y]) => ({ kind: kind === "div" ? "floordiv" : kind, a: x!, b: y! }),
    );
  }

  /** Reports a divisor that may be 0 or negative. A runtime parameter that divides is made to be at least 1 instead. */
  checkDivisor(divisor: IntValue): boolean {
    const params = new Set<string>();
    if (divisor.ir !== undefined) {
      walk(divisor.ir, (node) => {
        if (node.kind === "param") params.add(node.name);
      });
    } else {
      walkHost(divisor.host!, (node) => {
        if (node.kind === "param") params.add(node.name);
      });
    }
    const atLeastOne = [...params, ...this.positive].map((name) => ({ name, min: 1 }));
    const tables = this.tables.map(({ name, rows, columns, values }) => ({ name, rows, columns, values }));
    const context = boundsContext({ ...this.around, ...nothing, tables, params: atLeastOne, scalars: this.scalars.list }, MAX_LENGTH);
    const { low } = divisor.ir !== undefined ? boundsOf(simplifyInt(divisor.ir), context) : hostBounds(divisor.host!, context);
    if (low >= 1) {
      for (const name of params) if (!this.around.space.axes.some((axis) => axis.name === name)) this.positive.add(name);
      return true;
    }
    const known = constantOf(divisor);
    if (known !== undefined) this.add(diagnostic("ATTN3001", divisor.span, { what: "a divisor", rule: "at least 1", found: known }));
    else this.add(diagnostic("ATTN3006", divisor.span, {}));
    return false;
  }

  extent(axis: number): IntExpr {
    return extentOf(this.around.space, axis);
  }
}

const nothing = { name: "", origin: "", inputs: [], emitLse: false, requireRowsNonempty: false } as const;

/** An integer where a float is meant: it divides as a float. */
function asFloat(value: NumberValue): FloatValue {
  return value.type === "int" ? { type: "float", host: value.host!, span: value.span } : value;
}

function phasesText(phases: readonly string[]): string {
  return phases.length === 0 ? "declares no phases" : `has the phases ${phases.join(", ")}`;
}
