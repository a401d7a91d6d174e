import { afterEach, expect, test, vi } from "vitest";
import { attnc, folderWith, json } from "./attnc.js";

/** Whether the selector of the interpreter leaves out the first unit of each row. */
const faults = vi.hoisted(() => ({ wrong: false, forgetful: false }));

vi.mock("../../compiler/select/interpret.js", async (original) => {
  const real = await original<typeof import("../../compiler/select/interpret.js")>();
  const interpretSelections: typeof real.interpretSelections = (...args) => {
    const [program, call] = args;
    const made = faults.forgetful ? real.interpretSelections(program, { ...call, given: {} }) : real.interpretSelections(...args);
    if (faults.wrong) for (const { data, columns } of Object.values(made)) for (let i = 0; i < data.length; i += columns) data[i] = 0;
    return made;
  };
  return { ...real, interpretSelections };
});

afterEach(() => void Object.assign(faults, { wrong: false, forgetful: false }));

const folder = folderWith({
  "picked.attn": `attention picked {
  space  seq causal
  let    near = sum(dot(mean(q), k), over: k) > 0
  select s { unit q: block(4), k: block(4); score dot(mean(q), mean(k)); group sum over kvh; keep top(3); force first(1) + current }
  attend s | local(2) if near else s
}
`,
  "turning.attn": `attention turning {
  space  seq causal
  select s { unit q: block(4), k: block(4); score dot(mean(q), mean(k)); keep top(3); force current; reuse while cosine(q) >= 0.9 }
  attend s
}
`,
  "alike.attn": `attention alike {
  space  seq causal
  input  c : channels
  let    near = sum(dot(mean(q), k), over: k) > 0
  select gone { unit k: token; score sum(dot(q * c, k), over: q); keep top(2) }
  select s { unit q: block(4), k: block(4); score dot(mean(q), mean(k)); keep top(2) }
  select t { unit q: block(4), k: block(4); score dot(mean(q), mean(k)); keep top(1 + 1); among gone | all }
  attend s | t & q - k > 3 | gone & none | (t if near else t)
}
`,
  "later.attn": `attention later {
  space  seq causal
  input  c : channels
  select s { unit k: token; score sum(dot(q * c, k), over: q); keep top(6); force last(1); at layer in [1]; reuse later layers }
  attend s | local(2)
}
`,
});
const quick = ["--device", "interpreter", "--quick", "--head-dim", "8", "--seq", "37"];

interface Case {
  readonly name: string;
  readonly ok: boolean;
  readonly selections: readonly Readonly<Record<string, unknown>>[];
}
const verify = async (file: string) => {
  const result = await attnc(folder, "verify", file, ...quick, "--format", "json");
  const report = json(result) as { results: readonly { ok: boolean; cases: readonly Case[] }[] };
  return { code: result.code, ...report.results[0]! };
};

test("selections that decide nothing are not made; two that say the same are two", async () => {
  const { code, ok, cases } = await verify("alike.attn");
  expect({ code, ok }).toEqual({ code: 0, ok: true });
  expect(cases[0]!.selections.map(({ name }) => name)).toEqual(["s", "t"]);
});

test("cases say what each selection and flag chose", async () => {
  const { code, ok, cases } = await verify("picked.attn");
  expect({ code, ok }).toEqual({ code: 0, ok: true });
  expect(cases.map(({ name }) => name)).toEqual(expect.arrayContaining(["strong keys", "repeated keys", "fewer queries than keys"]));
  const { selections } = cases[0]!;
  // Two kv heads of ten blocks: in the first row one block, then two, then three.
  expect(selections).toContainEqual({ name: "s", kind: "selection", heads: 2, rows: 10, units: 10, kept: 54, swaps: 0, ok: true });
  expect(selections).toContainEqual(expect.objectContaining({ name: "near", kind: "flag", heads: 4, rows: 1, units: 1, ok: true }));
});

test("a wrong selector is a mismatch: the unit is named, and the kernel is right under what was selected", async () => {
  faults.wrong = true;
  const { code, cases } = await verify("picked.attn");
  expect(code).toBe(3);
  const check = cases[0]!.selections.find(({ name }) => name === "s")!;
  expect(check).toMatchObject({ ok: false, worst: { batch: 0, head: 0, row: 0, unit: 0, problem: "lacks a forced unit" } });
  const { stdout } = await attnc(folder, "verify", "picked.attn", ...quick);
  expect(stdout).toContain("s[batch 0, head 0, row 0] lacks a forced unit: unit 0, score ");
});

test("rows that stay are those that the caller gave back, and rows that do not are chosen", async () => {
  expect(await verify("turning.attn")).toMatchObject({ code: 0, ok: true });
  // All rows are chosen anew.
  faults.forgetful = true;
  const { code, cases } = await verify("turning.attn");
  expect(code).toBe(3);
  expect(cases.some(({ ok }) => ok)).toBe(true);
});

test("layers that do not select are given what another chose; inputs of floats are made up", async () => {
  const { code, cases } = await verify("later.attn");
  expect(code).toBe(0);
  const counts = cases.map(({ selections }) => selections.length);
  expect(counts).toContain(0);
  expect(counts).toContain(1);
});
