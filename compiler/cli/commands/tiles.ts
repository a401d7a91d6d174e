import { countTiles, planTiles } from "../../tiles/plan.js";
import { envOf } from "../lengths.js";
import type { LengthFlags, ShapeFlags } from "../flags.js";
import { readInputs } from "../inputs.js";
import { print, printJson } from "../io.js";
import { oneOperator } from "../operators.js";
import { requireCall } from "../required.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";

export interface TilesFlags extends ShapeFlags, LengthFlags {
  readonly blockQ: number;
  readonly blockK: number;
  readonly input?: readonly string[];
  readonly format: "text" | "json";
}

/** `attnc tiles`: exact numbers of full, partial and empty tiles of each head. */
export function tiles(argument: string, flags: TilesFlags): ExitCode {
  const module = oneOperator(argument, flags);
  const bare = envOf(module, flags);
  requireCall(module, bare);
  const env = { ...bare, inputs: readInputs(module, bare, flags.input, flags.batch).maskInputs };
  const heads = countTiles(module, env, flags);
  // No form of this version needs a table: kernels compute bounds and classes themselves.
  const result = { version: 1, name: module.name, form: planTiles(module).form, tableBytes: 0, heads };
  if (flags.format === "json") printJson(result);
  else {
    print(
      `${module.name}: ${env.NQ} queries x ${env.N} keys in tiles of ${flags.blockQ} x ${flags.blockK}; form ${result.form}, table 0 bytes`,
    );
    print(["head", "full", "partial", "empty"].map((title) => title.padStart(9)).join(""));
    for (const h of heads) print([h.head, h.full, h.partial, h.empty].map((n) => String(n).padStart(9)).join(""));
  }
  return EXIT.ok;
}
