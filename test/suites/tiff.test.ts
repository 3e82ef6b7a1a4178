/** @file TIFF: what Pillow makes of it, or a refusal by name; never black or false colours. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError } from "../../base/errors.js";
import type { RgbImage } from "../../base/image.js";
import { packageRoot } from "../../base/paths.js";
import { decodeImage } from "../../data/decode.js";
import { pictureTags, type Tag, tiffFile } from "../support/tiff-files.js";

const test = suite("tiff");
const caseFile = (name: string) => readFileSync(join(packageRoot(), "test/cases/images", name));

/** A picture without two equal rows or columns. */
function picture(width: number, height: number): RgbImage {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37 + ((i * i) >> 5)) % 251);
  return { width, height, data };
}

async function refusal(bytes: Uint8Array, options = {}): Promise<string> {
  const error = await decodeImage(bytes, "a.tif", options).then(
    () => assert.unreachable("decoded"),
    (e) => e,
  );
  assert.instance(error, FileFormatError, String(error));
  assert.is(error.exitCode, 3);
  return error.message;
}

const cut = (data: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(data.length / size) }, (_, i) => data.subarray(i * size, (i + 1) * size));

test("compressions that are not read are refused by name, also the one that came out black", async () => {
  assert.match(await refusal(caseFile("zstd.tif")), /compressed with ZSTD \(50000\).*\[UnsupportedFeature\]/);
  for (const [compression, name] of [
    [34925, "LZMA"],
    [34712, "JPEG 2000"],
    [33003, "JPEG 2000"],
    [34887, "LERC"],
    [50001, "WebP"],
    [6, "old JPEG"],
    [4711, "an unknown method"],
  ] as const)
    assert.match(
      await refusal(tiffFile(pictureTags(4, 4, { compression }), [new Uint8Array(48)])),
      new RegExp(`compressed with ${name}`),
    );
});

test("damage in a strip or a tile is refused, whatever the compression", async () => {
  const { data } = picture(32, 32);
  const strips = cut(data, 96 * 8).map((part) => deflateSync(part));
  const good = tiffFile(pictureTags(32, 32, { compression: 8, rows: 8 }), strips);
  assert.equal((await decodeImage(good, "a.tif")).data, data);
  for (const broken of [0, 2]) {
    const parts = strips.map((s, i) => (i === broken ? s.map((b, k) => (k > 20 ? b ^ 0x55 : b)) : s));
    assert.match(
      await refusal(tiffFile(pictureTags(32, 32, { compression: 8, rows: 8 }), parts)),
      /cannot decode this TIFF/,
    );
    const tile: Tag[] = [
      [322, 4, [32]],
      [323, 4, [16]],
    ];
    const tiles = cut(data, 96 * 16).map((part) => deflateSync(part));
    const wrong = tiles.map((s, i) => (i === broken >> 1 ? s.map((b, k) => (k > 20 ? b ^ 0x55 : b)) : s));
    const tags = [...pictureTags(32, 32, { compression: 8 }), ...tile];
    assert.equal((await decodeImage(tiffFile(tags, tiles), "a.tif")).data, data);
    assert.match(await refusal(tiffFile(tags, wrong)), /cannot decode this TIFF/);
  }
  const raw = { width: 32, height: 32, channels: 3 } as const;
  for (const format of ["lzw", "jpeg", "packbits"] as const) {
    const bytes = await sharp(data, { raw }).tiff({ compression: format, predictor: "none" }).toBuffer();
    await decodeImage(bytes, "a.tif");
    assert.match(await refusal(bytes.fill(0xfe, 8, 200)), /cannot decode this TIFF/, format);
  }
});

