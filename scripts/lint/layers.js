/**
 * The layers of the house: which folders a file may import from, and which third-party package is
 * used in which folder. A folder may always import from itself.
 */
export const layers = {
  "compiler/source": [],
  "compiler/diagnostics": ["compiler/source"],
  "compiler/syntax": ["compiler/source", "compiler/diagnostics"],
  "compiler/oracle": ["compiler/source", "compiler/syntax"],
  "compiler/semantics": ["compiler/source", "compiler/diagnostics", "compiler/syntax"],
  "compiler/mask": ["compiler/source", "compiler/diagnostics", "compiler/syntax", "compiler/semantics", "runtime/launch"],
  "compiler/tiles": ["compiler/mask"],
  "compiler/picture": ["compiler/mask", "compiler/tiles"],
  "compiler/schedule": ["compiler/mask", "compiler/tiles"],
  "compiler/program": ["compiler/mask", "compiler/tiles", "compiler/schedule"],
  "compiler/select": ["compiler/mask", "compiler/tiles", "compiler/schedule", "compiler/program", "runtime/launch"],
  "compiler/targets/print": ["compiler/mask", "compiler/tiles", "compiler/select", "runtime/launch"],
  "compiler/targets/wgsl": [
    "compiler/mask",
    "compiler/tiles",
    "compiler/schedule",
    "compiler/program",
    "compiler/select",
    "compiler/targets",
    "runtime/launch",
  ],
  "compiler/targets/cuda": [
    "compiler/mask",
    "compiler/tiles",
    "compiler/schedule",
    "compiler/program",
    "compiler/select",
    "compiler/targets/print",
    "runtime/launch",
    "runtime/cuda",
  ],
  "compiler/targets": [
    "compiler/mask",
    "compiler/tiles",
    "compiler/schedule",
    "compiler/program",
    "compiler/select",
    "runtime/launch",
    "runtime/cuda",
  ],
  "compiler/bindings": ["compiler/source", "compiler/mask", "compiler/select", "compiler/targets", "runtime/launch", "runtime/cuda"],
  "compiler/driver": [
    "compiler/source",
    "compiler/diagnostics",
    "compiler/syntax",
    "compiler/semantics",
    "compiler/mask",
    "compiler/tiles",
    "compiler/program",
    "compiler/select",
    "compiler/picture",
    "compiler/schedule",
    "compiler/targets",
    "compiler/bindings",
    "runtime/launch",
    "runtime/cuda",
  ],
  "compiler/cli": ["compiler", "runtime"],
  compiler: ["compiler"],
  "runtime/launch": [],
  "runtime/tensor": ["runtime/launch"],
  "runtime/cuda": ["runtime/launch"],
  "runtime/device": ["runtime/launch", "runtime/cuda"],
  "runtime/reference": ["runtime/launch"],
  "runtime/verify": ["runtime/reference", "runtime/launch", "runtime/cuda"],
  runtime: ["runtime"],
};

export const packages = {
  chevrotain: ["compiler/syntax"],
  "@babel/code-frame": ["compiler/diagnostics"],
  picocolors: ["compiler/diagnostics"],
  "ts-morph": ["compiler/bindings"],
  prettier: ["compiler/bindings"],
  commander: ["compiler/cli"],
  pngjs: ["compiler/cli"],
  chokidar: ["compiler/cli"],
  webgpu: ["runtime/device"],
  koffi: ["runtime/device"],
  "@sparticuz/chromium": ["runtime/device"],
};

/** Folders that may use what only Node has. */
export const nodeFolders = ["compiler/cli", "runtime/device"];

const inside = (folder, of) => folder === of || folder.startsWith(`${of}/`);

/** The longest key of the map that holds the folder. */
function layerOf(folder) {
  return Object.keys(layers)
    .filter((key) => inside(folder, key))
    .sort((a, b) => b.length - a.length)[0];
}

/** Why a file may not import something, or undefined where it may. */
export function forbidden(fromFile, specifier) {
  const folder = fromFile.split("/").slice(0, -1).join("/");
  const layer = layerOf(folder);
  if (!layer) return undefined;
  if (specifier.startsWith("node:")) {
    return nodeFolders.some((f) => inside(folder, f)) ? undefined : `${layer} runs in browsers: it may not import ${specifier}`;
  }
  if (specifier.startsWith(".")) {
    const target = new URL(specifier, `file:///${fromFile}`).pathname.slice(1);
    const targetFolder = target.split("/").slice(0, -1).join("/");
    if (inside(targetFolder, layer) || layers[layer].some((allowed) => inside(targetFolder, allowed))) return undefined;
    return `imports run downwards: ${layer} may not import from ${targetFolder}`;
  }
  const name = specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : specifier.split("/")[0];
  const homes = packages[name];
  if (!homes) return `${name} has no folder that it is imported in; add it to scripts/lint/layers.js`;
  return homes.some((home) => inside(folder, home)) ? undefined : `${name} is imported in ${homes.join(", ")} only`;
}

export const rule = {
  meta: { type: "problem", schema: [] },
  create(context) {
    const file = context.filename.slice(context.cwd.length + 1).replaceAll("\\", "/");
    const check = (node) => {
      if (typeof node?.value !== "string") return;
      const message = forbidden(file, node.value);
      if (message) context.report({ node, message });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
    };
  },
};
