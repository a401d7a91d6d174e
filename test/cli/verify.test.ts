import { afterEach, expect, test, vi } from "vitest";
import { AttnError } from "../../runtime/launch/errors.js";
import { attnc, BROKEN, folderWith, json, PACKED, SLIDING, TWO } from "./attnc.js";

/** What goes wrong with an operator's output, by its name. */
const faults = vi.hoisted(() => ({ of: new Map<string, "wrong" | "infinite" | "refused">() }));

vi.mock("../../compiler/program/interpret.js", async (original) => {
  const real = await original<typeof import("../../compiler/program/interpret.js")>();
  const interpret: typeof real.interpret = (program, ...rest) => {
    const fault = faults.of.get(program.module.name);
    if (fault === "refused") {
      throw new AttnError("ATTN5105", { field: "device", expected: "a device in use", found: "a lost one", remedy: "Make a new one." });
    }
    const result = real.interpret(program, ...rest);
    if (fault === "wrong") result.out[0]! += 0.5;
    if (fault === "infinite") result.out[0] = Infinity;
    return result;
  };
  return { ...real, interpret };
});

afterEach(() => faults.of.clear());

const GRID = "attention rows {\n  space  grid(y: ?, x: 4) full\n  attend q.y == k.y\n}\n";
const TABLE = `attention tabled {
  space  seq causal
  shape  heads: 2
  table  reach = tsv("reach.tsv")
  attend q - k < reach[layer, h]
}
`;
const folder = folderWith({
  "two.attn": TWO,
  "packed.attn": PACKED,
  "grid.attn": GRID,
  "tabled.attn": TABLE,
  "reach.tsv": "3\t9\n",
  "parts.attn": "pattern band(w = 4) {\n  attend q - k < w\n}\n",
  "bad/a.attn": BROKEN,
  "bad/b.attn": BROKEN,
  "bad/c.attn": SLIDING,
});
const quick = ["--device", "interpreter", "--quick", "--head-dim", "8"];

interface Case {
  readonly [field: string]: unknown;
}
interface Report {
  readonly version: number;
  readonly device: string;
  readonly results: readonly { file: string; name: string; ok: boolean; cases: readonly Case[]; error?: unknown }[];
}
const verifyJson = async (...args: readonly string[]) => {
  const result = await attnc(folder, "verify", ...args, "--format", "json");
  return { ...result, report: json(result) as Report };
};

test("verify as JSON has every field", async () => {
  const { code, report } = await verifyJson("two.attn", "packed.attn", ...quick, "--seq", "20,33");
  expect(code).toBe(0);
  expect(Object.keys(report)).toEqual(["version", "device", "results"]);
  expect(report).toMatchObject({ version: 1, device: "interpreter (tile program in TypeScript)" });
  expect(report.results.map(({ file, name, ok }) => [file, name, ok])).toEqual([
    ["two.attn", "sliding", true],
    ["two.attn", "dense", true],
    ["packed.attn", "packed", true],
  ]);
  const cases = report.results.flatMap((result) => result.cases);
  expect(new Set(cases.map((one) => one["seq"]))).toEqual(new Set([20, 33]));
  for (const one of cases) {
    for (const field of [
      "seq",
      "queries",
      "heads",
      "kvHeads",
      "batch",
      "rows",
      "maxAbs",
      "relL2",
      "lseMaxAbs",
      "tolerance",
      "lseTolerance",
    ]) {
      expect(one[field], field).toBeTypeOf("number");
    }
    expect(one).toMatchObject({ ok: true, name: expect.any(String) as unknown, heads: 4, kvHeads: 2 });
    expect(one["maxAbs"] as number).toBeLessThanOrEqual(one["tolerance"] as number);
  }
});

test("verify in words", async () => {
  const { code, stdout, stderr } = await attnc(folder, "verify", "two.attn#dense", ...quick);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ok   dense +\d+ cases {2}max error \d\.\de-\d+ of \d\.\de-\d+ allowed\nall 1 verified \(quick: few cases\)\n$/);
  expect(stderr).toContain("verifying 1 operator on interpreter (tile program in TypeScript)\n");
});

