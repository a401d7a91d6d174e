import type { CallExpr, Expr, MemberExpr } from "../../syntax/ast.js";
import { evaluate, matchArgs } from "../expressions.js";
import { OracleError } from "../program.js";
import type { Place } from "../scope.js";
import { fixed, type Value } from "../values.js";
import { isTile, sizeOf } from "./clauses.js";
import { jsDistance } from "./distance.js";
import {
  andTensors,
  binaryTensor,
  chooseTensor,
  compareTensors,
  constantTensor,
  isComparison,
  notTensor,
  orTensors,
  unary,
} from "./elementwise.js";
import { lowBit } from "./low-bit.js";
import { isLast, mentionsTensor, ofLast } from "./mentions.js";
import { diagonals, dot, reduce, regroup, smooth, softmax, weighted, type Fold } from "./reduce.js";
import type { Scene, UnitSizes } from "./scene.js";
import { build, type AxisName, type Tensor } from "./tensor.js";
import { distanceUnits, keyUnits, lastQueries, queryUnits, windows } from "./units.js";
import { floatInput } from "./float-input.js";
import { keyVectors, queryVectors, unitsAlong } from "./views.js";

/** A tensor expression, and the units of the selection that it stands in: none outside. */
interface Context {
  readonly place: Place;
  readonly scene: Scene;
  readonly units: UnitSizes;
}

/** The value of a tensor expression for one batch entry and head. */
export function evaluateTensor(expr: Expr, place: Place, scene: Scene, units: UnitSizes = {}): Tensor {
  return tensorOf(expr, { place, scene, units });
}

function tensorOf(expr: Expr, at: Context): Tensor {
  const { place, scene } = at;
  if (!mentionsTensor(expr, place, true)) return constantTensor(Number(hostValue(expr, place, scene)), scene.ways);
  switch (expr.kind) {
    case "name":
      return namedTensor(expr.name, at);
    case "member":
      return lastView(expr, at);
    case "call":
      return calledTensor(expr, at);
    case "unary":
      return expr.op === "!" ? notTensor(tensorOf(expr.operand, at), scene.ways) : unary("neg", tensorOf(expr.operand, at), scene.ways);
    case "binary": {
      const [a, b] = [tensorOf(expr.left, at), tensorOf(expr.right, at)];
      if (expr.op === "&") return andTensors(a, b, scene.ways);
      if (expr.op === "|") return orTensors(a, b, scene.ways);
      if (isComparison(expr.op)) return compareTensors(expr.op, a, b, scene.ways);
      return binaryTensor(expr.op, a, b, scene.ways);
    }
    case "conditional":
      return chooseTensor(tensorOf(expr.condition, at), tensorOf(expr.then, at), tensorOf(expr.otherwise, at), scene.ways);
    default:
      throw new OracleError(`${expr.kind} is no tensor`);
  }
}

/** What the host computes of a head, in float64. */
export function hostValue(expr: Expr, place: Place, scene: Scene): Value {
  return evaluate(expr, place).at(scene.point);
}

function namedTensor(name: string, { place, scene }: Context): Tensor {
  const meaning = place.names.get(name);
  if (meaning?.kind === "tensor") {
    const present = scene.known.get(meaning.expr);
    if (present !== undefined) return present;
    const made = evaluateTensor(meaning.expr, meaning.place, scene);
    scene.known.set(meaning.expr, made);
    return made;
  }
  if (meaning?.kind === "input") return floatInput(meaning, place, scene);
  if (meaning !== undefined) throw new OracleError(`${name} is no tensor`);
  if (name === "scale") return constantTensor(scene.tensors.scale ?? 1 / Math.sqrt(scene.tensors.headDim), scene.ways);
  return name === "q" ? queryVectors(queryUnits(scene.positions, 1), place, scene) : keyVectors(place, scene);
}

/** `q.last(n)` */
function lastView(expr: MemberExpr, { place, scene }: Context): Tensor {
  if (!isLast(expr) || expr.object.kind !== "name" || expr.object.name !== "q") throw new OracleError(`no .${expr.name.name} of a tensor`);
  const count = fixed(evaluate(matchArgs(expr.args!, ["n"]).get("n")!, place));
  return queryVectors(lastQueries(scene.positions, count), place, scene);
}

