/** `npm run build`: compiles the library to `dist/` with tsc, and bundles the command line into `dist/compiler/cli/`. */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bundleCommandLine } from "./bundle.js";
import { licenceNotices } from "./licence-notices.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const cli = "dist/compiler/cli";

function compileLibrary(): void {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync(join(root, "dist"), { recursive: true, force: true });
compileLibrary();
const bundled = await bundleCommandLine(cli);
writeFileSync(join(root, cli, "THIRD_PARTY_NOTICES.txt"), licenceNotices(root, bundled));
