import { HEAD, rowsOf } from "../../../select/axes.js";
import { add, ceilDiv, int, named } from "../../../select/int.js";
import type { DotStage } from "../../../select/ir.js";
import { elementOf } from "../../../select/places.js";
import type { Sizes } from "../../print/select-sizes.js";
import { StatementText } from "../../print/statement-text.js";
import { countAll, printTakeApart } from "../../print/take-apart.js";
import { cppKernel } from "./dialect.js";
import { condMember, HEADS, member, realMember, valuesFor } from "./stage.js";
import type { StageText } from "./stage.js";

interface Tiling {
  readonly rows: number;
  readonly columns: number;
  /** Rows and columns that a thread owns. */
  readonly own: number;
}

const TILINGS: Readonly<Record<DotStage["tileRows"], Tiling>> = {
  1: { rows: 1, columns: 128, own: 1 },
  64: { rows: 64, columns: 64, own: 4 },
};

/** Numbers of dim that meet in shared memory at a time. */
const CHUNK = 32;

/** Numbers between a dim's operands in shared memory and the next one's: lanes that store neighbouring dims meet in fewer banks. */
const strideOf = (count: number): number => (count === 1 ? 1 : count + 4);

/** Products of rows and columns: tiles of both in shared memory, a block of the result in the registers of each thread. */
export function printDot(stage: DotStage, sizes: Sizes): StageText {
  const { to } = stage;
  const { rows: tileRows, columns: tileColumns, own } = TILINGS[stage.tileRows];
  const text = new StatementText();
  const values = valuesFor(text, sizes);
  const { first, count } = rowsOf(stage);
  const columns = to.columns!;
  const rowTiles = ceilDiv(count, int(tileRows));
  const columnTiles = ceilDiv(columns, int(tileColumns));
  const axes = [
    { name: "row_tile", count: rowTiles },
    { name: "column_tile", count: columnTiles },
  ];
  printTakeApart(cppKernel, text, values, "group", axes, to.heads);
  text.line(
    `const TilePlace place{b, head, h, kvh, ${values.int(first)} + row_tile * ${tileRows}, column_tile * ${tileColumns}, ${values.int(add(first, count))}, ${values.int(columns)}};`,
  );
  text.line(`multiply_tile<${tileRows}, ${tileColumns}, ${own}, ${CHUNK}>(*this, place, lane, reinterpret_cast<float*>(shared));`);
  return {
    threads: (tileRows * tileColumns) / own ** 2,
    blocks: countAll(to.heads, axes),
    sharedBytes: 4 * CHUNK * (strideOf(tileRows) + strideOf(tileColumns)),
    members: [
      realMember("a_at", `${HEADS}, int row, int dim`, stage.a, sizes),
      realMember("b_at", `${HEADS}, int column, int dim`, stage.b, sizes),
      condMember("needed", `${HEADS}, int row, int column`, stage.only ?? { kind: "bool", value: true }, sizes),
      condMember("wanted", `${HEADS}, int row, int column`, stage.wanted ?? { kind: "bool", value: true }, sizes),
      `static constexpr bool CHOOSY = ${String(stage.wanted !== undefined)};`,
      storeMember(stage, sizes),
    ],
    run: text.toString(),
  };
}

/** Makes an element of the sum of its products and puts it into its place. */
function storeMember({ to, value, only, wanted }: DotStage, sizes: Sizes): string {
  return member("void", "store", `${HEADS}, int row, int column, float product`, (text) => {
    const values = valuesFor(text, sizes, [value]);
    const place = values.int(elementOf(to, { head: HEAD, row: named("row"), column: named("column") }));
    text.line(`unsigned int& element = scratch[${place}];`);
    text.line("element = 0u;");
    if (only !== undefined) text.line("if (!needed(b, head, h, kvh, row, column)) return;");
    if (wanted !== undefined) text.line("if (!wanted(b, head, h, kvh, row, column)) return;");
    text.line(`element = __float_as_uint(${values.real(value)});`);
  });
}
