import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { printBranchedHeader } from "../../compiler/bindings/c/branched.js";
import { printHeader } from "../../compiler/bindings/c/header.js";
import { buildCudaFiles } from "../../compiler/driver/build-cuda.js";
import { compileCuda, compileCudaBranched } from "../../compiler/driver/cuda-source.js";
import { buildOperators, checkFile } from "../../compiler/driver/pipeline.js";
import type { Built } from "../../compiler/driver/pipeline.js";
import { memoryHost } from "../../compiler/semantics/host.js";
import { sourceFile } from "../../compiler/source/file.js";
import { folderWith } from "../cli/attnc.js";
import { emulatedLibraries } from "../cuda/driver.js";
import { withoutNvcc } from "../cuda/nvcc.js";
import { headerStructs } from "./c-program.js";

const MASKS = `/// Each query sees itself and the keys before it, "width" in all.
attention window(width: runtime = 24) {
  space  seq causal
  shape  heads: 4, kv_heads: 2, dim: 16
  attend q - k < width
}
attention documents {
  space  seq causal
  shape  heads: 2, kv_heads: 1, dim: 16
  input  doc : ids
  attend doc[q] == doc[k]
}
attention heads {
  space  seq causal
  shape  heads: 4, dim: 16
  table  span = csv("span.csv")
  attend q - k < span
}
attention inputs(lambda: runtime = 2) {
  space  seq causal
  shape  heads: 2, dim: 16
  phase  prefill, decode
  input  import : columns
  input  map : blocks(16, 16)
  input  lists : csr(8, 8)
  attend q - k < lambda | import | map | lists | phase == decode
}
attention curved {
  space  grid(y: 5, x: 9)
  shape  heads: 2, dim: 16
  layout curve(gilbert)
  attend abs(q.y - k.y) <= 1
}
attention chosen(n = 2) {
  space  seq causal
  shape  heads: 4, kv_heads: 2, dim: 16
  input  gate : scores(8, 8)
  select b {
    unit  q: block(8), k: block(8)
    score gate
    keep  top(n)
    force current
    reuse every 2 steps
  }
  attend b
}
attention mixed {
  space  seq causal
  shape  heads: 4, kv_heads: 2, dim: 16
  input  ck, cv : pooled(8, 8)
  input  g : gate(2)
  select b {
    unit  q: block(8), k: block(8)
    score dot(mean(q), mean(k))
    keep  top(2)
    force current
  }
  branch far { attend end(k) <= q from ck, cv }
  branch near { attend b }
  output g[0] * far + g[1] * near
}
`;

function operators(text: string): Pick<Built, "modules" | "branched"> {
  const host = memoryHost({ "span.csv": "3,5,7,40\n1,2,30,4\n" });
  const { modules, branched, diagnostics } = buildOperators(checkFile(sourceFile("masks.attn", text), host));
  if (modules.length === 0) throw new Error(diagnostics.map((d) => `${d.code} ${d.message}`).join("\n"));
  return { modules, branched };
}

const { modules, branched } = operators(MASKS);
const folder = folderWith({});
const options = { version: "0.0.0-test", source: "masks.attn", targets: ["torch"], headDims: [], dtypes: [] } as const;
const files = await buildCudaFiles(modules, options, branched);
for (const { name, text } of files) writeFileSync(join(folder, name), text);

const here = join(import.meta.dirname, "torch");
const python = process.env["ATTNC_TEST_PYTHON"] ?? "python3";
const has = (module: string): boolean => spawnSync(python, ["-c", `import ${module}`]).status === 0;

test("a whole file", async () => {
  const file = files.find(({ name }) => name === "masks_inputs.py")!;
  await expect(file.text).toMatchFileSnapshot("../golden/bindings/masks_inputs.py.txt");
});

const withoutGcc = spawnSync("gcc", ["--version"]).status !== 0;
const withoutPython = has("ast, ctypes") ? undefined : "python3 is not installed";

