import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeNpy } from "../../runtime/tensor/npy.js";
import { attnc, folderWith, json, PACKED, TWO } from "./attnc.js";

const LIBRARY = `import { a_shape } from "std"
import { power_blocks } from "std"
import { strided_keys } from "std"
import { strided_shard } from "std"

attention streaming {
  space  seq causal
  attend a_shape(sink: 4, window: 508)
}

attention power {
  space  seq causal
  attend power_blocks(block: 1, window: 1, sink: 0)
}

attention strided {
  space  seq causal
  attend strided_keys(local: 128, stride: 128)
}

attention shards {
  space  seq causal
  attend strided_shard(local: 4)
}

attention window_of_encoder(length = 32768, window = 2048) {
  space  grid(x: length)
  attend near(x, window: window)
}

attention flux {
  space  grid(y: 256, x: 256)
  attend near(y, window: 80) & near(x, window: 80)
}

attention alternating(window = 16) {
  space  seq causal
  assign {
    when layer % 2 == 1 -> all
    else -> q - k < window
  }
}
`;

const VIDEO = (layout: string) => `attention video(stride_t = 1, stride_y = 1, stride_x = 1) {
  space  grid(t: 30, y: 48, x: 80)
${layout}
  attend near(t, window: 18, stride: stride_t) & near(y, window: 24, stride: stride_y) & near(x, window: 24, stride: stride_x)
}
`;

const CHOSEN = `attention chosen(n = 2) {
  space  seq causal
  shape  heads: 2, kv_heads: 1, dim: 16
  select b {
    unit  q: token, k: block(16)
    score dot(q, mean(k))
    group sum over kvh
    keep  top(n)
    force current
  }
  attend b
}
`;

/** The last two blocks of each of 256 queries, as bytes. */
const LAST_BLOCKS = Uint8Array.from({ length: 256 * 16 }, (_, i) => {
  const [own, block] = [Math.floor(i / 16 / 16), i % 16];
  return block === own || block === own - 1 ? 1 : 0;
});

const folder = folderWith({
  "two.attn": TWO,
  "chosen.attn": CHOSEN,
  "b.npy": writeNpy({ dtype: "bool", shape: [1, 1, 256, 16], data: LAST_BLOCKS }),
  "packed.attn": PACKED,
  "std.attn": LIBRARY,
  "video.attn": VIDEO("  layout tiles(2, 8, 8)"),
  "doc.npy": writeNpy({ dtype: "i32", shape: [6], data: Int32Array.from([7, 7, 7, 9, 9, 9]) }),
});

interface Report {
  readonly ideal: { pairs: number; flops: number; bytes: number; intensity: number; bound: { dense: number; causal: number | null } };
  readonly tiles: { tileQ: number; tileK: number; full: number; partial: number; empty: number; flops: number; bytes: number }[];
  readonly groups: { heads: number[]; density: number; causalDensity: number; pairs: number }[];
  readonly decode: { length: number; bytes: number; groups: { kvHeads: number[]; keys: number }[] }[];
  readonly receptive: { length: number; layers: { layers: number; back: number; backWhole: number; share: number }[]; covers: number };
  readonly evictable: { evictable: boolean; scope: string; cacheBytes: number; groups: { cacheKeys: number }[] };
  readonly suggestions: { kind: string; change: string }[];
  readonly orders: { tileQ: number; tileK: number; most: number; queryOrder: number; keyOrder: number; expected: string } | null;
}

async function report(...args: readonly string[]): Promise<Report> {
  const result = await attnc(folder, "explain", ...args, "--format", "json");
  expect(result.code, result.stderr).toBe(0);
  return json(result) as Report;
}

test("what both orders of pairs are expected to cost, where queries choose blocks of their own", async () => {
  const { orders } = await report("chosen.attn", "--seq", "256", "--input", "b=b.npy");
  const { tileQ, tileK, most, queryOrder, keyOrder } = orders!;
  expect(orders).toMatchObject({ selection: "b", unit: 16, most: 2 });
  // How many of its candidates a tile of queries is expected to need, counted block by block.
  const height = Math.ceil(16 / tileK);
  let tiles = 0;
  for (let first = 0; first < 256; first += tileQ) {
    const candidates = Math.ceil((first + tileQ) / 16);
    const missed = Math.max(0, 1 - most / candidates);
    for (let block = 0; block < candidates; block++) tiles += height * (1 - missed ** tileQ);
  }
  expect(queryOrder).toBe(Math.ceil(tiles));
  expect(orders!.expected).toBe(keyOrder < queryOrder ? "keys" : "queries");
  const { stdout } = await attnc(folder, "explain", "chosen.attn", "--seq", "256", "--input", "b=b.npy");
  expect(stdout).toMatch(new RegExp(`^query by query +${queryOrder}\\b.*\nblock by block +${keyOrder}\\b`, "m"));
  expect((await report("two.attn#sliding", "--seq", "64")).orders).toBe(null);
});

