import { chmod, lstat, mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/** A file to be put in a cache folder. */
export interface CachedFile {
  readonly name: string;
  readonly data: Uint8Array;
}

/** Makes a folder where its parent is there. Not `recursive`: Node never returns from that under /proc. */
async function ensureFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

/** A folder for caches that only this user can write: native code is loaded from it. */
async function cacheRoot(): Promise<string> {
  const base = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const root = join(base, "attnc");
  try {
    await ensureFolder(base);
    await ensureFolder(root);
    // A folder on a read-only disk exists and is still of no use.
    const probe = await mkdtemp(join(root, "probe-"));
    await rm(probe, { recursive: true });
    return root;
  } catch {
    const own = join(tmpdir(), `attnc-${userInfo().uid}`);
    await ensureFolder(own);
    const found = await lstat(own);
    const uid = process.getuid?.();
    // In a folder shared by all users somebody else may have made it first.
    if (!found.isDirectory() || (uid !== undefined && (found.uid !== uid || (found.mode & 0o022) !== 0))) {
      throw new Error(`${own} belongs to another user or can be written by others`);
    }
    return own;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (s) => s.isDirectory(),
    () => false,
  );
}

/**
 * The path of the cache folder `name`, filled by `fill` when it is not there yet. The folder appears
 * in one step, by a rename, so that a process that finds it finds it complete; of several processes
 * that fill it at once, one wins and the others take what it made.
 */
export async function cachedFolder(name: string, fill: () => Promise<readonly CachedFile[]>): Promise<string> {
  const root = await cacheRoot();
  const target = join(root, name);
  if (await isFolder(target)) return target;
  const files = await fill();
  const making = await mkdtemp(join(root, `${name}-`));
  try {
    for (const file of files) await writeFile(join(making, file.name), file.data, { mode: 0o755 });
    await chmod(making, 0o755);
    await rename(making, target);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    if (!(await isFolder(target))) throw error;
  }
  return target;
}