describe.skipIf(withoutPython)(`Python reads the files${withoutPython === undefined ? "" : ` (skipped: ${withoutPython})`}`, () => {
  test("they compile without a warning", () => {
    const paths = files.filter(({ name }) => name.endsWith(".py")).map(({ name }) => join(folder, name));
    const script = "import pathlib, sys\nfor path in sys.argv[1:]: compile(pathlib.Path(path).read_text(), path, 'exec')";
    const { status, stderr } = spawnSync(python, ["-W", "error", "-c", script, ...paths], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test.skipIf(withoutGcc)(
    `the structs are those of the header, byte for byte${withoutGcc ? " (skipped: gcc is not installed)" : ""}`,
    () => {
      const headers = [
        ...modules.map((mask) => {
          const { mask: typed, launch } = compileCuda(mask, options);
          return { name: mask.name, header: printHeader(typed, launch) };
        }),
        ...branched.map((mask) => ({ name: mask.name, header: printBranchedHeader(compileCudaBranched(mask, options)) })),
      ];
      for (const { name: operator, header } of headers) {
        const structs = headerStructs(header).map(({ name, fields }) => ({ name, fields: fields.map((field) => field.name) }));
        const prints = structs.flatMap(({ name, fields }) => [
          `printf("%zu", sizeof(${name}));`,
          ...fields.map((field) => `printf(" %zu", offsetof(${name}, ${field}));`),
          'printf("\\n");',
        ]);
        mkdirSync(join(folder, "include"), { recursive: true });
        writeFileSync(join(folder, "include", "cuda_runtime_api.h"), "typedef struct CUstream_st* cudaStream_t;\n");
        writeFileSync(join(folder, "offsets.c"), `${header}#include <stdio.h>\nint main(void) { ${prints.join("\n")} return 0; }\n`);
        const program = join(folder, "offsets");
        const made = spawnSync("gcc", ["-I", join(folder, "include"), "-o", program, join(folder, "offsets.c")], { encoding: "utf8" });
        expect(made.stderr).toBe("");
        const text = readFileSync(join(folder, `masks_${operator}.py`), "utf8");
        const definitions = text.slice(text.indexOf("class _Input"), text.indexOf("FUNCTIONS"));
        const script = `import ctypes\n${definitions}
for struct in (_Input, *([_Floats] if "_Floats" in globals() else []), _Call): print(ctypes.sizeof(struct), *(getattr(struct, name).offset for name, _ in struct._fields_))`;
        const found = spawnSync(python, ["-c", script], { encoding: "utf8" });
        expect(found.stdout).toBe(spawnSync(program, { encoding: "utf8" }).stdout);
        expect(found.stderr).toBe("");
      }
    },
  );
});

const libraries = emulatedLibraries();
const withoutRun = typeof libraries === "string" ? libraries : has("numpy") ? undefined : "numpy is not installed";

test.skipIf(withoutRun)(
  `operators run on the emulated device, and refuse what is wrong${withoutRun === undefined ? "" : ` (skipped: ${withoutRun})`}`,
  () => {
    const env = {
      ...process.env,
      PYTHONPATH: join(here, "stand-in"),
      PYTHONDONTWRITEBYTECODE: "1",
      ATTNC_NVCC: join(here, "nvcc"),
      ATTNC_CUDA_DRIVER: (libraries as { cuda: string }).cuda,
      XDG_CACHE_HOME: join(folder, "cache"),
    };
    const run = () => spawnSync(python, ["-W", "error", join(here, "run.py"), folder], { encoding: "utf8", env });
    const { status, stdout, stderr } = run();
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.match(/^close: /gm)).toHaveLength(15);
    expect(stdout.match(/^refused: /gm)).toHaveLength(24);
    // The second time, libraries are found: no compiler is needed but to say its version.
    expect(run().stdout).toBe(stdout);
  },
  300_000,
);

const withoutBuild = withoutNvcc ?? withoutPython;

test.skipIf(withoutBuild)(
  `nvcc makes the library that Python loads${withoutBuild === undefined ? "" : ` (skipped: ${withoutBuild})`}`,
  () => {
    // Without PyTorch, which only the tensors need.
    const script = `import sys, types
sys.modules["torch"] = types.ModuleType("torch")
text = open(sys.argv[1]).read()
text = text[:text.index("\\nNAME = ")] + 'NAME, SOURCE = "window", "masks.window.cu"\\n' + text[text.index("class _Input"):text.index("@torch.library")]
space = {"__file__": sys.argv[1]}
exec(text, space)
library = space["ctypes"].CDLL(space["_build"]("90a"))
library.attnc_window_defaults.restype = space["_Call"]
call = library.attnc_window_defaults()
print(call.heads, call.kv_heads, call.head_dim, call.width, library.attnc_window_launch(space["ctypes"].byref(call), None))
library.attnc_window_error.restype = space["ctypes"].c_char_p
print(library.attnc_window_error().decode())`;
    const env = { ...process.env, XDG_CACHE_HOME: join(folder, "nvcc-cache") };
    const { stdout, stderr } = spawnSync(python, ["-c", script, join(folder, "masks_window.py")], { encoding: "utf8", env });
    expect({ stdout, stderr }).toEqual({ stdout: "4 2 16 24 1\nqueries: expected at least 1, found 0\n", stderr: "" });
  },
  120_000,
);

const withoutTorch = has("torch") ? undefined : "PyTorch is not installed";

test.skipIf(withoutTorch)(
  `PyTorch itself takes the operators${withoutTorch === undefined ? "" : ` (skipped: ${withoutTorch})`}`,
  () => {
    const { status, stdout, stderr } = spawnSync(python, [join(here, "fake.py"), folder], { encoding: "utf8" });
    expect({ status, stderr, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining("all passed") });
  },
  300_000,
);
