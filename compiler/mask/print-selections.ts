import type { BoolExpr, FloatInput, IntExpr, MaskModule } from "./ir.js";
import type { ColumnAxis, Order, RealValue, Reuse, RowAxis, Selection, SelectionItem, Tensor, TensorAxes } from "./selection.js";
import { isOfClusters } from "./clusters.js";
import { tensorChildren, tensorsOf, walkModuleTensors } from "./selection-walk.js";

/** How integer and boolean expressions are printed. */
export interface ExpressionText {
  readonly int: (expr: IntExpr) => string;
  readonly bool: (expr: BoolExpr) => string;
}

/**
 * The selections of a module as lines: the tensors first, `%n` each, with their axes; then what is selected by them. Tensors that
 * are one number stand in the place of their use.
 */
export function printSelections(module: MaskModule, text: ExpressionText): readonly string[] {
  const names = new Map<Tensor, string>();
  const lines: string[] = [];
  walkModuleTensors(module, (tensor) => {
    const inline = printInline(tensor);
    if (inline !== undefined) {
      names.set(tensor, inline);
      return;
    }
    const name = `%${lines.length}`;
    names.set(tensor, name);
    lines.push(`  ${name} ${printAxes(tensor.axes)} = ${printTensor(tensor, names)}`);
  });
  for (const item of module.selections ?? []) {
    const of = names.get(tensorsOf(item)[0]!)!;
    if (item.kind === "selection") lines.push(...printSelection(item, of, text));
    else if (item.kind === "flag") lines.push(`  flag ${item.name} for ${headsText(item)} = ${of}`);
    else lines.push(`  order ${item.name} for ${headsText(item)}: ${orderText(item, of)}`);
  }
  return lines;
}

function orderText(order: Order, score: string): string {
  if (order.by === "score") return `segments of ${order.segment} keys by falling ${score}`;
  return order.holds === "positions" ? `by ${order.of}` : `${order.of} by place`;
}

export function printFloatInput(input: FloatInput): string {
  switch (input.kind) {
    case "scores":
      return `scores(${input.n}, ${input.m})`;
    case "pooled":
      return `pooled(${input.n}, ${input.stride})`;
    case "centroids":
      return `centroids(${input.axis}, ${input.n})`;
    case "weights":
      return `weights(${input.axis})`;
    case "channels":
      return "channels";
  }
}

function printInline(tensor: Tensor): string | undefined {
  switch (tensor.kind) {
    case "number":
      return String(tensor.value);
    case "scalar":
      return `s${tensor.slot}`;
    case "scale":
      return "scale";
    default:
      return undefined;
  }
}

/** `[query heads, q of 64, k of 64, dim]` */
function printAxes({ heads, rows, columns, dim }: TensorAxes): string {
  const axes = [
    ...(heads === "one" ? [] : [`${heads} heads`]),
    ...(rows === undefined ? [] : [rowsText(rows)]),
    ...(columns === undefined ? [] : [columnsText(columns)]),
    ...(dim ? ["dim"] : []),
  ];
  return `[${axes.join(", ")}]`;
}

function rowsText({ unit, last, of }: RowAxis): string {
  if (of === "keys") return "k";
  if (isOfClusters({ of })) return `${unit} ${of}`;
  return `${last === undefined ? "" : `last ${last} `}q${unit === 1 && of === undefined ? "" : ` of ${unit}`}${of === undefined ? "" : " places"}`;
}

function columnsText(axis: ColumnAxis): string {
  if (axis.kind === "centroids") return `${axis.unit} centroids`;
  const name = axis.kind === "keys" ? "k" : "q - k";
  if (axis.kind === "keys" && isOfClusters(axis)) return `${axis.unit} ${axis.of}`;
  const stride = axis.kind === "keys" && (axis.stride !== axis.unit || axis.whole) ? ` every ${axis.stride}` : "";
  if (axis.kind === "keys" && axis.of !== undefined) return `${name} of ${axis.unit} places`;
  return `${name}${axis.unit === 1 ? "" : ` of ${axis.unit}`}${stride}`;
}

const symbols = { add: "+", sub: "-", mul: "*", div: "/", lt: "<", le: "<=" } as const;

