import type { Int, ShapeName } from "../../select/ir.js";
import { cudaSelection } from "../../targets/cuda/select/source.js";
import type { CudaModule } from "../../../runtime/cuda/module.js";
import type { CallFields, CallFloats, CallSelection } from "../c/names.js";
import type { CompiledCudaOperator } from "../c/operator.js";
import { pythonName } from "./names.js";

/** An argument of the operator, after q, k and v. */
export interface Argument {
  readonly name: string;
  /** Its type in PyTorch's schemas. */
  readonly schema: string;
  readonly annotation: string;
  /** As Python writes it. */
  readonly default?: string | undefined;
  /** A tensor goes by its place, anything else by its name. */
  readonly tensor: boolean;
  readonly doc: string;
}

/** The axes of an input of floats behind batch and heads, as (name, size) in Python. */
function floatAxes(input: CallFloats, space: CudaModule["space"]): readonly (readonly [name: string, size: string])[] {
  switch (input.kind) {
    case "scores": {
      const { n, m } = input;
      const rows = space === "self" ? `_blocks(sizes.keys, ${n}) - (sizes.keys - sizes.queries) // ${n}` : `_blocks(sizes.queries, ${n})`;
      return [
        ["rows", rows],
        ["columns", `_blocks(sizes.keys, ${m})`],
      ];
    }
    case "channels":
      return [["head_dim", "sizes.head_dim"]];
    case "centroids":
      return [
        ["centroids", String(input.n)],
        ["head_dim", "sizes.head_dim"],
      ];
    case "weights":
      return [input.axis === "q" ? ["queries", "sizes.queries"] : ["keys", "sizes.keys"]];
    case "pooled":
      return [
        ["windows", `max(0, (sizes.keys - ${input.n}) // ${input.stride} + 1)`],
        ["head_dim", "sizes.head_dim"],
      ];
  }
}

const floatDocs: Readonly<Record<CallFloats["kind"], (input: never) => string>> = {
  scores: ({ n, m }: { n: number; m: number }) =>
    `A score for each block of ${n} queries and ${m} keys. float32 [batch, heads, rows, columns]`,
  channels: () => "A number for each channel. float32 [batch, heads, head_dim]",
  centroids: ({ n, axis }: { n: number; axis: "q" | "k" }) =>
    `The first ${n} centroids of ${axis === "q" ? "queries" : "keys"}. float32 [batch, heads, ${n}, head_dim]`,
  weights: ({ axis }: { axis: "q" | "k" }) =>
    axis === "q" ? "A number for each query. float32 [batch, heads, queries]" : "A number for each key. float32 [batch, heads, keys]",
  pooled: ({ n, stride }: { n: number; stride: number }) =>
    `A vector for each window of ${n} keys that fits whole, one every ${stride}. float32 [batch, heads, windows, head_dim]`,
};

export const floatArguments = ({ floats }: CallFields): readonly Argument[] =>
  floats.map((input) => ({
    name: pythonName(input.name),
    schema: "Tensor",
    annotation: "torch.Tensor",
    tensor: true,
    doc: `${floatDocs[input.kind](input as never)}, or without the leading axes; heads: 1${input.kind === "centroids" && input.axis === "k" ? " or the kv heads" : ", the kv heads or the query heads"}.`,
  }));

export const floatChecks = ({ floats }: CallFields, space: CudaModule["space"]): readonly string[] =>
  floats.map((input) => {
    const axes = floatAxes(input, space).map(([axis, size]) => `("${axis}", ${size})`);
    const name = pythonName(input.name);
    return `_check_input("${name}", ${name}, sizes, [${axes.join(", ")}], heads=True, dtype=torch.float32)`;
  });

export const floatFills = ({ floats }: CallFields, space: CudaModule["space"]): readonly string[] =>
  floats.map((input) => {
    const name = pythonName(input.name);
    return `call.${name} = _floats(${name}, ${floatAxes(input, space).length})`;
  });

/** Fields of the call's struct: see the header. */
export const selectionFields = ({ selections }: CallFields): readonly string[] =>
  selections.flatMap(({ name, reusable }) => [
    `("selected_${pythonName(name)}", ctypes.c_void_p)`,
    ...(reusable ? [`("reuse_${pythonName(name)}", ctypes.c_void_p)`, `("reuse_${pythonName(name)}_columns", ctypes.c_int)`] : []),
  ]);

