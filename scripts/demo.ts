/**
 * The main job, once through: compiles patterns, draws some, runs one on tensors from files, and verifies
 * some of the library on whatever WebGPU adapter there is.
 *
 *   npm run demo                 on a hardware adapter, else on the software one
 *   npm run demo -- interpreter  without any adapter
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { writeNpy } from "../runtime/tensor/npy.js";

const cli = fileURLToPath(new URL("../compiler/cli/main.js", import.meta.url));
const device = process.argv[2] ?? "auto";
const out = "demo-output";
const started = performance.now();

function attnc(...args: string[]): void {
  process.stderr.write(`\n$ attnc ${args.join(" ")}\n`);
  const { status } = spawnSync(process.execPath, [cli, ...args], { stdio: "inherit" });
  if (status === 0) return;
  process.stderr.write(`\nThe demo stopped: attnc ended with exit code ${status ?? "none"}.\n`);
  if (device !== "interpreter") process.stderr.write("Without a WebGPU adapter: npm run demo -- interpreter\n");
  process.exit(status ?? 1);
}

/** Normally distributed numbers, the same at every run. */
function normal(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return ((state >>> 8) + 0.5) / 2 ** 24;
  };
  return Float32Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

mkdirSync(out, { recursive: true });
const shape = [1, 8, 1024, 64];
for (const [i, name] of ["q", "k", "v"].entries()) {
  writeFileSync(
    `${out}/${name}.npy`,
    writeNpy({
      dtype: "f32",
      shape,
      data: normal(
        shape.reduce((a, b) => a * b),
        i + 1,
      ),
    }),
  );
}

const step = (text: string): void => void process.stderr.write(`\n=== ${text}\n`);
step("1. Compile: kernels and TypeScript bindings for a file of patterns");
attnc("build", "patterns/windows.attn", "--target", "wgsl", "--out", `${out}/generated`);
step("2. Draw: in the terminal, and as a picture");
attnc("mask", "patterns/strided_shards.attn#s2_heads", "--seq", "1024", "--head", "0");
attnc("mask", "patterns/neighborhood.attn#neighborhood_2d", "--head", "0", "--out", `${out}/neighborhood_2d.svg`);
step("3. Run: one operator on tensors from files");
const length = device === "interpreter" ? ["--seq", "1024", "--q-seq", "1024"] : [];
attnc(
  "run",
  "patterns/windows.attn#sliding_window",
  "--device",
  device,
  ...length,
  "--q",
  `${out}/q.npy`,
  "--k",
  `${out}/k.npy`,
  "--v",
  `${out}/v.npy`,
  "--out",
  `${out}/out.npy`,
  "--lse",
  `${out}/lse.npy`,
);
step("4. Verify: kernels against dense attention in float64, and what they select against a slow selector");
const verified = ["windows", "streaming", "neighborhood", "strided_shards", "power", "caller_maps", "page_bounds"];
attnc("verify", ...verified.map((file) => `patterns/${file}.attn`), "--device", device, "--quick", "--head-dim", "32");

const seconds = ((performance.now() - started) / 1000).toFixed(0);
process.stderr.write(`
Done in ${seconds} s. Patterns have been compiled, drawn, run on tensors from files, and proved equal to dense
attention. What was made is in ${out}/.

Try next:
  npx attnc verify patterns --quick                        the whole library
  npx attnc mask patterns/power.attn --seq 2048            another pattern
  npx attnc tiles patterns/streaming.attn#streaming_llm --seq 65536
  npx attnc bench patterns/windows.attn#sliding_window --seq 2048
  npx attnc init my-attention                              a project of your own
`);
process.exit(0);
