// Runs the operator of packed.attn on random tensors and checks one row of the result by hand.
//   node main.js [auto|webgpu|software]
import { openDevice } from "attnc/device";
import { createPacked } from "./generated/packed.attn.js";

const heads = 8;
const kvHeads = 2;
const headDim = 64;
const length = 1000;
const window = 48;

const { device, description } = await openDevice(process.argv[2] ?? "software");
console.log(`Device: ${description}`);

const random = (size) => Float32Array.from({ length: size }, () => Math.random() * 2 - 1);
const q = random(heads * length * headDim);
const k = random(kvHeads * length * headDim);
const v = random(kvHeads * length * headDim);

// Seven documents of different lengths, one after the other.
const ends = [120, 130, 400, 401, 650, 900, length];
const doc = Int32Array.from({ length }, (_, token) => ends.findIndex((end) => token < end));

let start = performance.now();
const packed = await createPacked(device, { heads, kvHeads, headDim });
console.log(`Kernel ready after ${(performance.now() - start).toFixed(0)} ms.`);

start = performance.now();
const { out, lse } = await packed.run({ q, k, v, doc }, { length, params: { window } });
console.log(`Attention over ${length} tokens, ${heads} heads: ${(performance.now() - start).toFixed(0)} ms, upload and readback included.`);

// The same for one query, with nothing but loops.
const head = 5;
const query = 660;
const row = head * length + query;
const kvRow = Math.floor((head * kvHeads) / heads) * length;
const seen = [...doc.keys()].filter((key) => key <= query && doc[key] === doc[query] && query - key < window);
const scores = seen.map((key) => {
  let dot = 0;
  for (let d = 0; d < headDim; d++) dot += q[row * headDim + d] * k[(kvRow + key) * headDim + d];
  return dot / Math.sqrt(headDim);
});
const most = Math.max(...scores);
const sum = scores.reduce((total, score) => total + Math.exp(score - most), 0);
let difference = Math.abs(lse[row] - most - Math.log(sum));
for (let d = 0; d < headDim; d++) {
  const expected = seen.reduce((total, key, j) => total + (Math.exp(scores[j] - most) / sum) * v[(kvRow + key) * headDim + d], 0);
  difference = Math.max(difference, Math.abs(out[row * headDim + d] - expected));
}
console.log(
  `Head ${head}, query ${query}: sees keys ${seen[0]} to ${seen.at(-1)}; off by ${difference.toExponential(1)} from plain loops.`,
);

packed.destroy();
// Dawn keeps threads alive: the process would not end by itself.
process.exit(difference < 1e-5 ? 0 : 1);
