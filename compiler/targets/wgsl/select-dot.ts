import { HEAD, rowsOf } from "../../select/axes.js";
import { add, ceilDiv, int } from "../../select/int.js";
import type { Cond, DotStage, Real } from "../../select/ir.js";
import { elementOf } from "../../select/places.js";
import { named } from "../../select/int.js";
import type { Sizes } from "../print/select-sizes.js";
import { SelectValues } from "../print/select-values.js";
import { countAll } from "../print/take-apart.js";
import { takeApart, wgslKernel } from "./select-text.js";
import type { StageText } from "./select-text.js";
import { KernelText } from "./text.js";

/** Numbers of dim that meet in workgroup memory at a time. */
const CHUNK = 16;

interface Tiling {
  readonly rows: number;
  readonly columns: number;
  readonly threads: number;
  /** Rows and columns that a thread owns. */
  readonly own: number;
  /** Numbers of neighbouring rows, or columns, that are read and multiplied at a time. */
  readonly vector: 1 | 4;
}

/** What costs is reading workgroup memory: a thread of 8 x 8 reads two numbers for every eight products. */
const TILINGS: Readonly<Record<DotStage["tileRows"], Tiling>> = {
  1: { rows: 1, columns: 128, threads: 128, own: 1, vector: 1 },
  64: { rows: 64, columns: 64, threads: 64, own: 8, vector: 4 },
};

const vectorType = ({ vector }: Tiling): string => (vector === 1 ? "f32" : `vec${vector}<f32>`);

/** The part of a vector in which row or column `i` is. */
const partOf = ({ vector }: Tiling, i: number): string => (vector === 1 ? "" : `.${"xyzw"[i % vector]!}`);

/** Products of rows and columns: tiles of both in workgroup memory, a block of the result in the registers of each thread. */
export function printDot(stage: DotStage, sizes: Sizes): StageText {
  const tiling = TILINGS[stage.tileRows];
  const { first, count } = rowsOf(stage);
  const columns = stage.to.columns!;
  const rowTiles = ceilDiv(count, int(tiling.rows));
  const columnTiles = ceilDiv(columns, int(tiling.columns));
  const text = new KernelText();
  const values = new SelectValues(wgslKernel, text, sizes, []);
  text.line("let tile = i32(group);");
  const axes = [
    { name: "row_tile", count: rowTiles },
    { name: "column_tile", count: columnTiles },
  ];
  const total = countAll(stage.to.heads, axes);
  text.block(`if (tile >= ${values.int(total)})`, () => text.line("return;"));
  takeApart(text, values, "tile", axes, stage.to.heads);
  text.line(`let first_row = ${values.int(first)} + row_tile * ${tiling.rows};`);
  text.line(`let end_row = ${values.int(add(first, count))};`);
  text.line(`let first_column = column_tile * ${tiling.columns};`);
  printProduct(text, values, tiling, stage, sizes);
  printStore(text, values, tiling, stage);
  const before = [
    `var<workgroup> rows_of_a: array<${vectorType(tiling)}, ${(tiling.rows / tiling.vector) * CHUNK}>;`,
    `var<workgroup> columns_of_b: array<${vectorType(tiling)}, ${(tiling.columns / tiling.vector) * CHUNK}>;`,
    ...(stage.wanted === undefined ? [] : wantedParts(stage.wanted, sizes)),
    numberFunction("a_at", ["row", "dim"], stage.a, sizes),
    numberFunction("b_at", ["column", "dim"], stage.b, sizes),
    resultFunction(stage, sizes),
  ];
  return { threads: tiling.threads, workgroups: total, before, body: text.toString() };
}

const HEADS = "b: i32, head: i32, h: i32, kvh: i32";

function numberFunction(name: string, indices: readonly string[], value: Real, sizes: Sizes): string {
  const text = new KernelText();
  const result = new SelectValues(wgslKernel, text, sizes, [value]).real(value);
  text.line(`return ${result};`);
  return `\nfn ${name}(${HEADS}, ${indices.map((each) => `${each}: i32`).join(", ")}) -> f32 {\n${text.toString()}\n}`;
}

/** Whether an element is wanted, and whether one of a tile is. */
function wantedParts(wanted: Cond, sizes: Sizes): readonly string[] {
  const text = new KernelText();
  text.line(`return ${new SelectValues(wgslKernel, text, sizes, []).cond(wanted)};`);
  return [
    "var<workgroup> some_wanted: atomic<u32>;",
    "var<workgroup> tile_wanted: bool;",
    `\nfn is_wanted(${HEADS}, row: i32, column: i32) -> bool {\n${text.toString()}\n}`,
  ];
}

function resultFunction(stage: DotStage, sizes: Sizes): string {
  const text = new KernelText();
  const values = new SelectValues(wgslKernel, text, sizes, [stage.value]);
  if (stage.only !== undefined) text.block(`if (!${values.cond(stage.only)})`, () => text.line("return 0.0;"));
  if (stage.wanted !== undefined) text.block("if (!is_wanted(b, head, h, kvh, row, column))", () => text.line("return 0.0;"));
  text.line(`return ${values.real(stage.value)};`);
  return `\nfn result(${HEADS}, row: i32, column: i32, product: f32) -> f32 {\n${text.toString()}\n}`;
}

