import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cachedFolder } from "../../../runtime/device/cache-folder.js";

let base = "";

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "attnc-test-"));
  vi.stubEnv("XDG_CACHE_HOME", base);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(base, { recursive: true });
});

const file = (name: string) => ({ name, data: new TextEncoder().encode(name) });

test("a folder is filled once and found afterwards", async () => {
  const fill = vi.fn(() => Promise.resolve([file("one"), file("two")]));
  const first = await cachedFolder("thing-1", fill);
  const second = await cachedFolder("thing-1", fill);
  expect(second).toBe(first);
  expect(fill).toHaveBeenCalledTimes(1);
  expect(await readFile(join(first, "two"), "utf8")).toBe("two");
});

test("many that fill it at once all get the one complete folder, and leave nothing behind", async () => {
  const fills = Array.from({ length: 8 }, () => cachedFolder("thing-2", () => Promise.resolve([file("one"), file("two")])));
  const folders = new Set(await Promise.all(fills));
  expect(folders.size).toBe(1);
  expect(await readdir(join(base, "attnc"))).toEqual(["thing-2"]);
  expect((await readdir([...folders][0]!)).sort()).toEqual(["one", "two"]);
});

test("what fails to be made leaves no folder", async () => {
  await expect(cachedFolder("thing-3", () => Promise.reject(new Error("no such package")))).rejects.toThrow("no such package");
  await expect(cachedFolder("thing-3", () => Promise.resolve([file("no/such/folder")]))).rejects.toThrow("ENOENT");
  expect(await readdir(join(base, "attnc"))).toEqual([]);
});

test("where the cache cannot be written, the folder is made among the temporary files", async () => {
  vi.stubEnv("XDG_CACHE_HOME", join(base, "missing", "deep"));
  vi.stubEnv("TMPDIR", base);
  const folder = await cachedFolder("thing-4", () => Promise.resolve([file("one")]));
  expect(folder).toBe(join(base, `attnc-${process.getuid!()}`, "thing-4"));
});
