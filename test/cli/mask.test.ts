import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { PNG } from "pngjs";
import { expect, test } from "vitest";
import { readNpy, writeNpy } from "../../runtime/tensor/npy.js";
import { attnc, BROKEN, folderWith, json, PACKED, TWO } from "./attnc.js";

const GRID = `attention rows {
  space  grid(y: ?, x: 4) full
  attend q.y == k.y
}
attention fixed {
  space  grid(y: 2, x: 4) full
  attend q.x == k.x
}
`;
const HEADS = `attention heads(window = 3) {
  space  seq causal
  shape  heads: 32, kv_heads: 8
  assign {
    when kvh < 1 -> all
    else         -> q - k < window
  }
}
`;
const PHASES = `attention phased {
  space  seq causal
  phase  prefill, decode
  assign prefill { when h < 1 -> all
    else -> q - k < 2 }
  assign decode { when h < 1 -> all
    else -> q - k < 4 }
}
`;
const ids = (values: readonly number[]) => writeNpy({ dtype: "i32", shape: [values.length], data: Int32Array.from(values) });

const folder = folderWith({
  "two.attn": TWO,
  "packed.attn": PACKED,
  "grid.attn": GRID,
  "heads.attn": HEADS,
  "phases.attn": PHASES,
  "broken.attn": BROKEN,
  "doc.npy": ids([7, 7, 7, 9, 9, 9]),
  "short.npy": ids([7, 7, 7]),
  "float.npy": writeNpy({ dtype: "f32", shape: [6], data: Float32Array.from([0, 1, 2, 3, 4, 0.5]) }),
});

test("the mask as JSON: runs of keys for each query", async () => {
  const result = await attnc(
    folder,
    "mask",
    "two.attn#sliding",
    "--seq",
    "6",
    "--q-seq",
    "3",
    "--set",
    "window=2",
    "--heads",
    "2",
    "--format",
    "json",
  );
  expect(result).toMatchObject({ code: 0, stderr: "" });
  const rows = [[[2, 4]], [[3, 5]], [[4, 6]]];
  expect(json(result)).toEqual({
    version: 1,
    name: "sliding",
    q: 3,
    k: 6,
    heads: [
      { head: 0, pairs: 6, rows },
      { head: 1, pairs: 6, rows },
    ],
  });
});

test("inputs come from files", async () => {
  const { heads } = json(
    await attnc(folder, "mask", "packed.attn", "--seq", "6", "--input", "doc=doc.npy", "--head", "5", "--format", "json"),
  ) as {
    heads: { head: number; rows: number[][][] }[];
  };
  expect(heads.map((h) => h.head)).toEqual([5]);
  expect(heads[0]!.rows).toEqual([[[0, 1]], [[0, 2]], [[0, 3]], [[3, 4]], [[3, 5]], [[3, 6]]]);
});

test("text draws heads that are alike once, and names them", async () => {
  const { stdout } = await attnc(folder, "mask", "heads.attn", "--seq", "4", "--heads", "8");
  expect(stdout).toBe(`heads, head 0: 62.5% of 4 x 4 pairs
██······
████····
██████··
████████
██ full  ▒▒ partial  ·· empty; tiles of 1 x 1, queries down, keys across

heads, heads 1-7: 56.3% of 4 x 4 pairs
██······
████····
██████··
··██████
██ full  ▒▒ partial  ·· empty; tiles of 1 x 1, queries down, keys across
`);
});

test("fewer heads keep the declared groups, where that comes out even", async () => {
  const titles = async (...options: string[]) =>
    (await attnc(folder, "mask", "heads.attn", "--seq", "8", "--block", "8", ...options)).stdout.match(/heads? [\d, -]+(?=:)/g);
  expect(await titles()).toEqual(["heads 0-3", "heads 4-31"]);
  // 8 kv heads divide 16; 12 heads in groups of 4; 6 in none of 4.
  expect(await titles("--heads", "16")).toEqual(["heads 0-1", "heads 2-15"]);
  expect(await titles("--heads", "12")).toEqual(["heads 0-3", "heads 4-11"]);
  expect(await titles("--heads", "6")).toEqual(["head 0", "heads 1-5"]);
  expect(await titles("--heads", "6", "--kv-heads", "2")).toEqual(["heads 0-2", "heads 3-5"]);
});

