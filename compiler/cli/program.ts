import { Command } from "commander";
import {
  callOptions,
  choice,
  collect,
  deviceOption,
  DEVICES,
  dtypes,
  finite,
  inputOption,
  integer,
  integers,
  kernelOption,
  orderOption,
  lengthOptions,
  names,
  notYet,
  schedules,
  shapeOptions,
  tunedOption,
} from "./flags.js";
import type { ExitCode } from "./stop.js";
import { version } from "./version.js";

/** A command's function; it is loaded when it runs, so that `check` never waits for a GPU library. */
type Action = (...args: never[]) => ExitCode | Promise<ExitCode>;

const EXIT_TEXT = "\nExit codes: 0 ok, 1 diagnostics, 2 wrong use, 3 verification mismatch, 70 bug of the compiler.";

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ attnc ${line}`).join("\n")}\n`;
}

/** All commands with their options and help. `done` is told the exit code of the one that has run. */
export function buildProgram(done: (code: ExitCode) => void): Command {
  const action =
    (load: () => Promise<Action>) =>
    async (...args: unknown[]): Promise<void> => {
      const run = await load();
      // Commander passes the arguments, the options and the command itself.
      done(await run(...(args.slice(0, -1) as never[])));
    };
  const program = new Command("attnc")
    .description("The compiler for sparse attention: draws, costs, compiles, runs and verifies the operators of .attn files.")
    .version(version)
    .showSuggestionAfterError()
    .showHelpAfterError("(attnc COMMAND --help shows the options with examples)")
    .addHelpText("after", `\nFILE is a .attn file or a folder of them; FILE#NAME is one declaration of it.${EXIT_TEXT}`)
    .exitOverride();

  program
    .command("check")
    .description("report the mistakes in files")
    .argument("<file...>", ".attn files or folders")
    .option("--format <format>", "pretty, json or github", choice("pretty", "json", "github"), "pretty")
    .addHelpText("after", examples("check masks.attn", "check patterns --format json"))
    .action(action(async () => (await import("./commands/check.js")).check as Action));

  program
    .command("fmt")
    .description("rewrite files in the one layout")
    .argument("<file...>", ".attn files or folders")
    .option("--check", "change nothing; exit 1 when a file is not formatted")
    .addHelpText("after", examples("fmt masks.attn", "fmt src --check"))
    .action(action(async () => (await import("./commands/fmt.js")).fmt as Action));

  shapeOptions(program.command("build"))
    .description("write kernels and typed bindings")
    .argument("<file...>", ".attn files or folders")
    .requiredOption("--target <targets>", "what to write, separated by commas: wgsl, cuda or torch")
    .option("--out <folder>", "where to; beside each file by default")
    .option("--dims <list>", "head dims to make kernels for, e.g. 64,128; those of the shape by default", integers(4))
    .option("--dtypes <list>", "types to make CUDA kernels for, e.g. f16,bf16; that of the shape by default", dtypes)
    .option("--standalone", "for wgsl: inline the runtime, so that the generated file depends on nothing")
    .option("--js", "write JavaScript and declarations in place of TypeScript")
    .option("--schedules <list>", "best or all; kinds of devices (gpu, software, simd), gpu,software by default; or both", schedules)
    .option("--tuned", "put the schedule that attnc tune found the fastest first")
    .option(
      "--emit <level>",
      "print a level to stdout in place of writing files: mask, tiles, program, wgsl or cuda",
      choice("mask", "tiles", "program", "wgsl", "cuda"),
    )
    .option("--watch", "build again when a file changes")
    .addHelpText(
      "after",
      examples(
        "build sliding.attn --target wgsl",
        "build src --target wgsl --out gen --standalone --js",
        "build sliding.attn --target wgsl --schedules all",
        "build sliding.attn --target wgsl --schedules gpu,software,simd --tuned",
        "build sliding.attn --target wgsl --emit program",
        "build sliding.attn --target cuda --dtypes f16,bf16 --dims 64,128",
        "build src --target torch --dtypes bf16 --out gen",
        "build sliding.attn --target cuda --emit cuda > sliding.cu",
      ),
    )
    .action(action(async () => (await import("./commands/build.js")).build as Action));

  inputOption(lengthOptions(shapeOptions(program.command("mask"))))
    .description("show the mask itself: which queries look at which keys")
    .argument("<file#name>", "one operator")
    .option("--q <file>", "queries, for a mask that selects from them [batch, heads, length, dim]")
    .option("--k <file>", "keys, beside --q [batch, kv heads, length, dim]")
    .option("--scale <x>", "softmax scale of what is selected by; 1 / sqrt(dim) by default", finite)
    .option("--reuse <name=file>", "a selection of an earlier run, in place of a new one; may be given again", collect)
    .option("--device <name>", "where selections are made; in plain TypeScript in float64 by default", choice(...DEVICES))
    .option("--head <n>", "only this head", integer(0))
    .option("--block <n>", "queries and keys per tile of a picture", integer(1))
    .option(
      "--format <format>",
      "text, json, svg, png or npy; by the ending of --out, or text",
      choice("text", "json", "svg", "png", "npy"),
    )
    .option("--out <file>", "write to a file")
    .addHelpText(
      "after",
      examples(
        "mask sliding.attn --seq 256",
        "mask masks.attn#strided --seq 512 --set stride=64 --out strided.svg",
        "mask doc.attn --seq 128 --input doc=ids.npy --format json",
        "mask moba.attn --q q.npy --k k.npy --head 0 --out picked.svg",
      ),
    )
    .action(action(async () => (await import("./commands/mask.js")).mask as Action));

  inputOption(lengthOptions(shapeOptions(program.command("tiles"))))
    .description("count full, partial and empty tiles of each head, exactly")
    .argument("<file#name>", "one operator")
    .option("--block-q <n>", "queries per tile", integer(1), 64)
    .option("--block-k <n>", "keys per tile", integer(1), 64)
    .option("--format <format>", "text or json", choice("text", "json"), "text")
    .addHelpText("after", examples("tiles sliding.attn --seq 4096", "tiles masks.attn#power --seq 8192 --block-q 128 --format json"))
    .action(action(async () => (await import("./commands/tiles.js")).tiles as Action));

  inputOption(lengthOptions(shapeOptions(program.command("explain"))))
    .description("report what an operator costs: pairs, tiles, FLOPs, bytes, receptive field; or explain a diagnostic at length")
    .argument("<file#name|code>", "one operator; or the code of a diagnostic, or its number")
    .option("--format <format>", "text, json or svg; by the ending of --out, or text", choice("text", "json", "svg"))
    .option("--out <file>", "write to a file")
    .addHelpText(
      "after",
      examples(
        "explain sliding.attn --seq 4096",
        "explain masks.attn#strided --seq 65536 --heads 32 --kv-heads 8 --format json",
        "explain masks.attn#strided --seq 65536 --out cost.svg",
        "explain ATTN1001",
        "explain 2001",
      ),
    )
    .action(action(async () => (await import("./commands/explain.js")).explain as Action));

  kernelOption(tunedOption(deviceOption(inputOption(lengthOptions(shapeOptions(program.command("run")))))))
    .description("run the generated kernel on your tensors")
    .argument("<file#name>", "one operator")
    .requiredOption("--q <file>", "queries [batch, heads, length, dim] (.npy, or file.safetensors:name)")
    .requiredOption("--k <file>", "keys [batch, kv heads, length, dim]")
    .requiredOption("--v <file>", "values [batch, kv heads, length, value dim]")
    .requiredOption("--out <file>", "where the output goes (.npy)")
    .option("--lse <file>", "where the log-sum-exp of each row goes (.npy)")
    .option("--scale <x>", "softmax scale; 1 / sqrt(dim) by default", finite)
    .option("--selected <where>", "a folder, or NAME=FILE, for what was selected (.npy); may be given again", collect)
    .option("--reuse <name=file>", "a selection of an earlier run, in place of a new one; may be given again", collect)
    .addHelpText(
      "after",
      examples(
        "run sliding.attn --q q.npy --k k.npy --v v.npy --out o.npy",
        "run doc.attn --q t.safetensors:q --k t.safetensors:k --v t.safetensors:v --input doc=ids.npy --out o.npy --lse lse.npy",
      ),
    )
    .action(action(async () => (await import("./commands/run.js")).run as Action));

  orderOption(kernelOption(tunedOption(deviceOption(shapeOptions(program.command("verify"))))))
    .description("prove the generated kernels equal to dense reference attention in float64")
    .argument("<file...>", ".attn files or folders")
    .option("--seq <list>", "lengths, separated by commas", integers(1))
    .option("--seeds <n>", "random seeds", integer(1), 3)
    .option("--quick", "one length and few cases: a first look, not a proof")
    .option("--format <format>", "text or json", choice("text", "json"), "text")
    .addHelpText(
      "after",
      `${examples("verify sliding.attn", "verify patterns --seq 64,257 --seeds 1", "verify masks.attn#power --device software --format json")}
In JSON an error that is infinite is 1.7976931348623157e+308, and an element that is no number
is "NaN", "Infinity" or "-Infinity".
`,
    )
    .action(action(async () => (await import("./commands/verify.js")).verify as Action));

  inputOption(callOptions(shapeOptions(program.command("fidelity"))))
    .description("compare a method with full attention on your tensors: attention mass kept, and the error of the output")
    .argument("<file#name>", "one operator")
    .requiredOption("--q <file>", "queries [batch, heads, length, dim] (.npy, or file.safetensors:name)")
    .requiredOption("--k <file>", "keys [batch, kv heads, length, dim]")
    .requiredOption("--v <file>", "values [batch, kv heads, length, value dim]")
    .option("--scale <x>", "softmax scale; 1 / sqrt(dim) by default", finite)
    .option("--reuse <name=file>", "a selection of an earlier run, in place of a new one; may be given again", collect)
    .option("--device <name>", "where selections are made; in plain TypeScript in float64 by default", choice(...DEVICES))
    .option("--rows <n>", "rows of each head that are measured, evenly spread; as many as take about a minute by default", integer(1))
    .option("--head <n>", "the head whose map is drawn; the one that keeps the least by default", integer(0))
    .option("--format <format>", "text, json, svg or png; by the ending of --out, or text", choice("text", "json", "svg", "png"))
    .option("--out <file>", "write to a file")
    .addHelpText(
      "after",
      `${examples(
        "fidelity moba.attn --q q.npy --k k.npy --v v.npy",
        "fidelity vertical_slash.attn --q t.safetensors:q --k t.safetensors:k --v t.safetensors:v --set cols=500 --format json",
        "fidelity moba.attn --q q.npy --k k.npy --v v.npy --device auto --head 3 --out kept.svg",
      )}
A report, not a test: a sparse method differs from full attention by design. \`attnc verify\` says whether the kernel computes
the method.
`,
    )
    .action(action(async () => (await import("./commands/fidelity.js")).fidelity as Action));

  orderOption(kernelOption(tunedOption(deviceOption(lengthOptions(shapeOptions(program.command("bench")))))))
    .description("time the kernel beside the generated dense kernel on the same device")
    .argument("<file#name>", "one operator")
    .option("--runs <n>", "counted runs of each", integer(1), 5)
    .option("--format <format>", "text or json", choice("text", "json"), "text")
    .addHelpText("after", examples("bench sliding.attn --seq 4096", "bench masks.attn#strided --seq 2048 --heads 4 --format json"))
    .action(action(async () => (await import("./commands/bench.js")).bench as Action));

  deviceOption(inputOption(callOptions(shapeOptions(program.command("tune")))))
    .description("measure the schedules of an operator on this device and remember the fastest")
    .argument("<file...>", ".attn files or folders, or FILE#NAME")
    .option("--seq <list>", "numbers of keys, separated by commas; 1024 by default", integers(1))
    .option("--schedules <names>", "only these, separated by commas; all that suit the device by default", names)
    .option("--rounds <n>", "most timed runs of each schedule", integer(1), 9)
    .option("--format <format>", "text or json", choice("text", "json"), "text")
    .addHelpText(
      "after",
      `${examples("tune sliding.attn --seq 1024,4096", "tune masks.attn#power --device software --head-dim 128", "tune patterns --format json")}
run, bench and verify use the fastest schedule on the same device from then on (--no-tuned ignores it);
build --tuned puts it first. It is remembered in XDG_CACHE_HOME/attnc/tuned.json, or ~/.cache/attnc/tuned.json.
`,
    )
    .action(action(async () => (await import("./commands/tune.js")).tune as Action));

  program
    .command("init")
    .description("start a project: a pattern, a script that uses it, and what to run")
    .argument("[dir]", "where to", ".")
    .addHelpText("after", examples("init my-attention"))
    .action(action(async () => (await import("./commands/init.js")).init as Action));

  program
    .command("lsp", { hidden: true })
    .description("the language server")
    .allowExcessArguments()
    .allowUnknownOption()
    .action(() => {
      throw notYet("the language server", "`attnc check FILE --format json` reports the same diagnostics");
    });

  return program;
}
