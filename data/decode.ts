/**
 * @file Photo file to RGB8, sample for sample what Pillow's `Image.open(f).convert("RGB")` gives (docs/images.md):
 * no EXIF rotation (TIFF apart, which Pillow does rotate), no colour profile, alpha dropped, 16-bit grey saturated,
 * 16-bit colour cut to its high byte. The samples come from sharp; where its own conversions differ they are asked
 * for unconverted and converted here.
 */

import sharp, { type Metadata, type SharpOptions } from "sharp";
import { byteArray, checkArgument } from "../base/check.js";
import { FileFormatError, FireGpuError } from "../base/errors.js";
import type { RgbImage } from "../base/image.js";
import { readRegularAsync } from "../base/regular-file.js";
import { cmykToRgb, dropAlpha, grey16ToRgb, greyToRgb } from "./image/colour.js";
import { MAX_PHOTO_BYTES, requireSize } from "./image/limits.js";
import { otherKind } from "./image/other-kinds.js";
import { completePng } from "./image/repair-png.js";
import { describeHead, type ImageFormat, sniffImage } from "./image/sniff.js";
import { planTiff } from "./image/tiff.js";
import { joinTiles, orient, ycbcrToRgb } from "./image/tiff-pixels.js";

// Images are decoded side by side, so one thread each is best; a photo is rarely decoded twice in a row.
sharp.concurrency(1);
sharp.cache(false);

export interface DecodeOptions {
  /**
   * What to do with a file that ends too early. "accept" (default) keeps what was decoded, the rest is what the decoder
   * leaves there (grey in a JPEG, black in a PNG), as HOW's evaluation and SOLAR do; "refuse" raises, as the bare
   * cirtorch loader does.
   */
  truncated?: "accept" | "refuse";
  /** Told in words, with the file's name, when a photo is used although a part of it is missing or damaged. */
  onNotice?: (line: string) => void;
}

/** Reads and decodes one file. @throws MissingDataError when it cannot be read, FileFormatError when
 * it is no regular file, else as {@link decodeImage}. */
export async function readImage(path: string, options: DecodeOptions = {}): Promise<RgbImage> {
  return decodeImage(await readRegularAsync(path, { code: "ImageMissing", limit: MAX_PHOTO_BYTES }), path, options);
}

/**
 * Width and height of a photo as {@link readImage} gives it, from its header. @throws as readImage, for what a header shows
 */
export async function readImageSize(path: string): Promise<{ width: number; height: number }> {
  const bytes = await readRegularAsync(path, { code: "ImageMissing", limit: MAX_PHOTO_BYTES });
  const format = requireFormat(bytes, path);
  try {
    if (format !== "tiff") {
      const { width, height } = await headerOf(bytes);
      return { width, height };
    }
    const { width, height, orientation } = planTiff(bytes, path);
    return orientation >= 5 ? { width: height, height: width } : { width, height };
  } catch (cause) {
    throw undecodable(cause, format, path);
  }
}

/**
 * Decodes a JPEG, PNG, WebP or TIFF (the first page), recognised by content.
 * @param file name for messages only
 * @throws FileFormatError UnsupportedFeature (another format or sample type, too many pixels), Truncated (nothing of the
 *   picture is there, or anything is missing and that is to be refused), MalformedFile (nothing to be decoded).
 */
export async function decodeImage(bytes: Uint8Array, file: string, options: DecodeOptions = {}): Promise<RgbImage> {
  checkArgument("decodeImage: bytes", bytes, byteArray);
  const format = requireFormat(bytes, file);
  try {
    return format === "tiff" ? await decodeTiff(bytes, file, options) : await decodeOther(format, bytes, file, options);
  } catch (cause) {
    throw undecodable(cause, format, file);
  }
}

function undecodable(cause: unknown, format: ImageFormat, file: string): Error {
  if (cause instanceof FireGpuError) return cause;
  const detail = `cannot decode this ${format.toUpperCase()}: ${reasonOf(cause)}`;
  return new FileFormatError("MalformedFile", file, detail, { cause });
}

/** @throws FileFormatError UnsupportedFeature naming what the file is instead */
export function requireFormat(head: Uint8Array, file: string): ImageFormat {
  const format = sniffImage(head);
  if (format) return format;
  const kind = otherKind(head);
  const got = kind ? `got ${kind}; convert it to one of these` : describeHead(head);
  throw new FileFormatError("UnsupportedFeature", file, `expected a JPEG, PNG, WebP or TIFF image, ${got}`);
}

async function decodeOther(
  format: Exclude<ImageFormat, "tiff">,
  bytes: Uint8Array,
  file: string,
  options: DecodeOptions,
): Promise<RgbImage> {
  const { width, height, bits } = await headerOf(bytes);
  requireSize(width, height, bits, bytes.length, file);
  const refuse = options.truncated === "refuse";
  const completed = format === "png" && !refuse ? completePng(bytes, file) : null;
  if (completed) {
    const image = await decodePixels(format, completed, file, "none");
    options.onNotice?.(`${file}: this PNG ends too early; what is missing is black`);
    return image;
  }
  try {
    // libjpeg only warns where scans end too early; libpng warns of profiles and chunks that do not matter.
    return await decodePixels(format, bytes, file, format === "jpeg" && !refuse ? "warning" : "error");
  } catch (cause) {
    if (cause instanceof FileFormatError) throw cause;
    const image = await decodePixels(format, bytes, file, "none");
    const reason = `this ${format.toUpperCase()} ends too early or is damaged: ${reasonOf(cause)}`;
    // A warning about metadata.
    if (format === "jpeg" && !refuse && !reason.includes("VipsJpeg")) return image;
    if (refuse) throw new FileFormatError("Truncated", file, reason, { cause });
    if (isHardlyThere(image, format === "jpeg" ? 128 : 0))
      throw new FileFormatError("Truncated", file, `nothing of the picture can be decoded; ${reason}`, { cause });
    options.onNotice?.(`${file}: ${reason}; it is used as far as it can be decoded`);
    return image;
  }
}

