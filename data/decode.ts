/**
 * @file Photo file to RGB8, sample for sample what Pillow's `Image.open(f).convert("RGB")` gives (docs/images.md):
 * no EXIF rotation (TIFF apart, which Pillow does rotate), no colour profile, alpha dropped, 16-bit grey saturated,
 * 16-bit colour cut to its high byte. The samples come from sharp; where its own conversions differ they are asked
 * for unconverted and converted here.
 */
import sharp, { type Metadata, type SharpOptions } from "sharp";
import { FileFormatError } from "../base/errors.js";
import type { RgbImage } from "../base/image.js";
import { readRegularAsync } from "../base/regular-file.js";
import { cmykToRgb, dropAlpha, grey16ToRgb, greyToRgb } from "./image/colour.js";
import { completePng } from "./image/repair-png.js";
import { describeHead, type ImageFormat, sniffImage } from "./image/sniff.js";

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
}

/** Reads and decodes one file. @throws MissingDataError when it cannot be read, FileFormatError when
 * it is no regular file, else as {@link decodeImage}. */
export async function readImage(path: string, options: DecodeOptions = {}): Promise<RgbImage> {
  return decodeImage(await readRegularAsync(path, { code: "ImageMissing" }), path, options);
}

/**
 * Decodes a JPEG, PNG, WebP or TIFF (the first page), recognised by content.
 * @param file name for messages only
 * @throws FileFormatError UnsupportedFeature (another format or sample type), Truncated (only when asked to refuse),
 *   MalformedFile (nothing to be decoded).
 */
export async function decodeImage(bytes: Uint8Array, file: string, options: DecodeOptions = {}): Promise<RgbImage> {
  const format = sniffImage(bytes);
  if (!format)
    throw new FileFormatError(
      "UnsupportedFeature",
      file,
      `expected a JPEG, PNG, WebP or TIFF image, ${describeHead(bytes)}`,
    );
  const refuse = options.truncated === "refuse";
  try {
    const completed = format === "png" && !refuse ? completePng(bytes) : null;
    return await decodeAs(format, completed ?? bytes, file, refuse);
  } catch (cause) {
    if (cause instanceof FileFormatError) throw cause;
    const reason = (cause as Error).message.trim().split("\n").join("; ");
    const kind = refuse && (await decodesWhenTolerant(format, bytes, file)) ? "Truncated" : "MalformedFile";
    throw new FileFormatError(kind, file, `cannot decode this ${format.toUpperCase()}: ${reason}`, { cause });
  }
}

async function decodesWhenTolerant(format: ImageFormat, bytes: Uint8Array, file: string): Promise<boolean> {
  return decodeAs(format, bytes, file, false).then(
    () => true,
    () => false,
  );
}

async function decodeAs(format: ImageFormat, bytes: Uint8Array, file: string, refuse: boolean): Promise<RgbImage> {
  const source: SharpOptions = {
    failOn: refuse ? "truncated" : "none",
    ignoreIcc: true,
    sequentialRead: true,
    // Pillow transposes TIFF files by their orientation tag on loading, and no other format.
    autoOrient: format === "tiff",
  };
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
