import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { overallWinner, tuneJson, tuneText, type LengthResult, type TunedOperator } from "../../compiler/cli/tune-report.js";
import { tunedFile } from "../../compiler/cli/tuned-file.js";
import { withWinners } from "../../compiler/driver/tuning.js";
import type { AttentionModule, KernelVariant } from "../../runtime/index.js";
import { tunedModuleKey } from "../../runtime/launch/tuned.js";
import { writeNpy } from "../../runtime/tensor/npy.js";
import { compiled, sliding } from "../bindings/modules.js";
import { softwareTest } from "../device/software.js";
import { variant } from "../runtime/launch/fixture.js";
import { attnc, folderWith, json, PACKED, TWO } from "./attnc.js";

/** What is done to the text of every kernel that is measured. */
const sabotage = vi.hoisted(() => ({ edit: (wgsl: string): string => wgsl }));

vi.mock("../../compiler/driver/tuning.js", async (load) => {
  const actual = await load<typeof import("../../compiler/driver/tuning.js")>();
  const tuningModule: typeof actual.tuningModule = (...args) => {
    const module = actual.tuningModule(...args);
    return { ...module, variants: module.variants.map((each) => ({ ...each, wgsl: sabotage.edit(each.wgsl) })) };
  };
  return { ...actual, tuningModule };
});

const GRID = "attention grid {\n  space  grid(y: 4, x: 8) full\n  attend all\n}\n";
const IDS = writeNpy({ dtype: "i32", shape: [40], data: Int32Array.from({ length: 40 }, (_, i) => Math.floor(i / 15)) });
const folder = folderWith({ "two.attn": TWO, "packed.attn": PACKED, "grid.attn": GRID, "ids.npy": IDS });
const cache = folderWith({});

beforeAll(() => {
  const own = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "attnc");
  mkdirSync(join(cache, "attnc"));
  // The winners are the test's own; the driver of the device need not be unpacked anew.
  for (const name of existsSync(own) ? readdirSync(own) : []) {
    if (name !== "tuned.json") symlinkSync(join(own, name), join(cache, "attnc", name));
  }
  vi.stubEnv("XDG_CACHE_HOME", cache);
});

const SHAPE = ["--heads", "2", "--head-dim", "8"];
const ON_SOFTWARE = [...SHAPE, "--device", "software"];
const FILE = "attnc/tuned.json";
const winners = () => (JSON.parse(readFileSync(join(cache, FILE), "utf8")) as { winners: Record<string, string> }).winners;
const TWO_SCHEDULES = ["f32-software", "f32-software-32x32-grid-8x8"];

