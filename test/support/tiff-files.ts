/** @file TIFF files for tests, tag by tag: also such as no program writes. */

/** A tag: its number, its type (3 SHORT, 4 LONG) and its values. */
export type Tag = readonly [tag: number, type: 3 | 4, values: readonly number[]];

/**
 * A little-endian TIFF: the parts one after another, then the directory. Offsets and byte counts of the parts are written
 * as strips, or as tiles when the tags say a tile's width.
 */
export function tiffFile(tags: readonly Tag[], parts: readonly Uint8Array[]): Buffer {
  const offsets: number[] = [];
  let at = 8;
  for (const part of parts) {
    offsets.push(at);
    at += part.length;
  }
  const tiled = tags.some(([tag]) => tag === 322);
  const own: Tag[] = [
    [tiled ? 324 : 273, 4, offsets],
    [tiled ? 325 : 279, 4, parts.map((p) => p.length)],
  ];
  const all = [...tags, ...own.filter(([tag]) => !tags.some(([t]) => t === tag))].sort((a, b) => a[0] - b[0]);
  const start = at + (at % 2);
  const head = Buffer.alloc(8);
  head.write("II*\0", "latin1");
  head.writeUInt32LE(start, 4);
  const directory = Buffer.alloc(2 + 12 * all.length + 4);
  directory.writeUInt16LE(all.length, 0);
  const values: Buffer[] = [];
  let place = start + directory.length;
  for (const [i, [tag, type, list]] of all.entries()) {
    const size = type === 3 ? 2 : 4;
    const value = Buffer.alloc(Math.max(4, list.length * size + ((list.length * size) % 2)));
    for (const [k, v] of list.entries()) {
      if (type === 3) value.writeUInt16LE(v, k * size);
      else value.writeUInt32LE(v, k * size);
    }
    const entry = 2 + 12 * i;
    directory.writeUInt16LE(tag, entry);
    directory.writeUInt16LE(type, entry + 2);
    directory.writeUInt32LE(list.length, entry + 4);
    if (list.length * size <= 4) value.copy(directory, entry + 8, 0, 4);
    else {
      directory.writeUInt32LE(place, entry + 8);
      values.push(value);
      place += value.length;
    }
  }
  return Buffer.concat([head, ...parts, Buffer.alloc(at % 2), directory, ...values]);
}

/** The tags every picture has, one strip by default. */
export function pictureTags(
  width: number,
  height: number,
  about: { samples?: number; compression?: number; photometric?: number; bits?: number; rows?: number } = {},
): Tag[] {
  const { samples = 3, compression = 1, photometric = 2, bits = 8, rows = height } = about;
  return [
    [256, 4, [width]],
    [257, 4, [height]],
    [258, 3, new Array(samples).fill(bits)],
    [259, 3, [compression]],
    [262, 3, [photometric]],
    [277, 3, [samples]],
    [278, 4, [rows]],
  ];
}