test("a TIFF that ends too early is completed when it is not compressed, and said; else it is refused", async () => {
  const { data } = picture(8, 8);
  const bytes = Buffer.from(tiffFile([...pictureTags(8, 8), [273, 4, [300]]], [new Uint8Array(0)]));
  const whole = Buffer.concat([bytes, Buffer.alloc(300 - bytes.length), data]);
  const notices: string[] = [];
  const half = await decodeImage(whole.subarray(0, 300 + 96), "a.tif", { onNotice: (line) => notices.push(line) });
  assert.equal(half.data.subarray(0, 96), data.subarray(0, 96));
  assert.ok(half.data.subarray(96).every((v) => v === 0));
  assert.match(notices.join(), /a\.tif: this TIFF ends too early/);
  assert.match(await refusal(whole.subarray(0, 300 + 96), { truncated: "refuse" }), /Truncated/);
  assert.match(await refusal(whole.subarray(0, 300)), /ends after 0.0 % of them.*Truncated/);
  const packed = tiffFile([...pictureTags(8, 8, { compression: 8 }), [279, 4, [5000]]], [deflateSync(data)]);
  assert.match(await refusal(packed), /needs 5008 bytes.*Truncated/);
});

test("YCbCr of all layouts becomes RGB within three levels of the truth", async () => {
  const lzw = await decodeImage(caseFile("ycbcr-lzw.tif"), "a.tif");
  // The first pixels as Pillow 9.4 reads them.
  const first = [127, 202, 207, 138, 207, 204, 150, 210, 200, 162, 213, 196];
  assert.ok(first.every((value, i) => Math.abs(value - lzw.data[i]) <= 3));
  // Chroma is constant over blocks of 4 × 4 pixels, so that no layout loses any.
  const [width, height] = [13, 10];
  const ycc = (x: number, y: number) => [60 + 7 * x + 3 * y, 100 + 20 * (x >> 2), 150 - 15 * (y >> 2)];
  const want: number[] = [];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [l, cb, cr] = ycc(x, y);
      const [r, b] = [l + 1.402 * (cr - 128), l + 1.772 * (cb - 128)];
      want.push(r, (l - 0.299 * r - 0.114 * b) / 0.587, b);
    }
  for (const [h, v] of [
    [1, 1],
    [2, 1],
    [1, 2],
    [2, 2],
    [4, 2],
    [4, 4],
  ])
    for (const compression of [1, 8])
      for (const rows of [4, 10]) {
        const parts: Uint8Array[] = [];
        for (let top = 0; top < height; top += rows) {
          const out: number[] = [];
          for (let y = top; y < Math.min(top + rows, height); y += v)
            for (let x = 0; x < width; x += h) {
              for (let j = 0; j < v; j++) for (let i = 0; i < h; i++) out.push(ycc(x + i, y + j)[0]);
              out.push(...ycc(x, y).slice(1));
            }
          parts.push(compression === 8 ? deflateSync(Uint8Array.from(out)) : Uint8Array.from(out));
        }
        const tags: Tag[] = [...pictureTags(width, height, { compression, photometric: 6, rows }), [530, 3, [h, v]]];
        const got = await decodeImage(tiffFile(tags, parts), "a.tif");
        assert.equal([got.width, got.height], [width, height]);
        const worst = Math.max(...got.data.map((value, i) => Math.abs(value - Math.min(255, Math.max(0, want[i])))));
        assert.ok(worst <= 3, `${h} × ${v}, compression ${compression}, ${rows} rows: ${worst}`);
      }
});

