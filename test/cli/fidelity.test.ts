import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PNG } from "pngjs";
import { expect, test } from "vitest";
import { writeNpy } from "../../runtime/tensor/npy.js";
import { random } from "../../runtime/verify/random.js";
import { attnc, folderWith, json, SLIDING } from "./attnc.js";

const SELECTS = `attention picked(n = 2) {
  space  seq causal
  shape  dtype: f32
  select s { unit q: token, k: block(4); score dot(q, mean(k)); keep top(n); force current }
  attend s
}
`;
const LATER = `attention later(n = 2) {
  space  seq causal
  select s { unit k: token; score sum(dot(q, k), over: q); keep top(n); force last(1); at layer in [1]; reuse later layers }
  attend s | local(2)
}
`;
const source = random(3);
const tensor = (...shape: number[]) => {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => source.normal());
  return writeNpy({ dtype: "f32", shape, data });
};
const folder = folderWith({
  "picked.attn": SELECTS,
  "later.attn": LATER,
  "sliding.attn": SLIDING,
  "q.npy": tensor(1, 4, 24, 8),
  "k.npy": tensor(1, 2, 24, 8),
  "v.npy": tensor(1, 2, 24, 4),
  "few.npy": tensor(1, 4, 5, 8),
});
const tensors = ["--q", "q.npy", "--k", "k.npy"];
const all = [...tensors, "--v", "v.npy"];

interface Report {
  readonly version: number;
  readonly selector?: string;
  readonly heads: readonly { head: number; density: number; mass: { mean: number; worst: { value: number } }; error: { relL2: number } }[];
}

test("a table with a line for each head, and one for all", async () => {
  const { code, stdout } = await attnc(folder, "fidelity", "picked.attn", ...all);
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines[0]).toBe("picked against full attention: 24 queries, 24 keys, all rows; selected by the oracle in float64");
  expect(lines.slice(3).map((line) => line.split(/\s+/)[0])).toEqual(["0", "1", "2", "3", "all"]);
});

test("as JSON: mass, density and error of each head; more units keep more", async () => {
  const of = async (n: number): Promise<Report> =>
    json(await attnc(folder, "fidelity", "picked.attn", ...all, "--set", `n=${n}`, "--format", "json")) as Report;
  const [few, more, whole] = [await of(1), await of(3), await of(6)];
  expect(few).toMatchObject({ version: 1, name: "picked", batch: 1, q: 24, k: 24 });
  few.heads.forEach((head, i) => {
    expect(head.mass.mean).toBeLessThan(more.heads[i]!.mass.mean);
    expect(head.mass.worst.value).toBeLessThanOrEqual(head.mass.mean);
    expect(whole.heads[i]).toMatchObject({ density: 1, mass: { mean: 1 }, error: { relL2: 0 } });
  });
});

test("selections of a device are compared the same way", async () => {
  const of = async (...device: string[]): Promise<Report> =>
    json(await attnc(folder, "fidelity", "picked.attn", ...all, ...device, "--format", "json")) as Report;
  const { selector, ...made } = await of("--device", "interpreter");
  const exact = { ...(await of()), selector: undefined };
  expect(selector).toBe("interpreter");
  expect({ ...made, selector: undefined }).toEqual(exact);
});

test("masks that select nothing are compared too, and rows may be fewer", async () => {
  const report = json(await attnc(folder, "fidelity", "sliding.attn", ...all, "--rows", "6", "--format", "json")) as Report;
  expect(report.selector).toBeUndefined();
  expect(report.heads[0]).toMatchObject({ rows: 6 });
  const few = await attnc(folder, "fidelity", "sliding.attn", "--q", "few.npy", "--k", "k.npy", "--v", "v.npy");
  expect(few.stdout).toContain("5 queries, 24 keys, all rows\n");
});

test("the picture: bars of all heads, and a map", async () => {
  expect((await attnc(folder, "fidelity", "picked.attn", ...all, "--out", "kept.svg")).code).toBe(0);
  const svg = readFileSync(join(folder, "kept.svg"), "utf8");
  for (const head of [0, 1, 2, 3]) expect(svg).toMatch(new RegExp(`head ${head}: \\d`));
  expect(svg).toContain("full attention, and the");
  expect((await attnc(folder, "fidelity", "picked.attn", ...all, "--head", "2", "--out", "kept.png")).code).toBe(0);
  expect(PNG.sync.read(readFileSync(join(folder, "kept.png"))).width).toBeGreaterThan(300);
});

test("a mask that selects is drawn for tensors", async () => {
  const result = await attnc(folder, "mask", "picked.attn", ...tensors, "--format", "json");
  const { heads } = json(result) as { heads: readonly { pairs: number; rows: readonly (readonly (readonly number[])[])[] }[] };
  expect(heads).toHaveLength(4);
  // The own block up to the query, and one before it.
  expect(heads[0]!.rows[0]).toEqual([[0, 1]]);
  const last = heads[0]!.rows[23]!.reduce((sum, [start, end]) => sum + end! - start!, 0);
  expect(last).toBe(8);
});

test.each([
  [["mask", "picked.attn", "--seq", "24"], "ATTN6214"],
  [["mask", "picked.attn", "--q", "q.npy"], "ATTN6204"],
  [["mask", "picked.attn", "--seq", "24", "--scale", "2"], "ATTN6204"],
  [["fidelity", "later.attn", ...all, "--layer", "0", "--layers", "3"], "ATTN6216"],
  [["fidelity", "picked.attn", ...all, "--head", "4"], "ATTN6204"],
  [["fidelity", "picked.attn", ...all, "--heads", "2"], "ATTN6204"],
  [["fidelity", "picked.attn", "--q", "q.npy", "--k", "q.npy", "--v", "v.npy"], "ATTN6209"],
  [["fidelity", "picked.attn", ...all, "--out", "kept.gif"], "ATTN6204"],
])("%j is refused", async (args, code) => {
  const result = await attnc(folder, ...args);
  expect(result).toMatchObject({ code: code === "ATTN6209" ? 1 : 2, stdout: "" });
  expect(result.stderr).toContain(code);
  expect(existsSync(join(folder, "kept.gif"))).toBe(false);
});

test("a layer that selects needs nothing given back", async () => {
  const result = await attnc(folder, "fidelity", "later.attn", ...all, "--layer", "1", "--layers", "3", "--format", "json");
  expect(result).toMatchObject({ code: 0 });
});
