#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { renderPretty } from "../diagnostics/render.js";
import { colours, say } from "./io.js";
import { choice, inputOption, integer, integers, lengthOptions, shapeOptions } from "./options.js";
import { EXIT, Stop } from "./stop.js";
import type { ExitCode } from "./stop.js";
import { version } from "./version.js";

/** Commands load what they need when they run: `check` never waits for a GPU library. */
type Action = (...args: never[]) => ExitCode | Promise<ExitCode>;

let exitCode: ExitCode = EXIT.ok;

function action(load: () => Promise<Action>): (...args: unknown[]) => Promise<void> {
  // Commander passes the arguments, the options and the command itself.
  return async (...args) => {
    const run = await load();
    exitCode = await run(...(args.slice(0, -1) as never[]));
  };
}

const EXIT_TEXT = "\nExit codes: 0 ok, 1 diagnostics, 2 wrong use, 3 verification mismatch, 70 bug of the compiler.";

const DEVICES = ["auto", "webgpu", "software", "interpreter"] as const;

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ attnc ${line}`).join("\n")}\n`;
}

function deviceOption(command: Command): Command {
  return command.option(
    "--device <name>",
    "auto (a hardware adapter, else the software one), webgpu, software or interpreter",
    choice(...DEVICES),
    "auto",
  );
}

export function buildProgram(): Command {
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
    .requiredOption("--target <targets>", "what to write, separated by commas: wgsl")
    .option("--out <folder>", "where to; beside each file by default")
    .option("--dims <list>", "head dims to make kernels for, e.g. 64,128; those of the shape by default", integers(4))
    .option("--standalone", "inline the runtime: the generated file depends on nothing")
    .option("--js", "write JavaScript and declarations in place of TypeScript")
    .option(
      "--emit <level>",
      "print a level to stdout in place of writing files: mask, tiles, program or wgsl",
      choice("mask", "tiles", "program", "wgsl"),
    )
    .option("--watch", "build again when a file changes")
    .addHelpText(
      "after",
      examples(
        "build sliding.attn --target wgsl",
        "build src --target wgsl --out gen --standalone --js",
        "build sliding.attn --target wgsl --emit program",
      ),
    )
    .action(action(async () => (await import("./commands/build.js")).build as Action));

  inputOption(lengthOptions(shapeOptions(program.command("mask"))))
    .description("show the mask itself: which queries look at which keys")
    .argument("<file#name>", "one operator")
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

  program
    .command("explain")
    .description("explain a diagnostic at length")
    .argument("<code>", "its code")
    .addHelpText("after", examples("explain ATTN1001"))
    .action(action(async () => (await import("./commands/explain.js")).explain as Action));

  deviceOption(inputOption(lengthOptions(shapeOptions(program.command("run")))))
    .description("run the generated kernel on your tensors")
    .argument("<file#name>", "one operator")
    .requiredOption("--q <file>", "queries [batch, heads, length, dim] (.npy, or file.safetensors:name)")
    .requiredOption("--k <file>", "keys [batch, kv heads, length, dim]")
    .requiredOption("--v <file>", "values [batch, kv heads, length, value dim]")
    .requiredOption("--out <file>", "where the output goes (.npy)")
    .option("--lse <file>", "where the log-sum-exp of each row goes (.npy)")
    .option("--scale <x>", "softmax scale; 1 / sqrt(dim) by default", Number)
    .addHelpText(
      "after",
      examples(
        "run sliding.attn --q q.npy --k k.npy --v v.npy --out o.npy",
        "run doc.attn --q t.safetensors:q --k t.safetensors:k --v t.safetensors:v --input doc=ids.npy --out o.npy --lse lse.npy",
      ),
    )
    .action(action(async () => (await import("./commands/run.js")).run as Action));

  deviceOption(shapeOptions(program.command("verify")))
    .description("prove the generated kernels equal to dense reference attention in float64")
    .argument("<file...>", ".attn files or folders")
    .option("--seq <list>", "lengths, separated by commas", integers(1))
    .option("--seeds <n>", "random seeds", integer(1), 3)
    .option("--batch <n>", "batch entries", integer(1))
    .option("--quick", "one length and few cases: a first look, not a proof")
    .option("--format <format>", "text or json", choice("text", "json"), "text")
    .addHelpText(
      "after",
      examples("verify sliding.attn", "verify patterns --seq 64,257 --seeds 1", "verify masks.attn#power --device software --format json"),
    )
    .action(action(async () => (await import("./commands/verify.js")).verify as Action));

  deviceOption(lengthOptions(shapeOptions(program.command("bench"))))
    .description("time the kernel beside the generated dense kernel on the same device")
    .argument("<file#name>", "one operator")
    .option("--batch <n>", "batch entries", integer(1), 1)
    .option("--runs <n>", "counted runs of each", integer(1), 5)
    .option("--format <format>", "text or json", choice("text", "json"), "text")
    .addHelpText("after", examples("bench sliding.attn --seq 4096", "bench masks.attn#strided --seq 2048 --heads 4 --format json"))
    .action(action(async () => (await import("./commands/bench.js")).bench as Action));

  program
    .command("init")
    .description("start a project: a pattern, a script that uses it, and what to run")
    .argument("[dir]", "where to", ".")
    .addHelpText("after", examples("init my-attention"))
    .action(action(async () => (await import("./commands/init.js")).init as Action));

  return program;
}

async function main(): Promise<ExitCode> {
  try {
    await buildProgram().parseAsync();
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof Stop) {
      say(renderPretty(error.diagnostics, { color: colours(process.stderr) }));
      return error.exit;
    }
    if (isRuntimeError(error)) {
      say(`error ${error.message}`);
      return EXIT.diagnostics;
    }
    say(`This is a bug of attnc ${version}, not of your file. Please report it with the command and the file:`);
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return EXIT.bug;
  }
}

/** Errors of the runtime say all that a user needs in their message. */
function isRuntimeError(error: unknown): error is Error {
  return error instanceof Error && error.name === "AttnError";
}

// Native device objects keep the process alive: it ends when its output is written.
void main().then((code) => {
  process.exitCode = code;
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
});
