import { expect, test } from "vitest";
import { createAttention, tuneAttention, type TuneProgress, type TuneResult } from "../../../runtime/index.js";
import { tunedKey } from "../../../runtime/launch/tuned.js";
import { softwareTest } from "../../device/software.js";
import { fakeDevice } from "../../diagnostics/fake-device.js";
import { denseModule, variant } from "./fixture.js";

const plain = variant();

/** The same kernel, made slower: every row's sums are computed `times` times. */
function slower(name: string, times: number) {
  const wgsl = plain.wgsl.replace(
    "  var greatest = -3.0e38;",
    `  for (var again = 0; again < ${times}; again++) {\n  var greatest = -3.0e38;`,
  );
  return variant({ name, wgsl: wgsl.replace(/\n}\n$/, "\n  }\n}\n") });
}

/** A kernel that reads half of the keys: fast and wrong. */
const skipping = variant({ name: "f32-skipping", wgsl: plain.wgsl.replace("j++)", "j += 2)") });
/** Forgets that the maximum grows: right where all scores are equal. */
const forgetful = variant({
  name: "f32-forgetful",
  wgsl: plain.wgsl.replace("let rescale = exp2(greatest - next);", "let rescale = 1.0;"),
});
/** Does not compile. */
const broken = variant({ name: "f32-broken", wgsl: plain.wgsl.replace("var s = 0.0;", "var s = nothing;") });
/** Needs what no device has. */
const wide = variant({ name: "f32-wide", threads: 1 << 20 });

const names = (result: TuneResult) => result.timings.map((timing) => timing.variant);
const timed = (result: TuneResult) => result.timings.filter((t) => t.milliseconds !== undefined).map((t) => t.variant);

softwareTest("the fastest of the kernels that agree wins, and is used from then on", async ({ device }) => {
  const module = denseModule({
    name: "tuned_fast",
    variants: [slower("f32-slow", 12), plain, skipping, forgetful, broken, wide, slower("f32-two", 2)],
  });
  const seen: TuneProgress[] = [];
  const result = await tuneAttention(device, module, {}, { length: 100, rounds: 3, onProgress: (step) => seen.push(step) });

  expect(names(result)).toEqual(module.variants.map(({ name }) => name));
  expect(timed(result)).toEqual(["f32-slow", "f32-software", "f32-two"]);
  const of = (name: string) => result.timings.find((each) => each.variant === name)!;
  expect(result.winner).not.toBe("f32-slow");
  expect(of("f32-slow").milliseconds).toBeGreaterThan(of(result.winner).milliseconds!);
  expect(of(result.winner).runs).toBe(3);
  for (const { milliseconds, spread } of result.timings) {
    if (milliseconds === undefined) continue;
    expect(milliseconds).toBeGreaterThan(0);
    expect(spread).toBeGreaterThanOrEqual(0);
  }
  expect(of("f32-skipping").skipped).toMatch(
    /^its results are not those of f32-slow: (out|lse)\[\d+\] is \S+ and not \S+; rounding explains \S+$/,
  );
  expect(of("f32-forgetful").skipped).toMatch(/^its results are not those of f32-slow: /);
  expect(of("f32-broken").skipped).toMatch(/^ATTN5104: shader: expected tuned_fast f32-broken to compile on this device, found .*nothing/);
  expect(of("f32-wide").skipped).toMatch(/^ATTN5102: device\.limits\.\w+: expected at least 1048576/);

  // Steps are counted up to the last, compiled and checked first, timed after that.
  expect(seen.map(({ done }) => done)).toEqual([...seen.map(({ done }) => done)].sort((a, b) => a - b));
  expect(seen.slice(0, 7).map((step) => [step.variant, step.done, step.time])).toEqual(
    names(result).map((name, i) => [name, i + 1, undefined]),
  );
  expect(seen.slice(7).every(({ variant, time }) => timed(result).includes(variant) && time! > 0)).toBe(true);
  expect(new Set(seen.map(({ of }) => of))).toEqual(new Set([7 * 4]));
  expect(seen.at(-1)!.done).toBeLessThanOrEqual(28);

  const operator = await createAttention(device, module);
  expect(operator.variant.name).toBe(result.winner);
  expect((await createAttention(device, module, {}, { variant: "f32-slow" })).variant.name).toBe("f32-slow");
});

