import {
  ModuleKind,
  ModuleResolutionKind,
  Node,
  Project,
  SyntaxKind,
  type ImportSpecifierStructure,
  type OptionalKind,
  type SourceFile,
  type Statement,
} from "ts-morph";

const ROOT = "/runtime/";

/** Always there, and exported: without them an app can neither tell errors apart nor pack bits. */
const ALWAYS: readonly string[] = ["AttnError", "AttnErrorCode", "packBits"];

/** Exported beside a type that is used: what an app turns its values with into others and back. */
const WITH_TYPES: Readonly<Record<string, readonly string[]>> = { SelectedBits: ["selectedBits", "selectedUnits"] };

/**
 * The part of the runtime that `used` needs as the statements of one file: imports and exports are
 * gone, names that two files use, or that are taken already, are changed. The types of `used` stay
 * exported, since signatures of the generated functions mention them.
 *
 * @param sources the runtime's TypeScript by path; imports among them are relative
 * @param taken names of the file that the statements are put into
 */
export function inlineRuntime(
  sources: ReadonlyMap<string, string>,
  used: readonly OptionalKind<ImportSpecifierStructure>[],
  taken: readonly string[],
): string {
  const project = new Project({
    useInMemoryFileSystem: true,
    skipLoadingLibFiles: true,
    compilerOptions: { noLib: true, module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler },
  });
  for (const [path, text] of sources) project.createSourceFile(ROOT + path, text);
  const files = inOrder(project.getSourceFiles());
  const types = used.filter(({ isTypeOnly }) => isTypeOnly).map(({ name }) => name);
  const own = [...ALWAYS, ...types.flatMap((name) => WITH_TYPES[name] ?? [])];
  const exported = new Set([...own, ...types]);
  renameDeclarations(files, new Map(used.flatMap(({ name, alias }) => (alias === undefined ? [] : [[name, alias]]))), taken);
  const statements = reachable(files, [...own, ...used.map(({ name, alias }) => alias ?? name)]);
  return statements.map((statement) => withoutExport(statement, exported)).join("");
}

/** The files, each after those that it imports, so that constants are there before they are read. */
function inOrder(files: readonly SourceFile[]): readonly SourceFile[] {
  const done = new Set<SourceFile>();
  const order: SourceFile[] = [];
  const visit = (file: SourceFile): void => {
    if (done.has(file)) return;
    done.add(file);
    for (const each of file.getImportDeclarations()) {
      const target = each.getModuleSpecifierSourceFile();
      const renames = each.getNamedImports().some((specifier) => specifier.getAliasNode() !== undefined);
      if (target === undefined || renames || each.getDefaultImport() !== undefined || each.getNamespaceImport() !== undefined) {
        throw new Error(`${file.getFilePath()}: cannot inline \`${each.getText()}\``);
      }
      visit(target);
    }
    order.push(file);
  };
  for (const file of [...files].sort((a, b) => (a.getFilePath() < b.getFilePath() ? -1 : 1))) visit(file);
  return order;
}

type Declared = Node & { getName(): string | undefined };

/** The declarations that a statement at the top of a file makes. */
function declarationsOf(statement: Statement): readonly Declared[] {
  if (Node.isVariableStatement(statement)) return statement.getDeclarations();
  const declares =
    Node.isFunctionDeclaration(statement) ||
    Node.isClassDeclaration(statement) ||
    Node.isInterfaceDeclaration(statement) ||
    Node.isTypeAliasDeclaration(statement) ||
    Node.isEnumDeclaration(statement);
  return declares ? [statement] : [];
}

function renameDeclarations(files: readonly SourceFile[], wanted: ReadonlyMap<string, string>, taken: readonly string[]): void {
  const names = new Set([...taken, ...wanted.values()]);
  // A new name must not be that of anything else, local variables included.
  const everywhere = new Set(files.flatMap((file) => file.getDescendantsOfKind(SyntaxKind.Identifier).map((node) => node.getText())));
  for (const file of files) {
    for (const declaration of file.getStatements().flatMap(declarationsOf)) {
      const name = declaration.getName()!;
      let chosen = wanted.get(name) ?? name;
      for (let i = 2; chosen === name && names.has(chosen); i++) {
        if (!names.has(name + i) && !everywhere.has(name + i)) chosen = name + i;
      }
      names.add(chosen);
      if (chosen !== name)
        declaration
          .getFirstDescendantOrThrow((node) => Node.isIdentifier(node) && node.getText() === name)
          .asKindOrThrow(SyntaxKind.Identifier)
          .rename(chosen);
    }
  }
}

/** The statements that declare `roots` or what they mention, in the order of the files. */
function reachable(files: readonly SourceFile[], roots: readonly string[]): readonly Statement[] {
  const all = files.flatMap((file) => file.getStatements()).filter((statement) => declarationsOf(statement).length > 0);
  const declaring = new Map(all.flatMap((statement) => declarationsOf(statement).map((each) => [each.getName()!, statement] as const)));
  const needed = new Set<Statement>();
  const need = (name: string): void => {
    const statement = declaring.get(name);
    if (statement === undefined || needed.has(statement)) return;
    needed.add(statement);
    for (const identifier of statement.getDescendantsOfKind(SyntaxKind.Identifier)) {
      if (!isPropertyName(identifier)) need(identifier.getText());
    }
  };
  for (const root of roots) need(root);
  return all.filter((statement) => needed.has(statement));
}

/** Whether an identifier names a member and so refers to nothing at the top of a file. */
function isPropertyName(identifier: Node): boolean {
  const parent = identifier.getParent();
  if (Node.isPropertyAccessExpression(parent)) return parent.getNameNode() === identifier;
  const names =
    Node.isPropertyAssignment(parent) ||
    Node.isPropertySignature(parent) ||
    Node.isPropertyDeclaration(parent) ||
    Node.isMethodSignature(parent) ||
    Node.isMethodDeclaration(parent);
  return names && parent.getNameNode() === identifier;
}

/** The statement's text with its comments, and without `export` unless what it declares stays exported. */
function withoutExport(statement: Statement, exported: ReadonlySet<string>): string {
  const text = statement.getFullText();
  const keyword = Node.isModifierable(statement) ? statement.getFirstModifierByKind(SyntaxKind.ExportKeyword) : undefined;
  if (keyword === undefined || declarationsOf(statement).some((each) => exported.has(each.getName()!))) return text;
  const start = keyword.getStart() - statement.getPos();
  return text.slice(0, start) + text.slice(start + "export ".length);
}
