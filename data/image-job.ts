/** @file One photo's way from file to finished pixels: the job that worker threads do, and its failure. */
import { FireGpuError } from "../base/errors.js";
import type { RgbImage } from "../base/image.js";
import { type DecodeOptions, readImage } from "./decode.js";
import { applyRecipe, type ImageRecipe } from "./recipe.js";
import type { Size } from "./resize.js";

/** Plain data: it crosses threads. */
export interface ImageJob {
  readonly path: string;
  readonly recipe: ImageRecipe;
  readonly flip: boolean;
  readonly truncated: NonNullable<DecodeOptions["truncated"]>;
}

export interface PreparedImage {
  /** After the recipe; the pixels are nobody else's. */
  readonly image: RgbImage;
  /** Size in the file. */
  readonly original: Size;
  /** What is odd about the photo, with its name: a part is missing, it is tiny. */
  readonly notices: readonly string[];
}

/**
 * Why one photo could not be used. `code` says what kind of failure it was (ImageMissing, MalformedFile, Truncated,
 * UnsupportedFeature, EmptyBox, ImageWorkerLost), the message names the file and the reason.
 */
export class ImageError extends FireGpuError {
  override readonly exitCode: number;
  constructor(
    code: string,
    /** Path of the photo. */
    readonly file: string,
    message: string,
    exitCode: number,
  ) {
    super(code, message);
    this.exitCode = exitCode;
  }

  /** Any failure of the job, with the path in front unless the message begins with it. */
  static from(file: string, cause: unknown): ImageError {
    const message = cause instanceof Error ? cause.message : String(cause);
    const named = message.startsWith(file) ? message : `${file}: ${message}`;
    if (cause instanceof FireGpuError) return new ImageError(cause.code, file, named, cause.exitCode);
    return new ImageError("ImageFailed", file, named, 1);
  }
}

/** Networks look at patches of 16 and 32 pixels: what has not even one is said to be tiny. */
const TINY = 16;

/** Reads, decodes and resizes. @throws what readImage and applyRecipe throw. */
export async function runImageJob(job: ImageJob): Promise<PreparedImage> {
  const notices: string[] = [];
  const onNotice = (line: string) => void notices.push(line);
  const decoded = await readImage(job.path, { truncated: job.truncated, onNotice });
  if (Math.max(decoded.width, decoded.height) < TINY)
    notices.push(`${job.path}: a photo of ${decoded.width} × ${decoded.height} pixels has hardly anything to describe`);
  const image = applyRecipe(decoded, job.recipe, job.flip);
  const original = { width: decoded.width, height: decoded.height };
  // The decoder's memory belongs to the native library and cannot move to another thread: Node 20 copies it then, later
  // versions refuse.
  return { image: image === decoded ? { ...image, data: image.data.slice() } : image, original, notices };
}
