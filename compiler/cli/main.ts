#!/usr/bin/env node
import * as nodeModule from "node:module";

/** Keeps compiled code between runs, where Node can (22.8 and later): loading takes half of a short command's time. */
(nodeModule as { enableCompileCache?: () => unknown }).enableCompileCache?.();
// Only what is imported after that is kept.
const { start } = await import("./start.js");
start();
