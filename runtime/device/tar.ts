/** A file of a tar archive. */
export interface TarEntry {
  readonly name: string;
  readonly data: Uint8Array;
}

const BLOCK = 512;

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * The regular files of an archive in the ustar format (names up to 255 bytes). Links, folders and
 * extended headers are passed over. Throws where a size is unreadable or the archive ends inside a file.
 */
export function readTar(archive: Uint8Array): TarEntry[] {
  const entries: TarEntry[] = [];
  for (let at = 0; at + BLOCK <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    const size = Number.parseInt(text(header.subarray(124, 136)).trim(), 8);
    if (!Number.isSafeInteger(size) || size < 0) throw new Error(`unreadable size in the header at byte ${at}`);
    const start = at + BLOCK;
    if (start + size > archive.length) throw new Error(`the archive ends inside the file at byte ${at}`);
    const type = header[156];
    if (type === 0 || type === 0x30) {
      const prefix = text(header.subarray(257, 262)) === "ustar" ? text(header.subarray(345, 500)) : "";
      const name = text(header.subarray(0, 100));
      entries.push({ name: prefix === "" ? name : `${prefix}/${name}`, data: archive.subarray(start, start + size) });
    }
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return entries;
}
