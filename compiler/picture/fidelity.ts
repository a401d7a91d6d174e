import { intervals, percent } from "./grid.js";
import type { TileGrid } from "./grid.js";
import type { Raster } from "./raster.js";
import { colours, escape, GAP, LEGEND, textWidth, TITLE } from "./svg.js";

/** What a picture of fidelity shows. */
export interface FidelityPicture {
  readonly title: string;
  /** The part of full attention's weights that each head keeps. */
  readonly heads: readonly { readonly head: number; readonly mean: number; readonly worst: number }[];
  /** Tiles of the mask of one head. */
  readonly grid: TileGrid;
  /** The mean weight that a query of full attention gives the keys of a tile. */
  readonly weights: readonly (readonly number[])[];
}

const BARS = { width: 320, height: 14, line: 30 } as const;
const CELL = 8;
const WEIGHT = "#b3261e";

/** Weights span orders of magnitude: from 1 down to this one shades are spread evenly over their logarithms. */
const LEAST_WEIGHT = 1e-4;

/** How dark a weight is drawn, from 0 to 1. */
export function shadeOf(weight: number): number {
  return weight <= LEAST_WEIGHT ? 0 : 1 - Math.log(weight) / Math.log(LEAST_WEIGHT);
}

/** Bars of the mass that each head keeps, and the attention map of one head with the tiles of its mask over it. */
export function fidelitySvg(picture: FidelityPicture): string {
  const { heads, grid, title } = picture;
  const barsHeight = heads.length * BARS.line;
  const mapWidth = (grid.cells[0]?.length ?? 0) * CELL;
  const mapHeight = grid.cells.length * CELL;
  const legend = `red: weights of full attention, darker for more, from ${LEAST_WEIGHT}; blue: tiles of ${grid.blockQ} x ${grid.blockK} that are kept, dashed where in part`;
  const width = Math.max(BARS.width + mapWidth + 3 * GAP, textWidth(legend) + 2 * GAP, textWidth(title) * 1.3 + 2 * GAP);
  const height = 36 + TITLE + Math.max(barsHeight, mapHeight) + LEGEND;
  const mapAt = BARS.width + 2 * GAP;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="${colours.ink}">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${GAP}" y="24" font-size="14">${escape(title)}</text>`,
    `<text x="${GAP}" y="52" font-weight="bold">Attention mass kept: mean, and worst row (line)</text>`,
    `<g transform="translate(${GAP} ${36 + TITLE})">`,
    ...heads.flatMap(bar),
    "</g>",
    `<text x="${mapAt}" y="52" font-weight="bold">${escape(`head${grid.heads && grid.heads.length > 1 ? "s" : ""} ${intervals(grid.heads ?? [grid.head])}: full attention, and the ${percent(grid.density)} of pairs kept`)}</text>`,
    `<g transform="translate(${mapAt} ${36 + TITLE})">`,
    `<rect width="${mapWidth}" height="${mapHeight}" fill="${colours.empty}" stroke="#cccccc"/>`,
    ...map(picture),
    "</g>",
    `<text x="${GAP}" y="${height - 16}">${escape(legend)}</text>`,
    "</svg>",
    "",
  ].join("\n");
}

const round = (n: number): number => Math.round(n * 100) / 100;

function bar({ head, mean, worst }: FidelityPicture["heads"][0], line: number): readonly string[] {
  const y = line * BARS.line;
  return [
    `<text x="0" y="${y + 10}">${escape(`head ${head}: ${percent(mean)}, at worst ${percent(worst)}`)}</text>`,
    `<rect x="0" y="${y + 13}" width="${BARS.width}" height="${BARS.height}" fill="${colours.empty}"/>`,
    `<rect x="0" y="${y + 13}" width="${round(mean * BARS.width)}" height="${BARS.height}" fill="${colours.partial}"/>`,
    `<line x1="${round(worst * BARS.width)}" x2="${round(worst * BARS.width)}" y1="${y + 11}" y2="${y + 15 + BARS.height}" stroke="${colours.full}" stroke-width="2"/>`,
  ];
}

function map({ grid, weights }: FidelityPicture): readonly string[] {
  const shades = weights.flatMap((row, i) =>
    row.flatMap((weight, j) => {
      const shade = shadeOf(weight);
      if (shade === 0) return [];
      return [
        `<rect x="${j * CELL}" y="${i * CELL}" width="${CELL}" height="${CELL}" fill="${WEIGHT}" fill-opacity="${shade.toFixed(2)}"/>`,
      ];
    }),
  );
  const tiles = grid.cells.flatMap((row, i) =>
    row.flatMap((cell, j) => {
      if (cell.class === "empty") return [];
      const dashes = cell.class === "partial" ? ` stroke-dasharray="2 1.5"` : "";
      return [
        `<rect x="${j * CELL + 0.5}" y="${i * CELL + 0.5}" width="${CELL - 1}" height="${CELL - 1}" fill="none" stroke="${colours.full}"${dashes}/>`,
      ];
    }),
  );
  return [...shades, ...tiles];
}

const PIXELS = { bars: 256, bar: 10, gap: 4, margin: 16 } as const;

/** The same without its texts: bars of heads from top to bottom, and right of them the map, with squares of `size` pixels. */
export function fidelityRaster({ heads, grid, weights }: FidelityPicture, size: number): Raster {
  const { bars, bar: thickness, gap, margin } = PIXELS;
  const rows = grid.cells.length;
  const columns = grid.cells[0]?.length ?? 0;
  const width = bars + columns * size + 3 * margin;
  const height = 2 * margin + Math.max(heads.length * (thickness + gap), rows * size);
  const data = new Uint8Array(width * height * 4).fill(255);
  const fill = (x: number, y: number, w: number, h: number, colour: readonly number[]): void => {
    for (let i = y; i < y + h; i++) for (let j = x; j < x + w; j++) data.set([...colour, 255], (i * width + j) * 4);
  };
  heads.forEach(({ mean, worst }, i) => {
    const y = margin + i * (thickness + gap);
    fill(margin, y, bars, thickness, rgb(colours.empty));
    fill(margin, y, Math.round(mean * bars), thickness, rgb(colours.partial));
    fill(margin + Math.min(bars - 2, Math.round(worst * bars)), y - 1, 2, thickness + 2, rgb(colours.full));
  });
  const left = bars + 2 * margin;
  grid.cells.forEach((row, i) =>
    row.forEach((cell, j) => {
      const [x, y] = [left + j * size, margin + i * size];
      fill(x, y, size, size, mix(colours.empty, WEIGHT, shadeOf(weights[i]![j]!)));
      if (cell.class === "empty" || size < 3) return;
      const edge = mix(colours.empty, colours.full, cell.class === "full" ? 1 : 0.5);
      fill(x, y, size, 1, edge);
      fill(x, y + size - 1, size, 1, edge);
      fill(x, y, 1, size, edge);
      fill(x + size - 1, y, 1, size, edge);
    }),
  );
  return { width, height, data };
}

const rgb = (colour: string): readonly number[] => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function mix(from: string, to: string, share: number): readonly number[] {
  const [a, b] = [rgb(from), rgb(to)];
  return a.map((channel, i) => Math.round(channel * (1 - share) + b[i]! * share));
}
