/** The most places of keys: kernels note four times a place in 32 bits, and may reach past the last by a tile. */
const MOST_PLACES = 2 ** 29 - 2048;

/** The most keys of a launch: each list of keys has as many places as there are keys, behind those of all keys. */
export const mostKeys = (lists: number): number => Math.floor(MOST_PLACES / (1 + lists));
