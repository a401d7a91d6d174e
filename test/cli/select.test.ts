import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { selectedUnits } from "../../runtime/index.js";
import { readNpy, writeNpy } from "../../runtime/tensor/npy.js";
import { random } from "../../runtime/verify/random.js";
import { selectedOf } from "../../compiler/cli/selections.js";
import { softwareTest } from "../device/software.js";
import { attnc, folderWith } from "./attnc.js";

const [batch, heads, kvHeads, keys, dim] = [2, 4, 2, 40, 8];
const BLOCKS = 5;

const PROGRAM = `
attention tops(n = 2) {
  space  seq causal
  input  gate : scores(8, 8)
  select b {
    unit  q: block(8), k: block(8)
    score gate
    keep  top(n)
    force current
    reuse every 4 steps
  }
  attend b
}
`;

const SORTS = `
attention sorts {
  space  seq causal
  layout permute(k: sort(sum(k, over: dim), segment: 32))
  attend q - k < 9
}

attention given {
  space  seq causal
  input  o : order
  layout permute(k: o)
  attend q - k < 9
}
`;

const CLUSTERS = `
attention cold(iters = 1) {
  space  seq full
  select b {
    unit  q: token, k: cluster(5, iters: iters)
    score dot(q, mean(k))
    keep  top(2)
  }
  attend b
}

attention warm(iters = 0) {
  space  seq full
  input  c : centroids(5)
  select b {
    unit  q: token, k: cluster(5, iters: iters, from: c)
    score dot(q, mean(k))
    keep  top(2)
  }
  attend b
}
`;

const source = random(5);
const normal = (count: number) => Float32Array.from({ length: count }, () => source.normal());
const f32 = (shape: readonly number[], data: Float32Array) => writeNpy({ dtype: "f32", shape, data });
const gate = normal(heads * BLOCKS * BLOCKS);
const holding = (value: number): Float32Array => gate.slice().fill(value, 7, 8);
const folder = folderWith({
  "tops.attn": PROGRAM,
  "sorts.attn": SORTS,
  "clusters.attn": CLUSTERS,
  "q.npy": f32([batch, heads, keys, dim], normal(batch * heads * keys * dim)),
  "k.npy": f32([batch, kvHeads, keys, dim], normal(batch * kvHeads * keys * dim)),
  "v.npy": f32([batch, kvHeads, keys, dim], normal(batch * kvHeads * keys * dim)),
  "gate.npy": f32([heads, BLOCKS, BLOCKS], gate),
  "other.npy": f32(
    [heads, BLOCKS, BLOCKS],
    gate.map((x) => -x),
  ),
  "nan.npy": f32([heads, BLOCKS, BLOCKS], holding(NaN)),
  "small.npy": f32([BLOCKS, 4], normal(BLOCKS * 4)),
  "wrong.npy": writeNpy({ dtype: "bool", shape: [1, heads, BLOCKS, BLOCKS], data: new Uint8Array(heads * BLOCKS * BLOCKS) }),
  "two.npy": writeNpy({
    dtype: "i32",
    shape: [batch, heads, BLOCKS, BLOCKS],
    data: new Int32Array(batch * heads * BLOCKS * BLOCKS).fill(2),
  }),
});
const tensors = ["--q", "q.npy", "--k", "k.npy", "--v", "v.npy"];

function read(name: string) {
  const { tensor, error } = readNpy(readFileSync(join(folder, name)));
  if (error) throw new Error(error.message);
  return tensor;
}

const run = (...args: readonly string[]) => attnc(folder, "run", "tops.attn", ...tensors, ...args);

/** The files that both kinds of device write. */
async function selectsAndReuses(device: string): Promise<void> {
  const on = ["--device", device];
  const made = await run(...on, "--input", "gate=gate.npy", "--step", "0", "--out", `${device}/o.npy`, "--selected", device);
  expect([made.code, made.stderr]).toEqual([0, expect.stringContaining(`wrote what was selected to ${device}/b.npy`)]);
  const { shape, data } = read(`${device}/b.npy`);
  expect(shape).toEqual([batch, heads, BLOCKS, BLOCKS]);
  const bits = selectedOf({ kind: "bits", batch, heads, rows: BLOCKS, columns: BLOCKS, data: Uint8Array.from(data as Uint8Array) });
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let row = 0; row < BLOCKS; row++) {
        const scores = [...gate.subarray((h * BLOCKS + row) * BLOCKS, (h * BLOCKS + row) * BLOCKS + row)];
        const other = scores.indexOf(Math.max(...scores));
        expect(selectedUnits(bits, b, h, row)).toEqual(row === 0 ? [0] : [other, row]);
      }
    }
  }
  const again = await run(
    ...[...on, "--input", "gate=other.npy", "--step", "5", "--out", `${device}/again.npy`],
    ...["--reuse", `b=${device}/b.npy`, "--selected", `b=${device}/again_b.npy`],
  );
  expect(again.code).toBe(0);
  expect(read(`${device}/again.npy`)).toEqual(read(`${device}/o.npy`));
  expect(read(`${device}/again_b.npy`)).toEqual(read(`${device}/b.npy`));
}

