export { buildMasks, type MaskBuild } from "./build/build.js";
export type { MaskSettings } from "./build/settings.js";
export { maxLength, MAX_LENGTH } from "./bounds.js";
export { evaluateMask, evaluateScalars, headEvaluator, type BitsValue, type IdsValue, type InputValue, type MaskEnv } from "./evaluate.js";
export { printModule } from "./print.js";
export { simplifyModule } from "./simplify.js";
export { verifyMask } from "./verify.js";
