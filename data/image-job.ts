/** @file One photo's way from file to finished pixels: the job that worker threads do, and its failure. */
import {
  type FileFailure,
  FileFormatError,
  FireGpuError,
  MissingDataError,
  NumericError,
  UsageError,
} from "../base/errors.js";
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
 * Why one photo could not be used: the documented class of what went wrong (MissingDataError, FileFormatError, UsageError, …), with
 * its `code`, and the photo's path as `file`.
 */
export type ImageError = FireGpuError & { readonly file: string };

/** The error from its parts, as threads and logs of skipped photos hand them on. @param message with the path in front */
export function imageError(code: string, file: string, message: string, exitCode: number): ImageError {
  if (exitCode === 3) {
    // the class puts path and kind around the text itself
    const text = message.slice(message.startsWith(`${file}: `) ? file.length + 2 : 0);
    const kind = ` [${code}]`;
    return new FileFormatError(code as FileFailure, file, text.endsWith(kind) ? text.slice(0, -kind.length) : text);
  }
  const Class = CLASSES[exitCode] ?? FireGpuError;
  return Object.assign(new Class(code, message), { file });
}

/** By exit code: a new class of base/errors.ts that a photo can meet has its row here. */
const CLASSES: Readonly<Record<number, new (code: string, message: string) => FireGpuError>> = {
  2: UsageError,
  4: MissingDataError,
  6: NumericError,
};

/** Any failure of the job, with the path in front unless the message begins with it. */
export function imageErrorFrom(file: string, cause: unknown): ImageError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const named = message.startsWith(file) ? message : `${file}: ${message}`;
  if (cause instanceof FireGpuError) return imageError(cause.code, file, named, cause.exitCode);
  return imageError("ImageFailed", file, named, 1);
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
