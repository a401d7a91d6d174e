import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const project = realpathSync(mkdtempSync(join(tmpdir(), "attnc-package-")));
afterAll(() => rmSync(project, { recursive: true, force: true }));

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;

function run(program: string, args: readonly string[], cwd: string): { code: number | null; stdout: string; stderr: string } {
  const path = `${join(project, "node_modules", ".bin")}:${process.env["PATH"]}`;
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8", env: { ...process.env, PATH: path } });
  return { code: status, stdout, stderr };
}

/** Whether some source is younger than what was built. */
function stale(): boolean {
  const built = join(root, "dist", "compiler", "index.js");
  if (!existsSync(built)) return true;
  const since = statSync(built).mtimeMs;
  return ["compiler", "runtime"].some((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).some(
      (name) => name.endsWith(".ts") && statSync(join(root, folder, name)).mtimeMs > since,
    ),
  );
}

let packed: readonly string[] = [];

beforeAll(() => {
  // `npm test` has built already.
  if (stale()) expect(run("npm", ["run", "--silent", "build"], root)).toMatchObject({ code: 0 });
  const { stdout } = run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], root);
  const [pack] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  packed = pack.files.map(({ path }) => path);

  // As npm installs it, with the dependencies linked: nothing is downloaded here.
  const home = join(project, "node_modules", "attnc");
  mkdirSync(home, { recursive: true });
  expect(run("tar", ["-xzf", join(project, pack.filename), "--strip-components=1", "-C", home], project).code).toBe(0);
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    const from = join(root, "node_modules", name);
    if (!existsSync(from)) continue;
    mkdirSync(dirname(join(project, "node_modules", name)), { recursive: true });
    symlinkSync(from, join(project, "node_modules", name));
  }
  mkdirSync(join(project, "node_modules", ".bin"));
  const main = join(home, "dist/compiler/cli/main.js");
  chmodSync(main, 0o755);
  symlinkSync(main, join(project, "node_modules", ".bin", "attnc"));
}, 180_000);

test("the package holds what it needs and nothing else", () => {
  const allowed = [
    /^dist\/(compiler|runtime)\/.*\.(js|d\.ts)$/,
    /^runtime\/launch\/.*\.ts$/,
    /^patterns\/[a-z_]+\.attn$/,
    /^patterns\/tables\/[a-z_]+\.(tsv|csv|json)$/,
    /^(README\.md|CHANGELOG\.md|LICENSE|package\.json)$/,
    // The pictures that the two READMEs show, and what they are made from.
    /^patterns\/(README\.md|rows\.json|pictures\.json|pictures\/[a-z0-9_]+\.svg)$/,
    // The licences of what the command line is bundled with.
    /^dist\/compiler\/cli\/THIRD_PARTY_NOTICES\.txt$/,
  ];
  expect(packed.filter((path) => !allowed.some((pattern) => pattern.test(path)))).toEqual([]);
  for (const needed of ["dist/compiler/cli/main.js", "dist/compiler/index.js", "dist/compiler/index.d.ts", "dist/runtime/index.js"])
    expect(packed).toContain(needed);
  for (const folder of ["patterns", "patterns/tables", "runtime/launch", "runtime/launch/prepare"]) {
    const files = readdirSync(join(root, folder), { withFileTypes: true }).filter((entry) => entry.isFile());
    for (const { name } of files) expect(packed).toContain(`${folder}/${name}`);
  }
});

test("the command line is bundled, with the licences of what is in it", () => {
  const files = packed.filter((path) => path.startsWith("dist/compiler/cli/"));
  expect(files.filter((path) => !/\/(main\.js|THIRD_PARTY_NOTICES\.txt|chunks\/[^/]+\.js)$/.test(path))).toEqual([]);
  const notices = readFileSync(join(root, "dist/compiler/cli/THIRD_PARTY_NOTICES.txt"), "utf8");
  expect(notices).toMatch(/^chevrotain 11[^]*Apache License[^]*^commander 14[^]*MIT License/m);
  expect(notices).not.toMatch(/no licence/);
});

test("every entry of the exports can be imported, with its types", () => {
  writeFileSync(
    join(project, "use.mts"),
    `import { check, compile, explain, format, generate } from "attnc";
import { AttnError, createAttention, readNpy, type AttentionModule } from "attnc/runtime";
import { openDevice, type OpenedDevice } from "attnc/device";
import { createCudaAttention, openCudaDevice, type CudaDevice } from "attnc/cuda";
const { operators, diagnostics } = compile("attention a {\\n  space  seq causal\\n  attend all\\n}\\n");
const launch: AttentionModule = operators[0]!.launch;
const opened: Promise<OpenedDevice> | undefined = undefined;
const open: () => Promise<CudaDevice> = openCudaDevice;
console.log([check, explain, format, generate, AttnError, createAttention, createCudaAttention, readNpy, openDevice, open].map((f) => typeof f).join());
console.log(diagnostics.length, launch.name, launch.variants.length, opened);
`,
  );
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  const options = [
    "--module",
    "nodenext",
    "--target",
    "es2022",
    "--strict",
    "--types",
    "@webgpu/types",
    "--typeRoots",
    join(root, "node_modules"),
  ];
  const compiled = run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...options, "use.mts"], project);
  expect(compiled).toMatchObject({ code: 0, stdout: "" });
  const { code, stdout } = run(process.execPath, ["use.mjs"], project);
  expect(stdout).toBe(`${Array(10).fill("function").join()}\n0 a 2 undefined\n`);
  expect(code).toBe(0);
});

test("a new project of the package checks, builds and verifies", () => {
  expect(run("attnc", ["init", "."], mkdirp("app"))).toMatchObject({ code: 0, stdout: "" });
  const app = join(project, "app");
  expect(run("attnc", ["check", "."], app)).toMatchObject({ code: 0, stderr: "no errors\n" });
  const verified = run("attnc", ["verify", "attention.attn", "--device", "interpreter", "--quick", "--head-dim", "8"], app);
  expect(verified.stdout).toMatch(/ok {3}sliding [^]*ok {3}sinks [^]*all 2 verified/);
  expect(verified.code).toBe(0);
  expect(run("attnc", ["build", "attention.attn", "--target", "wgsl", "--out", "generated", "--js", "--standalone"], app).code).toBe(0);
  const used = run(
    process.execPath,
    ["--input-type=module", "-e", 'console.log(Object.keys(await import("./generated/attention.attn.js")).join())'],
    app,
  );
  expect(used.stdout).toContain("createSliding");
});

function mkdirp(name: string): string {
  const folder = join(project, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
