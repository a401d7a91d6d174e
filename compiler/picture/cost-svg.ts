import type { CostReport } from "../tiles/report.js";
import { intervals, percent } from "./grid.js";
import type { TileGrid } from "./grid.js";
import { colours, draw, escape, GAP, heightOf, LEGEND, legend, sizeOf, textWidth, TITLE, widthOf } from "./svg.js";

/** Of one panel, without its title. */
const PANEL = { width: 300, bar: 12, line: 30 } as const;
const CURVE_HEIGHT = 120;

/** A box of the picture, with its own size. */
interface Panel {
  readonly title: string;
  readonly height: number;
  readonly body: readonly string[];
}

/** A cost report as a picture: masks with the tiles that are computed, and beside them bars and a curve. */
export function costSvg(report: CostReport, grids: readonly TileGrid[], title: string): string {
  const panels = [sharesPanel(report), decodePanel(report), reachPanel(report), suggestionPanel(report)].filter(
    (each) => each !== undefined,
  );
  const head = [`<text x="${GAP}" y="24" font-size="14">${escape(title)}</text>`];
  const top = 36;
  const left = column(
    grids.map((grid) => ({ width: widthOf(grid), height: TITLE + heightOf(grid), draw: (x, y) => draw(grid, x, y) })),
    GAP,
    top,
  );
  const right = column(
    panels.map((panel) => ({ width: PANEL.width, height: TITLE + panel.height, draw: (x, y) => drawPanel(panel, x, y) })),
    left.end,
    top,
  );
  const size = grids[0] === undefined ? "" : sizeOf(grids[0]);
  const width = Math.max(right.end, textWidth(size) + 2 * GAP, textWidth(title) * 1.3 + 2 * GAP);
  const height = Math.max(left.bottom, right.bottom) + LEGEND;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="${colours.ink}">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...head,
    ...left.body,
    ...right.body,
    legend(size, height),
    "</svg>",
    "",
  ].join("\n");
}

interface Box {
  readonly width: number;
  readonly height: number;
  readonly draw: (x: number, y: number) => readonly string[];
}

/** Boxes below one another. */
function column(
  boxes: readonly Box[],
  x: number,
  top: number,
): { readonly body: readonly string[]; readonly end: number; readonly bottom: number } {
  const body: string[] = [];
  let y = top;
  for (const box of boxes) {
    body.push(...box.draw(x, y));
    y += box.height + GAP / 2;
  }
  return { body, end: x + Math.max(0, ...boxes.map((box) => box.width)) + GAP, bottom: y };
}

function drawPanel({ title, body }: Panel, x: number, y: number): readonly string[] {
  return [
    `<text x="${x}" y="${y + 16}" font-weight="bold">${escape(title)}</text>`,
    `<g transform="translate(${x} ${y + TITLE})">`,
    ...body,
    "</g>",
  ];
}

/** A line of text, and below it bars from the left, the widest first. */
function barLine(line: number, text: string, bars: readonly { readonly share: number; readonly colour: string }[]): readonly string[] {
  const y = line * PANEL.line;
  return [
    `<text x="0" y="${y + 10}">${escape(text)}</text>`,
    `<rect x="0" y="${y + 14}" width="${PANEL.width}" height="${PANEL.bar}" fill="${colours.empty}"/>`,
    ...bars.map(
      ({ share, colour }) => `<rect x="0" y="${y + 14}" width="${round(share * PANEL.width)}" height="${PANEL.bar}" fill="${colour}"/>`,
    ),
  ];
}

const round = (n: number): number => Math.round(n * 10) / 10;

/** Of every group of heads the tiles that are computed, and in them the pairs that are looked at. */
function sharesPanel({ groups }: CostReport): Panel {
  const shares = groups.map(({ heads, full, partial, empty, density }) => ({
    heads,
    density,
    computed: (full + partial) / (full + partial + empty),
  }));
  // Sparse masks fill the width, too.
  const most = Math.max(...shares.map(({ computed }) => computed)) || 1;
  const body = shares.flatMap(({ heads, density, computed }, i) =>
    barLine(i, `head${heads.length === 1 ? "" : "s"} ${intervals(heads)}: ${percent(density)} of pairs, ${percent(computed)} in tiles`, [
      { share: computed / most, colour: colours.partial },
      { share: density / most, colour: colours.full },
    ]),
  );
  return { title: `Pairs looked at, and computed (full width: ${percent(most)})`, height: shares.length * PANEL.line, body };
}

/** Of each length the share of the keys that decoding one more token reads. */
function decodePanel({ decode, shape }: CostReport): Panel {
  const rows = decode.map(({ length, groups }) => {
    const read = groups.reduce((sum, { kvHeads, keys }) => sum + kvHeads.length * keys, 0);
    return { length, keys: read / shape.kvHeads };
  });
  const body = rows.flatMap(({ length, keys }, i) =>
    barLine(i, `${Math.round(keys)} of ${length} keys`, [{ share: keys / length, colour: colours.full }]),
  );
  return { title: "Keys that the last query reads, mean of the kv heads", height: rows.length * PANEL.line, body };
}

/** The share of pairs that is reached, by layers. */
function reachPanel({ receptive }: CostReport): Panel | undefined {
  if (receptive === undefined) return undefined;
  const { layers, length } = receptive;
  const last = layers[layers.length - 1]!.layers;
  const x = (layer: number): number => round((layer / last) * PANEL.width);
  const y = (share: number): number => round((1 - share) * CURVE_HEIGHT);
  // Before the first layer each token has its own only.
  const points = [{ layers: 0, share: 0 }, ...layers].map((reach) => `${x(reach.layers)},${y(reach.share)}`);
  const body = [
    `<rect width="${PANEL.width}" height="${CURVE_HEIGHT}" fill="${colours.empty}"/>`,
    `<polyline points="${points.join(" ")}" fill="none" stroke="${colours.full}" stroke-width="2"/>`,
    ...points.slice(1).map((point) => `<circle cx="${point.split(",")[0]}" cy="${point.split(",")[1]}" r="3" fill="${colours.full}"/>`),
    `<text x="0" y="${CURVE_HEIGHT + 14}">0 layers</text>`,
    `<text x="${PANEL.width}" y="${CURVE_HEIGHT + 14}" text-anchor="end">${last} layer${last === 1 ? "" : "s"}: ${percent(layers[layers.length - 1]!.share)}</text>`,
  ];
  return { title: `Receptive field of ${length} tokens: pairs reached`, height: CURVE_HEIGHT + 20, body };
}

function suggestionPanel({ suggestions }: CostReport): Panel | undefined {
  if (suggestions.length === 0) return undefined;
  const most = Math.max(...suggestions.flatMap(({ before, after }) => [before.computed, after.computed]));
  const lines = [{ text: "now", at: suggestions[0]!.before }, ...suggestions.map(({ change, after }) => ({ text: change, at: after }))];
  const body = lines.flatMap(({ text, at }, i) =>
    barLine(i, `${text}: ${percent(at.computed)} computed, ${percent(at.density)} looked at`, [
      { share: at.computed / most, colour: colours.partial },
      { share: at.density / most, colour: colours.full },
    ]),
  );
  return { title: "Worth a try", height: lines.length * PANEL.line, body };
}
