/**
 * Grids for the emulated device, in the place of the library's own, which are images and videos of 1000 tokens and more:
 * as a time of a case goes with pairs, those were half of the time of all operators. Sides are unequal, so that axes that
 * are taken for each other show; there are several tiles of queries and of keys, the last ones short; windows end at
 * borders and inside; and all queries of a case are run, of 1000 tokens only the last ones were.
 */
export const smallGrids: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  axial: { height: 12, width: 20 },
  axial_causal: { height: 12, width: 20 },
  halo_2d: { height: 16, width: 24 },
  grid_blocks: { height: 14, width: 21 },
  shifted_windows: { height: 16, width: 24 },
  proxies_mix: { frames: 3, height: 8, width: 12 },
  proxies_spread: { frames: 3, height: 8, width: 12 },
  pixel_window: { height: 12, width: 20 },
  grat_criss_cross: { frames: 4, height: 6, width: 12, words: 20 },
  grat_surrounding: { frames: 6, height: 4, width: 12, words: 20 },
  visual_radius: { height: 12, width: 18, words: 20 },
  neighborhood_1d: { length: 300, window: 48 },
  neighborhood_1d_causal: { length: 300, window: 48 },
  neighborhood_2d: { height: 14, width: 20 },
  neighborhood_2d_text: { height: 12, width: 18, words: 20 },
  neighborhood_3d: { frames: 5, height: 6, width: 12 },
  neighborhood_3d_causal_time: { frames: 5, height: 6, width: 12 },
  gna_hunyuan: {
    ...{ frames: 6, height: 8, width: 16, window_t: 4, window_y: 4, window_x: 6, stride_t: 2, stride_y: 2, stride_x: 3 },
    ...{ tile_t: 2, tile_y: 4, tile_x: 8 },
  },
};