function printProduct(text: KernelText, values: SelectValues, tiling: Tiling, stage: DotStage, sizes: Sizes): void {
  const { own, vector, threads } = tiling;
  const columns = values.int(stage.to.columns!);
  const threadColumns = tiling.columns / own;
  text.line(`let my_row = lane / ${threadColumns} * ${own};`);
  text.line(`let my_column = lane % ${threadColumns} * ${own};`);
  for (const [r, c] of vectors(tiling)) text.line(`var s_${r}_${c} = ${vectorType(tiling)}();`);
  const load = (into: string, of: string, count: number, first: string, end: string): void =>
    text.block(`for (var i = lane; i < ${(count / vector) * CHUNK}; i += ${threads})`, () => {
      text.line(`let index = ${first} + i / ${CHUNK} * ${vector};`);
      text.line(`let dim = chunk + i % ${CHUNK};`);
      text.line(`var numbers = ${vectorType(tiling)}();`);
      text.block(`for (var n = 0; n < min(${vector}, ${end} - index) && dim < u.headDim; n++)`, () =>
        text.line(`numbers${vector === 1 ? "" : "[n]"} = ${of}(b, head, h, kvh, index + n, dim);`),
      );
      text.line(`${into}[i % ${CHUNK} * ${count / vector} + i / ${CHUNK}] = numbers;`);
    });
  const compute = (): void => {
    text.block(`for (var chunk = 0; chunk < u.headDim; chunk += ${CHUNK})`, () => {
      text.barrier();
      load("rows_of_a", "a_at", tiling.rows, "first_row", "end_row");
      load("columns_of_b", "b_at", tiling.columns, "first_column", columns);
      text.barrier();
      text.block(`for (var d = 0; d < ${CHUNK}; d++)`, () => {
        for (let i = 0; i < own / vector; i++) {
          text.line(`let a_${i} = rows_of_a[d * ${tiling.rows / vector} + my_row / ${vector} + ${i}];`);
          text.line(`let b_${i} = columns_of_b[d * ${tiling.columns / vector} + my_column / ${vector} + ${i}];`);
        }
        for (const [r, c] of vectors(tiling)) text.line(`s_${r}_${c} += a_${Math.floor(r / vector)}${partOf(tiling, r)} * b_${c};`);
      });
    });
  };
  const computeWanted = stage.wanted === undefined ? compute : () => ifWanted(text, own, columns, compute);
  if (stage.only === undefined) {
    computeWanted();
    return;
  }
  // The pair of the last row and the first column decides for the tile: see the stage.
  const last = new SelectValues(wgslKernel, text, sizes, []);
  text.line(`var row = min(first_row + ${tiling.rows - 1}, end_row - 1);`);
  text.line("var column = first_column;");
  text.block(`if (${last.cond(stage.only)})`, computeWanted);
}

/** Each thread asks for the elements that it owns; all of them go on together or not at all. */
function ifWanted(text: KernelText, own: number, columns: string, compute: () => void): void {
  text.block(`for (var i = 0; i < ${own * own}; i++)`, () => {
    text.line(`let at_row = first_row + my_row + i / ${own};`);
    text.line(`let at_column = first_column + my_column + i % ${own};`);
    text.block(`if (at_row < end_row && at_column < ${columns} && is_wanted(b, head, h, kvh, at_row, at_column))`, () => {
      text.line("atomicStore(&some_wanted, 1u);");
      text.line("break;");
    });
  });
  text.barrier();
  text.block("if (lane == 0)", () => text.line("tile_wanted = atomicLoad(&some_wanted) != 0u;"));
  text.block("if (workgroupUniformLoad(&tile_wanted))", compute);
}

function printStore(text: KernelText, values: SelectValues, tiling: Tiling, { to }: DotStage): void {
  const { vector } = tiling;
  const place = { head: HEAD, row: named("at_row"), column: named("at_column") };
  for (const [r, c] of vectors(tiling)) {
    text.block(`for (var i = 0; i < ${vector}; i++)`, () => {
      text.line(`let at_row = first_row + my_row + ${r};`);
      text.line(`let at_column = first_column + my_column + ${c * vector} + i;`);
      const sum = vector === 1 ? `s_${r}_${c}` : `s_${r}_${c}[i]`;
      text.block(`if (at_row < end_row && at_column < ${values.int(to.columns!)})`, () =>
        text.line(`scratch[${values.int(elementOf(to, place))}] = bitcast<u32>(result(b, head, h, kvh, at_row, at_column, ${sum}));`),
      );
    });
  }
}

/** The vectors of a thread's block: a row, and how many vectors come before it in that row. */
function vectors({ own, vector }: Tiling): readonly (readonly [row: number, vector: number])[] {
  const across = own / vector;
  return Array.from({ length: own * across }, (_, i) => [Math.floor(i / across), i % across] as const);
}
