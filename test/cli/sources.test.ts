import { chmodSync, readFileSync, readlinkSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attnc, BROKEN, folderWith, json, PACKED, SLIDING, TWO } from "./attnc.js";

const folder = folderWith({
  "two.attn": TWO,
  "packed.attn": PACKED,
  "parts.attn": "pattern band(w = 4) {\n  attend q - k < w\n}\n",
  "broken.attn": BROKEN,
  "many/a.attn": BROKEN,
  "many/deep/b.attn": BROKEN.replace("kk < 4", "(k < 4"),
  "many/fine.attn": SLIDING,
  "none/readme.txt": "",
});

test("check is silent on stdout where nothing is wrong", async () => {
  expect(await attnc(folder, "check", "two.attn", "parts.attn")).toEqual({ code: 0, stdout: "", stderr: "no errors\n" });
});

test("check shows the place and what to do", async () => {
  const { code, stdout } = await attnc(folder, "check", "broken.attn");
  expect(code).toBe(1);
  expect(stdout).toBe(`broken.attn:3:14: error ATTN2001: there is nothing called \`kk\` here
  2 |   space  seq causal
> 3 |   attend q - kk < 4
    |              ^^
  4 | }
  hint: declare it as a parameter, a \`let\`, an \`input\` or a \`table\`

1 error
`);
});

test("check goes through folders and past files that it cannot read", async () => {
  const { code, stdout } = await attnc(folder, "check", "many", "nowhere.attn", "none", "--format", "json");
  expect(code).toBe(2);
  const report = JSON.parse(stdout) as { diagnostics: { code: string; file: string | null }[] };
  expect(report.diagnostics.map((d) => `${d.code} ${d.file}`)).toEqual([
    "ATTN2001 many/a.attn",
    "ATTN1014 many/deep/b.attn",
    "ATTN6201 null",
    "ATTN6201 null",
  ]);
});

test("check as JSON has every field", async () => {
  expect(json(await attnc(folder, "check", "broken.attn", "--format", "json"))).toEqual({
    version: 1,
    diagnostics: [
      {
        code: "ATTN2001",
        severity: "error",
        message: "there is nothing called `kk` here",
        file: "broken.attn",
        start: { line: 3, column: 14, offset: 52 },
        end: { line: 3, column: 16, offset: 54 },
        hint: "declare it as a parameter, a `let`, an `input` or a `table`",
        labels: [],
      },
    ],
  });
  expect(json(await attnc(folder, "check", "two.attn", "--format", "json"))).toEqual({ version: 1, diagnostics: [] });
});

test("check for GitHub writes annotations", async () => {
  const { stdout } = await attnc(folder, "check", "broken.attn", "--format", "github");
  expect(stdout).toMatch(/^::error file=broken\.attn,line=3,col=14,endLine=3,endColumn=16,title=ATTN2001::there is nothing called `kk`/);
});

test("check takes one declaration, and says which there are", async () => {
  expect((await attnc(folder, "check", "two.attn#dense")).code).toBe(0);
  const { code, stdout } = await attnc(folder, "check", "two.attn#dence");
  expect(code).toBe(2);
  expect(stdout).toContain("did you mean two.attn#dense? it has sliding, dense");
});

test("fmt rewrites what is not in the layout, keeps permissions and links, and leaves the rest", async () => {
  const own = folderWith({ "a.attn": SLIDING.replaceAll("  ", " "), "b.attn": SLIDING, "broken.attn": "attention x {\n" });
  chmodSync(join(own, "a.attn"), 0o640);
  symlinkSync("a.attn", join(own, "link.attn"));
  const looked = await attnc(own, "fmt", "--check", "a.attn", "b.attn");
  expect(looked).toEqual({ code: 1, stdout: "", stderr: "a.attn is not formatted; run attnc fmt a.attn\n" });
  expect(readFileSync(join(own, "a.attn"), "utf8")).not.toBe(SLIDING);
  const { code, stderr } = await attnc(own, "fmt", "link.attn", "b.attn", "broken.attn");
  expect(code).toBe(1);
  expect(stderr).toContain("formatted link.attn\n");
  expect(stderr).toContain("broken.attn:1:14: error ATTN1014");
  expect(readFileSync(join(own, "a.attn"), "utf8")).toBe(SLIDING);
  expect(statSync(join(own, "a.attn")).mode & 0o777).toBe(0o640);
  expect(readlinkSync(join(own, "link.attn"))).toBe("a.attn");
  expect(await attnc(own, "fmt", "a.attn", "b.attn")).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("explain finds a code in any form", async () => {
  const { stdout } = await attnc(folder, "explain", "ATTN2001");
  expect(stdout).toMatch(/^# ATTN2001: /);
  for (const form of ["attn2001", "2001", "ATTN-2001"]) expect((await attnc(folder, "explain", form)).stdout).toBe(stdout);
});

test.each([
  ["ATTN2901", "did you mean ATTN2001?"],
  ["windows", "the argument is windows; expected FILE#NAME, or the code of a diagnostic"],
  ["two.attn#dense", "dense works at any length; say which"],
])("explain %s", async (code, words) => {
  const result = await attnc(folder, "explain", code);
  expect(result).toMatchObject({ code: 2, stdout: "" });
  expect(result.stderr).toContain(words);
});
