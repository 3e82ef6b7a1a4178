/** @file What a small file may cost, and that a photo is never used in part or not at all without a word. */
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { crc32 } from "../../base/hash.js";
import { decodeImage } from "../../data/decode.js";

const test = suite("image limits");

function chunk(type: string, body: Uint8Array, claimed = body.length): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), body]);
  const out = Buffer.alloc(named.length + 8);
  out.writeUInt32BE(claimed, 0);
  named.copy(out, 4);
  out.writeUInt32BE(crc32(named), out.length - 4);
  return out;
}

/** A PNG that ends in its pixels: `rows` is what came of them. */
function cutPng(width: number, height: number, depth: number, type: number, rows: Uint8Array, interlaced = 0): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([depth, type, 0, 0, interlaced], 8);
  const data = chunk("IDAT", deflateSync(rows), 100_000);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", head), data.subarray(0, data.length - 4)]);
}

/** Decodes and says how: the failure's message or "decoded", and the growth of the process in MiB. */
async function cost(bytes: Uint8Array): Promise<{ said: string; mebibytes: number }> {
  const before = process.memoryUsage.rss();
  const said = await decodeImage(bytes, "a photo").then(
    () => "decoded",
    (e: Error) => e.message,
  );
  return { said, mebibytes: (process.memoryUsage.rss() - before) / 2 ** 20 };
}

const photo = (width: number, height: number) =>
  sharp(
    Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37 + ((i * i) >> 5)) % 251),
    {
      raw: { width, height, channels: 3 },
    },
  );

test("PNGs of a few bytes that claim much are refused before anything is allocated", async () => {
  const zeros = new Uint8Array(1000);
  const files = [
    cutPng(16383, 16383, 16, 6, zeros),
    cutPng(1, 0x0fff8001, 8, 0, zeros),
    cutPng(1, 2 ** 24, 16, 6, zeros),
    cutPng(2 ** 24, 1, 8, 0, zeros),
    cutPng(4096, 4096, 16, 6, zeros),
    cutPng(4096, 4096, 16, 6, zeros, 1),
    cutPng(12_000, 12_000, 8, 2, zeros),
  ];
  for (const bytes of files) {
    const { said, mebibytes } = await cost(bytes);
    assert.match(said, /Truncated|UnsupportedFeature|MalformedFile/);
    assert.ok(mebibytes < 100, `${said}: ${mebibytes} MiB`);
  }
});

test("JPEG, WebP and TIFF headers that claim more than the body holds are refused by name", async () => {
  const jpeg = await photo(64, 64).jpeg().toBuffer();
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  const webp = await photo(64, 64).webp().toBuffer();
  const key = webp.indexOf(Buffer.from([0x9d, 1, 0x2a]));
  for (const side of [65_500, 13_000]) {
    jpeg.writeUInt16BE(side, frame + 5);
    jpeg.writeUInt16BE(side, frame + 7);
    const { said, mebibytes } = await cost(jpeg);
    assert.match(
      said,
      side === 65_500 ? /at most 178956970 are read.*UnsupportedFeature/ : /claims 13000 × 13000.*Truncated/,
    );
    assert.ok(mebibytes < 100, `${mebibytes} MiB`);
  }
  for (const side of [16_383, 12_000]) {
    webp.writeUInt16LE(side, key + 3);
    webp.writeUInt16LE(side, key + 5);
    const { said, mebibytes } = await cost(webp);
    assert.match(said, /Truncated|UnsupportedFeature/);
    assert.ok(mebibytes < 100, `${mebibytes} MiB`);
  }
});

test("the limit of pixels can be changed, and what is no number is refused", async () => {
  const bytes = await photo(40, 30).png().toBuffer();
  try {
    process.env.FIRE_GPU_MAX_PIXELS = "1199";
    assert.match(
      (await cost(bytes)).said,
      /40 × 30 pixels; at most 1199 are read \(FIRE_GPU_MAX_PIXELS changes that\)/,
    );
    process.env.FIRE_GPU_MAX_PIXELS = "1200";
    assert.is((await cost(bytes)).said, "decoded");
    process.env.FIRE_GPU_MAX_PIXELS = "many";
    assert.match((await cost(bytes)).said, /FIRE_GPU_MAX_PIXELS: expected a number of pixels, got "many"/);
  } finally {
    delete process.env.FIRE_GPU_MAX_PIXELS;
  }
});

test("a photo of which a part is missing or damaged is used and said; one of which nothing came is refused", async () => {
  const jpeg = await photo(200, 150).jpeg({ quality: 90 }).toBuffer();
  const png = await photo(200, 150).png({ compressionLevel: 0 }).toBuffer();
  const told = async (bytes: Uint8Array) => {
    const lines: string[] = [];
    await decodeImage(bytes, "a photo", { onNotice: (line) => lines.push(line) });
    return lines.join();
  };
  assert.is(await told(jpeg), "");
  assert.is(await told(png), "");
  const end = Buffer.from([0xff, 0xd9]);
  assert.match(await told(jpeg.subarray(0, jpeg.length >> 1)), /^a photo: this JPEG ends too early/);
  assert.match(
    await told(Buffer.concat([jpeg.subarray(0, jpeg.length >> 1), end])),
    /^a photo: this JPEG ends too early/,
  );
  assert.match(
    await told(png.subarray(0, png.length >> 1)),
    /^a photo: this PNG ends too early; what is missing is black/,
  );
  const broken = Buffer.from(png);
  broken.fill(0x55, png.length >> 1, (png.length >> 1) + 40);
  assert.match(await told(broken), /^a photo: this PNG ends too early or is damaged/);

  const nothing = Buffer.concat([jpeg.subarray(0, jpeg.indexOf(Buffer.from([0xff, 0xda])) + 14), end]);
  assert.match((await cost(nothing)).said, /nothing of the picture can be decoded.*Truncated/);
  const empty = cutPng(30, 30, 8, 2, new Uint8Array(5));
  assert.match((await cost(empty)).said, /ends after 0.0 % of them.*Truncated/);
  const data = png.indexOf(Buffer.from("IDAT"));
  assert.match((await cost(Buffer.from(png).fill(0, data + 4, data + 90))).said, /Truncated|MalformedFile/);
});

test("kinds that are not read are refused by the name of what they are", async () => {
  const kinds: [string, string][] = [
    ["\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"],
    ["\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF"],
    ["\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "CR3 raw"],
    ["GIF89a\x01\0\x01\0\0\0\0\0\0\0\0", "GIF"],
    ["BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0", "BMP"],
    ["II*\0\x10\0\0\0CR\x02\0\0\0\0\0", "CR2 raw"],
    ["\xff\x0a\xfa\x1f\x41\x81\x0c\x02\0\x10\0\0\0\0\0\0", "JPEG XL"],
    ["\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14", "JPEG 2000"],
    ["8BPS\0\x01\0\0\0\0\0\0\0\x03\0\0", "PSD"],
    ['<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', "SVG"],
  ];
  for (const [head, kind] of kinds)
    assert.match(
      (await cost(Buffer.from(head, "latin1"))).said,
      new RegExp(`expected a JPEG, PNG, WebP or TIFF image, got ${kind}; .*UnsupportedFeature`),
    );
});

test.run();
