import { evaluateHost, toScalar } from "../../compiler/mask/evaluate.js";
import type { BitsValue } from "../../compiler/mask/evaluate.js";
import type { Int, SelectionProgram, Stage } from "../../compiler/select/ir.js";
import { headsOf } from "../../compiler/select/memory.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import { sizeEvaluator } from "../../compiler/select/sizes.js";
import { partRuns, undivided, wholeEnv, type Division } from "../../runtime/launch/selection/parts.js";
import type { UniformField } from "../../runtime/launch/module.js";

/** What the stages of a selection left on a device. */
export interface StagesResult {
  readonly bits: Readonly<Record<string, BitsValue>>;
  /** The scratch words after each stage of the program: later ones may write over them. */
  readonly scratch: ReadonlyMap<Stage, Uint32Array>;
}

/** What targets say of the stages that they printed. */
interface PrintedStages {
  readonly program: SelectionProgram;
  readonly uniforms: readonly UniformField[];
  readonly sizes: readonly Int[];
  readonly matrices: readonly { readonly rows: number; readonly columns: number }[];
  readonly scratch: number;
}

/** What a launch of stages needs, by the manifest alone: the least that a launcher computes. */
export interface StagesLayout<S> {
  /** Stages one after another, with the numbers of the part of the call that they are run for. */
  readonly runs: readonly { readonly stages: readonly S[]; readonly sizes: readonly number[]; readonly uniforms: Int32Array }[];
  readonly scratchWords: number;
  /** With the scalars in it. */
  readonly aux: Uint32Array;
  /** The matrices in the aux words. */
  readonly bitsIn: (aux: Uint32Array) => Readonly<Record<string, BitsValue>>;
}

/** The call runs whole, or in parts of the given size. */
export function layoutStages<S extends { readonly strips?: number | undefined }>(
  kernels: PrintedStages,
  stages: readonly S[],
  call: SelectionCall,
  division?: Division,
): StagesLayout<S> {
  const { module, parts: rules } = kernels.program;
  const { env, batch, headDim } = call;
  const { heads, kvHeads, N, NQ } = env;
  const shape = { batch, heads, kvHeads, headDim, N, NQ };
  const space = module.space.kind;
  const sizes = sizeEvaluator(kernels.sizes)(wholeEnv(space, rules, shape));
  let words = module.scalars.length * heads;
  const places = new Map<string, Record<string, number>>();
  const matrices = kernels.program.matrices.map(({ bits }, i) => {
    const [rows, columns] = [sizes[kernels.matrices[i]!.rows]!, sizes[kernels.matrices[i]!.columns]!];
    const count = headsOf(bits.heads, env);
    const rowStride = Math.ceil(columns / 32);
    const place = {
      base: words,
      batchStride: count * rows * rowStride,
      headCount: count,
      headStride: rows * rowStride,
      rowStride,
      rows,
      columns,
    };
    places.set(bits.name, place);
    words += batch * count * rows * rowStride;
    return { name: bits.name, heads: count, ...place };
  });
  const aux = new Uint32Array(Math.max(4, words));
  const floatWord = new Float32Array(1);
  for (let h = 0; h < heads; h++) {
    module.scalars.forEach(({ expr, as }, slot) => {
      const value = evaluateHost(expr, module, env, h);
      floatWord[0] = value;
      aux[h * module.scalars.length + slot] = as === "f32" ? new Uint32Array(floatWord.buffer)[0]! : toScalar(value);
    });
  }
  const parts = partRuns(stages, { space, rules, shape, division: division ?? undivided(space, rules, shape) });
  const runs = parts.map((run) => {
    const sizes = sizeEvaluator(kernels.sizes)({ ...shape, ...run.part });
    return { stages: run.stages, sizes, uniforms: uniformsOf(kernels, call, sizes, places) };
  });
  const bitsIn = (words: Uint32Array) => Object.fromEntries(matrices.map((matrix) => [matrix.name, unpack(words, matrix, batch)]));
  return { runs, scratchWords: runs[0]!.sizes[kernels.scratch]!, aux, bitsIn };
}

function uniformsOf(
  { uniforms }: PrintedStages,
  { env, batch, headDim, scale, floats }: SelectionCall,
  sizes: readonly number[],
  places: ReadonlyMap<string, Record<string, number>>,
): Int32Array {
  const words = new Int32Array(Math.ceil(uniforms.length / 4) * 4);
  const shape: Record<string, number> = {
    batch,
    heads: env.heads,
    kvHeads: env.kvHeads,
    N: env.N,
    NQ: env.NQ,
    headDim,
    offset: env.N - env.NQ,
  };
  uniforms.forEach(({ source, type }, i) => {
    const value = (): number => {
      switch (source.kind) {
        case "shape":
          return shape[source.name]!;
        case "plainScale":
          return scale ?? 1 / Math.sqrt(headDim);
        case "size":
          return sizes[source.index]!;
        case "input":
          return places.get(source.input)![source.field]!;
        case "scalars":
          return 0;
        case "floatInput": {
          const value = floats![source.input]!;
          const head = value.data.length / (value.batch * value.heads);
          return { headCount: value.heads, headStride: head, batchStride: value.batch === 1 ? 0 : head * value.heads }[source.field];
        }
        default:
          throw new Error(`no uniform of ${source.kind} in these tests`);
      }
    };
    if (type === "f32") new Float32Array(words.buffer)[i] = value();
    else words[i] = value();
  });
  return words;
}

interface Matrix {
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly base: number;
  readonly rowStride: number;
}

function unpack(words: Uint32Array, { heads, rows, columns, base, rowStride }: Matrix, batch: number): BitsValue {
  const data = Uint8Array.from({ length: batch * heads * rows * columns }, (_, i) => {
    const row = Math.floor(i / columns);
    const column = i % columns;
    return (words[base + row * rowStride + (column >> 5)]! >>> (column & 31)) & 1;
  });
  return { kind: "bits", batch, heads, rows, columns, data };
}
