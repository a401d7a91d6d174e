import { sequenceFormulas } from "./formulas-sequence.js";
import { gridFormulas } from "./formulas-grid.js";
import { inputFormulas } from "./formulas-input.js";
import type { Formula } from "./formula.js";

export const formulas: readonly Formula[] = [...sequenceFormulas, ...gridFormulas, ...inputFormulas];
