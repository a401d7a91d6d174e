import { orderBytes } from "../../mask/layout/orders.js";
import { SUMMARY_TOKENS } from "../../tiles/expr.js";
import { countTiles, planTiles } from "../../tiles/plan.js";
import { envOf } from "../lengths.js";
import type { LengthFlags, ShapeFlags } from "../flags.js";
import { readInputs } from "../inputs.js";
import { print, printJson } from "../io.js";
import { oneOperator } from "../operators.js";
import { Progress } from "../progress.js";
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
  const env = { ...bare, inputs: readInputs(module, bare, flags.input, flags.batch, "mask").maskInputs };
  const progress = new Progress();
  const heads = countTiles(module, env, flags, (head, share) =>
    progress.update(`${module.name}: head ${head}, ${Math.floor(share * 100)}%`),
  );
  progress.done();
  // Kernels compute bounds and classes themselves; only a curve is a table.
  const tableBytes = orderBytes(module, SUMMARY_TOKENS);
  const result = { version: 1, name: module.name, form: planTiles(module).form, tableBytes, heads };
  if (flags.format === "json") printJson(result);
  else {
    print(
      `${module.name}: ${env.NQ} queries x ${env.N} keys in tiles of ${flags.blockQ} x ${flags.blockK}; form ${result.form}, table ${tableBytes} bytes`,
    );
    const rows = [["head", "full", "partial", "empty"], ...heads.map((h) => [h.head, h.full, h.partial, h.empty].map(String))];
    const width = Math.max(9, ...rows.flat().map((cell) => cell.length + 2));
    for (const row of rows) print(row.map((cell) => cell.padStart(width)).join(""));
  }
  return EXIT.ok;
}