test("a neighborhood of 80 x 80 of an image of 256 x 256 keeps 9.77% of the pairs", async () => {
  const { groups, ideal, suggestions } = await report("std.attn#flux");
  expect(groups[0]!.density).toBe((80 * 80) / (256 * 256));
  expect((100 * groups[0]!.density).toFixed(2)).toBe("9.77");
  // NATTEN's documentation gives 10.2 as the ideal speed-up.
  expect(ideal.bound.dense.toFixed(1)).toBe("10.2");
  expect(suggestions.map(({ kind }) => kind)).toContain("layout");
});

test("a window of 2048 of 32768 tokens keeps 6.25% of the pairs", async () => {
  const { groups } = await report("std.attn#window_of_encoder", "--heads", "1");
  expect(groups).toMatchObject([{ heads: [0], density: 0.0625 }]);
});

test("generalized neighborhood attention on a video: the shares of tiles that its paper and documentation state", async () => {
  const share = async (...args: readonly string[]): Promise<string> => {
    const tiles = await attnc(
      folder,
      "tiles",
      "video.attn",
      "--heads",
      "1",
      "--block-q",
      "128",
      "--block-k",
      "128",
      "--format",
      "json",
      ...args,
    );
    const { full, partial, empty } = (json(tiles) as { heads: { full: number; partial: number; empty: number }[] }).heads[0]!;
    return `${((100 * (full + partial)) / (full + partial + empty)).toFixed(1)}%, ${partial} partial`;
  };
  expect(await share()).toMatch(/^18\.4%, /);
  expect(await share("--set", "stride_t=16", "--set", "stride_y=8", "--set", "stride_x=8")).toBe("9.0%, 0 partial");
});

test("powers of two reach all distances to 2^(d+1) - 2 after d layers", async () => {
  const { receptive } = await report("std.attn#power", "--seq", "2048");
  const found = receptive.layers.map(({ layers, backWhole }) => [layers, backWhole]);
  expect(found).toEqual(found.map(([d]) => [d, Math.min(2 ** (d! + 1) - 2, 2047)]));
  // 2047 is eleven ones, and the greatest distance at that length.
  expect(receptive.covers).toBe(11);
});

test("a window of w reaches d (w - 1) after d layers", async () => {
  const { receptive } = await report("two.attn#sliding", "--seq", "100", "--set", "window=12");
  for (const { layers, back, backWhole } of receptive.layers.slice(0, -1)) expect([back, backWhole]).toEqual([11 * layers, 11 * layers]);
  expect(receptive.covers).toBe(9);
});

test("each layer's own mask carries information on", async () => {
  const { receptive } = await report("std.attn#alternating", "--seq", "500", "--layer", "0", "--layers", "4");
  expect(receptive).toMatchObject({ covers: 2, layers: [{ back: 15 }, { back: 499 }] });
});

test("sinks with a window are evictable and so are shards of keys; strides from the query are not", async () => {
  const streaming = await report("std.attn#streaming", "--seq", "4096");
  expect(streaming.evictable).toMatchObject({ evictable: true, scope: "every length", groups: [{ cacheKeys: 512 }] });
  expect(streaming.evictable.cacheBytes).toBe(8 * 512 * (64 + 64) * 4);
  // What a last query reads is all that is kept.
  expect(streaming.decode.map(({ length, bytes }) => [length, bytes / (8 * 128 * 4)])).toEqual([
    [256, 256],
    [1024, 512],
    [4096, 512],
    [16384, 512],
  ]);
  expect((await report("std.attn#shards", "--seq", "4096")).evictable).toMatchObject({ evictable: true, scope: "every length" });
  const strided = await report("std.attn#strided", "--seq", "4096");
  expect(strided.evictable).toMatchObject({
    evictable: false,
    groups: [{ counterexample: { key: 0, dropped: 255, again: 256 }, cacheKeys: 4096 - 127 }],
  });
  expect((await report("two.attn#dense", "--seq", "64")).evictable).toBeNull();
});

