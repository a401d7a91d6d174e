import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The executable of the npm package `deno`; its launcher in JavaScript does not pass signals on. */
export function findDeno(): string | undefined {
  const require = createRequire(import.meta.url);
  try {
    const own = createRequire(require.resolve("deno/package.json"));
    const executable = process.platform === "win32" ? "deno.exe" : "deno";
    const libc = process.platform === "linux" ? "-glibc" : "";
    const path = join(dirname(own.resolve(`@deno/${process.platform}-${process.arch}${libc}/package.json`)), executable);
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The manifest of lavapipe, Mesa's Vulkan driver for the CPU. Linux only. */
export function findLavapipe(): string | undefined {
  for (const folder of ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"]) {
    const name = existsSync(folder) ? readdirSync(folder).find((file) => /^lvp_icd.*\.json$/.test(file)) : undefined;
    if (name !== undefined) return join(folder, name);
  }
  return undefined;
}