export function selectionArguments({ selections }: CallFields): readonly Argument[] {
  if (selections.length === 0) return [];
  return [
    {
      name: "return_selected",
      schema: "bool",
      annotation: "bool",
      default: "False",
      tensor: false,
      doc: "Whether what was selected is returned too, by name: packed bits, int32 [batch, heads, rows, words], the lowest bit first.",
    },
    ...selections.flatMap(({ name, reusable }): readonly Argument[] =>
      reusable
        ? [
            {
              name: `reuse_${pythonName(name)}`,
              schema: "Tensor?",
              annotation: "Optional[torch.Tensor]",
              default: "None",
              tensor: false,
              doc: `What ${name} chose in an earlier call, in place of a new choice.`,
            },
            {
              name: `reuse_${pythonName(name)}_columns`,
              schema: "SymInt?",
              annotation: "Optional[int]",
              default: "None",
              tensor: false,
              doc: `Its columns where they are fewer than now, because there were fewer keys.`,
            },
          ]
        : [],
    ),
  ];
}

/** The attention that makes a selection, by the selection's name. */
export type Owner = (selection: string) => CompiledCudaOperator;

/** What a selection's matrix has, in Python. */
function extents({ name }: CallSelection, owner: Owner): { heads: string; rows: string; columns: string } {
  const { mask, launch } = owner(name);
  const { heads, rows, columns } = launch.selection!.matrices.find((each) => each.name === name)!;
  const { sizes } = cudaSelection(mask, [launch.dtype])!;
  return {
    heads: { query: "sizes.heads", kv: "sizes.kv_heads", one: "1" }[heads],
    rows: sizeText(sizes[rows]!),
    columns: sizeText(sizes[columns]!),
  };
}

/** Statements that name the shape of each selection. */
export const selectionShapes = ({ selections }: CallFields, owner: Owner): readonly string[] =>
  selections.map((selection) => {
    const { heads, rows, columns } = extents(selection, owner);
    return `selected_${pythonName(selection.name)} = (sizes.batch, ${heads}, ${rows}, _blocks(${columns}, 32))`;
  });

export const selectionFills = (fields: CallFields, owner: Owner): readonly string[] => [
  ...selectionShapes(fields, owner),
  ...fields.selections.flatMap((selection) => {
    const name = pythonName(selection.name);
    const { heads, rows, columns } = extents(selection, owner);
    const reuse = `reuse_${name}`;
    return [
      `selected_${name} = _selected(selected_${name}, return_selected, q)`,
      `call.selected_${name} = selected_${name}.data_ptr() if return_selected else None`,
      ...(selection.reusable
        ? [
            `columns = ${columns} if ${reuse}_columns is None else ${reuse}_columns`,
            `call.${reuse}, call.${reuse}_columns = _reused("${reuse}", ${reuse}, columns, sizes, ${heads}, ${rows})`,
          ]
        : []),
    ];
  }),
];

function sizeText(size: Int): string {
  switch (size.kind) {
    case "int":
      return String(size.value);
    case "shape":
      return shapeField(size.name);
    case "min":
    case "max":
      return `${size.kind}(${sizeText(size.a)}, ${sizeText(size.b)})`;
    case "name":
    case "mask":
    case "token":
    case "id":
    case "whole":
      throw new Error(`a size of a selection depends on more than the launch: ${size.kind}`);
    default:
      return `(${sizeText(size.a)} ${operators[size.kind]} ${sizeText(size.b)})`;
  }
}

const operators = { add: "+", sub: "-", mul: "*", div: "//", mod: "%" } as const;
/** The extents of what is selected depend on the whole call. */
function shapeField(name: ShapeName): string {
  if (!(name in shapeFields)) throw new Error(`the shape of a selection depends on a part of a call: ${name}`);
  return `sizes.${shapeFields[name as keyof typeof shapeFields]}`;
}

const shapeFields = { batch: "batch", heads: "heads", kvHeads: "kv_heads", headDim: "head_dim", N: "keys", NQ: "queries" } as const;