/** Damage is never passed over: libtiff leaves black whatever it cannot decode, which Pillow refuses too. */
async function decodeTiff(bytes: Uint8Array, file: string, options: DecodeOptions): Promise<RgbImage> {
  const plan = planTiff(bytes, file);
  const { width, height, ycbcr, tiles } = plan;
  requireSize(width, height, plan.bitsPerPixel, bytes.length, file);
  requireSize(plan.decoded.width, plan.decoded.height, plan.decoded.bitsPerPixel, bytes.length, file);
  if (plan.truncated) {
    if (options.truncated === "refuse") throw new FileFormatError("Truncated", file, "this TIFF ends too early");
    options.onNotice?.(`${file}: this TIFF ends too early; what is missing is black`);
  }
  const wrapped = plan.wrap();
  if (ycbcr) {
    // Three samples a pixel, or with shared chroma bytes that pass for a grey picture.
    const space = plan.decoded.bitsPerPixel === 8 ? "b-w" : "srgb";
    const data = await sharp(wrapped, sourceOptions("warning")).toColourspace(space).raw().toBuffer();
    return orient(ycbcrToRgb(data, width, height, ycbcr), plan.orientation);
  }
  const image = await decodePixels("tiff", wrapped, file, "warning");
  return orient(tiles ? joinTiles(image, width, height, tiles.height) : image, plan.orientation);
}

/** Size and bits a pixel as a file's header says them; nothing is decoded. */
async function headerOf(bytes: Uint8Array): Promise<{ width: number; height: number; bits: number }> {
  const { width, height, channels, depth, bitsPerSample } = await sharp(bytes, sourceOptions("none")).metadata();
  return { width, height, bits: channels * (bitsPerSample ?? (depth === "ushort" ? 16 : 8)) };
}

function sourceOptions(failOn: SharpOptions["failOn"]): SharpOptions {
  // The number of pixels is checked before (image/limits.ts).
  return { failOn, ignoreIcc: true, sequentialRead: true, limitInputPixels: false };
}

async function decodePixels(
  format: ImageFormat,
  bytes: Uint8Array,
  file: string,
  failOn: SharpOptions["failOn"],
): Promise<RgbImage> {
  const source = sourceOptions(failOn);
  const meta = await sharp(bytes, source).metadata();
  if (meta.depth !== "uchar" && meta.depth !== "ushort")
    throw new FileFormatError("UnsupportedFeature", file, `expected 8 or 16 bits a sample, got ${meta.depth}`);
  if (meta.space === "cmyk") return decodeCmyk(bytes, source, meta, file);
  if (isPlainGrey16(format, bytes, meta)) return decodeGrey16(bytes, source);

  const { data, info } = await sharp(bytes, source)
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  switch (channels) {
    case 3:
      return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
    case 1:
      return { width, height, data: greyToRgb(data) };
    case 4:
      return { width, height, data: dropAlpha(data, 4) };
    default:
      throw new FileFormatError("UnsupportedFeature", file, `expected 1, 3 or 4 channels, got ${channels}`);
  }
}

async function decodeCmyk(bytes: Uint8Array, source: SharpOptions, meta: Metadata, file: string): Promise<RgbImage> {
  if (meta.depth !== "uchar" || meta.channels !== 4)
    throw new FileFormatError(
      "UnsupportedFeature",
      file,
      `expected CMYK as 4 channels of 8 bits, got ${meta.channels} of ${meta.depth}`,
    );
  // Both the working and the output space must be CMYK, or sharp converts through a press profile.
  const { data, info } = await sharp(bytes, source)
    .pipelineColourspace("cmyk")
    .toColourspace("cmyk")
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: cmykToRgb(data) };
}

async function decodeGrey16(bytes: Uint8Array, source: SharpOptions): Promise<RgbImage> {
  const { data, info } = await sharp(bytes, source)
    .removeAlpha()
    .toColourspace("grey16")
    .raw({ depth: "ushort" })
    .toBuffer({ resolveWithObject: true });
  const grey = new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
  return { width: info.width, height: info.height, data: grey16ToRgb(grey) };
}

/**
 * Whether Pillow opens the file as 16- or 32-bit integers ("I"), which saturate: grey PNG of 16 bits (a tRNS chunk, that
 * sharp shows as an alpha channel, changes nothing; a real alpha channel does), and grey TIFF of 16 bits.
 */
function isPlainGrey16(format: ImageFormat, bytes: Uint8Array, meta: Metadata): boolean {
  const pngGrey = 0;
  if (format === "png") return bytes[24] === 16 && bytes[25] === pngGrey;
  return format === "tiff" && meta.space === "grey16" && meta.channels === 1;
}

/** Whether less than a sixteenth of the samples is anything else than what the decoder leaves where nothing came. */
function isHardlyThere({ data }: RgbImage, left: number): boolean {
  let other = 0;
  for (const sample of data) if (sample !== left) other++;
  return 16 * other < data.length;
}

function reasonOf(cause: unknown): string {
  return (cause as Error).message.trim().split("\n").join("; ");
}
