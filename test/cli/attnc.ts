import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, vi } from "vitest";
import { runCommandLine } from "../../compiler/cli/command-line.js";

/** What a command line gave. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of its own with these files in it, taken away after the tests of the file. */
export function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "attnc-cli-")));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a command line in this process, as the program does, with a folder as the working one. */
export async function attnc(folder: string, ...args: readonly string[]): Promise<Result> {
  const written = { stdout: "", stderr: "" };
  const decoder = new TextDecoder("latin1");
  const capture = (name: "stdout" | "stderr") =>
    vi.spyOn(process[name], "write").mockImplementation((piece: string | Uint8Array) => {
      written[name] += typeof piece === "string" ? piece : decoder.decode(piece);
      return true;
    });
  const spies = [capture("stdout"), capture("stderr")];
  const before = process.cwd();
  process.chdir(folder);
  try {
    return { code: await runCommandLine(args), ...written };
  } finally {
    process.chdir(before);
    for (const spy of spies) spy.mockRestore();
  }
}

/** The one JSON text that a command printed. */
export function json(result: Result): unknown {
  return JSON.parse(result.stdout);
}

export const SLIDING = `/// A sliding window.
attention sliding(window = 4) {
  space  seq causal
  attend q - k < window
}
`;

export const TWO = `${SLIDING}
attention dense {
  space  seq full
  attend all
}
`;

export const PACKED = `attention packed(reach: runtime = 100) {
  space  seq causal
  input  doc : ids
  attend doc[q] == doc[k] & q - k < reach
}
`;

export const BROKEN = `attention broken {
  space  seq causal
  attend q - kk < 4
}
`;
