import { cores } from "./cores/family.js";
import { mma } from "./mma/family.js";
import { wgmma } from "./wgmma/family.js";
import type { Family } from "./family.js";

/** All families, best first. */
export const FAMILIES: readonly Family[] = [wgmma, mma, cores];