function printTensor(tensor: Tensor, names: ReadonlyMap<Tensor, string>): string {
  const [a, b, c] = tensorChildren(tensor).map((child) => names.get(child)!);
  switch (tensor.kind) {
    case "number":
    case "scalar":
    case "scale":
      throw new Error("stands in the place of its use");
    case "view":
      return tensor.of;
    case "input":
      return `input ${tensor.name}`;
    case "seeds":
      return `seeds of ${tensor.of}`;
    case "update":
      return `means of ${tensor.by}, ${a!} of empty ones`;
    case "position":
      return `${tensor.end} position`;
    case "size":
      return "size";
    case "neg":
      return `-${a!}`;
    case "abs":
    case "exp":
    case "log":
    case "tanh":
    case "sqrt":
    case "round":
      return `${tensor.kind}(${a!})`;
    case "min":
    case "max":
      return `${tensor.kind}(${a!}, ${b!})`;
    case "dot":
      return `dot(${a!}, ${b!})`;
    case "choose":
      return `${b!} if ${a!} else ${c!}`;
    case "pool":
      return `${tensor.op}(${a!}) over ${tensor.over === "rows" ? rowsText(tensor.axes.rows!) : columnsText(tensor.axes.columns!)}`;
    case "reduce":
      return `${tensor.op}(${a!}) over all ${{ rows: "q", columns: columnName(tensor.a), dim: "dim" }[tensor.over]}`;
    case "softmax":
      return b === undefined ? `softmax(${a!})` : `softmax(${a!}) where ${b}`;
    case "heads":
      return `${tensor.op}(${a!}) over heads`;
    case "diagonals":
      return `${tensor.op}(${a!}) over diagonals`;
    case "smooth":
      return `${tensor.op}(${a!}) of ${tensor.size} neighbours`;
    case "fold":
      return `fold(${a!}) by ${tensor.weights.join(", ")} from ${-tensor.lead}`;
    default:
      return `${a!} ${symbols[tensor.kind]} ${b!}`;
  }
}

function columnName({ axes }: Tensor): string {
  return axes.columns?.kind === "offsets" ? "q - k" : "k";
}

const headsText = ({ heads }: SelectionItem): string => ({ query: "each head", kv: "each kv head", one: "all heads" })[heads];

function printSelection(item: Selection, of: string, text: ExpressionText): readonly string[] {
  const { rows, columns, keep, among, force, snap, when, reuse } = item;
  const unit =
    columns.kind === "keys" ? { ...columns, kind: columns.kind, stride: columns.unit } : { kind: columns.kind, unit: columns.unit };
  const units = [...(rows === undefined ? [] : [rowsText(rows)]), columnsText(unit)].join(", ");
  const lines = [`  select ${item.name} for ${headsText(item)}: ${units}`, `    score ${of}`];
  const bounds = [
    ...(keep.least === undefined ? [] : [`min ${text.int(keep.least)}`]),
    ...(keep.most === undefined ? [] : [`max ${text.int(keep.most)}`]),
    ...(keep.scope === "head" ? ["over head"] : []),
  ];
  lines.push(`    keep ${[`${printRule(item, text)}${force?.onTop === true ? " + forced" : ""}`, ...bounds].join(" ")}`);
  if (among !== undefined) lines.push(`    among ${text.bool(among)}`);
  const forced = [
    ...(force?.first === undefined ? [] : [`first(${text.int(force.first)})`]),
    ...(force?.last === undefined ? [] : [`last(${text.int(force.last)})`]),
    ...(force?.local === undefined ? [] : [`local(${text.int(force.local)})`]),
    ...(force?.pairs === undefined ? [] : [`pairs(${text.bool(force.pairs)})`]),
  ];
  if (forced.length > 0) lines.push(`    force ${forced.join(" + ")}`);
  if (snap !== undefined) lines.push(`    snap ${snap}`);
  if (item.assigns !== undefined) lines.push(`    makes ${item.assigns}`);
  const numbered = [item.numbered?.rows, item.numbered?.columns].filter((name) => name !== undefined);
  if (numbered.length > 0) lines.push(`    clusters by ${numbered.join(", ")}`);
  if (reuse !== undefined) lines.push(`    reuse ${reuseText(reuse, text)}`);
  if (when !== undefined) lines.push(`    when ${text.bool(when)}`);
  return lines;
}

function reuseText(reuse: Reuse, text: ExpressionText): string {
  switch (reuse.kind) {
    case "every":
      return `every ${text.int(reuse.steps)}`;
    case "layers":
      return `but where ${text.bool(reuse.at)}`;
    case "while":
      return `while cosine(q) >= ${real(reuse.cosine)}`;
  }
}

const real = (value: RealValue): string => (value.kind === "number" ? String(value.value) : `s${value.slot}`);

function printRule({ keep: { rule } }: Selection, text: ExpressionText): string {
  switch (rule.kind) {
    case "top":
      return `top(${text.int(rule.n)})`;
    case "mass":
      return `mass(${real(rule.p)})`;
    case "threshold":
      return `threshold(${real(rule.t)})`;
    case "fraction":
      return `fraction(${real(rule.f)})`;
  }
}
