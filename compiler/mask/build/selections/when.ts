import type { BoolExpr, HostScalar, MaskModule } from "../../ir.js";
import * as m from "../../make.js";
import type { Selection, SelectionItem } from "../../selection.js";
import { readsBits, unitMasks } from "../../selection-walk.js";
import { simplifyBool } from "../../simplify.js";
import { children, some, walkHost, type MaskNode } from "../../walk.js";

/**
 * Says of each selection for which heads the mask reads it, where only some do: the cases of an `assign` that lead to it.
 * A condition that the heads sharing the selection answer differently is left out.
 */
export function withReaders(module: MaskModule): MaskModule {
  if (module.selections === undefined) return module;
  const selections: SelectionItem[] = [];
  for (const item of module.selections.toReversed()) {
    // What clusters are made is asked of all heads.
    if (item.kind !== "selection" || item.assigns !== undefined) {
      selections.unshift(item);
      continue;
    }
    const usable = (cond: BoolExpr): boolean => decides(cond, item, module.scalars);
    const byMask = readers(module.mask, item.name, usable);
    const bySelections = selections.flatMap((later) => readerOf(later, item.name, usable));
    const when = simplifyBool(m.or(byMask, ...bySelections));
    selections.unshift(when.kind === "bool" ? item : { ...item, when });
  }
  return { ...module, selections };
}

/** Where a later selection reads the bits of a name: wherever that is made. */
function readerOf(later: SelectionItem, name: string, usable: (cond: BoolExpr) => boolean): readonly BoolExpr[] {
  const reads = unitMasks(later).some((mask) => readsBits(mask, name));
  if (later.kind !== "selection" || !reads) return [];
  return [later.when !== undefined && usable(later.when) ? later.when : m.bool(true)];
}

/** Where a node reads the bits of a name: false where it does not, true where it does or may. */
function readers(node: MaskNode, name: string, usable: (cond: BoolExpr) => boolean): BoolExpr {
  const inside = (child: MaskNode): BoolExpr => readers(child, name, usable);
  if (!some(node, (each) => each.kind === "bit" && each.input === name)) return m.bool(false);
  switch (node.kind) {
    case "bit":
      return m.bool(true);
    case "choose":
    case "select":
      if (!usable(node.cond)) break;
      return m.or(m.and(node.cond, inside(node.a)), m.and(m.not(node.cond), inside(node.b)));
    case "and":
    case "or": {
      // Beside a condition that is false (or true) for a head, nothing else of an `and` (or `or`) is looked at.
      const read = m.or(...node.items.map(inside));
      const guards = node.items.filter((item) => usable(item)).map((item) => (node.kind === "and" ? item : m.not(item)));
      return guards.length === 0 ? read : m.and(...guards, read);
    }
  }
  return m.or(...children(node).map(inside));
}

/**
 * Whether a condition is one answer for all heads that share a selection, known before the data; and for all calls, where a
 * selection of one call is for others.
 */
function decides(cond: BoolExpr, { heads, reuse }: Selection, scalars: readonly HostScalar[]): boolean {
  const differs = (name: string): boolean =>
    name === "h" ? heads !== "query" : name === "kvh" ? heads === "one" : reuse !== undefined && ofOneCall.has(name);
  return !some(cond, (node) => {
    switch (node.kind) {
      case "bit":
      case "load":
        return true;
      case "var":
        return node.name === "q" || node.name === "k" || node.name === "b" || differs(node.name);
      case "scalar": {
        let found = false;
        walkHost(scalars[node.slot]!.expr, (host) => {
          if (host.kind === "var" && differs(host.name)) found = true;
        });
        return found;
      }
      default:
        return false;
    }
  });
}

const ofOneCall: ReadonlySet<string> = new Set(["layer", "step", "phase", "N", "NQ"]);
