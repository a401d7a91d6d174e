import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { diagnostic } from "../../diagnostics/report.js";
import { say } from "../io.js";
import { EXIT, Stop } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { version } from "../version.js";
import { writeFiles } from "../write-files.js";

/** `attnc init`: a project that builds and runs; nothing that is there is overwritten. */
export function init(folder: string): ExitCode {
  const files = new Map(Object.entries(template(basename(resolve(folder)))).map(([name, text]) => [join(folder, name), text]));
  const present = [...files.keys()].filter((path) => existsSync(path));
  if (present.length > 0) {
    throw new Stop([diagnostic("ATTN6208", undefined, { path: present.join(", "), reason: "it is there already" })], EXIT.usage);
  }
  writeFiles(files);
  say(`made ${[...files.keys()].join(", ")}`);
  const steps = [
    ...(folder === "." ? [] : [`cd ${folder}`]),
    "npm install",
    "npm run draw       # what the pattern looks like",
    "npm run verify     # the kernels against dense attention in float64",
    "npm start          # a kernel on random tensors",
  ];
  say(["next:", ...steps].join("\n  "));
  return EXIT.ok;
}

/** The files of a new project, by name. */
export function template(name: string): Readonly<Record<string, string>> {
  const packageName =
    name
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "-")
      .replace(/^-+|-+$/g, "") || "attention";
  return {
    "attention.attn": `import { a_shape } from "std"

/// A sliding window: each query sees itself and the window - 1 keys before it.
attention sliding(window = 128) {
  space  seq causal
  attend q - k < window
}

/// The same with a few first keys that every query sees.
attention sinks(window = 128, sink = 4) {
  space  seq causal
  attend a_shape(sink: sink, window: window)
}
`,
    "main.js": `import { openDevice } from "attnc/device";
import { createSliding } from "./generated/attention.attn.js";

const [heads, headDim, length] = [8, 64, 1024];
const { device, description } = await openDevice("auto");
const sliding = await createSliding(device, { heads, headDim });
const random = () => Float32Array.from({ length: heads * length * headDim }, () => Math.random() - 0.5);
const { out } = await sliding.run({ q: random(), k: random(), v: random() }, { batch: 1, length });
console.log(\`\${description}: \${out.length} numbers, the first is \${out[0]}\`);
sliding.destroy();
// Dawn's threads keep a process alive.
process.exit(0);
`,
    "package.json": `${JSON.stringify(
      {
        name: packageName,
        private: true,
        type: "module",
        scripts: {
          build: "attnc build attention.attn --target wgsl --out generated --js",
          draw: "attnc mask attention.attn#sliding --seq 1024 --head 0",
          verify: "attnc verify attention.attn",
          start: "npm run build && node main.js",
        },
        dependencies: { attnc: `^${version}` },
      },
      null,
      2,
    )}\n`,
    ".gitignore": "node_modules/\ngenerated/\n",
  };
}