function calledTensor(expr: CallExpr, at: Context): Tensor {
  const { place, scene } = at;
  const { ways, positions } = scene;
  const { name } = expr.callee;
  const args = (...names: string[]): readonly Tensor[] => {
    const given = matchArgs(expr.args, names);
    return names.map((each) => tensorOf(given.get(each)!, at));
  };
  const whole = (names: readonly string[], each: string): number => fixed(evaluate(matchArgs(expr.args, names).get(each)!, place));
  switch (name) {
    case "dot": {
      const [a, b] = args("a", "b");
      return dot(a!, b!, ways);
    }
    case "dot4": {
      const [a, b] = args("a", "b").map((each) => lowBit(each, 4, positions, ways));
      return dot(a!, b!, ways);
    }
    case "low_bit": {
      const names = ["x", "bits"];
      return lowBit(tensorOf(matchArgs(expr.args, names).get("x")!, at), whole(names, "bits"), positions, ways);
    }
    case "softmax": {
      const given = matchArgs(expr.args, ["x", "where"]);
      const where = given.get("where");
      return softmax(tensorOf(given.get("x")!, at), where && tensorOf(where, at), positions, ways);
    }
    case "avg_pool":
    case "max_pool": {
      const names = ["x", "n"];
      const a = tensorOf(matchArgs(expr.args, names).get("x")!, at);
      return smooth(name === "avg_pool" ? "mean" : "max", a, whole(names, "n"), ways);
    }
    case "fold":
      return foldWindows(expr, at);
    case "js_distance": {
      const [a, b] = args("a", "b");
      return jsDistance(a!, b!, positions, ways);
    }
    case "size":
    case "start":
    case "end":
      return ofUnits(name, expr, at);
    case "mean":
    case "sum":
    case "min":
    case "max":
    case "first":
    case "last":
      return reduction(name, expr, at);
  }
  return unary(name, args("x")[0]!, ways);
}

/** The windows that overlap a unit of the selection, the first of them before it begins, each with its weight. */
function foldWindows(expr: CallExpr, at: Context): Tensor {
  const { scene, units, place } = at;
  const a = tensorOf(expr.args[0]!.value, at);
  const weights = expr.args.slice(1).map((arg) => Number(hostValue(arg.value, place, scene)));
  if (units.k === undefined) throw new OracleError("fold stands in a selection of keys");
  const to = keyUnits(scene.positions, units.k);
  const size = a.axes.k?.[0] === undefined ? 1 : a.axes.k[0].end - a.axes.k[0].start;
  // Of one window alone the number of weights says how far others would be: (unit + size) / stride - 1 overlap a unit.
  const stride = a.axes.k?.[1] === undefined ? (units.k + size) / (weights.length + 1) : a.axes.k[1].start - a.axes.k[0]!.start;
  // Windows of `size` keys before the unit's first one that reach into it.
  return weighted(a, to, weights, { lead: size / stride - 1, stride }, scene.ways);
}

/** Of the units of `q` or `k`: those of the selection, or of a tensor that is given. */
function ofUnits(name: "size" | "start" | "end", expr: CallExpr, at: Context): Tensor {
  const { scene, units } = at;
  const { ways } = scene;
  const of = expr.args[0]!.value;
  const axes =
    of.kind === "name" && of.name === "q"
      ? { q: unitsAlong("q", units, at.place, scene) }
      : of.kind === "name" && of.name === "k"
        ? { k: unitsAlong("k", units, at.place, scene) }
        : tensorOf(of, at).axes;
  const along = (["q", "k", "diag"] as const).find((each) => axes[each] !== undefined);
  if (along === undefined) throw new OracleError(`${name} takes what has queries or keys`);
  const axis = axes[along]!;
  const value = (i: number): number => {
    const { start, end, tile } = axis[i]!;
    return name === "size" ? (tile?.positions.length ?? end - start) : name === "start" ? start : end - 1;
  };
  return build(
    { [along]: axis },
    ways,
    (_, place) => value(place[along]),
    () => 0,
  );
}

