import { expect, test } from "vitest";
import { readTar } from "../../../runtime/device/tar.js";

/** A header of the ustar format with the fields that matter here. */
function header(name: string, size: string, type = "0", prefix = ""): Uint8Array {
  const bytes = new Uint8Array(512);
  const put = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  put(0, name);
  put(124, size);
  put(156, type);
  put(257, "ustar");
  put(345, prefix);
  return bytes;
}

function archive(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return bytes;
}

const body = (text: string) => archive(new TextEncoder().encode(text), new Uint8Array(512 - text.length));

test("files are read by name, folders and links passed over", () => {
  const entries = readTar(
    archive(
      header("folder/", "00000000000", "5"),
      header("a", "00000000005"),
      body("hello"),
      header("l", "0", "2"),
      header("b", "2 ", "0", "deep/er"),
      body("hi"),
      new Uint8Array(1024),
    ),
  );
  expect(entries.map(({ name, data }) => [name, new TextDecoder().decode(data)])).toEqual([
    ["a", "hello"],
    ["deep/er/b", "hi"],
  ]);
});

test("a size that is no number and an archive cut off are errors", () => {
  expect(() => readTar(archive(header("a", "x")))).toThrow("unreadable size in the header at byte 0");
  expect(() => readTar(archive(header("a", "1000"), new Uint8Array(511)))).toThrow("ends inside the file at byte 0");
});
