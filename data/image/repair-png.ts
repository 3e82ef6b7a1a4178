/**
 * @file A PNG that ends too early, completed. libpng gives up blocks of 8 KiB before the end, and on interlaced files
 * altogether, where Pillow keeps every row that came and leaves the rest zero. So the rows that came are written anew,
 * zeros after them, for libpng to read.
 */
import { constants, deflateSync, inflateSync } from "node:zlib";
import { crc32 } from "../../base/hash.js";
import { requirePart } from "./limits.js";

const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Adam7: first column and row of each pass, and the steps between its columns and rows. */
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/**
 * The completed file, or null when the file reaches its IEND chunk or is not the beginning of a sound PNG (then the
 * decoder's own message is the best one).
 * @param file name for messages only
 * @throws FileFormatError Truncated when no row, or too little of a large picture, is there
 */
export function completePng(bytes: Uint8Array, file: string): Uint8Array | null {
  const { header, data, between, ended } = readChunks(bytes);
  if (ended || !header || data.length === 0) return null;
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const bits = header[8] * channelsOf[header[9]];
  if (!(bits > 0) || width * height === 0) return null;

  const passes = passesOf(width, height, bits, header[12] === 1);
  const total = passes.reduce((n, { rows, rowBytes }) => n + rows * rowBytes, 0);
  const came = inflateWhatCame(data, total);
  if (!came) return null;
  // A row counts only when all of it came; a filter byte of 0 and zeros make a zero row after any other.
  let whole = 0;
  for (const { rows, rowBytes } of passes) {
    const here = Math.min(rows, Math.floor((came.length - whole) / rowBytes));
    whole += here * rowBytes;
    if (here < rows) break;
  }
  requirePart("PNG", width, height, whole, 1, total, file);
  const lines = new Uint8Array(total);
  lines.set(came.subarray(0, whole));
  const pixels = deflateSync(lines, { level: 0 });
  return Buffer.concat([
    bytes.subarray(0, 8),
    chunk("IHDR", header),
    ...between,
    chunk("IDAT", pixels),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

interface Chunks {
  readonly header: Uint8Array | null;
  /** The IDAT chunks' data, joined, as far as it came. */
  readonly data: Uint8Array;
  /** Whole chunks before the pixels that matter for them, ready to be written. */
  readonly between: Uint8Array[];
  readonly ended: boolean;
}

function readChunks(bytes: Uint8Array): Chunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const between: Uint8Array[] = [];
  const data: Uint8Array[] = [];
  let header: Uint8Array | null = null;
  let ended = false;
  for (let at = 8; at + 8 <= bytes.length && !ended; ) {
    const length = view.getUint32(at);
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString("latin1");
    const body = bytes.subarray(at + 8, at + 8 + length);
    const complete = at + 12 + length <= bytes.length;
    if (type === "IHDR" && complete && length === 13) header = body;
    if (type === "IDAT") data.push(body);
    if ((type === "PLTE" || type === "tRNS") && complete) between.push(bytes.subarray(at, at + 12 + length));
    ended = type === "IEND";
    at += 12 + length;
  }
  return { header, data: Buffer.concat(data), between, ended };
}

interface Pass {
  readonly rows: number;
  /** Bytes of a scanline, the filter byte included. */
  readonly rowBytes: number;
}

/** The scanlines in file order: one pass, or those of an interlaced file that are not empty. */
function passesOf(width: number, height: number, bits: number, interlaced: boolean): Pass[] {
  const rowBytes = (pixels: number) => 1 + Math.ceil((pixels * bits) / 8);
  if (!interlaced) return [{ rows: height, rowBytes: rowBytes(width) }];
  return adam7.flatMap(([x, y, dx, dy]) => {
    const columns = Math.ceil((width - x) / dx);
    const rows = Math.ceil((height - y) / dy);
    return columns > 0 && rows > 0 ? [{ rows, rowBytes: rowBytes(columns) }] : [];
  });
}

function inflateWhatCame(data: Uint8Array, atMost: number): Uint8Array | null {
  try {
    // Z_SYNC_FLUSH: an unfinished stream is no error, what it gave so far is the result.
    return inflateSync(data, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: atMost + 1024 });
  } catch {
    return null;
  }
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, "latin1");
  out.set(body, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
}
