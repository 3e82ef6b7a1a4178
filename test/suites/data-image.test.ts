/** @file Decoding rules on made-up files, and the integer resampling against a plain float64 twin. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError, MissingDataError, UsageError } from "../../base/errors.js";
import type { RgbImage } from "../../base/image.js";
import { decodeImage, readImage } from "../../data/decode.js";
import { reduceBlocks } from "../../data/image/reduce.js";
import { bilinear, type Filter, lanczos, resample } from "../../data/image/resample.js";
import { normalise } from "../../data/normalise.js";
import { scaleBilinear } from "../../data/pyramid.js";
import { applyRecipe, flipHorizontal } from "../../data/recipe.js";
import { crop, prepareImage, resizeShorterSide, roundHalfEven, thumbnail, thumbnailSize } from "../../data/resize.js";

const test = suite("data-image");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-image-"));
test.after(() => rmSync(folder, { recursive: true }));

/** A PNG of raw scanlines, each of which begins with its filter byte. */
function png(
  width: number,
  height: number,
  depth: number,
  type: number,
  rows: Uint8Array,
  extra: Buffer[] = [],
): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head[8] = depth;
  head[9] = type;
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([
    signature,
    chunk("IHDR", head),
    ...extra,
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc(body), out.length - 4);
  return out;
}

function crc(bytes: Uint8Array): number {
  if (crc32) return crc32(bytes);
  let c = 0xffffffff;
  for (const b of bytes) {
    c ^= b;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c >>> 0;
}

function big16(...values: number[]): number[] {
  return values.flatMap((v) => [v >> 8, v & 255]);
}

async function pixels(file: Uint8Array): Promise<number[]> {
  return [...(await decodeImage(file, "made-up")).data];
}

/** Pseudo-random pixels, the same each time. */
function noise(width: number, height: number, seed = 1): RgbImage {
  let s = seed;
  const data = Uint8Array.from({ length: 3 * width * height }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s >>> 24;
  });
  return { width, height, data };
}

test("16-bit grey saturates, with and without a transparent value; with an alpha channel the high byte counts", async () => {
  const row = Uint8Array.from([0, ...big16(200, 300, 65535)]);
  const saturated = [200, 200, 200, 255, 255, 255, 255, 255, 255];
  assert.equal(await pixels(png(3, 1, 16, 0, row)), saturated);
  assert.equal(await pixels(png(3, 1, 16, 0, row, [chunk("tRNS", Uint8Array.from(big16(300)))])), saturated);
  const withAlpha = Uint8Array.from([0, ...big16(300, 0, 0x80ff, 65535)]);
  assert.equal(await pixels(png(2, 1, 16, 4, withAlpha)), [1, 1, 1, 128, 128, 128]);
});

test("16-bit colour keeps its high byte and gamma is ignored", async () => {
  const row = Uint8Array.from([0, ...big16(0x80ff, 0x0180, 0xffff)]);
  const gamma = chunk("gAMA", Uint8Array.from([0, 0, 0x58, 0xff]));
  assert.equal(await pixels(png(1, 1, 16, 2, row, [gamma])), [128, 1, 255]);
});

test("alpha is dropped without compositing, also that of a palette or a transparent colour", async () => {
  assert.equal(await pixels(png(2, 1, 8, 6, Uint8Array.from([0, 9, 8, 7, 0, 1, 2, 3, 128]))), [9, 8, 7, 1, 2, 3]);
  const palette = [chunk("PLTE", Uint8Array.from([1, 2, 3, 4, 5, 6])), chunk("tRNS", Uint8Array.from([0]))];
  assert.equal(await pixels(png(2, 1, 8, 3, Uint8Array.from([0, 0, 1]), palette)), [1, 2, 3, 4, 5, 6]);
  const key = chunk("tRNS", Uint8Array.from(big16(9, 8, 7)));
  assert.equal(await pixels(png(1, 1, 8, 2, Uint8Array.from([0, 9, 8, 7]), [key])), [9, 8, 7]);
});

