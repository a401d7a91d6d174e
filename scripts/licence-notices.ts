import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The folder of the package that a bundled file is from, relative to the repository; undefined for our own. */
function packageFolder(file: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

function notice(root: string, folder: string): string {
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as {
    name: string;
    version: string;
    license?: string;
    author?: string | { name: string };
  };
  const texts = readdirSync(join(root, folder)).filter((name) => /^(licen[cs]e|notice)(\.|$)/i.test(name));
  const author = typeof manifest.author === "object" ? manifest.author.name : manifest.author;
  const said =
    texts.length > 0 ? "" : `\n\n${author === undefined ? "" : `Copyright ${author}. `}Its package has no licence text of its own.`;
  return [
    `${manifest.name} ${manifest.version} (${manifest.license ?? "no licence named"})${said}`,
    ...texts.sort().map((name) => readFileSync(join(root, folder, name), "utf8").trim()),
  ].join("\n\n");
}

/** The licences of all packages that the files of a bundle are from, in the order of their names. */
export function licenceNotices(root: string, files: readonly string[]): string {
  const folders = [...new Set(files.map(packageFolder))].filter(
    (folder) => folder !== undefined && existsSync(join(root, folder, "package.json")),
  );
  const notices = folders.sort().map((folder) => notice(root, folder!));
  return `The command line of attnc contains code of these packages.\n\n${notices.map((text) => `${"-".repeat(80)}\n${text}\n`).join("\n")}`;
}