softwareTest(
  "tune measures, remembers, and the other commands use what it found",
  async () => {
    const only = ["--schedules", TWO_SCHEDULES.join(","), "--rounds", "2"];
    const measured = await attnc(folder, "tune", "two.attn#sliding", "--seq", "48,96", ...ON_SOFTWARE, ...only, "--format", "json");
    expect(measured.code).toBe(0);
    expect(measured.stderr).toContain(`remembered in ${join(cache, FILE)}\n`);
    const report = json(measured) as { results: { winner: string; lengths: { winner: string; schedules: { name: string }[] }[] }[] };
    expect(report).toMatchObject({
      version: 1,
      device: "SwiftShader (software)",
      results: [
        {
          ...{ file: "two.attn", name: "sliding", dtype: "f32", heads: 2, kvHeads: 2, headDim: 8, valueDim: 8, batch: 1 },
          lengths: [
            { seq: 48, queries: 48 },
            { seq: 96, queries: 96 },
          ],
        },
      ],
    });
    const [{ winner, lengths }] = report.results as [(typeof report.results)[0]];
    for (const length of lengths) {
      expect(length.schedules.map(({ name }) => name)).toEqual(TWO_SCHEDULES);
      expect(length.schedules).toContainEqual(expect.objectContaining({ name: length.winner, relative: 1, tileQ: 32, tileK: 32 }));
    }
    const [[key, remembered]] = Object.entries(winners()) as [[string, string]];
    expect(key).toMatch(/^attnc tuned sliding f32 8x8 [0-9a-f]{16} on .*SwiftShader/);
    expect(remembered).toBe(winner);

    // Now the one that is not the default, whichever was faster.
    const file = JSON.stringify({ version: 1, winners: { [key]: TWO_SCHEDULES[1] } });
    writeFileSync(join(cache, FILE), file);
    const note = `sliding: the schedule ${TWO_SCHEDULES[1]}, which attnc tune found the fastest here (--no-tuned ignores it)\n`;
    const verify = ["verify", "two.attn#sliding", ...ON_SOFTWARE, "--quick"];
    expect((await attnc(folder, ...verify)).stderr).toContain(note);
    expect((await attnc(folder, ...verify, "--no-tuned")).stderr).not.toContain("tune");
    const bench = ["bench", "two.attn#sliding", "--seq", "48", "--runs", "1", ...ON_SOFTWARE];
    expect((await attnc(folder, ...bench)).stderr).toContain(note);
    // Another dim, another memory.
    expect(tunedFile().mentions({ ...sliding, shape: { ...sliding.shape, headDim: 8, valueDim: 8 } })).toBe(true);
    expect(tunedFile().mentions({ ...sliding, shape: { ...sliding.shape, headDim: 8, valueDim: 4 } })).toBe(false);

    const built = await attnc(folder, "build", "two.attn#sliding", "--target", "wgsl", "--out", "gen", ...SHAPE, "--tuned");
    expect(built.stderr).toContain(`sliding: ${TWO_SCHEDULES[1]} comes first, which attnc tune found the fastest\n`);
    const kernels = readdirSync(join(folder, "gen")).filter((name) => name.endsWith(".wgsl"));
    expect(kernels.sort()).toEqual(["two.sliding.d8.f32-gpu.wgsl", `two.sliding.d8.${TWO_SCHEDULES[1]}.wgsl`]);
    const plain = await attnc(folder, "build", "two.attn#dense", "--target", "wgsl", "--out", "gen2", ...SHAPE, "--tuned");
    expect(plain.stderr).toContain(`no schedule of these operators is remembered in ${join(cache, FILE)}: attnc tune measures\n`);
    expect(readFileSync(join(cache, FILE), "utf8")).toBe(file);
  },
  120_000,
);

softwareTest("a mistake that all schedules share is found by the oracle: nothing is remembered", async () => {
  const before = existsSync(join(cache, FILE)) ? readFileSync(join(cache, FILE), "utf8") : undefined;
  sabotage.edit = (wgsl) => {
    const edited = wgsl.replaceAll("(q - 3)", "(q - 2)");
    expect(edited).not.toBe(wgsl);
    return edited;
  };
  try {
    const args = ["two.attn#sliding", "--seq", "40", ...ON_SOFTWARE, "--schedules", "f32-software", "--rounds", "1"];
    const text = await attnc(folder, "tune", ...args);
    expect(text.code).toBe(3);
    expect(text.stdout).toContain(
      "FAIL sliding: nothing is remembered, the fastest schedule computes wrong results\n     random, seed 1, ",
    );
    const report = json(await attnc(folder, "tune", ...args, "--format", "json")) as { results: { wrong: object[] }[] };
    expect(report.results[0]).not.toHaveProperty("winner");
    expect(report.results[0]!.wrong[0]).toMatchObject({ name: "random, seed 1", seq: 129, ok: false });
  } finally {
    sabotage.edit = (wgsl) => wgsl;
  }
  expect(existsSync(join(cache, FILE)) ? readFileSync(join(cache, FILE), "utf8") : undefined).toBe(before);
});