test("files get the format of their ending", async () => {
  const own = folderWith({ "two.attn": TWO, "heads.attn": HEADS });
  const draw = (out: string, ...more: string[]) => attnc(own, "mask", "heads.attn", "--seq", "8", "--heads", "8", "--out", out, ...more);
  expect(await draw("deep/m.svg")).toEqual({ code: 0, stdout: "", stderr: "wrote deep/m.svg\n" });
  const svg = readFileSync(join(own, "deep/m.svg"), "utf8");
  expect(svg.match(/<text[^>]*>heads, heads? [^<]*/g)!.map((t) => t.replace(/<[^>]*>/, ""))).toEqual([
    "heads, head 0: 56.3%",
    "heads, heads 1-7: 32.8%",
  ]);
  expect((await draw("m.png")).stderr).toContain("heads 0; 1-7");
  const png = PNG.sync.read(readFileSync(join(own, "m.png")));
  expect(png.width).toBeGreaterThan(2 * png.height);
  expect((await draw("m.json")).code).toBe(0);
  expect(JSON.parse(readFileSync(join(own, "m.json"), "utf8"))).toMatchObject({ version: 1, q: 8 });
  expect((await draw("m.npy", "--set", "window=1")).code).toBe(0);
  const { tensor } = readNpy(readFileSync(join(own, "m.npy")));
  expect(tensor).toMatchObject({ dtype: "bool", shape: [8, 8, 8] });
  expect(Array.from(tensor!.data as Uint8Array).filter((bit) => bit === 1).length).toBe(36 + 7 * 8);
  expect((await draw("m.txt")).code).toBe(0);
  expect(readFileSync(join(own, "m.txt"), "utf8")).toContain("██");
  expect(await draw("m.pdf")).toMatchObject({ code: 2, stdout: "" });
  expect(existsSync(join(own, "m.pdf"))).toBe(false);
  expect((await draw("m.pdf", "--format", "svg")).code).toBe(0);
});

test("devices are written to and not replaced", async () => {
  expect((await attnc(folder, "mask", "two.attn#dense", "--seq", "4", "--format", "svg", "--out", "/dev/null")).code).toBe(0);
  expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
});

test("extents given at run time are set by name", async () => {
  const { code, stdout } = await attnc(folder, "mask", "grid.attn#rows", "--set", "y=2", "--format", "json", "--head", "0");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ q: 8, k: 8, heads: [{ pairs: 32 }] });
});

test("tiles counts exactly, and says how it knows", async () => {
  const result = await attnc(
    folder,
    "tiles",
    "two.attn#sliding",
    "--seq",
    "64",
    "--block-q",
    "16",
    "--block-k",
    "16",
    "--heads",
    "2",
    "--format",
    "json",
  );
  expect(result).toMatchObject({ code: 0, stderr: "" });
  const counts = { full: 0, partial: 7, empty: 9 };
  expect(json(result)).toEqual({
    version: 1,
    name: "sliding",
    form: "ranges",
    tableBytes: 0,
    heads: [
      { head: 0, ...counts },
      { head: 1, ...counts },
    ],
  });
  const dynamic = await attnc(folder, "tiles", "packed.attn", "--seq", "6", "--input", "doc=doc.npy", "--format", "json");
  expect(json(dynamic)).toMatchObject({
    form: "dynamic",
    heads: expect.arrayContaining([{ head: 0, full: 0, partial: 1, empty: 0 }]) as unknown,
  });
  const text = await attnc(folder, "tiles", "two.attn#dense", "--seq", "128", "--heads", "1");
  expect(text.stdout).toBe(`dense: 128 queries x 128 keys in tiles of 64 x 64; form ranges, table 0 bytes
     head     full  partial    empty
        0        4        0        0
`);
});

