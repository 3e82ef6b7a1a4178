/** @file The first directory of a TIFF file, classic or BigTIFF: its tags as numbers. */
import { FileFormatError } from "../../base/errors.js";

/** Tags by number; a value is always a list. Text and opaque data are left out. */
export interface TiffDirectory {
  readonly littleEndian: boolean;
  readonly big: boolean;
  readonly tags: ReadonlyMap<number, readonly number[]>;
}

/** Bytes of a value by type, and how it is read; types that hold no numbers are missing. */
const types: Readonly<Record<number, [bytes: number, read: (v: DataView, at: number, le: boolean) => number]>> = {
  1: [1, (v, at) => v.getUint8(at)],
  3: [2, (v, at, le) => v.getUint16(at, le)],
  4: [4, (v, at, le) => v.getUint32(at, le)],
  5: [8, (v, at, le) => v.getUint32(at, le) / v.getUint32(at + 4, le)],
  6: [1, (v, at) => v.getInt8(at)],
  // Opaque bytes: JPEG tables.
  7: [1, (v, at) => v.getUint8(at)],
  8: [2, (v, at, le) => v.getInt16(at, le)],
  9: [4, (v, at, le) => v.getInt32(at, le)],
  10: [8, (v, at, le) => v.getInt32(at, le) / v.getInt32(at + 4, le)],
  11: [4, (v, at, le) => v.getFloat32(at, le)],
  12: [8, (v, at, le) => v.getFloat64(at, le)],
  13: [4, (v, at, le) => v.getUint32(at, le)],
  16: [8, (v, at, le) => Number(v.getBigUint64(at, le))],
  18: [8, (v, at, le) => Number(v.getBigUint64(at, le))],
};

/**
 * Reads the first directory. Work is bounded by the file: all tags together have at most as many bytes.
 * @param wanted tags that are looked at; others (profiles, metadata) are passed over
 * @throws FileFormatError Truncated when the directory or a wanted value lies beyond the end, MalformedFile
 */
export function readTiffDirectory(bytes: Uint8Array, file: string, wanted: ReadonlySet<number>): TiffDirectory {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = bytes[0] === 0x49;
  const big = view.getUint16(2, littleEndian) === 43;
  const within = (at: number, length: number) => {
    if (!(at + length <= bytes.length))
      throw new FileFormatError("Truncated", file, `this TIFF's directory lies beyond the end of the file`);
  };
  within(0, big ? 16 : 8);
  const word = (at: number) => (big ? Number(view.getBigUint64(at, littleEndian)) : view.getUint32(at, littleEndian));
  const begin = word(big ? 8 : 4);
  const head = big ? 8 : 2;
  within(begin, head);
  const entries = big ? word(begin) : view.getUint16(begin, littleEndian);
  const entryBytes = big ? 20 : 12;
  within(begin + head, entries * entryBytes);
  const tags = new Map<number, readonly number[]>();
  let charged = 0;
  for (let i = 0; i < entries; i++) {
    const at = begin + head + i * entryBytes;
    const tag = view.getUint16(at, littleEndian);
    const type = types[view.getUint16(at + 2, littleEndian)];
    if (!wanted.has(tag) || !type || tags.has(tag)) continue;
    const count = big ? word(at + 4) : view.getUint32(at + 4, littleEndian);
    const inline = big ? 8 : 4;
    const place = at + (big ? 12 : 8);
    const from = count * type[0] <= inline ? place : word(place);
    within(from, count * type[0]);
    // Values that share their bytes would make more of a file than it holds.
    charged += count * type[0];
    if (charged > bytes.length) throw new FileFormatError("MalformedFile", file, "this TIFF's tags overlap");
    tags.set(
      tag,
      Array.from({ length: count }, (_, k) => type[1](view, from + k * type[0], littleEndian)),
    );
  }
  return { littleEndian, big, tags };
}