softwareTest(
  "a storage takes the winner to another run of the program, and what it says of other kernels is ignored",
  async ({ device }) => {
    const module = denseModule({ name: "tuned_stored", variants: [plain, slower("f32-two", 2)] });
    const storage = new Map<string, string>();
    const { winner } = await tuneAttention(device, module, {}, { length: 40, rounds: 1, storage });
    const key = tunedKey(module, { headDim: 8, valueDim: 4 }, device.adapterInfo);
    expect([...storage]).toEqual([[key, winner]]);
    expect(key).toContain("tuned_stored f32 8x4");
    expect(key).toContain(device.adapterInfo.description);

    // Another module object of the same texts, on a device that was not measured: what counts is the storage.
    const again = fakeDevice({ info: device.adapterInfo });
    for (const [remembered, expected] of [
      ["f32-two", "f32-two"],
      ["f32-software", "f32-software"],
      ["f32-gone", "f32-software"],
    ] as const) {
      const items = { getItem: (asked: string) => (asked === key ? remembered : null), setItem: () => undefined };
      const late = { get: (asked: string) => Promise.resolve(asked === key ? remembered : undefined), set: () => undefined };
      for (const tuned of [items, late]) {
        expect((await createAttention(again, denseModule({ ...module }), {}, { tuned })).variant.name).toBe(expected);
        // One changed letter in one kernel: the memory is of other kernels.
        const changed = denseModule({ ...module, variants: [variant({ wgsl: `${plain.wgsl} ` }), module.variants[1]!] });
        expect((await createAttention(again, changed, {}, { tuned })).variant.name).toBe("f32-software");
        expect((await createAttention(fakeDevice(), denseModule({ ...module }), {}, { tuned })).variant.name).toBe("f32-software");
      }
    }
  },
);

test("a remembered kernel that the device cannot run is ignored", async () => {
  const module = denseModule({ variants: [plain, variant({ name: "f32-half", features: ["shader-f16"] })] });
  const tuned = { get: () => "f32-half", set: () => undefined };
  expect((await createAttention(fakeDevice(), module, {}, { tuned })).variant.name).toBe("f32-software");
});

test("an abort ends the measurement with its reason, before the next step", async () => {
  const module = denseModule({ name: "tuned_aborted", variants: [plain, slower("f32-two", 2)] });
  for (const after of [0, 1, 2, 3]) {
    const controller = new AbortController();
    const seen: TuneProgress[] = [];
    const reason = new Error("enough");
    if (after === 0) controller.abort(reason);
    const onProgress = (step: TuneProgress) => {
      seen.push(step);
      if (seen.length === after) controller.abort(reason);
    };
    const storage = new Map<string, string>();
    await expect(tuneAttention(fakeDevice(), module, {}, { length: 4, signal: controller.signal, onProgress, storage })).rejects.toBe(
      reason,
    );
    expect(seen).toHaveLength(after);
    expect(storage.size).toBe(0);
  }
});

test("measures kernels made for the device's kind and its kin, or those that are named", async () => {
  const variants = (["gpu", "software", "simd"] as const).map((profile) => variant({ name: `f32-${profile}`, profile }));
  const module = denseModule({ variants });
  const tune = async (request: object) => names(await tuneAttention(fakeDevice(), module, {}, { length: 4, rounds: 1, ...request }));
  expect(await tune({})).toEqual(["f32-software", "f32-simd"]);
  expect(await tune({ profile: "gpu" })).toEqual(["f32-gpu"]);
  expect(await tune({ variants: ["f32-simd", "f32-gpu"] })).toEqual(["f32-gpu", "f32-simd"]);
  await expect(tune({ variants: ["f32-none"] })).rejects.toThrow(
    "ATTN5103: variants: expected some of f32-gpu, f32-software, f32-simd, found f32-none. Leave `variants` out",
  );
  await expect(tune({ rounds: 0 })).rejects.toThrow("ATTN5212: rounds: expected a whole number of at least 1, found 0.");
  await expect(tune({ length: undefined })).rejects.toThrow("ATTN5202");
  await expect(tune({ arrays: { doc: [1] } })).rejects.toThrow("ATTN5205");
  await expect(tune({ storage: {} })).rejects.toThrow("ATTN5212: storage: expected an object with `get` and `set`");
});

test("where no kernel can run the first one's obstacle is the error", async () => {
  const module = denseModule({ variants: [variant({ features: ["shader-f16"] }), wide] });
  await expect(tuneAttention(fakeDevice(), module, {}, { length: 4 })).rejects.toThrow('ATTN5101: device.features: expected "shader-f16"');
});

test("two against one: the majority is trusted, whichever comes first", async () => {
  const module = denseModule({ variants: ["a", "b", "c"].map((name) => variant({ name })) });
  // Two results each, in the order in which kernels are checked.
  for (const [results, outvoted] of [
    [[1, 1, 2, 1, 1, 1], "b"],
    [[2, 1, 1, 1, 1, 1], "a"],
    [[1, 1, 1, 1, 1, 2], "c"],
    [[1, 1, 1, 1, NaN, 1], "c"],
  ] as const) {
    const result = await tuneAttention(fakeDevice({ results }), module, {}, { length: 4, rounds: 1 });
    expect(result.timings.filter(({ skipped }) => skipped !== undefined).map((each) => each.variant)).toEqual([outvoted]);
    expect(result.winner).not.toBe(outvoted);
  }
  await expect(tuneAttention(fakeDevice({ results: [1, 1, 2, 1, 3, 1] }), module, {}, { length: 4 })).rejects.toThrow("ATTN5108");
  await expect(tuneAttention(fakeDevice({ results: [NaN, 1, NaN, 1, NaN, 1] }), module, {}, { length: 4 })).rejects.toThrow("ATTN5108");
});
