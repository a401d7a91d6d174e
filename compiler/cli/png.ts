import { PNG } from "pngjs";
import type { Raster } from "../picture/raster.js";

export function encodePng(picture: Raster): Uint8Array {
  const png = new PNG({ width: picture.width, height: picture.height });
  png.data.set(picture.data);
  return PNG.sync.write(png);
}