test("what is selected is written and can be given back, on the interpreter", () => selectsAndReuses("interpreter"));

softwareTest("the software device selects the same", async () => {
  await selectsAndReuses("software");
  expect(read("software/b.npy")).toEqual(read("interpreter/b.npy"));
  const [ours, theirs] = [read("software/o.npy").data, read("interpreter/o.npy").data];
  ours.forEach((x: number | bigint, i: number) => expect(Math.abs(Number(x) - Number(theirs[i]))).toBeLessThan(1e-5));
});

test("mask, tiles and explain work on what was selected", async () => {
  await run("--device", "interpreter", "--input", "gate=gate.npy", "--step", "0", "--out", "o.npy", "--selected", "kept");
  const input = ["--seq", String(keys), "--heads", String(heads), "--kv-heads", String(kvHeads), "--step", "0", "--input", "b=kept/b.npy"];
  const { code, stdout } = await attnc(folder, "tiles", "tops.attn", ...input, "--block-q", "8", "--block-k", "8", "--format", "json");
  expect(code).toBe(0);
  // The own block of each row of blocks, and one before it but for the first row.
  expect(JSON.stringify(JSON.parse(stdout))).toContain('"full":4,"partial":5,"empty":16');
  expect((await attnc(folder, "mask", "tops.attn", ...input, "--head", "0")).code).toBe(0);
  expect((await attnc(folder, "explain", "tops.attn", ...input)).code).toBe(0);
});

const base = ["--device", "interpreter", "--input", "gate=gate.npy", "--out", "x.npy"];

test.each<[string, readonly string[], string]>([
  [
    "a NaN",
    ["--device", "interpreter", "--input", "gate=nan.npy", "--out", "x.npy", "--step", "0"],
    "gate[7] is NaN; expected a finite number",
  ],
  [
    "no scores",
    ["--device", "interpreter", "--out", "x.npy", "--step", "0"],
    "tops needs its input gate, a score for each block of 8 queries and 8 keys",
  ],
  [
    "scores of another shape",
    ["--device", "interpreter", "--input", "gate=small.npy", "--out", "x.npy", "--step", "0"],
    "gate has the shape [5, 4]; expected [batch, heads, 5, 5]",
  ],
  ["no step", base, "the variable `step`"],
  ["an unknown selection", [...base, "--step", "0", "--selected", "c=c.npy"], "--selected is c; expected one of b"],
  ["an unknown reuse", [...base, "--step", "1", "--reuse", "c=wrong.npy"], "--reuse is c; expected one of b"],
  [
    "another batch",
    [...base, "--step", "1", "--reuse", "b=wrong.npy"],
    "b has the shape [1, 4, 5, 5]; expected [batch 2, heads 4, rows 5, columns 5]",
  ],
  ["other numbers than bits", [...base, "--step", "1", "--reuse", "b=two.npy"], "b[0] is 2; expected 0 or 1"],
])("%s is refused", async (_, args, message) => {
  const { code, stderr } = await run(...args);
  expect(stderr).toContain(message);
  expect(code).not.toBe(0);
});

test("an order that was made is written as positions, and is an order to give", async () => {
  const on = (name: string, ...options: readonly string[]) =>
    attnc(folder, "run", `sorts.attn#${name}`, ...tensors, "--device", "interpreter", "--out", `${name}.npy`, ...options);
  expect(await on("sorts", "--selected", "order_k=order.npy")).toMatchObject({ code: 0 });
  const { dtype, shape, data } = read("order.npy");
  expect([dtype, shape]).toEqual(["i32", [batch, kvHeads, keys]]);
  const places = [...(data as Int32Array).subarray(0, keys)];
  expect(places.toSorted((a, b) => a - b)).toEqual([...Array(keys).keys()]);
  expect(places).not.toEqual([...Array(keys).keys()]);
  expect(await on("given", "--input", "o=order.npy")).toMatchObject({ code: 0 });
  expect(read("given.npy").data).toEqual(read("sorts.npy").data);
});

test("the centroids that a k-means ends with are written as numbers, and another one goes on from them", async () => {
  const on = (name: string, ...options: readonly string[]) =>
    attnc(folder, "run", `clusters.attn#${name}`, ...tensors, "--device", "interpreter", "--out", `${name}.npy`, ...options);
  expect(await on("cold", "--selected", "k_centroids=c.npy")).toMatchObject({ code: 0 });
  const { dtype, shape } = read("c.npy");
  expect([dtype, shape]).toEqual(["f32", [batch, kvHeads, 5, dim]]);
  expect(await on("warm", "--input", "c=c.npy")).toMatchObject({ code: 0 });
  expect(await on("cold", "--set", "iters=2")).toMatchObject({ code: 0 });
  expect(read("warm.npy").data).toEqual(read("cold.npy").data);
  const wrong = await on("warm", "--input", "c=q.npy");
  expect(wrong.stderr).toContain("c has the shape");
});