test("a kernel that differs is a mismatch, and its worst element is named", async () => {
  faults.of.set("sliding", "wrong");
  const { code, stdout } = await attnc(folder, "verify", "two.attn", ...quick);
  expect(code).toBe(3);
  expect(stdout).toMatch(
    /FAIL sliding [^]*random, seed 1, 129 queries, 129 keys, 4\/2 heads, batch 1\n +worst element out\[batch 0, head 0, query 0, dim 0\]: expected \S+, got \S+\n[^]*ok {3}dense [^]*1 of 2 not verified\n$/,
  );
});

test("JSON has numbers for errors that are none", async () => {
  faults.of.set("dense", "infinite");
  const { code, stdout, report } = await verifyJson("two.attn", ...quick);
  expect(code).toBe(3);
  expect(stdout).not.toContain("null");
  expect(report.results[1]!.cases[0]).toMatchObject({
    ok: false,
    maxAbs: Number.MAX_VALUE,
    relL2: Number.MAX_VALUE,
    worst: { got: "Infinity" },
  });
});

test("an operator that cannot be run does not hide the others", async () => {
  faults.of.set("sliding", "refused");
  const { code, report } = await verifyJson("two.attn", ...quick);
  expect(code).toBe(1);
  expect(report.results).toMatchObject([
    {
      name: "sliding",
      ok: false,
      cases: [],
      error: { code: "ATTN5105", message: "device: expected a device in use, found a lost one", hint: "Make a new one." },
    },
    { name: "dense", ok: true },
  ]);
  const { stdout } = await attnc(folder, "verify", "two.attn", ...quick);
  expect(stdout).toMatch(
    /^FAIL sliding +ATTN5105: device: [^\n]+\n {5}hint: Make a new one\.\nok {3}dense [^]*1 of 2 not verified, of which 1 could not be run\n$/,
  );
});

test("a parameter goes to those that have it", async () => {
  const { code, report } = await verifyJson("two.attn", "packed.attn", ...quick, "--set", "window=3");
  expect(code).toBe(0);
  expect(report.results).toHaveLength(3);
  const none = await attnc(folder, "verify", "two.attn", "packed.attn", ...quick, "--set", "windw=3");
  expect(none).toMatchObject({ code: 2, stdout: "" });
  expect(none.stderr).toContain("there is no parameter `windw` to set: the parameters are window, reach\n  hint: did you mean `window`?");
});

test("among several, an operator whose table fixes the heads keeps them; alone it says so", async () => {
  const { code, stderr, report } = await verifyJson("two.attn#dense", "tabled.attn", ...quick, "--heads", "3");
  expect(code).toBe(0);
  expect(stderr).toContain("tabled keeps its own numbers of heads: ");
  expect(report.results.map((r) => r.cases[0]!["heads"])).toEqual([3, 2]);
  const alone = await attnc(folder, "verify", "tabled.attn", ...quick, "--heads", "3");
  expect(alone.code).toBe(1);
  expect(alone.stderr).toContain("ATTN3007");
});

test("an extent that is set is the one verified", async () => {
  const { report } = await verifyJson("grid.attn", ...quick, "--set", "y=7");
  expect(report.results[0]!.cases[0]).toMatchObject({ seq: 28 });
});

test.each([
  [["parts.attn", ...quick], 2, "ATTN6212: parts.attn declares no attention"],
  [["bad", ...quick], 1, "bad/b.attn:3:14: error ATTN2001"],
  [["two.attn", "gone.attn", ...quick], 2, "cannot read gone.attn"],
  [["two.attn#dens", ...quick], 2, "did you mean two.attn#dense?"],
])("bad input: verify %j", async (args, code, words) => {
  const result = await attnc(folder, "verify", ...args);
  expect(result).toMatchObject({ code, stdout: "" });
  expect(result.stderr).toContain(words);
});

test.each([
  [["two.attn#dense", "--seq", "64", "--device", "interpreter"], "the interpreter's times say nothing about kernels"],
  [["packed.attn", "--seq", "64"], "an operator without inputs"],
  [["two.attn#dense"], "dense works at any length; say which"],
])("bad input: bench %j", async (args, words) => {
  const result = await attnc(folder, "bench", ...args);
  expect(result).toMatchObject({ code: 2, stdout: "" });
  expect(result.stderr).toContain(words);
});