const sliding = ["mask", "two.attn#sliding", "--seq", "8"];
const packed = ["mask", "packed.attn", "--seq", "6"];

test.each([
  [["mask", "two.attn", "--seq", "8"], 2, "ATTN6203: two.attn has 2 attentions"],
  [["mask", "two.attn#slidign", "--seq", "8"], 2, "did you mean two.attn#sliding?"],
  [["mask", "gone.attn", "--seq", "8"], 2, "cannot read gone.attn: no such file or folder"],
  [["mask", "broken.attn", "--seq", "8"], 1, "there is nothing called `kk` here"],
  [["mask", "two.attn#sliding"], 2, "sliding works at any length; say which"],
  [[...sliding, "--q-seq", "9"], 2, "--q-seq is 9; expected at most 8"],
  [[...sliding, "--head", "8"], 2, "--head is 8; expected less than 8"],
  [[...sliding, "--kv-heads", "3"], 1, "ATTN3002: 3 kv heads do not divide 8 heads"],
  [[...sliding, "--head-dim", "30"], 1, "`dim` must be a multiple of 4 from 4 to 256, and is 30"],
  [[...sliding, "--set", "windw=3"], 2, "did you mean `window`?"],
  [[...sliding, "--set", "window"], 2, 'ATTN6204: --set is "window"; expected --set NAME=VALUE'],
  [[...sliding, "--set", "window=wide"], 2, "expected a number, true or false"],
  [[...sliding, "--set", "window=2.5"], 1, "`window` takes an integer, and is set to 2.5"],
  [[...sliding, "--set", "window=1e400"], 2, "expected a number, true or false"],
  [[...sliding, "--set", "window=2", "--set", "window=3"], 2, "expected window once"],
  [[...sliding, "--input", "doc=doc.npy"], 2, "sliding takes no inputs"],
  [[...sliding, "--phase", "decode"], 2, "sliding declares none"],
  [[...sliding, "--out", "two.attn/x.svg"], 2, "a part of the path is not a folder"],
  [[...sliding, "--out", "/proc/none/x.svg"], 2, "ATTN6208: cannot write /proc/none/x.svg"],
  [["mask", "two.attn#dense", "--seq", "60000", "--format", "npy"], 2, "--head H writes one head"],
  [["mask", "two.attn#dense", "--seq", "60000", "--block", "1"], 2, "--block is 1; expected at least 15"],
  [packed, 2, "packed needs its input doc, one integer per token"],
  [[...packed, "--input", "dox=doc.npy"], 2, "did you mean doc?"],
  [[...packed, "--input", "doc=gone.npy"], 2, "give the path of an .npy file, or FILE.safetensors:NAME"],
  [[...packed, "--input", "doc=short.npy"], 1, "doc has the shape [3]; expected [batch, 6]"],
  [[...packed, "--input", "doc=float.npy"], 1, "doc[5] is 0.5; expected an integer of 32 bits"],
  [[...packed, "--input", "doc=packed.attn"], 1, "ATTN6001: packed.attn: not an .npy file"],
  [["mask", "grid.attn#rows"], 2, "rows depends on the extent of its axis `y`"],
  [["mask", "grid.attn#rows", "--set", "y=0"], 1, "`y` takes an integer of at least 1, and is set to 0"],
  [["mask", "grid.attn#rows", "--set", "y=2", "--seq", "9"], 2, "--seq is 9; expected 8"],
  [["mask", "grid.attn#fixed", "--seq", "7"], 2, "--seq is 7; expected 8"],
  [["mask", "phases.attn", "--seq", "4"], 2, "phased depends on the phase (prefill or decode)"],
  [["mask", "phases.attn", "--seq", "4", "--phase", "train"], 2, '--phase is "train"; expected prefill or decode'],
])("bad input: %j", async (args, code, words) => {
  const result = await attnc(folder, ...args);
  expect(result).toMatchObject({ code, stdout: "" });
  expect(result.stderr).toContain(words);
});