/** `max(a, b)`, `mean(p, over: q)`, `mean(k, 32, stride: 16)`, `mean(q)`. */
function reduction(name: Fold, expr: CallExpr, at: Context): Tensor {
  const { scene, place } = at;
  const { ways } = scene;
  const [first, second] = expr.args.map((arg) => arg.value);
  const unlabelled = expr.args.every((arg) => arg.label === undefined);
  const isView = (first?.kind === "name" && (first.name === "q" || first.name === "k")) || first?.kind === "member";
  if ((name === "min" || name === "max") && second !== undefined && unlabelled && (!isView || mentionsTensor(second, place, true)))
    return expr.args.map((arg) => tensorOf(arg.value, at)).reduce((a, b) => binaryTensor(name, a, b, ways));
  const given = matchArgs(expr.args, ["x", "size", "stride", "over", "fold", "weight"]);
  const a = tensorOf(given.get("x")!, at);
  const weight = given.get("weight");
  if (weight === undefined) return folded(name, a, given, at);
  const w = tensorOf(weight, at);
  return binaryTensor("/", folded("sum", binaryTensor("*", a, w, ways), given, at), folded("sum", w, given, at), ways);
}

/** Over an axis, or over blocks, as the arguments of a call say. */
function folded(name: Fold, a: Tensor, given: ReadonlyMap<string, Expr>, at: Context): Tensor {
  const { scene, place } = at;
  const { ways, positions } = scene;
  const ofTiles = given.has("size") && isTile(given.get("size")!);
  const number = (label: string): number | undefined => {
    if (!given.has(label)) return undefined;
    return label === "size" && ofTiles ? sizeOf(given.get(label)!, place) : fixed(evaluate(given.get(label)!, place));
  };
  const over = given.get("over");
  if (over === undefined || given.has("size")) {
    const along = over?.kind === "name" ? (over.name as AxisName) : undefined;
    return pooled(name, a, given.get("x")!, { size: number("size"), ofTiles, stride: number("stride"), along }, at);
  }
  if (name === "first" || name === "last" || over.kind !== "name") throw new OracleError(`${name} does not go over an axis`);
  const fold = number("fold");
  switch (over.name) {
    case "diag": {
      if (name !== "sum" && name !== "mean") throw new OracleError(`${name} does not go over diagonals`);
      return diagonals(name, a, distanceUnits(positions, fold ?? at.units.diag ?? 1), ways);
    }
    case "subpage":
      return regroup(name, a, "k", unitsAlong("k", at.units, place, scene), ways);
    case "q":
    case "k":
    case "dim": {
      const reduced = reduce(name, a, over.name, positions, ways);
      return fold === undefined ? reduced : regroup(name, reduced, "k", keyUnits(positions, fold), ways);
    }
  }
  throw new OracleError(`no axis ${over.name}`);
}

interface Blocks {
  readonly size: number | undefined;
  readonly ofTiles: boolean;
  readonly stride: number | undefined;
  readonly along: AxisName | undefined;
}

/** Blocks of a size, or the units of the selection, on both axes of what has both; without either the whole axis. */
function pooled(name: Fold, a: Tensor, of: Expr, blocks: Blocks, at: Context): Tensor {
  const { size, ofTiles, stride } = blocks;
  const { scene, units, place } = at;
  const { ways, positions } = scene;
  const found = (["q", "k", "diag"] as const).filter((each) => a.has(each)) satisfies readonly AxisName[];
  if (blocks.along === undefined && found.length > 1)
    return found.reduce((each, along) => pooled(name, each, of, { ...blocks, along }, at), a);
  const along = blocks.along ?? found[0];
  if (along === undefined || along === "dim") throw new OracleError(`${name} takes what has queries or keys`);
  const unit = size ?? (along === "q" && ofLast(of, place) ? undefined : units[along]);
  if (unit === undefined) {
    if (name === "first" || name === "last") throw new OracleError(`${name} takes a size`);
    return reduce(name, a, along, positions, ways);
  }
  if (size === undefined && along !== "diag") return regroup(name, a, along, unitsAlong(along, units, place, scene), ways);
  const to =
    along === "q"
      ? queryUnits(positions, unit, ofTiles)
      : along === "diag"
        ? distanceUnits(positions, unit)
        : stride === undefined || stride === unit
          ? keyUnits(positions, unit, ofTiles)
          : windows(positions, unit, stride);
  return regroup(name, a, along, to, ways);
}
