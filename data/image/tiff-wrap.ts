/** @file A TIFF's bytes under a directory of our own, with the tags that the picture needs and nothing else. */
import type { TiffDirectory } from "./tiff-directory.js";
import { colourSamples, TAG, YCBCR } from "./tiff-tags.js";

/** The picture as the decoder sees it. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly rows: number;
  readonly offsets: readonly number[];
  readonly counts: readonly number[];
  readonly end: number;
  readonly samples: number;
  readonly depth: number;
  readonly photometric: number;
}

/**
 * The same bytes with a new directory at the end. Classic TIFF whatever the file was, so at most 4 GiB, which the reader
 * of photo files does not let pass.
 */
export function wrapTiff(bytes: Uint8Array, { littleEndian, big, tags }: TiffDirectory, layout: Layout): Uint8Array {
  const SHORT = 3;
  const LONG = 4;
  const BYTES = 7;
  const entries: [tag: number, type: number, values: readonly number[]][] = [
    [TAG.width, LONG, [layout.width]],
    [TAG.height, LONG, [layout.height]],
    [TAG.bits, SHORT, new Array(layout.samples).fill(layout.depth)],
    [TAG.photometric, SHORT, [layout.photometric]],
    [TAG.stripOffsets, LONG, layout.offsets],
    [TAG.samples, SHORT, [layout.samples]],
    [TAG.rowsPerStrip, LONG, [layout.rows]],
    [TAG.stripBytes, LONG, layout.counts],
  ];
  const kept = [TAG.compression, TAG.fillOrder, TAG.planar, TAG.predictor, TAG.colourMap, TAG.subsampling] as const;
  for (const tag of kept) {
    const value = tags.get(tag);
    // Y, Cb, Cr that are passed on as they are have no subsampling to be told of.
    if (value && !(tag === TAG.subsampling && layout.photometric !== YCBCR)) entries.push([tag, SHORT, value]);
  }
  const extra = tags.get(TAG.extraSamples);
  const colours = colourSamples[layout.photometric];
  if (layout.samples > colours)
    entries.push([
      TAG.extraSamples,
      SHORT,
      Array.from({ length: layout.samples - colours }, (_, i) => extra?.[i] ?? 0),
    ]);
  const options = tags.get(TAG.group3Options);
  if (options) entries.push([TAG.group3Options, LONG, options]);
  const tables = tags.get(TAG.jpegTables);
  if (tables) entries.push([TAG.jpegTables, BYTES, tables]);
  entries.sort((a, b) => a[0] - b[0]);

  const size = { [SHORT]: 2, [LONG]: 4, [BYTES]: 1 } as Record<number, number>;
  const start = Math.max(bytes.length, layout.end);
  const at = start + (start % 2);
  let data = at + 2 + 12 * entries.length + 4;
  const total = entries.reduce((n, [, type, values]) => n + values.length * size[type] + 1, data);
  const out = new Uint8Array(total);
  out.set(bytes);
  const view = new DataView(out.buffer);
  if (big) view.setUint16(2, 42, littleEndian);
  view.setUint32(4, at, littleEndian);
  view.setUint16(at, entries.length, littleEndian);
  entries.forEach(([tag, type, values], i) => {
    const entry = at + 2 + 12 * i;
    view.setUint16(entry, tag, littleEndian);
    view.setUint16(entry + 2, type, littleEndian);
    view.setUint32(entry + 4, values.length, littleEndian);
    const length = values.length * size[type];
    let place = entry + 8;
    if (length > 4) {
      view.setUint32(place, data, littleEndian);
      place = data;
      data += length + (length % 2);
    }
    for (const [k, value] of values.entries()) {
      if (type === SHORT) view.setUint16(place + 2 * k, value, littleEndian);
      else if (type === LONG) view.setUint32(place + 4 * k, value, littleEndian);
      else view.setUint8(place + k, value);
    }
  });
  return out;
}
