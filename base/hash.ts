/** @file Checksums: sha256 to tell files apart, CRC-32 as zip archives carry it. */
import { createHash } from "node:crypto";
import * as zlib from "node:zlib";
import { openRegularAsync } from "./regular-file.js";

/** sha256 of bytes or of a sequence of chunks, as 64 hexadecimal digits. */
export function sha256(content: Uint8Array | Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  for (const chunk of content instanceof Uint8Array ? [content] : content) hash.update(chunk);
  return hash.digest("hex");
}

/** sha256 of a stream, read to its end. */
export async function sha256Stream(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest("hex");
}

/** sha256 of a regular file of any size. */
export async function sha256File(file: string): Promise<string> {
  const { handle } = await openRegularAsync(file);
  // The stream closes the file.
  return sha256Stream(handle.createReadStream({ highWaterMark: 1 << 20 }));
}

const table = new Uint32Array(256).map((_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 in plain TypeScript; `crc32` prefers zlib's, which Node has from 20.15 on and which is faster. */
export function crc32Portable(bytes: Uint8Array, before = 0): number {
  let c = ~before;
  for (let i = 0; i < bytes.length; i++) c = table[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

/** CRC-32 (IEEE 802.3) as an unsigned number; pass the value of the preceding bytes to continue one. */
export const crc32: (bytes: Uint8Array, before?: number) => number =
  typeof zlib.crc32 === "function" ? zlib.crc32 : crc32Portable;
