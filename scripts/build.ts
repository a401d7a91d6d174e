/**
 * `npm run build`: compiles the library to `dist/` with tsc, and bundles the command line into
 * `dist/compiler/cli/` with esbuild. Bundled, a command reads a few files instead of hundreds, and only
 * what it needs: what takes longest to load stays outside, or in chunks of its own.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import { licenceNotices } from "./licence-notices.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const cli = "dist/compiler/cli";

/** Packages that are not bundled: large or native ones, which few commands load. */
const EXTERNAL = ["chokidar", "koffi", "pngjs", "prettier", "webgpu", "@sparticuz/chromium"];

/** Large CommonJS packages: `require` loads them faster than `import`, which first looks for their exports. */
const REQUIRED = ["ts-morph"];

/** Some bundled packages are CommonJS and want a `require`. */
const BANNER = `import { createRequire as attncCreateRequire } from "node:module";\nconst require = attncCreateRequire(import.meta.url);`;

const requireLarge: Plugin = {
  name: "require-large",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(${REQUIRED.join("|")})$`) }, ({ path, namespace }) => {
      return namespace === "required" ? { path, external: true } : { path, namespace: "required" };
    });
    onLoad({ filter: /.*/, namespace: "required" }, ({ path }) => ({ contents: `module.exports = require(${JSON.stringify(path)});` }));
  },
};

function compileLibrary(): void {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

async function bundleCommandLine(): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["compiler/cli/main.ts"],
    outdir: cli,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    external: EXTERNAL,
    plugins: [requireLarge],
    banner: { js: BANNER },
    // Their texts are in the notices.
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
  writeFileSync(join(root, cli, "THIRD_PARTY_NOTICES.txt"), licenceNotices(root, Object.keys(metafile.inputs)));
  chmodSync(join(root, cli, "main.js"), 0o755);
}

rmSync(join(root, "dist"), { recursive: true, force: true });
compileLibrary();
await bundleCommandLine();
