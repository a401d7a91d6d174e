import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { nodeHost } from "../../compiler/cli/host.js";
import { printLaunch } from "../../compiler/bindings/c/launch.js";
import { cudaModule } from "../../compiler/driver/cuda-launch.js";
import { buildOperators, checkFile } from "../../compiler/driver/pipeline.js";
import { sourceFile } from "../../compiler/source/file.js";
import { nvcc, nvccVersion, withoutNvcc } from "./nvcc.js";

/**
 * Registers, spills and shared memory of the kernels by ptxas: simple and long masks, ranges, lists, scalars,
 * rows that are gathered, selections, and key order.
 */
const OPERATORS = [
  { file: "windows.attn", name: "sliding_window", dims: [32, 64, 96, 128, 256] },
  { file: "neighborhood.attn", name: "neighborhood_3d", dims: [128] },
  { file: "neighborhood.attn", name: "gna_hunyuan", dims: [128] },
  { file: "caller_maps.attn", name: "block_lists", dims: [64, 128] },
  { file: "caller_maps.attn", name: "vertical_slash", dims: [128] },
  { file: "probed_columns.attn", name: "minference_vertical_slash", dims: [128] },
  { file: "block_means.attn", name: "moba", dims: [128] },
] as const;

const ARCHITECTURES = ["sm_80", "sm_90a", "sm_100a"] as const;

/** What a block of each may have, in bytes. */
const SHARED_BYTES = { sm_80: 163 * 1024, sm_90a: 227 * 1024, sm_100a: 227 * 1024 };

/** The release that the golden tables were made with: others choose other registers. */
const RELEASE = "13.0";

interface Row {
  readonly symbol: string;
  readonly registers: number;
  readonly spills: number;
}

function rowsOf(log: string): readonly Row[] {
  const entry = /Compiling entry function '(\w+)'[\s\S]*?(\d+) bytes spill stores, (\d+) bytes spill loads[\s\S]*?Used (\d+) registers/g;
  return [...log.matchAll(entry)]
    .map(([, symbol, stores, loads, registers]) => ({
      symbol: symbol!,
      registers: Number(registers),
      spills: Number(stores) + Number(loads),
    }))
    .filter(({ symbol }) => !/_(prepare_\w+|write_words|copy_bits|order_\w+|merge_parts_\w+)$/.test(symbol))
    .sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
}

describe.skipIf(withoutNvcc)(withoutNvcc ? `kernels under nvcc (skipped: ${withoutNvcc})` : "kernels under nvcc", () => {
  for (const { file, name, dims } of OPERATORS) {
    const text = readFileSync(`patterns/${file}`, "utf8");
    const [mask] = buildOperators(checkFile(sourceFile(`patterns/${file}`, text), nodeHost), name).modules;
    const module = cudaModule(mask!, dims, { dtypes: ["f16"] });
    const source = `${module.cuda.source}\n${printLaunch(mask!, module)}`;
    test.each(ARCHITECTURES)(`${name} for %s`, { timeout: 300_000 }, async (architecture) => {
      const { ok, log } = nvcc(source, architecture);
      expect(ok, log).toBe(true);
      const rows = rowsOf(log);
      const stages = (module.cuda.stages ?? []).map((stage) => ({
        symbol: stage.typed ? `${stage.symbol}_f16` : stage.symbol,
        ...{ sharedBytes: stage.sharedBytes, architecture: 75, architectureOnly: false },
      }));
      const ordered = module.cuda.kernels.flatMap((kernel) =>
        Object.values(kernel.keyOrder ?? {}).map((symbol: string) => ({ ...kernel, symbol })),
      );
      const kernels = [...module.cuda.kernels, ...ordered, ...stages];
      expect(rows.length).toBe(kernels.length);
      expect(rows.filter(({ spills }) => spills > 0)).toEqual([]);
      const shared = new Map(kernels.map((kernel) => [kernel.symbol, kernel]));
      const able = rows.filter(({ symbol }) => {
        const { architecture: least, architectureOnly } = shared.get(symbol)!;
        const number = Number(/\d+/.exec(architecture)![0]);
        return architectureOnly ? number === least : number >= least;
      });
      for (const { symbol } of able) expect(shared.get(symbol)!.sharedBytes, symbol).toBeLessThanOrEqual(SHARED_BYTES[architecture]);
      if (!nvccVersion.includes(`release ${RELEASE}`)) return;
      const table = able.map(
        ({ symbol, registers }) => `${symbol}: ${registers} registers, ${shared.get(symbol)!.sharedBytes} bytes of shared memory`,
      );
      await expect(`${table.join("\n")}\n`).toMatchFileSnapshot(`registers/${name}.${architecture}.txt`);
    });
  }
});
