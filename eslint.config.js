import tseslint from "typescript-eslint";
import { rule } from "./scripts/lint/layers.js";

export default tseslint.config(
  {
    ignores: [
      ".cache/",
      "dist/",
      "node_modules/",
      "scratch/",
      "demo-output/",
      "examples/**/generated/",
      "test/golden/",
      "compiler/diagnostics/catalogue.ts",
    ],
  },
  ...tseslint.configs.recommended,
  {
    files: ["compiler/**/*.ts", "runtime/**/*.ts"],
    plugins: { attnc: { rules: { layers: rule } } },
    rules: { "attnc/layers": "error" },
  },
  {
    rules: {
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "max-lines": ["warn", { max: 420, skipBlankLines: true, skipComments: true }],
    },
  },
);
