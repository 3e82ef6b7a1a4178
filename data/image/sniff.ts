/** @file What kind of image a file holds, by its first bytes: names lie, and SfM photos have no extension at all. */

/** The formats that are decoded. Others are refused by name rather than handed to a general-purpose library. */
export type ImageFormat = "jpeg" | "png" | "webp" | "tiff";

/** The format of `bytes` (at least the first 16 of the file), or null when it is none of ours. */
export function sniffImage(bytes: Uint8Array): ImageFormat | null {
  const at = (offset: number, ...want: number[]) => want.every((b, i) => bytes[offset + i] === b);
  if (at(0, 0xff, 0xd8, 0xff)) return "jpeg";
  if (at(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return "png";
  if (at(0, 0x52, 0x49, 0x46, 0x46) && at(8, 0x57, 0x45, 0x42, 0x50)) return "webp";
  // Canon's CR2 begins like a TIFF, and its first page is a small JPEG.
  if (at(8, 0x43, 0x52, 2)) return null;
  // Classic TIFF has 42 in the byte order that the first two letters announce, BigTIFF 43.
  if (at(0, 0x49, 0x49, 42, 0) || at(0, 0x4d, 0x4d, 0, 42)) return "tiff";
  if (at(0, 0x49, 0x49, 43, 0) || at(0, 0x4d, 0x4d, 0, 43)) return "tiff";
  return null;
}

/** The first bytes as a reader of an error message wants to see them: text when printable, else hex. */
export function describeHead(bytes: Uint8Array): string {
  if (bytes.length === 0) return "the file is empty";
  const head = bytes.subarray(0, 12);
  const printable = head.every((b) => b >= 0x20 && b < 0x7f);
  const text = printable ? JSON.stringify(String.fromCharCode(...head)) : Buffer.from(head).toString("hex");
  return `the file begins with ${text}`;
}
