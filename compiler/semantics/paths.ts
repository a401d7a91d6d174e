/**
 * The path that `spec` means in the file `from`, with `.` and `..` taken out and `/` as separator.
 * A path that climbs above its start begins with `../`.
 */
export function joinPath(from: string, spec: string): string {
  const base = from.replaceAll("\\", "/").split("/").slice(0, -1);
  const rooted = from.startsWith("/");
  const parts: string[] = [];
  for (const part of [...base, ...spec.split("/")]) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts[parts.length - 1] !== "..") parts.pop();
    else parts.push(part);
  }
  return (rooted ? "/" : "") + parts.join("/");
}
