/** Flags of the WebGPU standard, as numbers: not every host has them as globals. */
export const USAGE_MAP_READ = 0x1;
export const USAGE_COPY_SRC = 0x4;
export const USAGE_COPY_DST = 0x8;
export const USAGE_UNIFORM = 0x40;
export const USAGE_STORAGE = 0x80;
export const USAGE_INDIRECT = 0x100;
export const STAGE_COMPUTE = 0x4;
export const MODE_READ = 0x1;