test("work is counted as two operations for each dim of a pair, bytes as each tensor once or keys by tile", async () => {
  const args = ["two.attn#sliding", "--seq", "256", "--set", "window=33", "--heads", "4", "--kv-heads", "2", "--head-dim", "32"];
  const { ideal, tiles, groups } = await report(...args, "--value-dim", "16", "--dtype", "f16", "--batch", "3");
  const pairs = 33 * 256 - (33 * 32) / 2;
  expect(groups).toMatchObject([{ heads: [0, 1, 2, 3], pairs, density: pairs / 256 ** 2, causalDensity: pairs / (128 * 257) }]);
  expect(ideal).toMatchObject({ pairs: 4 * pairs, flops: 3 * 4 * pairs * 2 * (32 + 16), bytes: 3 * (4 + 2) * 256 * (32 + 16) * 2 });
  expect(ideal.bound).toEqual({ dense: 256 ** 2 / pairs, causal: (128 * 257) / pairs });
  const [{ tileQ, tileK, full, partial, flops, bytes }] = tiles as [Report["tiles"][number]];
  const rows = 256 / tileQ;
  // A tile of queries sees those of its own keys and the tile before, as 33 keys reach exactly one tile back.
  expect([tileQ, tileK, full, partial]).toEqual([32, 32, 0, 4 * (2 * rows - 1)]);
  expect(flops).toBe(3 * partial * 32 * 32 * 2 * (32 + 16));
  expect(bytes).toBe(3 * (4 * 256 * 48 + partial * 32 * 48) * 2);
});

test("dense causal attention is no faster than itself", async () => {
  const dense = await report("two.attn#sliding", "--seq", "1000", "--q-seq", "300", "--set", "window=1000");
  expect(dense.ideal.bound.causal).toBe(1);
  expect(dense.tiles[0]).toMatchObject({ bound: { causal: 1 } });
});

test("tiles are counted at a million tokens", async () => {
  const tiles = await attnc(folder, "tiles", "two.attn#sliding", "--seq", "1048576", "--heads", "1", "--format", "json");
  // 4 keys reach into the tile before, but for the first.
  expect(json(tiles)).toMatchObject({ heads: [{ full: 0, partial: 2 * 16384 - 1, empty: 16384 ** 2 - 2 * 16384 + 1 }] });
});

test("inputs come from files", async () => {
  const { groups, decode, evictable } = await report("packed.attn", "--seq", "6", "--input", "doc=doc.npy");
  expect(groups).toMatchObject([{ pairs: 12 }]);
  expect(decode).toMatchObject([{ length: 6, groups: [{ keys: 3 }] }]);
  expect(evictable).toMatchObject({ evictable: true, scope: "this length", groups: [{ cacheKeys: 3 }] });
});

test("the report as text", async () => {
  const { stdout } = await attnc(folder, "explain", "std.attn#streaming", "--seq", "65536");
  await expect(stdout).toMatchFileSnapshot("explain/streaming.txt");
  const strided = await attnc(folder, "explain", "std.attn#strided", "--seq", "4096", "--heads", "8", "--kv-heads", "2");
  await expect(strided.stdout).toMatchFileSnapshot("explain/strided.txt");
});

test("the report as JSON has stable names", async () => {
  const result = await attnc(folder, "explain", "std.attn#strided", "--seq", "1024", "--format", "json");
  await expect(`${JSON.stringify(json(result), null, 2)}\n`).toMatchFileSnapshot("explain/strided.json");
});

test("the report as a picture", async () => {
  const own = folderWith({ "std.attn": LIBRARY });
  const result = await attnc(own, "explain", "std.attn#streaming", "--seq", "4096", "--out", "cost.svg");
  expect(result).toMatchObject({ code: 0, stdout: "" });
  expect(result.stderr).toMatch(/wrote cost.svg\n$/);
  await expect(readFileSync(join(own, "cost.svg"), "utf8")).toMatchFileSnapshot("explain/streaming.svg");
});

test("a diagnostic is still explained by its code or number", async () => {
  for (const code of ["ATTN6205", "attn6205", "6205"]) {
    const { code: exit, stdout } = await attnc(folder, "explain", code);
    expect([exit, stdout.split("\n")[0]]).toEqual([0, "# ATTN6205: A length is needed"]);
  }
});

test.each([
  [["two.attn#sliding"], "error ATTN6205: sliding works at any length; say which"],
  [["two.attn", "--seq", "8"], "error ATTN6203: two.attn has 2 attentions"],
  [
    ["two.attn#sliding", "--seq", "8", "--out", "x.png"],
    "error ATTN6204: --out is x.png; expected a name that ends in .txt, .json or .svg, or a --format",
  ],
  [["two.attn#sliding", "--seq", "8", "--frobnicate"], "error: unknown option '--frobnicate'"],
  [["two.attn#sliding", "--seq", "8", "--format", "png"], "It should be one of text, json, svg."],
  [["std.attn#alternating", "--seq", "8"], "error ATTN6210: alternating depends on the variable `layer`"],
  [["ATTN9999"], "error ATTN6204: the argument is ATTN9999; expected FILE#NAME, or the code of a diagnostic, such as ATTN1001"],
  [["ATTN6205", "--seq", "8"], "error ATTN6204: --seq is given; expected no option beside the code of a diagnostic"],
])("wrong use: %j", async (args, words) => {
  const result = await attnc(folder, "explain", ...args);
  expect(result).toMatchObject({ code: 2, stdout: "" });
  expect(result.stderr).toContain(words);
});
