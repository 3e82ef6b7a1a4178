/** @file What a set of rendered landmarks is asked to be, checked, and the hash that names it. */
import { UsageError } from "../../base/errors.js";
import { sha256 } from "../../base/hash.js";

/** Raised whenever the recipe changes the images: a resumed run must not mix two recipes. */
export const RECIPE = 1;

/** Everything that decides the images. */
export interface LandmarkParameters {
  /** Number of landmarks. */
  readonly landmarks: number;
  /** Database views of each. */
  readonly views: number;
  /** Further views of each that are queries. */
  readonly queriesPerLandmark: number;
  /** Single images of other landmarks, most of them in the style of one of the landmarks. */
  readonly distractors: number;
  /** Longer side of the images in pixels. */
  readonly size: number;
  readonly seed: number;
  /** Upper bound of the JPEG quality; each image draws its own from 25 below up to it. */
  readonly quality: number;
  /** Visibility samples a pixel, along each side. */
  readonly samples: number;
  /** Write the landmark's box for queries that show much around it, as the revisited benchmark does. */
  readonly boxes: boolean;
}

/** A demo set: small enough to render in a minute. */
export const DEFAULTS: LandmarkParameters = {
  landmarks: 12,
  views: 12,
  queriesPerLandmark: 2,
  distractors: 60,
  size: 320,
  seed: 1,
  quality: 92,
  samples: 2,
  boxes: true,
};

const RANGES: Readonly<Record<Exclude<keyof LandmarkParameters, "boxes">, readonly [number, number]>> = {
  landmarks: [1, 100_000],
  views: [1, 500],
  queriesPerLandmark: [0, 100],
  distractors: [0, 1_000_000],
  size: [32, 4096],
  seed: [0, 4294967295],
  quality: [30, 100],
  samples: [1, 4],
};

/** Fills in defaults and checks ranges. @throws UsageError naming the parameter, what is allowed and what was given */
export function checkParameters(given: Partial<LandmarkParameters>): LandmarkParameters {
  const defined = Object.fromEntries(Object.entries(given).filter(([key, v]) => v !== undefined && key in DEFAULTS));
  const all: LandmarkParameters = { ...DEFAULTS, ...defined };
  for (const key of Object.keys(RANGES) as (keyof typeof RANGES)[]) {
    const [low, high] = RANGES[key];
    const value = all[key];
    if (!Number.isInteger(value) || value < low || value > high)
      throw new UsageError(
        "BadOption",
        `landmarks: ${key} — expected a whole number from ${low} to ${high}, got ${value}`,
      );
  }
  return all;
}

/** Hash of the parameters and the recipe: two folders with the same hash hold the same images. */
export function parametersHash(p: LandmarkParameters): string {
  const ordered = Object.fromEntries(Object.entries(p).sort(([a], [b]) => (a < b ? -1 : 1)));
  return sha256(Buffer.from(JSON.stringify({ recipe: RECIPE, ...ordered })));
}