test("grey of 1, 2 and 4 bits is spread over 0 to 255", async () => {
  assert.equal(
    await pixels(png(4, 1, 2, 0, Uint8Array.from([0, 0b00011011]))),
    [0, 85, 170, 255].flatMap((v) => [v, v, v]),
  );
  assert.equal(await pixels(png(2, 1, 4, 0, Uint8Array.from([0, 0x1f]))), [17, 17, 17, 255, 255, 255]);
  assert.equal(await pixels(png(2, 1, 1, 0, Uint8Array.from([0, 0x40]))), [0, 0, 0, 255, 255, 255]);
});

test("an embedded colour profile changes nothing", async () => {
  const raw = { raw: { width: 8, height: 8, channels: 3 } } as const;
  const image = noise(8, 8);
  const plain = await sharp(image.data, raw).png().toBuffer();
  const tagged = await sharp(image.data, raw).withIccProfile("p3").png().toBuffer();
  assert.equal(await pixels(plain), [...image.data]);
  const { icc } = await sharp(tagged).metadata();
  assert.ok(icc, "the file has a profile");
  const untouched = await sharp(tagged, { ignoreIcc: true }).raw().toBuffer();
  assert.equal(await pixels(tagged), [...untouched]);
});

test("the orientation tag turns a TIFF, as Pillow does, and nothing else", async () => {
  const image = noise(5, 3);
  const raw = { raw: { width: 5, height: 3, channels: 3 } } as const;
  for (const [format, width] of [
    ["tiff", 3],
    ["png", 5],
    ["jpeg", 5],
    ["webp", 5],
  ] as const) {
    const file = await sharp(image.data, raw).withMetadata({ orientation: 6 }).toFormat(format).toBuffer();
    assert.is((await sharp(file).metadata()).orientation, 6, format);
    assert.is((await decodeImage(file, format)).width, width, format);
  }
});

test("WebP and TIFF without loss come out as they went in", async () => {
  const image = noise(20, 11);
  const raw = { raw: { width: 20, height: 11, channels: 3 } } as const;
  assert.equal(await pixels(await sharp(image.data, raw).webp({ lossless: true }).toBuffer()), [...image.data]);
  assert.equal(await pixels(await sharp(image.data, raw).tiff({ compression: "lzw" }).toBuffer()), [...image.data]);
});

test("CMYK TIFF is converted by Pillow's rule, not by a press profile", async () => {
  // One strip, 2 × 1 pixels, CMYK 8 bits, uncompressed; the entries are tag, type, count, value.
  const entries: [number, number, number, number][] = [
    [256, 3, 1, 2],
    [257, 3, 1, 1],
    [258, 3, 4, 150],
    [259, 3, 1, 1],
    [262, 3, 1, 5],
    [273, 4, 1, 158],
    [277, 3, 1, 4],
    [278, 3, 1, 1],
    [279, 4, 1, 8],
    [284, 3, 1, 1],
  ];
  const file = Buffer.alloc(166);
  file.write("II*\0", "latin1");
  file.writeUInt32LE(8, 4);
  file.writeUInt16LE(entries.length, 8);
  entries.forEach(([tag, type, count, value], i) => {
    file.writeUInt16LE(tag, 10 + 12 * i);
    file.writeUInt16LE(type, 12 + 12 * i);
    file.writeUInt32LE(count, 14 + 12 * i);
    file.writeUInt32LE(value, 18 + 12 * i);
  });
  for (let i = 0; i < 4; i++) file.writeUInt16LE(8, 150 + 2 * i);
  file.set([0, 255, 100, 55, 255, 0, 0, 0], 158);
  assert.equal(await pixels(file), [200, 0, 122, 0, 255, 255]);
});

