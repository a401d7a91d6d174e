import { sourceFile } from "../../compiler/source/file.js";
import { parse } from "../../compiler/syntax/parser.js";
import { diagnosticGoldens } from "./goldens.js";

diagnosticGoldens("1", (files) => parse(sourceFile("input.attn", new TextDecoder().decode(files.get("input.attn")))).diagnostics);
