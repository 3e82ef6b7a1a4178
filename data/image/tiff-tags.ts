/** @file The tags of TIFF that matter for a picture, and names of its compressions and colours. */

/** Tags that are looked at, by number. */
export const TAG = {
  subfile: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  planar: 284,
  group3Options: 292,
  predictor: 317,
  colourMap: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  inkSet: 332,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
  coefficients: 529,
  subsampling: 530,
  referenceBlackWhite: 532,
  children: 330,
  depth: 32997,
  dngVersion: 50706,
} as const;
export const wanted = new Set<number>(Object.values(TAG));

/** Compressions that the decoder in sharp has, and that Pillow reads too. */
export const readable: Readonly<Record<number, string>> = {
  1: "none",
  2: "CCITT",
  3: "CCITT group 3",
  4: "CCITT group 4",
  5: "LZW",
  7: "JPEG",
  8: "deflate",
  32946: "deflate",
  32773: "PackBits",
};

/** Names of what is refused, for the message. */
export const unreadable: Readonly<Record<number, string>> = {
  6: "old JPEG",
  9: "JBIG",
  10: "JBIG",
  32766: "NeXT",
  32809: "ThunderScan",
  33003: "JPEG 2000",
  33004: "JPEG 2000",
  33005: "JPEG 2000",
  34661: "JBIG",
  34676: "SGI LogLuv",
  34677: "SGI LogLuv",
  34712: "JPEG 2000",
  34887: "LERC",
  34892: "lossy JPEG of DNG",
  34925: "LZMA",
  50000: "ZSTD",
  50001: "WebP",
  50002: "JPEG XL",
  52546: "JPEG XL",
};

export const photometrics: Readonly<Record<number, string>> = {
  4: "a transparency mask",
  8: "CIELab",
  9: "ICCLab",
  10: "ITULab",
  32803: "the colour filter array of a camera",
  32844: "LogL",
  32845: "LogLuv",
  34892: "the linear raw data of a camera",
};

/** Compression by JPEG. */
export const JPEG = 7;
/** Photometric interpretation of Y, Cb, Cr. */
export const YCBCR = 6;

/** Samples of a pixel without its extra ones, by photometric interpretation. */
export const colourSamples = [1, 1, 3, 1, 1, 4, 3] as const;
