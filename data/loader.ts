/** @file Photos in order, decoded and resized ahead of whoever consumes them. */
import { availableParallelism } from "node:os";
import { anything, checkOptions, orNull, whole } from "../base/check.js";
import { FireGpuError, UsageError } from "../base/errors.js";
import type { RgbImage } from "../base/image.js";
import type { DecodeOptions } from "./decode.js";
import { type ImageError, type ImageJob, imageErrorFrom, type PreparedImage } from "./image-job.js";
import { ImagePool } from "./loader-pool.js";
import type { ImageRecipe } from "./recipe.js";
import type { Box, Size } from "./resize.js";

/** One photo wanted. */
export interface ImageRequest {
  readonly path: string;
  /** Query box in pixels of the file's image; only with the default recipe. */
  readonly box?: Box | null;
  /** Instead of the default: longer side at most `imageSize`. */
  readonly recipe?: ImageRecipe;
  /** Mirror left and right. */
  readonly flip?: boolean;
}

export interface LoadOptions extends Pick<DecodeOptions, "truncated"> {
  /** Limit of the longer side in pixels; null keeps the photo as it is. */
  imageSize: number | null;
  /** Decoding threads: default one less than there are cores, at least 1; 0 decodes on the calling thread. */
  workers?: number;
  /** How many photos may be in work or waiting for the consumer: the bound on memory. Default twice the threads, plus 2. */
  ahead?: number;
}

/** Either `image` or `error` is there. */
export type LoadedImage = { readonly index: number; readonly path: string } & (
  | {
      readonly image: RgbImage;
      readonly original: Size;
      readonly notices: readonly string[];
      readonly error?: undefined;
    }
  | {
      readonly image?: undefined;
      readonly original?: undefined;
      readonly notices?: undefined;
      readonly error: ImageError;
    }
);

const LOAD_RULES = {
  imageSize: orNull(whole(1)),
  workers: anything,
  ahead: anything,
  truncated: anything,
};

/** One less than the cores, at least 1: the calling thread feeds the GPU. */
export function defaultWorkers(): number {
  return Math.max(1, availableParallelism() - 1);
}

/** Keeps its threads between passes over data, for training and for many small sets. Call `close()` at the end. */
export class ImageLoader {
  private readonly pool: ImagePool;
  private readonly onNotice: (line: string) => void;
  private readonly noticed = new Set<string>();

  /** @param options.onNotice is told once what is odd about a photo that is used all the same: half of it is missing */
  constructor(options: { workers?: number; onNotice?: (line: string) => void } = {}) {
    this.onNotice = options.onNotice ?? (() => {});
    const workers = options.workers ?? defaultWorkers();
    if (!(Number.isInteger(workers) && workers >= 0))
      throw new UsageError("Workers", `data: expected a whole number of workers, 0 or more, got ${workers}`);
    this.pool = new ImagePool(workers);
  }

  /**
   * Yields one result a request, in the order of the requests; at most `ahead` of them are in work or in memory.
   * A photo that cannot be used is a result with `error`: the caller throws it to stop, or goes on to skip it.
   */
  async *load(
    requests: Iterable<ImageRequest> | AsyncIterable<ImageRequest>,
    options: Omit<LoadOptions, "workers">,
  ): AsyncGenerator<LoadedImage, void, void> {
    checkOptions("loadImages", options, LOAD_RULES, ["imageSize"]);
    const ahead = options.ahead ?? 2 * this.pool.size + 2;
    if (!(Number.isInteger(ahead) && ahead >= 1))
      throw new UsageError("Ahead", `data: expected a whole number of images ahead, 1 or more, got ${ahead}`);
    const queue: { path: string; work: Promise<PreparedImage | ImageError> }[] = [];
    const source = iterate(requests);
    let exhausted = false;
    try {
      for (let index = 0; ; index++) {
        while (!exhausted && queue.length < ahead) {
          const next = await source.next();
          if (next.done) exhausted = true;
          else queue.push({ path: next.value.path, work: this.begin(jobOf(next.value, options)) });
        }
        const first = queue.shift();
        if (!first) return;
        const result = await first.work;
        if (result instanceof FireGpuError) yield { index, path: first.path, error: result };
        else {
          for (const line of result.notices) this.tell(line);
          yield { index, path: first.path, ...result };
        }
      }
    } finally {
      await source.return?.();
    }
  }

  /** Lets running jobs end and stops the threads. */
  close(): Promise<void> {
    return this.pool.close();
  }

  /** Passes a line on what is odd about a photo to `onNotice`, each line once. */
  tell(line: string): void {
    if (this.noticed.has(line)) return;
    this.noticed.add(line);
    this.onNotice(line);
  }

  /** Errors become values at once, so that a consumer who leaves early leaves no unhandled rejection behind. */
  private begin(job: ImageJob): Promise<PreparedImage | ImageError> {
    return this.pool.run(job).catch((e) => imageErrorFrom(job.path, e));
  }
}

/**
 * `for await (const { index, path, image, error } of loadImages(requests, { imageSize: 1024 })) …`: see
 * {@link ImageLoader.load}. The threads live as long as the loop, also when it is left by break or throw.
 */
export async function* loadImages(
  requests: Iterable<ImageRequest> | AsyncIterable<ImageRequest>,
  options: LoadOptions,
): AsyncGenerator<LoadedImage, void, void> {
  const loader = new ImageLoader(options);
  try {
    yield* loader.load(requests, options);
  } finally {
    await loader.close();
  }
}

function jobOf({ path, box, recipe, flip }: ImageRequest, options: Omit<LoadOptions, "workers">): ImageJob {
  if (recipe && box) throw new UsageError("ImageRequest", `data: ${path}: a request has a box or a recipe, not both`);
  return {
    path,
    recipe: recipe ?? defaultRecipe(options.imageSize, box ?? null, path),
    flip: flip ?? false,
    truncated: options.truncated ?? "accept",
  };
}

function defaultRecipe(imageSize: number | null, box: Box | null, path: string): ImageRecipe {
  if (imageSize !== null) return { kind: "thumbnail", imageSize, box };
  if (box) throw new UsageError("ImageRequest", `data: ${path}: a query box needs an image size`);
  return { kind: "whole" };
}

function iterate<T>(items: Iterable<T> | AsyncIterable<T>): AsyncIterator<T> | Iterator<T> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
}
