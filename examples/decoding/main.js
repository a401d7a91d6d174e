// Decodes some steps over a cache of random keys, a few of which are strong, and checks each step with plain loops.
//   node main.js [auto|webgpu|software]
import { openDevice } from "attnc/device";
import { selectedUnits } from "attnc/runtime";
import { createPages } from "./generated/pages.attn.js";

const heads = 8;
const kvHeads = 2;
const dim = 64;
const prompt = 2000;
const steps = 6;
const page = 16;

const { device, description } = await openDevice(process.argv[2] ?? "software");
console.log(`Device: ${description}`);
const pages = await createPages(device, { heads, kvHeads, headDim: dim });

const random = (size) => Float32Array.from({ length: size }, () => Math.random() * 2 - 1);
const most = prompt + steps;
const k = random(kvHeads * most * dim);
const v = random(kvHeads * most * dim);
const strong = new Set(Array.from({ length: 40 }, (_, i) => 47 * i + 13));
const direction = random(dim);
for (let head = 0; head < kvHeads; head++)
  for (const key of strong) for (let d = 0; d < dim; d++) k[(head * most + key) * dim + d] += 2 * direction[d];

/** The first keys of each head, as a cache of that length has them. */
const cache = (tensor, length) => {
  const part = new Float32Array(kvHeads * length * dim);
  for (let head = 0; head < kvHeads; head++)
    part.set(tensor.subarray(head * most * dim, (head * most + length) * dim), head * length * dim);
  return part;
};

/** One query against the keys for which `seen` holds: the output, and the share of the whole softmax that they have. */
const plain = (q, head, length, seen) => {
  const kv = Math.floor((head * kvHeads) / heads);
  const scores = Array.from({ length }, (_, key) => {
    let dot = 0;
    for (let d = 0; d < dim; d++) dot += q[head * dim + d] * k[(kv * most + key) * dim + d];
    return dot / Math.sqrt(dim);
  });
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const kept = weights.map((weight, key) => (seen(key) ? weight : 0));
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const out = Array.from({ length: dim }, (_, d) => sum(kept.map((weight, key) => weight * v[(kv * most + key) * dim + d])) / sum(kept));
  return { out, mass: sum(kept) / sum(weights) };
};

let choice;
let worst = 0;
for (let step = 0; step < steps; step++) {
  const length = prompt + step + 1;
  const q = random(heads * dim).map((x, i) => x / 2 + direction[i % dim]);
  const fresh = step % 4 === 0;
  const result = await pages.run(
    { q, k: cache(k, length), v: cache(v, length), selected: true, reuse: fresh ? undefined : { best: choice } },
    { queryLength: 1, keyLength: length, step },
  );
  choice = result.selected.best;
  let kept = 0;
  for (let head = 0; head < heads; head++) {
    const chosen = new Set(selectedUnits(choice, 0, Math.floor((head * kvHeads) / heads), 0));
    const { out, mass } = plain(q, head, length, (key) => chosen.has(Math.floor(key / page)));
    kept += mass / heads;
    for (let d = 0; d < dim; d++) worst = Math.max(worst, Math.abs(out[d] - result.out[head * dim + d]));
  }
  const read = selectedUnits(choice, 0, 0, 0).length;
  const of = Math.ceil(length / page);
  console.log(`Step ${step}: ${read} of ${of} pages, ${fresh ? "chosen" : "reused"}; ${(100 * kept).toFixed(0)}% of the mass.`);
}
console.log(`Off by ${worst.toExponential(1)} from plain loops over the chosen pages.`);

pages.destroy();
// Dawn keeps threads alive: the process would not end by itself.
process.exit(worst < 1e-5 ? 0 : 1);
