import { oracleMask, oracleSelections } from "../oracle/oracle.js";
import type { OracleBits, OracleLaunch, OracleProgram } from "../oracle/oracle.js";
import { isOfClusters } from "../mask/clusters.js";
import type { IntExpr, MaskModule } from "../mask/ir.js";
import { reuseRules } from "../mask/reuse.js";
import { readsSelection } from "../mask/selection-walk.js";
import type { Selection, SelectionItem } from "../mask/selection.js";
import type { SelectedBits } from "../../runtime/launch/selection/lists.js";
import { selectedBits } from "../../runtime/launch/selection/lists.js";
import type { VerifyCall } from "../../runtime/verify/operator.js";
import { mixSeeds, random } from "../../runtime/verify/random.js";
import { checkSelection } from "../../runtime/verify/selection.js";
import type { Reads, SelectionCheck } from "../../runtime/verify/selection.js";
import type { VerifyTensors } from "../../runtime/verify/tensors.js";
import { maskEnvOf } from "./executor.js";
import { selectionShapes } from "./selections.js";
import { centroidFaults } from "./verify-centroids.js";
import { guardedSelections, queriesLike, rememberedFault, withRowsThatStay } from "./verify-guard.js";

/** The selections of one call, by the oracle: checks what a run chose. */
export function checkSelections(
  program: OracleProgram,
  module: MaskModule,
  launch: OracleLaunch,
  call: VerifyCall,
  tensors: VerifyTensors,
  selected: Readonly<Record<string, OracleBits>>,
): readonly SelectionCheck[] {
  const given = new Set(givenNames(module, call));
  // Where one selection reads another, that one is taken as the run chose it: what rounding may swap there changes nothing here.
  const own = { headDim: call.headDim, q: tensors.q, k: tensors.callKeys ?? tensors.k };
  const expected = oracleSelections(program, module.name, { ...launch, tensors: own, selected });
  const { selections = [] } = module;
  const reuse = givenSelections(module, call, tensors);
  const guards = new Map(guardedSelections(module).map(([selection, queriesName]) => [selection.name, { selection, queriesName }]));
  // What says of positions where they are, whatever is chosen.
  const orders = Object.fromEntries(selections.flatMap((item) => (ordersTokens(item) ? [[item.name, selected[item.name]!]] : [])));
  const ended = centroidFaults(module, call, tensors, selected);
  return selections.flatMap(({ name, kind }) => {
    // What the caller gave back was not selected here.
    if (given.has(name)) return [];
    const [own, made] = [expected.get(name), selected[name]];
    if (own === undefined || made === undefined) return [missing(name, kind, own === undefined ? "the oracle makes none" : "is not there")];
    if (kind === "order" || own.kind === "order") return [checkSelection(own, made, call)];
    const reads = readsOf(program, module, { ...launch, selected: orders }, call, name);
    const guard = guards.get(name);
    if (guard === undefined || own.kind === "flag") {
      const check = checkSelection(own, made, call, reads);
      const fault = ended.get(name);
      return [check.ok && fault !== undefined ? { ...check, ok: false, worst: fault } : check];
    }
    const [bits, queries] = [reuse[name], reuse[guard.queriesName]];
    const choice = bits === undefined || queries === undefined ? undefined : { ...guard, bits, queries };
    const some = choice === undefined ? own : withRowsThatStay(module, own, choice, call, tensors, made);
    const check = checkSelection(some, made, call, reads);
    const fault = rememberedFault(module, choice ?? guard, call, tensors, selected[guard.queriesName]);
    return [check.ok && fault !== undefined ? { ...check, ok: false, worst: fault } : check];
  });
}

const ordersTokens = (item: SelectionItem): boolean => item.kind === "order" || (item.kind === "selection" && item.assigns !== undefined);

function missing(name: string, kind: SelectionCheck["kind"], problem: string): SelectionCheck {
  const worst = { batch: 0, head: 0, row: 0, problem };
  return { name, kind, heads: 0, rows: 0, units: 0, kept: 0, swaps: 0, ok: false, worst };
}

/** Whether a head reads a selection: its mask does, or another selection that it reads. Nothing is looked at before it is asked. */
function readsOf(program: OracleProgram, module: MaskModule, launch: OracleLaunch, call: VerifyCall, name: string): Reads {
  const { selections = [] } = module;
  const item = selections.find((each) => each.name === name)!;
  // Clusters are made for all heads.
  if (item.kind === "selection" && item.assigns !== undefined) return () => true;
  let found: readonly Reads[] | undefined;
  const all = (): readonly Reads[] =>
    (found ??= [
      maskReads(program, module, launch, call, name),
      ...selections.filter((other) => readsSelection(other, item)).map((other) => readsOf(program, module, launch, call, other.name)),
    ]);
  return (b, h) => all().some((reads) => reads(b, h));
}

const matrixOf = (size: number, word: (i: number) => number): OracleBits => ({
  ...{ batch: 1, heads: 1, rows: size, columns: size },
  words: Uint32Array.from({ length: size * Math.ceil(size / 32) }, (_, i) => word(i)),
});