test("samples that mean something else are refused by name", async () => {
  const plain = new Uint8Array(2 * 4 * 16);
  const made = (about: Parameters<typeof pictureTags>[2], ...more: Tag[]) =>
    tiffFile([...pictureTags(4, 4, about), ...more], [plain]);
  const wrong: [Buffer, RegExp][] = [
    [made({ photometric: 8 }), /CIELab/],
    [made({ photometric: 32803, samples: 1 }), /camera/],
    [made({ bits: 32 }), /32 bits a sample|32, 32, 32 bits/],
    [made({ bits: 16 }, [339, 3, [3, 3, 3]]), /no unsigned whole numbers/],
    [made({ bits: 12 }), /12, 12, 12 bits/],
    [made({ samples: 2, photometric: 1 }), /does not say what its samples mean/],
    [made({ samples: 5 }), /5 samples/],
    [made({ samples: 4, photometric: 5 }, [332, 3, [2]]), /inks other than CMYK/],
    [made({ samples: 1, bits: 16, photometric: 0 }), /zero is white/],
    [made({ bits: 16 }, [284, 3, [2]]), /planes of 16 bits/],
    [made({}, [50706, 3, [1, 4]]), /DNG/],
    [made({}, [254, 4, [1]], [330, 4, [8]]), /thumbnail/],
    [made({}, [32997, 4, [2]]), /a volume/],
  ];
  for (const [bytes, words] of wrong) assert.match(await refusal(bytes), words);
});

test("tiles are put side by side, and all eight orientations are turned as Pillow does", async () => {
  const { width, height, data } = picture(37, 21);
  const pixel = (x: number, y: number) => data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3);
  const tiles: Uint8Array[] = [];
  for (let top = 0; top < height; top += 16)
    for (let left = 0; left < width; left += 16) {
      const tile = new Uint8Array(3 * 16 * 16);
      for (let y = 0; y < 16; y++)
        for (let x = 0; x < 16; x++)
          if (left + x < width && top + y < height) tile.set(pixel(left + x, top + y), 3 * (16 * y + x));
      tiles.push(tile);
    }
  const tags: Tag[] = [...pictureTags(width, height), [322, 4, [16]], [323, 4, [16]]];
  assert.equal((await decodeImage(tiffFile(tags, tiles), "a.tif")).data, data);
  for (let orientation = 1; orientation <= 8; orientation++) {
    const got = await decodeImage(tiffFile([...pictureTags(width, height), [274, 3, [orientation]]], [data]), "a.tif");
    // What the viewer has to do to a picture whose row 0 and column 0 are at the given sides.
    const turned = await sharp(data, { raw: { width, height, channels: 3 } })
      .withMetadata({ orientation })
      .png()
      .toBuffer();
    const want = await sharp(turned).autoOrient().raw().toBuffer({ resolveWithObject: true });
    assert.equal([got.width, got.height], [want.info.width, want.info.height], String(orientation));
    assert.equal(Buffer.from(got.data), want.data, String(orientation));
  }
});

test("tags that claim more than the file holds cost nothing and are refused", async () => {
  const tags = pictureTags(4, 4, { samples: 1, photometric: 1 });
  const pixels = new Uint8Array(16);
  const claims: [Tag, RegExp][] = [
    [[256, 4, [100_000]], /beyond|pixels|Truncated/],
    [[257, 4, [4_000_000_000]], /parts|pixels|Truncated/],
    [[278, 4, [0]], /parts of 4 × 0/],
    [[279, 4, [0]], /lacks|ends/],
    [[273, 4, [4_294_967_000]], /ends after 0.0 % of them/],
  ];
  for (const [tag, words] of claims) {
    const compression: Tag = [259, 3, [tag[0] === 279 ? 8 : 1]];
    const bytes = tiffFile([...tags.filter(([t]) => t !== tag[0] && t !== 259), compression, tag], [pixels]);
    assert.match(await refusal(bytes), words);
  }
  const huge: Tag[] = [...pictureTags(10, 10), [322, 4, [60_000]], [323, 4, [60_000]]];
  assert.match(await refusal(tiffFile(huge, [pixels])), /60000 × 60000 pixels; at most|Truncated/);
  const bytes = tiffFile(tags, [pixels]);
  const count = bytes.indexOf(Buffer.from([2, 1, 3, 0]));
  bytes.writeUInt32LE(0xffffffff, count + 4);
  assert.match(await refusal(bytes), /Truncated/);
});

test.run();
