import { expect } from "vitest";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.js";
import { buildMasks, headEvaluator, type InputValue } from "../../compiler/mask/index.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { oracleMask, type OracleInput, type OracleLaunch, type OracleProgram } from "../../compiler/oracle/oracle.js";
import { analyze } from "../../compiler/semantics/index.js";
import { libraryHost, parseFile } from "../patterns/library.js";

/** The mask as the compiler builds it; throws where it reports an error. */
export function compiledModule(
  program: OracleProgram,
  name: string,
  launch: OracleLaunch,
  files: Readonly<Record<string, string>> = {},
): MaskModule {
  const { source } = program.entry;
  const { model, diagnostics } = analyze(source, parseFile(source), libraryHost(files));
  refuse(diagnostics);
  const own = new Set(model.attentions.find((each) => each.name === name)?.params.map((param) => param.name));
  const params = Object.fromEntries(Object.entries(launch.params ?? {}).filter(([param]) => own.has(param)));
  const built = buildMasks(model, name, { params, shape: { heads: launch.heads, kvHeads: launch.kvHeads } });
  refuse(built.diagnostics);
  return built.modules[0]!;
}

function refuse(diagnostics: readonly Diagnostic[]): void {
  const errors = diagnostics.filter((each) => each.severity === "error");
  if (errors.length > 0) throw new Error(errors.map((each) => `${each.code} ${each.message}`).join("; "));
}

/** Compares the compiler's mask with the oracle's, pair by pair. */
export function expectAgreement(
  program: OracleProgram,
  name: string,
  launch: OracleLaunch,
  batch = 1,
  files?: Readonly<Record<string, string>>,
): void {
  const module = compiledModule(program, name, launch, files);
  const { N, NQ, heads, kvHeads, layer, layers, step, steps, inputs } = launch;
  const params = { ...Object.fromEntries(module.params.map((param) => [param.name, param.default ?? 0])), ...launch.params } as Record<
    string,
    number
  >;
  const phase = launch.phase === undefined ? undefined : module.phases.indexOf(launch.phase);
  const values = Object.fromEntries(module.inputs.map((input) => [input.name, inputValue(input.kind, inputs![input.name]!, launch)]));
  const env = { N, NQ, heads, kvHeads, layer, layers, step, steps, phase, params, inputs: values };
  const oracle = oracleMask(program, name, launch);
  const first = module.space.kind === "cross" ? 0 : N - NQ;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const built = headEvaluator(module, env, b, h);
      for (let q = first; q < first + NQ; q++) {
        for (let k = 0; k < N; k++) {
          if (built(q, k) !== oracle(b, h, q, k)) {
            expect.fail(`${name}: batch ${b} head ${h} query ${q} key ${k} of ${N}, layer ${layer}: the oracle says ${oracle(b, h, q, k)}`);
          }
        }
      }
    }
  }
}

/** The mask IR takes all inputs but ids as bits. */
function inputValue(kind: string, input: OracleInput, { N }: OracleLaunch): InputValue {
  switch (input.kind) {
    case "ids":
      return { kind: "ids", batch: input.shape[0], length: input.shape[1], data: Int32Array.from(input.data) };
    case "order":
      return { kind: "ids", batch: input.shape[0], heads: input.shape[1], length: input.shape[2], data: Int32Array.from(input.data) };
    case "bits": {
      const [batch, heads, rows, columns] = input.shape;
      return { kind: "bits", batch, heads, rows, columns, data: Uint8Array.from(input.data) };
    }
    case "list": {
      const [batch, heads, length] = input.shape;
      const [columns, shift] = kind === "columns" ? [N, 0] : [2 * N - 1, N - 1];
      const data = new Uint8Array(batch * heads * columns);
      for (let i = 0; i < input.data.length; i++) {
        const column = input.data[i]! + shift;
        if (column >= 0 && column < columns) data[Math.floor(i / length) * columns + column] = 1;
      }
      return { kind: "bits", batch, heads, rows: 1, columns, data };
    }
    case "csr": {
      const { lists } = input;
      const [batch, heads, rows] = [lists.length, lists[0]!.length, lists[0]![0]!.length];
      const columns = 1 + Math.max(0, ...lists.flat(2).flatMap((list) => Array.from(list)));
      const data = new Uint8Array(batch * heads * rows * columns);
      lists.flat(2).forEach((list, row) => Array.from(list).forEach((column) => (data[row * columns + column] = 1)));
      return { kind: "bits", batch, heads, rows, columns, data };
    }
    case "floats":
      throw new Error("no mask reads floats");
  }
}
