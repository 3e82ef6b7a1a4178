/**
 * @file What of a TIFF is decoded, and the form in which the decoder gets it. libtiff warns about damage and goes on, with
 * black where it could not read; the files of cameras and editors carry tags it warns about as well. So the picture is
 * wrapped anew with the tags it needs and nothing else, tiles as strips of a tall picture (libvips passes over errors in
 * tiles), and then any word of the decoder is damage.
 */
import { FileFormatError } from "../../base/errors.js";
import { requirePart } from "./limits.js";
import { readTiffDirectory, type TiffDirectory } from "./tiff-directory.js";
import { colourSamples, JPEG, photometrics, readable, TAG, unreadable, wanted, YCBCR } from "./tiff-tags.js";
import { type Layout, wrapTiff } from "./tiff-wrap.js";

/** A TIFF that is fit to be decoded. */
export interface TiffPlan {
  readonly width: number;
  readonly height: number;
  /** Bits of a pixel as stored. */
  readonly bitsPerPixel: number;
  /** 1 to 8, what Pillow turns the picture by. */
  readonly orientation: number;
  /** Compressed data or pixels lie beyond the end; uncompressed ones are completed with zeros, as Pillow does. */
  readonly truncated: boolean;
  /** Set when the stored samples are Y, Cb, Cr, which the decoder is made to give as they are. */
  readonly ycbcr: YcbcrLayout | null;
  /** Set when the decoder is given tiles, one below the other. */
  readonly tiles: { readonly width: number; readonly height: number } | null;
  /** Size of what the decoder is given. */
  readonly decoded: { readonly width: number; readonly height: number; readonly bitsPerPixel: number };
  /** The file for the decoder. */
  readonly wrap: () => Uint8Array;
}

/** How Y, Cb, Cr are stored and what they mean. */
export interface YcbcrLayout {
  /** Pixels that share a Cb and a Cr, across and down. */
  readonly across: number;
  readonly down: number;
  /** Weights of red, green and blue in Y. */
  readonly luma: readonly [number, number, number];
  /** Black and white of Y, then zero and largest of Cb and Cr. */
  readonly range: readonly number[];
}

/**
 * Looks at the first page of a TIFF.
 * @throws FileFormatError UnsupportedFeature naming the compression or kind of colour that is not read, Truncated,
 *   MalformedFile
 */
