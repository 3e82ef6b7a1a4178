/**
 * @file What happens to a decoded photo before it becomes a network input, as plain data, so that it can be sent to a
 * worker thread. Random choices are made by the caller and arrive as fractions: the same seed gives the same pixels
 * however many workers there are.
 */
import type { RgbImage } from "../base/image.js";
import { bilinear, resample } from "./image/resample.js";
import { type Box, crop, prepareImage, resizeShorterSide } from "./resize.js";

export type ImageRecipe =
  /** As decoded. */
  | { readonly kind: "whole" }
  /** Evaluation, and training of FIRe and HOW: {@link prepareImage}. */
  | { readonly kind: "thumbnail"; readonly imageSize: number; readonly box?: Box | null }
  /**
   * SOLAR: shorter side to `side`, bilinear, enlarging too; with `crop` (fractions in [0, 1) of the free room to the
   * right and below) a square of side × side, as its mining does.
   */
  | { readonly kind: "shorterSide"; readonly side: number; readonly crop?: readonly [x: number, y: number] }
  /** SOLAR's training tuples: a square as large as fits, at a fraction of the free room, then side × side, bilinear. */
  | { readonly kind: "square"; readonly side: number; readonly offset: number };

/** Applies a recipe; `flip` mirrors left and right afterwards. May return the given image itself. */
export function applyRecipe(image: RgbImage, recipe: ImageRecipe, flip = false): RgbImage {
  const out = bake(image, recipe);
  return flip ? flipHorizontal(out) : out;
}

function bake(image: RgbImage, recipe: ImageRecipe): RgbImage {
  switch (recipe.kind) {
    case "whole":
      return image;
    case "thumbnail":
      return prepareImage(image, recipe.imageSize, recipe.box);
    case "shorterSide": {
      const resized = resizeShorterSide(image, recipe.side);
      if (!recipe.crop) return resized;
      const left = place(resized.width - recipe.side, recipe.crop[0]);
      const top = place(resized.height - recipe.side, recipe.crop[1]);
      return crop(resized, [left, top, left + recipe.side, top + recipe.side]);
    }
    case "square": {
      const side = Math.min(image.width, image.height);
      const left = place(image.width - side, recipe.offset);
      const top = place(image.height - side, recipe.offset);
      return resample(crop(image, [left, top, left + side, top + side]), recipe.side, recipe.side, bilinear);
    }
  }
}

/** One of the room + 1 whole offsets, each equally likely for a uniform fraction. */
function place(room: number, fraction: number): number {
  return Math.min(room, Math.floor(fraction * (room + 1)));
}

/** Mirrors left and right. */
export function flipHorizontal(image: RgbImage): RgbImage {
  const { width, height, data } = image;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    const row = 3 * width * y;
    for (let x = 0, from = row + 3 * (width - 1), to = row; x < width; x++, from -= 3, to += 3) {
      out[to] = data[from];
      out[to + 1] = data[from + 1];
      out[to + 2] = data[from + 2];
    }
  }
  return { width, height, data: out };
}
