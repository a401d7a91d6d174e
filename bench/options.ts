import { parseArgs } from "node:util";
import { MODES } from "./measure/contestant.js";

export const SECTIONS = ["peer", "dense", "select", "growth", "plan", "compile"] as const;
export type SectionName = (typeof SECTIONS)[number];

export const DEVICES = ["lavapipe", "hardware", "dawn", "dawn-software"] as const;
export type DeviceChoice = (typeof DEVICES)[number];

/** Mesa's lavapipe is for Linux. */
const DEFAULT_DEVICE: DeviceChoice = process.platform === "linux" ? "lavapipe" : "hardware";

export interface BenchOptions {
  readonly sections: readonly SectionName[];
  readonly device: DeviceChoice;
  /** Lengths, in place of those of each section. */
  readonly lengths: readonly number[] | undefined;
  readonly runs: number;
  /** A contestant that has run for so many seconds sits out the other rounds. */
  readonly seconds: number;
  /** How the peer and attnc are timed beside each other; both ways where it is left out. */
  readonly mode: (typeof MODES)[number] | undefined;
  /** Rows whose label has this in it; all of them where it is left out. */
  readonly only: string | undefined;
  readonly variant: string | undefined;
  /** Small sizes, one run of each, nothing written but the table: checks that everything runs. */
  readonly quick: boolean;
  /** Where results go; undefined where they are only printed. */
  readonly out: string | undefined;
}

export const USAGE = `npm run bench -- [SECTION…] [options]

Sections (all of them unless given):
  peer     attnc beside onnxruntime-web's WebGPU kernels, in one process on one device
  dense    patterns beside attnc's own dense kernels, and the speed-ups that their pairs and tiles allow
  select   selection policies: what choosing costs, pass by pass, and what it gains
  growth   time per query as the sequence grows
  plan     tables that kernels need at 1,048,576 tokens, and the time to build them
  compile  cold start of the command line, and time per kernel

Options:
  --device NAME     ${DEVICES.join(", ")} (${DEFAULT_DEVICE})
                    lavapipe and hardware run in Deno, dawn and dawn-software in Node and without the peer
  --length N        a length in place of the section's; may be repeated
  --runs N          rounds after the warm-up (7)
  --seconds N       a row that has run for so long, warm-up included, sits out the other rounds (30)
  --mode NAME       of the peer: ${MODES.join(" or ")} (both)
  --only TEXT       rows whose label contains the text
  --variant NAME    a kernel of attnc's by name
  --quick           small and short: checks that everything runs, writes nothing
  --out FOLDER      where results are written (bench/results)
  --print           print the tables and write nothing`;

function positive(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} takes a whole number of at least 1, not ${value}`);
  return number;
}

function oneOf<T extends string>(what: string, names: readonly T[], value: string): T {
  const found = names.find((name) => name === value);
  if (found === undefined) throw new Error(`${what} ${value}: there is ${names.join(", ")}`);
  return found;
}

/** The options of a command line; throws with a message for the user. Undefined where help was asked for. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      device: { type: "string", default: DEFAULT_DEVICE },
      length: { type: "string", multiple: true },
      runs: { type: "string" },
      seconds: { type: "string" },
      mode: { type: "string" },
      only: { type: "string" },
      variant: { type: "string" },
      quick: { type: "boolean", default: false },
      out: { type: "string", default: "bench/results" },
      print: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { quick } = values;
  return {
    sections: positionals.length === 0 ? SECTIONS : positionals.map((name) => oneOf("section", SECTIONS, name)),
    device: oneOf("--device", DEVICES, values.device),
    lengths: values.length?.map((value) => positive("length", value)),
    runs: positive("runs", values.runs ?? (quick ? "1" : "7")),
    seconds: positive("seconds", values.seconds ?? (quick ? "1" : "30")),
    mode: values.mode === undefined ? undefined : oneOf("--mode", MODES, values.mode),
    only: values.only,
    variant: values.variant,
    quick,
    out: quick || values.print ? undefined : values.out,
  };
}
