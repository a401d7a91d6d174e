import { NagaError, parseWgsl, validate } from "naga-wasm";

/** What naga has against a shader; undefined where nothing. */
export function nagaProblem(wgsl: string): string | undefined {
  try {
    validate(parseWgsl(wgsl));
    return undefined;
  } catch (error) {
    if (error instanceof NagaError) return error.formatted;
    throw error;
  }
}
