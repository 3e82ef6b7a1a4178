/**
 * @file Measuring within seconds what takes minutes: the same work on smaller photos, from which time and memory follow by
 * their pixels, as both are proportional to them in trunk, LIT and losses but for a part that does not depend on the photos.
 */
import type { RgbImage } from "../../base/image.js";
import { secondsSince } from "../evaluate/session.js";
import { type Progress, stopIfAsked } from "../progress.js";

/** One size that was tried. */
export interface Probe {
  /** Limit of the longer side. */
  readonly size: number;
  /** Of all photos that were given to `run` at once. */
  readonly pixels: number;
  /** Of the second run; during the first, kernels are compiled. */
  readonly seconds: number;
  /** What `bytes` said after both. */
  readonly bytes: number;
}

export interface ProbeOptions {
  /** For progress: what is measured. */
  readonly label: string;
  /** The size of the real work, tried last. */
  readonly fullSize: number;
  /** A third and larger size is not begun when it would probably take longer than this, in seconds. */
  readonly budget: number;
  readonly load: (size: number) => Promise<RgbImage[]>;
  readonly run: (images: readonly RgbImage[]) => Promise<unknown>;
  /** Memory that is read after each size. */
  readonly bytes?: () => number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Photos below this side tell little: the network's last maps are a handful of cells. */
const SMALLEST = 64;

/** A sixteenth, a quarter, a half of the full size, and all of it: far enough apart to tell pixels from what is always there. */
function sizesUpTo(full: number): number[] {
  const parts = [16, 4, 2].map((part) => Math.round(full / part));
  return [...parts.filter((size) => size >= SMALLEST), full];
}

/** Runs the work at growing sizes as far as the budget goes; at two where there are two. @throws what `load` and `run` throw; Interrupted */
export async function probe(options: ProbeOptions): Promise<Probe[]> {
  const { label, fullSize, budget, progress, signal, bytes = () => 0 } = options;
  const begin = performance.now();
  const probes: Probe[] = [];
  let last = { seconds: 0, pixels: 1 };
  for (const size of sizesUpTo(fullSize)) {
    const images = await options.load(size);
    const pixels = pixelsOf(images);
    const before = probes.at(-1);
    // two points make a line: what does not depend on the photos is not taken for what does
    if (before && probes.length > 1) {
      // compiling again, perhaps, and two runs
      const expected = last.seconds + 2 * before.seconds * (pixels / before.pixels - 1);
      if (secondsSince(begin) + expected > budget) break;
    }
    const stage = progress.stage(`${label}, ${size} pixels`, 2);
    try {
      const start = performance.now();
      await options.run(images);
      stopIfAsked(signal);
      stage.advance();
      const again = performance.now();
      await options.run(images);
      stopIfAsked(signal);
      stage.advance();
      probes.push({ size, pixels, seconds: secondsSince(again), bytes: bytes() });
      last = { seconds: secondsSince(start), pixels };
    } finally {
      stage.end();
    }
  }
  return probes;
}

/**
 * A value at `x` from those that were measured: on the line through the last two points, or where that would fall with x, or
 * there is but one, in proportion from `origin`.
 */
export function extrapolate(points: readonly { x: number; y: number }[], x: number, origin = 0): number {
  const [a, b] = points.slice(-2);
  const last = b ?? a;
  if (b && b.x > a.x && b.y >= a.y) {
    const slope = (b.y - a.y) / (b.x - a.x);
    // a negative part that does not depend on x is noise
    if (b.y - slope * b.x >= origin) return b.y + slope * (x - b.x);
  }
  return origin + ((last.y - origin) * x) / last.x;
}

/** Pixels of all of them together. */
export function pixelsOf(images: readonly { readonly width: number; readonly height: number }[]): number {
  return images.reduce((sum, { width, height }) => sum + width * height, 0);
}
