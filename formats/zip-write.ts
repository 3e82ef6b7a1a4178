/** @file Writing zip archives the way torch maps them into memory: stored, each record's bytes aligned to 64. */
import { crc32 } from "../base/hash.js";

/** One record; the bytes of its chunks follow each other. */
export interface ZipRecord {
  name: string;
  chunks: readonly Uint8Array[];
}

const alignment = 64;
/** The id of torch's padding field, "FB". */
const paddingField = 0x4246;
const limit32 = 0xffffffff;
/** 1 January 1980: no clock, so equal contents give equal files. */
const dosDate = 0x21;
/** Names are UTF-8. */
const utf8Flag = 0x800;

/**
 * The archive's bytes, piece by piece.
 * @throws RangeError when it would exceed the 4 GiB that plain zip can address
 */
export function* zipChunks(records: Iterable<ZipRecord>): Generator<Uint8Array> {
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, chunks } of records) {
    const nameBytes = Buffer.from(name);
    const size = chunks.reduce((n, c) => n + c.byteLength, 0);
    const crc = chunks.reduce((value, c) => crc32(c, value), 0);
    // the padding field has a header of 4 bytes of its own
    const unpadded = at + 30 + nameBytes.length + 4;
    const padding = (alignment - (unpadded % alignment)) % alignment;
    const extra = Buffer.alloc(4 + padding, "Z");
    extra.writeUInt16LE(paddingField, 0);
    extra.writeUInt16LE(padding, 2);
    if (at + size > limit32 || directory.length > 0xfffe)
      throw new RangeError(`zip: record ${name} does not fit, expected at most 4 GiB and 65534 records in all`);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt16LE(utf8Flag, 2);
    common.writeUInt16LE(dosDate, 8);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(size, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(nameBytes.length, 22);
    common.writeUInt16LE(extra.length, 24);
    yield Buffer.concat([signature(0x04034b50), common, nameBytes, extra]);
    yield* chunks;
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    // in the directory the padding is not repeated
    common.writeUInt16LE(0, 24);
    directory.push(Buffer.concat([signature(0x02014b50), Buffer.from([20, 0]), common, place, nameBytes]));
    at = unpadded + padding + size;
  }
  const size = directory.reduce((n, c) => n + c.byteLength, 0);
  if (at + size > limit32) throw new RangeError("zip: the archive is larger than 4 GiB");
  yield* directory;
  const end = Buffer.alloc(18);
  end.writeUInt16LE(directory.length, 4);
  end.writeUInt16LE(directory.length, 6);
  end.writeUInt32LE(size, 8);
  end.writeUInt32LE(at, 12);
  yield Buffer.concat([signature(0x06054b50), end]);
}

function signature(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}
