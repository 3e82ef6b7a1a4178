/** @file Kinds of pictures that are not read, told by content or by the name's extension: for messages, so none is passed over unnamed. */

/** Brands of ISO base media files that are pictures. */
const brands: Readonly<Record<string, string>> = {
  heic: "HEIC",
  heix: "HEIC",
  heim: "HEIC",
  heis: "HEIC",
  hevc: "HEIC",
  hevx: "HEIC",
  mif1: "HEIC",
  msf1: "HEIC",
  avif: "AVIF",
  avis: "AVIF",
  "crx ": "CR3 raw",
  "jxl ": "JPEG XL",
  "jp2 ": "JPEG 2000",
};

/** First bytes as text in Latin-1, and where they stand. */
const heads: readonly [kind: string, head: string, at?: number][] = [
  ["GIF", "GIF8"],
  ["CR2 raw", "CR\x02", 8],
  ["ORF raw", "IIRO"],
  ["ORF raw", "IIRS"],
  ["ORF raw", "MMOR"],
  ["RW2 raw", "IIU\0"],
  ["RAF raw", "FUJIFILMCCD-RAW"],
  ["X3F raw", "FOVb"],
  ["MRW raw", "\0MRM"],
  ["JPEG XL", "\xff\x0a"],
  ["JPEG XL", "\0\0\0\x0cJXL "],
  ["JPEG 2000", "\0\0\0\x0cjP  "],
  ["JPEG 2000", "\xff\x4f\xff\x51"],
  ["JPEG XR", "II\xbc"],
  ["JPEG-LS", "\xff\xd8\xff\xf7"],
  ["PSD", "8BPS"],
  ["ICO", "\0\0\x01\0"],
  ["OpenEXR", "v/1\x01"],
  ["Radiance HDR", "#?RADIANCE"],
  ["DDS", "DDS "],
  ["FITS", "SIMPLE  ="],
  ["QOI", "qoif"],
  ["FLIF", "FLIF"],
  ["XCF", "gimp xcf"],
  ["PDF", "%PDF"],
  ["PCX", "\x0a\x05\x01"],
  ["netpbm", "P5\n"],
  ["netpbm", "P6\n"],
  ["netpbm", "P4\n"],
  ["netpbm", "P6 "],
  ["netpbm", "P5 "],
];

const extensions: Readonly<Record<string, string>> = {
  heic: "HEIC",
  heif: "HEIC",
  hif: "HEIC",
  avif: "AVIF",
  gif: "GIF",
  bmp: "BMP",
  dib: "BMP",
  jxl: "JPEG XL",
  jp2: "JPEG 2000",
  j2k: "JPEG 2000",
  jpx: "JPEG 2000",
  jpf: "JPEG 2000",
  j2c: "JPEG 2000",
  jxr: "JPEG XR",
  wdp: "JPEG XR",
  hdp: "JPEG XR",
  psd: "PSD",
  psb: "PSD",
  svg: "SVG",
  svgz: "SVG",
  ico: "ICO",
  cur: "ICO",
  exr: "OpenEXR",
  hdr: "Radiance HDR",
  dds: "DDS",
  fits: "FITS",
  qoi: "QOI",
  xcf: "XCF",
  pcx: "PCX",
  tga: "TGA",
  pbm: "netpbm",
  pgm: "netpbm",
  ppm: "netpbm",
  pnm: "netpbm",
  pam: "netpbm",
  pdf: "PDF",
  eps: "EPS",
  dng: "DNG raw",
  cr2: "CR2 raw",
  cr3: "CR3 raw",
  crw: "CRW raw",
  nef: "NEF raw",
  nrw: "NRW raw",
  arw: "ARW raw",
  srf: "SRF raw",
  sr2: "SR2 raw",
  orf: "ORF raw",
  rw2: "RW2 raw",
  raf: "RAF raw",
  pef: "PEF raw",
  srw: "SRW raw",
  x3f: "X3F raw",
  raw: "raw",
  rwl: "RWL raw",
  erf: "ERF raw",
  mrw: "MRW raw",
  "3fr": "3FR raw",
  iiq: "IIQ raw",
  kdc: "KDC raw",
};

/** The kind of picture that `head` (16 bytes or more of the file) begins, when it is one that is not read; else null. */
export function otherKind(head: Uint8Array): string | null {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 256)).toString("latin1");
  if (text.slice(4, 8) === "ftyp") return brands[text.slice(8, 12)] ?? null;
  // Two letters alone are too common a beginning of a text.
  if (text.startsWith("BM") && text.slice(6, 10) === "\0\0\0\0") return "BMP";
  for (const [kind, begin, at = 0] of heads) if (text.startsWith(begin, at)) return kind;
  return /^\s*(<\?xml.*)?<svg[\s>]/s.test(text) ? "SVG" : null;
}

/** The kind of picture an extension (without its dot) stands for, when it is one that is not read; else null. */
export function otherKindOfExtension(extension: string): string | null {
  return extensions[extension.toLowerCase()] ?? null;
}
