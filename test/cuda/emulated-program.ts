import koffi from "koffi";
import { emulatedLibraries } from "./driver.js";

/**
 * What nvcc does with a `.cu` file that holds kernels and their launch function: a shared object for the emulated
 * device, at `output`. `more` is a C or C++ file that is compiled with it. Throws with the compiler's log.
 */
export function compileProgram(source: string, architecture: string, output: string, more = ""): void {
  const libraries = emulatedLibraries();
  if (typeof libraries === "string") throw new Error(libraries);
  const library = koffi.load(libraries.cuda, { global: true });
  const compile = library.func("attnc_emulation_compile_program", "str", ["str", "str", "str", "str"]) as unknown as (
    source: string,
    architecture: string,
    output: string,
    more: string,
  ) => string;
  const log = compile(source, architecture, output, more);
  if (log !== "") throw new Error(log);
}
