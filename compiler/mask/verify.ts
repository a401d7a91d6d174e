import { madeOrder } from "./layout/orders.js";
import type { HostExpr, MaskModule } from "./ir.js";
import { arePlaces } from "./layout/placed.js";
import { layoutTokens } from "./layout/places.js";
import { moduleSelectionExpressions } from "./selection-walk.js";
import { verifySelections } from "./verify-selections.js";
import { walk, walkHost, type MaskNode } from "./walk.js";

/** What is structurally wrong with a module, in words; empty when it is well formed. Run after each pass in tests. */
export function verifyMask(module: MaskModule): readonly string[] {
  const problems: string[] = [];
  const params = new Set(module.params.map((p) => p.name));
  const inputs = new Map(module.inputs.map((i) => [i.name, i]));
  for (const axis of module.space.axes) {
    if (axis.extent === "runtime") {
      if (!params.has(axis.name)) problems.push(`axis ${axis.name} has a runtime extent and no parameter`);
    } else if (!Number.isInteger(axis.extent) || axis.extent < 1) problems.push(`axis ${axis.name} has extent ${axis.extent}`);
  }
  for (const [what, names] of [
    ["parameter", module.params.map((p) => p.name)],
    ["input", module.inputs.map((i) => i.name)],
  ] as const) {
    if (new Set(names).size !== names.length) problems.push(`a ${what} is declared twice`);
  }
  for (const table of module.tables) {
    if (table.values.length !== table.rows * table.columns) problems.push(`table ${table.name} is not ${table.rows}x${table.columns}`);
  }
  const selected = new Set((module.selections ?? []).map(({ name }) => name));
  const isOrder = (name: string): boolean =>
    (module.orders ?? []).some((order) => order.name === name) || madeOrder(module, name) !== undefined;
  const isPlaces = (name: string): boolean => module.layout !== undefined && arePlaces(name);
  const { heads, kvHeads } = module.shape;
  if (heads % kvHeads !== 0) problems.push(`${kvHeads} kv heads do not divide ${heads} heads`);
  if (module.space.kind === "cross" && module.space.causal) problems.push("a cross space is causal");
  module.scalars.forEach((scalar, slot) => verifyHost(scalar.expr, `scalar ${slot}`, module, params, problems));
  const roots = module.layout === undefined ? [module.mask] : [module.mask, module.layout.mask, ...layoutTokens(module.layout)];
  const see = (node: MaskNode): void => {
    switch (node.kind) {
      case "int":
        if (!Number.isInteger(node.value) || node.value !== (node.value | 0)) problems.push(`${node.value} is not an int32`);
        break;
      case "param":
        if (!params.has(node.name)) problems.push(`parameter ${node.name} is not declared`);
        break;
      case "scalar":
        if (module.scalars[node.slot] === undefined) problems.push(`scalar ${node.slot} is not declared`);
        break;
      case "and":
      case "or":
        if (node.items.length === 0) problems.push(`an empty ${node.kind}`);
        break;
      case "load":
        if (inputs.get(node.input)?.kind !== "ids" && !isOrder(node.input) && !isPlaces(node.input))
          problems.push(`${node.input} is read as ids and is not`);
        break;
      case "bit": {
        const kind = inputs.get(node.input)?.kind;
        if (!selected.has(node.input) && (kind === undefined || kind === "ids")) problems.push(`${node.input} is read as bits and is not`);
        break;
      }
      case "div":
      case "mod":
        if (node.b.kind === "int" && node.b.value < 1) problems.push(`the divisor ${node.b.value} is not positive`);
        break;
    }
  };
  for (const root of [...roots, ...moduleSelectionExpressions(module)]) walk(root, see);
  problems.push(...verifySelections(module));
  return problems;
}

function verifyHost(expr: HostExpr, where: string, module: MaskModule, params: ReadonlySet<string>, problems: string[]): void {
  walkHost(expr, (node) => {
    if (node.kind === "param" && !params.has(node.name)) problems.push(`${where}: parameter ${node.name} is not declared`);
    if (node.kind === "table" && module.tables[node.table] === undefined) problems.push(`${where}: table ${node.table} is not declared`);
    if (node.kind === "number" && Number.isNaN(node.value)) problems.push(`${where}: NaN`);
  });
}
