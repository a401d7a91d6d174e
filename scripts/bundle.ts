import { chmodSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

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

/**
 * Bundles the command line into a folder, which must lie in this one: `main.js`, and chunks beside it. Bundled, a
 * command reads a few files instead of hundreds, and only what it needs: what takes longest to load stays outside, or
 * in chunks of its own. Returns the paths of the files that went in.
 */
export async function bundleCommandLine(outdir: string): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["compiler/cli/main.ts"],
    outdir,
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
  chmodSync(join(root, outdir, "main.js"), 0o755);
  return Object.keys(metafile.inputs);
}