/** Bits without a pattern, for the selections that a module does not make because they decide nothing: made when one is met. */
export function anyBits(size: number): () => OracleBits {
  let made: OracleBits | undefined;
  return () => (made ??= matrixOf(size, (i) => mixSeeds(i, size)));
}

/** Whether the mask of a head reads a selection: whether it differs between one of nothing and one of everything. */
function maskReads(
  program: OracleProgram,
  { name: attention, selections = [] }: MaskModule,
  launch: OracleLaunch,
  call: VerifyCall,
  name: string,
): Reads {
  // As many as a matrix may have: there may be more clusters than tokens.
  const clusters = selections.flatMap((item) => (item.kind === "order" && item.by === "clusters" ? [item.count] : []));
  const size = Math.max(launch.N, launch.NQ, ...clusters);
  const filled = (word: number): OracleBits => matrixOf(size, () => word);
  // Whatever the others are, it is read where one way of filling them shows it.
  const others = [0, 0xffffffff].map((word) =>
    Object.fromEntries(selections.flatMap((item) => (ordersTokens(item) ? [] : [[item.name, filled(word)]]))),
  );
  const masks = others.map((all) =>
    [0, 0xffffffff].map((word) =>
      oracleMask(program, attention, {
        ...launch,
        selected: { ...launch.selected, ...all, [name]: filled(word) },
        unselected: anyBits(size),
      }),
    ),
  );
  const { firstPosition, queries } = call;
  return (b, h) => {
    for (let q = firstPosition; q < firstPosition + queries; q++) {
      for (let k = 0; k < launch.N; k++) if (masks.some(([empty, full]) => empty!(b, h, q, k) !== full!(b, h, q, k))) return true;
    }
    return false;
  };
}

/** The selections that a call does not make: at other layers than those that select the caller gives them back. */
function givenNames(module: MaskModule, call: VerifyCall): readonly string[] {
  const rules = reuseRules(module)?.({ h: 0, kvh: 0, ...scalarEnv(module, call) });
  return (module.selections ?? []).flatMap(({ name }, i) => (rules?.[i] === "given" ? [name] : []));
}

function scalarEnv(module: MaskModule, call: VerifyCall) {
  const { layer = 0, layers = 0, step = 0, steps = 0, phase } = call.launch;
  const index = phase === undefined ? 0 : module.phases.indexOf(phase);
  return { N: call.keys, NQ: call.queries, layer, layers, step, steps, phase: index, params: call.params };
}

/**
 * Random selections in the place of those that a call is given back. Those whose rows stay while their queries are alike are given
 * to every other seed.
 */
export function givenSelections(module: MaskModule, call: VerifyCall, tensors: VerifyTensors): Readonly<Record<string, SelectedBits>> {
  const guards = call.seed % 2 === 0 ? [] : guardedSelections(module);
  const names = new Set([...givenNames(module, call), ...guards.map(([{ name }]) => name)]);
  if (names.size === 0) return {};
  const source = random(mixSeeds(call.seed, call.queries, call.keys, 11));
  const shapes = selectionShapes(module, maskEnvOf(module, { ...call, ...call.launch }), call.batch);
  const bits = shapes
    .filter(({ name }) => names.has(name))
    .map((shape): readonly [string, SelectedBits] => [
      shape.name,
      selectedBits(shape, () => Array.from({ length: shape.columns }, (_, unit) => unit).filter(() => source.chance(0.4))),
    ]);
  const queries = guards.map(([selection, name]): readonly [string, SelectedBits] => {
    const { batch, heads, rows, columns } = shapes.find((each) => each.name === name)!;
    return [name, queriesLike(module, { batch, heads, rows, columns }, selection, call, tensors, source)];
  });
  return Object.fromEntries([...bits, ...queries]);
}

/** Longer than this a case is not made only to have many units. */
const MOST_CHOOSING = 16384;

/**
 * The least length at which every selection has more units than it may keep, as far as that is written as a number;
 * undefined without selections.
 */
export function choosingLength({ selections = [] }: MaskModule): number | undefined {
  const lengths = selections.flatMap((each) => (each.kind !== "selection" ? [] : [lengthOf(each)]));
  return lengths.length === 0 ? undefined : Math.min(MOST_CHOOSING, Math.max(...lengths));
}

function lengthOf({ rows, columns, keep }: Selection): number {
  // There are as many clusters as there are, however many keys.
  const clusters = [rows, columns].flatMap((axis) => (axis !== undefined && isOfClusters(axis) ? [axis.unit] : []));
  if (columns.kind === "centroids" || clusters.length > 0) return 2 * Math.max(columns.unit, ...clusters);
  const budget = keep.rule.kind === "top" ? numberOf(keep.rule.n) : undefined;
  const wanted = Math.max(budget ?? 4, numberOf(keep.least) ?? 0);
  // Two units more than are kept, the last of them short.
  return (wanted + 1) * columns.unit + Math.ceil(columns.unit / 2);
}

function numberOf(expr: IntExpr | undefined): number | undefined {
  return expr?.kind === "int" ? expr.value : undefined;
}