softwareTest("inputs come from files, and what a device refuses is said of the operator", async () => {
  const packed = ["packed.attn", "--seq", "40", ...ON_SOFTWARE, "--schedules", "f32-software", "--rounds", "1"];
  const measured = await attnc(folder, "tune", ...packed, "--input", "doc=ids.npy", "--set", "reach=9", "--format", "json");
  expect(measured.code).toBe(0);
  expect(json(measured)).toMatchObject({ results: [{ name: "packed", winner: "f32-software", lengths: [{ seq: 40 }] }] });

  const refused = await attnc(folder, "tune", "grid.attn", ...ON_SOFTWARE, "--schedules", "f32-none", "--format", "json");
  expect(refused.code).toBe(1);
  expect(json(refused)).toMatchObject({ results: [{ name: "grid", lengths: [], error: { code: "ATTN5103" } }] });
});

test.each([
  [
    ["two.attn", "--device", "interpreter"],
    "ATTN6204: --device is interpreter; expected a WebGPU device: the interpreter has no schedules to choose from",
  ],
  [["packed.attn"], "ATTN6206"],
  [["grid.attn", "--seq", "64"], "ATTN6204: --seq is 64; expected 32, the number of tokens that the space of grid has"],
  [["two.attn#slide"], "ATTN6202"],
  [["two.attn", "--rounds", "0"], "It should be an integer of at least 1."],
])("wrong use: %j", async (args, words) => {
  const { code, stdout, stderr } = await attnc(folder, "tune", ...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(words);
});

test.each([
  ["best,all", "It should be best or all"],
  ["fast", "It should be best or all, kinds of devices (gpu, software, simd), or both, separated by commas."],
])("build --schedules %s is refused", async (list, words) => {
  const { code, stderr } = await attnc(folder, "build", "two.attn", "--target", "wgsl", "--schedules", list);
  expect(code).toBe(2);
  expect(stderr).toContain(words);
});

test("build --schedules carries the best or all, of the kinds that are named", async () => {
  const names = async (...list: readonly string[]) => {
    const out = `schedules-${list.join("-") || "none"}`;
    const choice = list.length === 0 ? [] : ["--schedules", list.join(",")];
    const { code } = await attnc(folder, "build", "two.attn#dense", "--target", "wgsl", "--out", out, ...SHAPE, ...choice);
    expect(code).toBe(0);
    const kernels = readdirSync(join(folder, out)).filter((name) => name.endsWith(".wgsl"));
    return kernels.map((name) => name.slice("two.dense.d8.".length, -".wgsl".length)).sort();
  };
  expect(await names("best")).toEqual(["f32-gpu", "f32-software"]);
  expect(await names()).toEqual(await names("best"));
  expect(await names("simd", "gpu")).toEqual(["f32-gpu", "f32-simd"]);
  const all = await names("all");
  expect(all).toEqual(expect.arrayContaining(["f32-gpu", ...TWO_SCHEDULES]));
  expect(all.some((name) => name.includes("simd"))).toBe(false);
  expect(await names("all", "software")).toEqual(all.filter((name) => name.startsWith("f32-software")));
});

test("a winner comes first, and makes those useless that nobody would run any more", () => {
  const mask = { ...sliding, shape: { ...sliding.shape, headDim: 8, valueDim: 8, dtype: "f16" as const } };
  const { launch } = compiled(mask);
  const names = (module: AttentionModule) => module.variants.map((v: KernelVariant) => `${v.profile} ${v.name}`);
  const first = ["gpu f16-gpu", "gpu f16-packed-gpu", "software f16-software", "software f16-packed-software"];
  expect(names(launch)).toEqual(first);
  const asked: string[] = [];
  const winning = (winner: string, keep?: boolean) => {
    const recall = (key: string) => (asked.push(key), winner);
    return names(withWinners(mask, launch, [], recall, keep).module);
  };
  // One that needs f16 leaves the one for devices without it.
  expect(winning("f16-simd")).toEqual(["software f16-simd", "gpu f16-gpu", "gpu f16-packed-gpu", "software f16-packed-software"]);
  // One that needs nothing beats both, also where both could run.
  expect(winning("f16-packed-simd")).toEqual(["software f16-packed-simd", "gpu f16-gpu", "gpu f16-packed-gpu"]);
  expect(winning("f16-packed-gpu")).toEqual(["gpu f16-packed-gpu", "software f16-software", "software f16-packed-software"]);
  expect(winning("f16-packed-simd", true)).toEqual(["software f16-packed-simd", ...first]);
  expect(winning("f16-gone")).toEqual(first);
  expect(new Set(asked).size).toBe(2);
  expect(asked[0]).toMatch(/^attnc tuned sliding f16 8x8 /);
  expect(tunedModuleKey(launch, { headDim: 8, valueDim: 8 })).not.toBe(asked[0]);
});

test("the file of winners is read whole or not at all, and keeps what others wrote", () => {
  const file = tunedFile();
  const path = join(cache, FILE);
  mkdirSync(dirname(path), { recursive: true });
  for (const text of ["", "{", "[]", "null", '{"version":2,"winners":{"a":"b"}}', '{"version":1}', '{"version":1,"winners":{"a":1}}']) {
    writeFileSync(path, text);
    expect(file.get("a"), text).toBeUndefined();
  }
  file.set("k on one", "first");
  tunedFile().set("k on two", "second");
  file.set("other on one", "third");
  expect([file.get("k on one"), file.get("k on two"), file.latest("k"), file.latest("other"), file.latest("none")]).toEqual([
    ...["first", "second", "second", "third", undefined],
  ]);
  // The last that was measured, not the last that was new.
  file.set("k on one", "fourth");
  expect(file.latest("k")).toBe("fourth");
  expect(readdirSync(dirname(path)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

const at = (seq: number, times: Readonly<Record<string, number | undefined>>): LengthResult => {
  const timings = Object.entries(times).map(([variant, milliseconds]) =>
    milliseconds === undefined ? { variant, runs: 0, skipped: "it does not run" } : { variant, milliseconds, spread: 0.5, runs: 3 },
  );
  const winner = Object.entries(times).reduce((a, b) => ((b[1] ?? Infinity) < (a[1] ?? Infinity) ? b : a))[0];
  return { seq, queries: seq, winner, timings };
};

test("the schedule to remember is the best over all lengths, among those that ran at each", () => {
  expect(overallWinner([at(64, { a: 2, b: 1 })])).toBe("b");
  expect(overallWinner([at(64, { a: 1, b: 2, c: 1.1 }), at(128, { a: 30, b: 10, c: 11 })])).toBe("c");
  expect(overallWinner([at(64, { a: 1, b: 2 }), at(128, { a: undefined, b: 9 })])).toBe("b");
  expect(overallWinner([at(64, { a: 1, b: undefined }), at(128, { a: undefined, b: 9 })])).toBe("b");
});

const result: TunedOperator = {
  file: "x.attn",
  name: "x",
  shape: { dtype: "f32", heads: 8, kvHeads: 2, headDim: 64, valueDim: 64, batch: 1 },
  variants: ["f32-gpu", "f32-gpu-64x32-grid-8x8", "f32-gpu-16x32-grid-4x8"].map((name, i) =>
    variant({ name, tileQ: 16 << i, tileK: 32, threads: 64 }),
  ),
  winner: "f32-gpu-64x32-grid-8x8",
  lengths: [
    at(1024, { "f32-gpu": 1.25, "f32-gpu-64x32-grid-8x8": 1, "f32-gpu-16x32-grid-4x8": undefined }),
    at(4096, { "f32-gpu": 9.5, "f32-gpu-64x32-grid-8x8": 10, "f32-gpu-16x32-grid-4x8": 12.3456 }),
  ],
};

test("the tables", async () => {
  const failed = {
    ...result,
    winner: undefined,
    lengths: [],
    error: { code: "ATTN5106", severity: "error", message: "out of memory", hint: "split" },
  } as const;
  await expect(`${tuneText(result)}\n${tuneText(failed)}\n`).toMatchFileSnapshot("tune/tables.txt");
  await expect(`${JSON.stringify(tuneJson("a device", [result, failed]), undefined, 2)}\n`).toMatchFileSnapshot("tune/report.json");
});
