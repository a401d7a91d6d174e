import { fixedLength, runtimeParams } from "../../compiler/cli/lengths.js";
import { orderBytes } from "../../compiler/mask/layout/orders.js";
import type { MaskSettings } from "../../compiler/mask/build/settings.js";
import { planTiles } from "../../compiler/tiles/plan.js";
import { resolveCall, resolveShape } from "../../runtime/launch/call.js";
import { layoutAux } from "../../runtime/launch/input-layout.js";
import { SUMMARY_TILE } from "../../runtime/launch/module.js";
import { scalarWords, uniformWords } from "../../runtime/launch/uniform-words.js";
import { compileTimed, libraryFiles, type TimedOperator } from "../library.js";
import { median } from "../measure/stats.js";
import type { Section } from "../report/section.js";
import type { Context } from "./context.js";

const LENGTH = 2 ** 20;
const TILE = 64;
/** Launches that the host's time is the median of. */
const LAUNCHES = 21;

/** Extents of a grid of {@link LENGTH} points, by the names that the library gives its axes' parameters. */
const GRIDS: readonly Readonly<Record<string, number>>[] = [
  { frames: 64, height: 128, width: 128 },
  { height: 1024, width: 1024 },
  { length: LENGTH },
];

function atLength(params: readonly string[]): MaskSettings {
  const grid = GRIDS.find((extents) => Object.keys(extents).every((name) => params.includes(name)));
  return grid === undefined ? {} : { params: grid };
}

/** What a kernel keeps in memory besides the caller's tensors, and how long it takes to make, at a million tokens. */
export function planSection({ options, progress }: Context): Promise<Section> {
  const rows = libraryFiles().flatMap((file) => {
    progress(`${file.name}: compiling at ${LENGTH} tokens`);
    return compileTimed(file, atLength).map(planRow);
  });
  const wanted = rows.filter(({ label }) => options.only === undefined || label.includes(options.only));
  const pairs = LENGTH * LENGTH;
  const blocks = (LENGTH / TILE) ** 2;
  return Promise.resolve({
    name: "plan",
    title: "Tables at 1,048,576 tokens",
    notes: [
      `Every attention of the library, tiles of ${TILE}; grids have extents whose product is ${LENGTH} where their parameters allow it, and the length of a row is what they then have.`,
      "Tables: what the kernel reads besides q, k, v and the caller's inputs: integers for each head that the host computes before a launch, and the order of the tokens where the layout is a curve without a formula. Uniforms: what a launch passes. Inputs are the caller's, whatever computes the attention; what selections make in each launch is not kept.",
      "Read: from the text to the mask. Build: from the mask to the texts of all kernels (head dim 64, each kind of device). Both are done once for all lengths. Launch: the host's part of each launch at this length.",
      "Beside them, what is stored where the mask is not a formula, for one head and batch entry: one bit or one byte for each pair; and lists of blocks as FlexAttention keeps them, four 32-bit tables of (query blocks x key blocks): partial and full blocks, by queries and by keys.",
    ],
    tables: [
      {
        title: "what a materialised mask takes, whatever the pattern",
        columns: [
          { key: "form", title: "form", kind: "text" },
          { key: "bytes", title: "bytes", kind: "bytes" },
        ],
        rows: [
          { form: "one bit a pair", bytes: pairs / 8 },
          { form: "one byte a pair", bytes: pairs },
          { form: `block lists as FlexAttention's, blocks of ${TILE}`, bytes: 4 * 4 * blocks },
        ],
      },
      {
        title: "attnc",
        columns: [
          { key: "label", title: "attention", kind: "text" },
          { key: "length", title: "length", kind: "count" },
          { key: "form", title: "form", kind: "text" },
          { key: "layout", title: "layout", kind: "text" },
          { key: "tables", title: "tables", kind: "bytes" },
          { key: "uniforms", title: "uniforms", kind: "bytes" },
          { key: "inputs", title: "inputs", kind: "text" },
          { key: "read", title: "read, ms", kind: "milliseconds" },
          { key: "build", title: "build, ms", kind: "milliseconds" },
          { key: "launch", title: "launch, ms", kind: "milliseconds" },
        ],
        rows: wanted,
      },
    ],
    charts: [],
    failures: [],
  });
}

function planRow({ file, name, read, build, mask, module }: TimedOperator) {
  // Extents that are given at each call have no default: the sides of a square, or of a cube.
  const open = module.params.filter((param) => param.default === undefined);
  const params = {
    ...runtimeParams(mask),
    ...Object.fromEntries(open.map((param) => [param.name, Math.round(LENGTH ** (1 / open.length))])),
  };
  const length = fixedLength(mask, params) ?? LENGTH;
  const launch = { layer: 0, layers: mask.tables[0]?.rows ?? 1, step: 0, steps: 1, phase: 0 };
  // Inputs are the caller's and selections are made anew by each launch: without them the layout has what the kernel keeps.
  const own = {
    ...module,
    inputs: [],
    lists: undefined,
    selection: undefined,
    uniforms: module.uniforms.filter(({ source }) => source.kind !== "input"),
  };
  const launches = Array.from({ length: LAUNCHES }, () => {
    const start = performance.now();
    const call = resolveCall(module, resolveShape(module), { length, params, ...launch });
    const aux = layoutAux(own, call, new Map());
    const scalars = scalarWords(own, call);
    const uniforms = uniformWords(own, { call, aux, tiles: Math.ceil(length / TILE), writeLse: true });
    return { milliseconds: performance.now() - start, scalars: scalars.byteLength, uniforms: uniforms.byteLength };
  });
  return {
    label: `${file.replace(/\.attn$/, "")}#${name}`,
    length,
    form: planTiles(mask).form,
    // Of what a kernel may read besides the caller's tensors, only curves are tables that grow with the length.
    tables: launches[0]!.scalars + orderBytes(mask, SUMMARY_TILE),
    layout: module.layout ?? "",
    uniforms: launches[0]!.uniforms,
    inputs: module.inputs.map((input) => input.kind).join(", "),
    read,
    build,
    launch: median(launches.map(({ milliseconds }) => milliseconds)),
  };
}