test("a cut PNG keeps every whole row it has and the rest is black; asked to, it is refused", async () => {
  const image = noise(64, 64);
  const raw = { raw: { width: 64, height: 64, channels: 3 } } as const;
  const file = await sharp(image.data, raw).png({ compressionLevel: 0, adaptiveFiltering: false }).toBuffer();
  const cut = file.subarray(0, file.length * 0.6);
  const got = await decodeImage(cut, "cut.png");
  // Rows are stored as they are, 193 bytes each, after about 100 bytes of headers.
  const rows = [...Array(64).keys()].filter((y) => rowOf(got, y).equals(rowOf(image, y)));
  assert.ok(rows.length >= 37 && rows.length <= 38, `${rows.length} rows`);
  assert.ok(got.data.subarray(192 * rows.length).every((v) => v === 0));
  const error = await decodeImage(cut, "cut.png", { truncated: "refuse" }).catch((e) => e);
  assert.instance(error, FileFormatError);
  assert.is(error.kind, "Truncated");
  assert.match(error.message, /^cut\.png: /);
  assert.is((await decodeImage(file, "whole.png", { truncated: "refuse" })).width, 64);
});

test("a cut interlaced PNG keeps the passes it has", async () => {
  const image = noise(37, 29);
  const raw = { raw: { width: 37, height: 29, channels: 3 } } as const;
  const file = await sharp(image.data, raw).png({ progressive: true, compressionLevel: 0 }).toBuffer();
  const { data } = await decodeImage(file.subarray(0, file.length * 0.6), "cut.png");
  let kept = 0;
  for (let p = 0; p < 37 * 29; p++) {
    const same = [0, 1, 2].every((c) => data[3 * p + c] === image.data[3 * p + c]);
    assert.ok(same || [0, 1, 2].every((c) => data[3 * p + c] === 0), "a pixel is right or black");
    if (same) kept++;
  }
  assert.ok(kept > 0.5 * 37 * 29 && kept < 0.62 * 37 * 29, `${kept} pixels`);
});

test("a cut palette PNG keeps its colours; one cut before any pixel is refused", async () => {
  const palette = chunk("PLTE", Uint8Array.from([7, 8, 9, 4, 5, 6]));
  const bits = noise(1, 4000).data;
  const rows = Uint8Array.from({ length: 2 * 4000 }, (_, i) => (i % 2 ? bits[i] & 1 : 0));
  rows[1] = 1;
  rows[7999] = 1;
  const file = png(1, 4000, 8, 3, rows, [palette]);
  const got = await pixels(file.subarray(0, file.length / 2));
  assert.equal(got.slice(0, 3), [4, 5, 6]);
  assert.equal(got.slice(-3), [7, 8, 9], "rows that did not come have the colour 0");
  const error = await decodeImage(file.subarray(0, 45), "head.png").catch((e) => e);
  assert.is(error.kind, "MalformedFile");
});

function rowOf({ width, data }: RgbImage, y: number): Buffer {
  return Buffer.from(data.subarray(3 * width * y, 3 * width * (y + 1)));
}

test("what is no image is refused with its first bytes, and a missing file with its path", async () => {
  for (const [bytes, pattern] of [
    [Buffer.from("GIF89a......"), /got GIF; convert it/],
    [Buffer.from("<svg xmlns=>"), /got SVG/],
    [Buffer.from([0, 1, 2]), /begins with 000102/],
    [Buffer.alloc(0), /the file is empty/],
  ] as const) {
    const error = await decodeImage(bytes, "x.jpg").catch((e) => e);
    assert.instance(error, FileFormatError);
    assert.is(error.kind, "UnsupportedFeature");
    assert.match(error.message, pattern);
  }
  const header = await decodeImage(Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0]), "head.jpg").catch((e) => e);
  assert.is(header.kind, "MalformedFile");
  const missing = await readImage(join(folder, "none.jpg")).catch((e) => e);
  assert.instance(missing, MissingDataError);
  assert.match(missing.message, /none\.jpg: no such file/);
});

test("a file is known by its content, whatever its name says", async () => {
  const path = join(folder, "29fdc243aeb939388cfdf2d081dc080e");
  const raw = { raw: { width: 4, height: 2, channels: 3 } } as const;
  writeFileSync(path, await sharp(noise(4, 2).data, raw).png().toBuffer());
  assert.is((await readImage(path)).width, 4);
});

