import { commonPrimitives } from "./common.js";
import { sm80Primitives } from "./sm80.js";
import { sm90Primitives } from "./sm90.js";

/** The small functions that hold all PTX, by the architecture from which on they exist. */
export type PrimitiveSection = "common" | "sm80" | "sm90";

const order: readonly PrimitiveSection[] = ["common", "sm80", "sm90"];
/** What a section is written with. */
const needs: Readonly<Record<PrimitiveSection, readonly PrimitiveSection[]>> = {
  common: [],
  sm80: ["common"],
  sm90: ["common", "sm80"],
};

/**
 * C++ text of the sections, of those that they are written with, and of a way around them: a compiler that is told
 * ATTNC_PRIMITIVES reads that file in their place, which is how the same source runs elsewhere than on a GPU.
 * `widths` are those of the warpgroup products that the source uses, all of {@link wgmmaWidths} by default.
 */
export function printPrimitives(sections: readonly PrimitiveSection[], widths?: readonly number[]): string {
  const wanted = order.filter((section) => sections.some((s) => s === section || needs[s].includes(section)));
  const texts: Readonly<Record<PrimitiveSection, string>> = {
    common: commonPrimitives,
    sm80: sm80Primitives,
    sm90: sm90Primitives(widths),
  };
  return `#ifdef ATTNC_PRIMITIVES\n#include ATTNC_PRIMITIVES\n#else\n${wanted.map((section) => texts[section]).join("\n")}#endif\n`;
}

export { wgmmaWidths } from "./wgmma.js";
