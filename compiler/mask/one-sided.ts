import { children } from "./walk.js";
import type { MaskNode } from "./walk.js";

type PairFunction<T> = (q: number, k: number) => T;

const QUERY = 1;
const KEY = 2;

const known = new WeakMap<MaskNode, { readonly sides: number; readonly nodes: number }>();

/** Whether a node depends on the query and on the key, and how many nodes it has. */
function lookAt(node: MaskNode): { readonly sides: number; readonly nodes: number } {
  let found = known.get(node);
  if (!found) {
    let sides = node.kind === "var" && node.name === "q" ? QUERY : node.kind === "var" && node.name === "k" ? KEY : 0;
    let nodes = 1;
    for (const child of children(node)) {
      const below = lookAt(child);
      sides |= below.sides;
      nodes += below.nodes;
    }
    known.set(node, (found = { sides, nodes }));
  }
  return found;
}

/** Remembering costs about as much as so many nodes. */
const LEAST_NODES = 4;
/** Positions whose values are remembered at a time: those of a tile, and of many a row. */
const SLOTS = 1024;

/**
 * The function of a part of an expression, which remembers its values if the part depends on one of the positions and the whole
 * on both: in a tile each is asked for once for every pair.
 */
export function remembered<T extends number | boolean>(built: PairFunction<T>, part: MaskNode, whole: MaskNode): PairFunction<T> {
  const { sides, nodes } = lookAt(part);
  if (lookAt(whole).sides !== (QUERY | KEY) || (sides !== QUERY && sides !== KEY) || nodes < LEAST_NODES) return built;
  const positions = new Int32Array(SLOTS).fill(-1);
  const values: T[] = [];
  if (sides === QUERY) {
    return (q, k) => {
      const slot = q & (SLOTS - 1);
      if (positions[slot] !== q) {
        values[slot] = built(q, k);
        positions[slot] = q;
      }
      return values[slot]!;
    };
  }
  return (q, k) => {
    const slot = k & (SLOTS - 1);
    if (positions[slot] !== k) {
      values[slot] = built(q, k);
      positions[slot] = k;
    }
    return values[slot]!;
  };
}