export function planTiff(bytes: Uint8Array, file: string): TiffPlan {
  const directory = readTiffDirectory(bytes, file, wanted);
  const { tags } = directory;
  const one = (tag: number, otherwise: number) => tags.get(tag)?.[0] ?? otherwise;
  const refuse = (what: string): never => {
    throw new FileFormatError("UnsupportedFeature", file, `this TIFF ${what}; save it as PNG or as TIFF with LZW`);
  };
  const malformed = (what: string): never => {
    throw new FileFormatError("MalformedFile", file, `this TIFF ${what}`);
  };
  if (tags.has(TAG.dngVersion)) refuse("is a camera's DNG, which holds raw data");
  if (one(TAG.subfile, 0) & 1 && tags.has(TAG.children)) refuse("begins with a thumbnail, as a camera's raw files do");
  const width = one(TAG.width, 0);
  const height = one(TAG.height, 0);
  if (!(width >= 1 && height >= 1)) malformed(`has no size (${width} × ${height})`);
  const compression = one(TAG.compression, 1);
  if (!readable[compression])
    refuse(`is compressed with ${unreadable[compression] ?? "an unknown method"} (${compression}), which is not read`);
  const samples = one(TAG.samples, 1);
  const photometric = one(TAG.photometric, -1);
  const bits = tags.get(TAG.bits) ?? [1];
  const depth = bits[0];
  if (photometrics[photometric] || !(photometric >= 0 && photometric <= YCBCR))
    refuse(`holds ${photometrics[photometric] ?? `colours of kind ${photometric}`}, which is not read`);
  if (![1, 2, 4, 8, 16].includes(depth) || bits.some((b) => b !== depth))
    refuse(`has ${bits.join(", ")} bits a sample; expected 1, 2, 4, 8 or 16`);
  if ((tags.get(TAG.sampleFormat) ?? [1]).some((f) => f !== 1 && f !== 4))
    refuse("has samples that are no unsigned whole numbers");
  const least = colourSamples[photometric];
  if (samples < least || samples > 4) refuse(`has ${samples} samples a pixel; expected ${least} to 4`);
  if (photometric <= 1 && samples > 1 && !tags.has(TAG.extraSamples)) refuse("does not say what its samples mean");
  if (photometric === 5 && one(TAG.inkSet, 1) !== 1) refuse("has inks other than CMYK");
  if (photometric === 5 && depth !== 8) refuse(`has CMYK of ${depth} bits; expected 8`);
  if (photometric === 0 && depth === 16) refuse("has 16-bit grey whose zero is white");
  if (one(TAG.depth, 1) !== 1) refuse("is a volume, not a picture");
  const separate = one(TAG.planar, 1) === 2 && samples > 1;
  if (separate && depth !== 8) refuse(`has planes of ${depth} bits; expected 8`);
  const tiled = tags.has(TAG.tileOffsets) || tags.has(TAG.tileWidth);
  if (separate && tiled) refuse("has tiles in separate planes");
  const plainYcbcr = photometric === YCBCR && compression !== JPEG;
  if (plainYcbcr && (samples !== 3 || depth !== 8 || separate || tiled))
    refuse("has YCbCr colours in another layout than strips of 3 samples of 8 bits");

  const across = tiled ? one(TAG.tileWidth, 0) : width;
  const down = tiled ? one(TAG.tileHeight, 0) : Math.min(one(TAG.rowsPerStrip, height), height);
  if (!(across >= 1 && down >= 1)) malformed(`has parts of ${across} × ${down} pixels`);
  const planes = separate ? samples : 1;
  const parts = planes * Math.ceil(width / across) * Math.ceil(height / down);
  const offsets = tags.get(tiled ? TAG.tileOffsets : TAG.stripOffsets) ?? [];
  const stored = tags.get(tiled ? TAG.tileBytes : TAG.stripBytes) ?? (parts === 1 ? [bytes.length - offsets[0]] : []);
  if (offsets.length < parts || stored.length < parts)
    malformed(`has ${Math.min(offsets.length, stored.length)} parts; expected ${parts}`);

  const subsampling = plainYcbcr ? (tags.get(TAG.subsampling) ?? [2, 2]) : [1, 1];
  const [h, v] = subsampling;
  if (![1, 2, 4].includes(h) || ![1, 2, 4].includes(v)) malformed(`has a chroma subsampling of ${h} × ${v}`);
  const packed = h * v > 1;
  if (packed && down % v !== 0 && down < height) malformed(`has strips of ${down} rows with chroma for ${v} rows`);
  const bitsPerPixel = depth * samples;
  const rowBytes = packed
    ? Math.ceil(across / h) * (h * v + 2)
    : Math.ceil((across * depth * (separate ? 1 : samples)) / 8);
  const rowsIn = (i: number) => {
    const k = i % (parts / planes);
    return tiled ? down : Math.min(down, height - k * down);
  };
  const raw = compression === 1;
  // The byte counts of uncompressed files are often wrong, and not needed.
  const counts = raw
    ? Array.from({ length: parts }, (_, i) => rowBytes * Math.ceil(rowsIn(i) / (packed ? v : 1)))
    : stored.slice(0, parts);
  const empty = counts.findIndex((n, i) => n === 0 || offsets[i] === 0);
  if (empty >= 0) malformed(`lacks part ${empty + 1} of ${parts}`);
  const end = offsets.slice(0, parts).reduce((most, at, i) => Math.max(most, at + counts[i]), 0);
  const truncated = end > bytes.length;
  if (truncated && !raw)
    throw new FileFormatError("Truncated", file, `this TIFF needs ${end} bytes, the file has ${bytes.length}`);
  const came = counts.reduce((n, count, i) => n + Math.max(0, Math.min(count, bytes.length - offsets[i])), 0);
  if (truncated)
    requirePart(
      "TIFF",
      width,
      height,
      came,
      rowBytes,
      counts.reduce((n, count) => n + count, 0),
      file,
    );

  const layout: Layout = {
    width: packed ? rowBytes : across,
    height: tiled ? down * parts : packed ? Math.ceil(height / v) : height,
    rows: packed ? Math.ceil(down / v) : down,
    offsets: offsets.slice(0, parts),
    counts,
    end,
    samples: packed ? 1 : samples,
    depth,
    photometric: packed ? 1 : plainYcbcr ? 2 : photometric,
  };
  const orientation = one(TAG.orientation, 1);
  return {
    width,
    height,
    bitsPerPixel,
    orientation: orientation >= 1 && orientation <= 8 ? orientation : 1,
    truncated,
    ycbcr: plainYcbcr ? ycbcrOf(tags, h, v) : null,
    tiles: tiled ? { width: across, height: down } : null,
    decoded: { width: layout.width, height: layout.height, bitsPerPixel: layout.depth * layout.samples },
    wrap: () => wrapTiff(bytes, directory, layout),
  };
}

function ycbcrOf(tags: TiffDirectory["tags"], across: number, down: number): YcbcrLayout {
  const luma = tags.get(TAG.coefficients);
  const range = tags.get(TAG.referenceBlackWhite);
  return {
    across,
    down,
    luma: luma?.length === 3 && luma.every((c) => c > 0) ? [luma[0], luma[1], luma[2]] : [0.299, 0.587, 0.114],
    range:
      range?.length === 6 && [1, 3, 5].every((i) => range[i] > range[i - 1]) ? range : [0, 255, 128, 255, 128, 255],
  };
}
