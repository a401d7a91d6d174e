import { keyOrder } from "../../../tiles/key-order.js";
import type { KeyOrderPrograms } from "../../../program/lower.js";
import type { MaskModule } from "../../../mask/ir.js";
import type { TileProgram } from "../../../program/ir.js";
import { indent } from "../../print/indent.js";
import { elementType, guardOf, type FamilyInstance, type Instance } from "../family.js";
import { printPattern } from "../pattern.js";
import { printStatements } from "../statements.js";
import { printChosenBlocks } from "./chosen-blocks.js";
import { KEY_ORDER_STRUCT, printListKernels } from "./lists.js";
import { printMergeParts } from "./merge.js";

/**
 * The kernels of a launch in key order, with what they stand on: those that make lists and choose the order, a tile of
 * queries of a block of keys, what is left of the mask, and what merges the parts of both. What a pattern is to the tiles of
 * each is in a namespace of its own.
 */
export function printKeyOrder(module: MaskModule, all: readonly FamilyInstance[]): string {
  const instances = all.filter(hasKeyOrder);
  const [first] = instances;
  if (first === undefined) return "";
  const order = keyOrder(module)!;
  const dtypes = [...new Set(instances.map(({ problem }) => problem.dtype))];
  const { rest } = order;
  return [
    "// Key order: block of keys by block of keys, with the queries that chose it.",
    KEY_ORDER_STRUCT,
    printListKernels(module.name).trim(),
    "",
    printMergeParts(module.name, dtypes).trim(),
    "",
    printPart("chosen_blocks", printChosenBlocks(module, order), instances, CHOSEN, "chosen"),
    ...(rest === undefined
      ? []
      : [
          printPart("what_is_left", `${printPattern(rest, first.keys.rest!.order, false)}\n${REST_SLOTS}`, instances, WHAT_IS_LEFT, "rest"),
        ]),
    "",
  ].join("\n");
}

type KeyOrderInstance = FamilyInstance & { readonly keys: KeyOrderPrograms };

const hasKeyOrder = (instance: FamilyInstance): instance is KeyOrderInstance => instance.keys !== undefined;

/** The kernels of one kind, with the pattern and the families that they are made of. */
function printPart(
  space: string,
  pattern: string,
  instances: readonly KeyOrderInstance[],
  place: (instance: Instance) => string,
  part: "chosen" | "rest",
): string {
  const families = [...new Set(instances.map(({ family }) => family))];
  const kernels = instances.map((instance) => printKernel(instance, part, instance.keys[part]!, place(instance)));
  return `namespace ${space} {\n${pattern}\n${families.map(({ text }) => text.trim()).join("\n\n")}\n\n${kernels.join("\n")}}  // namespace ${space}\n`;
}

function printKernel({ family, ...instance }: KeyOrderInstance, part: "chosen" | "rest", program: TileProgram, place: string): string {
  const { schedule, problem, kernel } = instance;
  const T = elementType[problem.dtype];
  const guard = guardOf(family);
  return `extern "C" __global__ void __launch_bounds__(${guard} ? ${schedule.threads} : 32, 1) ${kernel.keyOrder![part]!}(const Uniforms u, const ${T}* query, const ${T}* key, const ${T}* value, const unsigned int* aux, const KeyOrder order, const unsigned int* lists, float* parts) {
#if ${guard}
  extern __shared__ __align__(1024) unsigned char shared_memory[];
${indent(place)}
  ${family.tile!(instance)} tile(u, query, key, value, nullptr, nullptr, place, shared_memory);
${indent(printStatements(program.body))}
#endif
}
`;
}

const CHOSEN = ({ schedule }: Instance): string => `if (lists[0] == 0u || !Place::exists(order, lists, blockIdx.x)) return;
const Place place(u, aux, order, lists, blockIdx.x, ${schedule.tileQ});
const Slots slots{place, parts};`;

/** Its tiles are those of the heads of a slice, one after another. */
const WHAT_IS_LEFT = ({ schedule }: Instance): string => `if (lists[0] == 0u) return;
const Place place(u, aux, blockIdx.x + order.first_head * order.group * u.tiles, ${schedule.tileQ});
const int own = blockIdx.x / u.tiles;
const Slots slots{place, parts, lists + order.row_base + static_cast<long long>(order.first_head + own / order.group) * (order.rows + 1),
                  static_cast<long long>(own) * order.capacity};`;

/** The first part of each query. */
const REST_SLOTS = `struct Slots {
  const Place& place;
  float* parts;
  // Where the parts of the head's queries begin, and the first slot of the head.
  const unsigned int* starts;
  long long first_slot;
  __device__ __forceinline__ long long of(int row) const { return first_slot + starts[place.first_row + row]; }
};
`;
