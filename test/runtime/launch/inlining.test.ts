import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const folder = fileURLToPath(new URL("../../../runtime/launch", import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const sources = files.map((name) => ts.createSourceFile(name, readFileSync(join(folder, name), "utf8"), ts.ScriptTarget.ES2022, true));

test("no two files of the launcher declare the same name: standalone files hold them all in one scope", () => {
  const owners = new Map<string, string[]>();
  for (const source of sources) {
    const declare = (name: string) => owners.set(name, [...(owners.get(name) ?? []), source.fileName]);
    for (const statement of source.statements) {
      if (ts.isVariableStatement(statement)) {
        for (const { name } of statement.declarationList.declarations) declare(name.getText());
      } else if (
        ts.isFunctionDeclaration(statement) ||
        ts.isClassDeclaration(statement) ||
        ts.isInterfaceDeclaration(statement) ||
        ts.isTypeAliasDeclaration(statement)
      ) {
        declare(statement.name!.text);
      } else {
        expect(ts.isImportDeclaration(statement), `${source.fileName}: ${statement.getText()}`).toBe(true);
      }
    }
  }
  expect(owners.size).toBeGreaterThan(50);
  expect([...owners].filter(([, declaredIn]) => declaredIn.length > 1)).toEqual([]);
});

test("the launcher imports its own files only, by the names they declare", () => {
  for (const source of sources) {
    for (const statement of source.statements) {
      if (!ts.isImportDeclaration(statement)) continue;
      const from = (statement.moduleSpecifier as ts.StringLiteral).text;
      expect(from).toMatch(/^\.\.?\//);
      expect(files).toContain(normalize(join(dirname(source.fileName), from.replace(/\.js$/, ".ts"))));
      const named = statement.importClause?.namedBindings;
      expect(named !== undefined && ts.isNamedImports(named) && named.elements.every((element) => element.propertyName === undefined)).toBe(
        true,
      );
    }
  }
});