test("thumbnail sizes follow Pillow's rule", () => {
  const cases: [number, number, number, number, number][] = [
    [1600, 1200, 1024, 1024, 768],
    [3000, 2001, 1024, 1024, 683],
    [5000, 3333, 1024, 1024, 683],
    [1025, 7, 1024, 1024, 7],
    [640, 480, 1024, 640, 480],
    [1601, 1067, 1024, 1024, 682],
    [333, 500, 362.7, 241, 362],
    [2000, 1, 100, 100, 1],
    [1, 2000, 100, 1, 100],
  ];
  for (const [width, height, limit, w, h] of cases)
    assert.equal(thumbnailSize({ width, height }, limit), { width: w, height: h }, `${width}×${height} to ${limit}`);
  assert.throws(
    () => thumbnailSize({ width: 5, height: 5 }, 0.5),
    (e: Error) => e instanceof UsageError,
  );
});

/** Resampling as the formula says, in float64 with rounding to 8 bits between the passes. */
function twin(image: RgbImage, width: number, height: number, filter: Filter): number[] {
  const pass = (get: (i: number) => number, size: number, outputs: number) => {
    const scale = size / outputs;
    const stretch = Math.max(scale, 1);
    return Array.from({ length: outputs }, (_, i) => {
      const centre = (i + 0.5) * scale;
      let sum = 0;
      let norm = 0;
      for (let x = 0; x < size; x++) {
        if (Math.abs(x + 0.5 - centre) > filter.radius * stretch + 0.5) continue;
        const w = filter.value((x + 0.5 - centre) / stretch);
        sum += w * get(x);
        norm += w;
      }
      return Math.min(255, Math.max(0, Math.round(sum / norm)));
    });
  };
  const { width: W, height: H, data } = image;
  const wide = new Float64Array(3 * width * H);
  for (let y = 0; y < H; y++)
    for (let c = 0; c < 3; c++)
      for (const [x, v] of pass((i) => data[3 * (y * W + i) + c], W, width).entries())
        wide[3 * (y * width + x) + c] = v;
  const out = new Array<number>(3 * width * height);
  for (let x = 0; x < width; x++)
    for (let c = 0; c < 3; c++)
      for (const [y, v] of pass((i) => wide[3 * (i * width + x) + c], H, height).entries())
        out[3 * (y * width + x) + c] = v;
  return out;
}

test("integer resampling stays within one level of the float64 twin, up and down", () => {
  for (const [w, h, filter] of [
    [31, 17, lanczos],
    [90, 70, lanczos],
    [13, 60, bilinear],
    [47, 33, bilinear],
  ] as const) {
    const image = noise(47, 33, w);
    const got = resample(image, w, h, filter).data;
    const want = twin(image, w, h, filter);
    assert.is(got.length, want.length);
    const off = want.map((v, i) => Math.abs(v - got[i]));
    assert.ok(Math.max(...off) <= 1, `${w}×${h}: off by ${Math.max(...off)}`);
    assert.ok(
      off.filter((d) => d > 0).length < 0.03 * off.length,
      `${w}×${h}: ${off.filter((d) => d > 0).length} of ${off.length} are not equal`,
    );
  }
});

test("resampling keeps a flat image flat and an image of equal size as it is, in a copy", () => {
  const flat = { width: 50, height: 40, data: new Uint8Array(6000).fill(201) };
  for (const [w, h] of [
    [7, 5],
    [49, 40],
    [120, 99],
  ])
    assert.ok(resample(flat, w, h, lanczos).data.every((v) => v === 201));
  const image = noise(9, 9);
  const same = resample(image, 9, 9, lanczos);
  assert.equal(same.data, image.data);
  assert.is.not(same.data, image.data);
});

test("block averages round half up and use only the pixels there are", () => {
  const image = { width: 3, height: 1, data: Uint8Array.from([0, 1, 2, 1, 2, 4, 9, 9, 255]) };
  assert.equal([...reduceBlocks(image, 2, 1).data], [1, 2, 3, 9, 9, 255]);
  const photo = noise(23, 10);
  const { data } = reduceBlocks(photo, 5, 3);
  for (let by = 0; by < 4; by++)
    for (let bx = 0; bx < 5; bx++) {
      let sum = 0;
      let n = 0;
      for (let y = 3 * by; y < Math.min(10, 3 * by + 3); y++)
        for (let x = 5 * bx; x < Math.min(23, 5 * bx + 5); x++, n++) sum += photo.data[3 * (y * 23 + x)];
      assert.ok(Math.abs(data[3 * (by * 5 + bx)] - sum / n) <= 0.5 + 0.5 / n + 1e-3, `block ${bx}, ${by}`);
    }
});

