import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attnc, folderWith } from "./attnc.js";

test("init makes a project whose files the other commands take", async () => {
  const folder = folderWith({});
  const { code, stdout, stderr } = await attnc(folder, "init", "My App");
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toContain("made My App/attention.attn, My App/main.js, My App/package.json, My App/.gitignore\nnext:\n  cd My App\n");
  const project = join(folder, "My App");
  expect((await attnc(project, "check", ".")).code).toBe(0);
  expect((await attnc(project, "fmt", "--check", ".")).code).toBe(0);
  const { name, scripts, dependencies } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  expect(name).toBe("my-app");
  expect(dependencies!["attnc"]).toMatch(/^\^\d/);
  // What the scripts call is called here, each as it stands.
  for (const script of ["build", "draw"]) {
    const [program, ...args] = scripts![script]!.split(" ");
    expect(program).toBe("attnc");
    expect((await attnc(project, ...args)).code).toBe(0);
  }
  expect(readFileSync(join(project, "generated/attention.attn.js"), "utf8")).toContain("createSliding");
});

test("init overwrites nothing", async () => {
  const folder = folderWith({ "main.js": "mine" });
  const result = await attnc(folder, "init");
  expect(result).toMatchObject({ code: 2, stdout: "" });
  expect(result.stderr).toContain("cannot write main.js: it is there already");
  expect(readFileSync(join(folder, "main.js"), "utf8")).toBe("mine");
});