test("crops round each corner half to even and are black outside", () => {
  assert.equal(
    [0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, 2.51].map(roundHalfEven).map((v) => v + 0),
    [0, 2, 2, 0, -2, 2, 3],
  );
  const image = noise(4, 3);
  const part = crop(image, [-1.5, 0.5, 2.5, 3.5]);
  assert.equal([part.width, part.height], [4, 4]);
  const at = (i: RgbImage, x: number, y: number) => [
    ...i.data.subarray(3 * (y * i.width + x), 3 * (y * i.width + x) + 3),
  ];
  assert.equal(at(part, 1, 0), [0, 0, 0]);
  assert.equal(at(part, 2, 0), at(image, 0, 0));
  assert.equal(at(part, 3, 2), at(image, 1, 2));
  assert.equal(at(part, 3, 3), [0, 0, 0]);
  assert.ok(crop(image, [10, 10, 12, 12]).data.every((v) => v === 0));
  assert.throws(() => crop(image, [2, 0, 2.4, 3]), /expected a box/);
});

test("a query shrinks by the factor of its whole image, and an image that fits is not copied", () => {
  const image = noise(200, 100);
  const part = prepareImage(image, 50, [0, 0, 80, 60]);
  assert.equal([part.width, part.height], [20, 15]);
  assert.is(prepareImage(image, 200), image);
  assert.is(thumbnail(image, 500), image);
  const tiny = prepareImage(image, 50, [0, 0, 2, 2]);
  assert.equal([tiny.width, tiny.height], [1, 1], "at least a pixel is left");
});

test("SOLAR's resize brings the shorter side to size, enlarging too", () => {
  assert.equal(sizeOf(resizeShorterSide(noise(1025, 700), 341)), [499, 341]);
  assert.equal(sizeOf(resizeShorterSide(noise(20, 30), 40)), [40, 60]);
});

function sizeOf({ width, height }: RgbImage): number[] {
  return [width, height];
}

test("recipes crop where their fractions say, within the image", () => {
  const image = noise(60, 40);
  assert.equal(sizeOf(applyRecipe(image, { kind: "shorterSide", side: 20, crop: [0, 0] })), [20, 20]);
  const right = applyRecipe(image, { kind: "shorterSide", side: 40, crop: [0.999999, 0.5] });
  assert.equal([...right.data], [...crop(resizeShorterSide(image, 40), [20, 0, 60, 40]).data]);
  const square = applyRecipe(image, { kind: "square", side: 40, offset: 0.5 });
  assert.equal([...square.data], [...crop(image, [10, 0, 50, 40]).data]);
  const mirrored = applyRecipe(image, { kind: "whole" }, true);
  assert.equal([...mirrored.data.subarray(0, 3)], [...image.data.subarray(177, 180)]);
  assert.equal([...flipHorizontal(mirrored).data], [...image.data]);
});

test("normalised planes are (v/255 − mean) / std, and scaling by 1 changes nothing", () => {
  const image = noise(6, 5);
  const { shape, data } = normalise(image);
  assert.equal(shape, [3, 5, 6]);
  assert.ok(Math.abs(data[30 + 7] - (image.data[3 * 7 + 1] / 255 - 0.456) / 0.224) < 1e-6);
  const same = scaleBilinear({ dtype: "F32", shape, data }, 1, "fire");
  assert.equal(same.data, data);
  assert.equal(scaleBilinear({ dtype: "F32", shape, data }, 0.5, "how").shape, [3, 2, 3]);
  assert.throws(() => scaleBilinear({ dtype: "F32", shape, data }, 0.1, "how"), /leaves nothing/);
});

test.run();
