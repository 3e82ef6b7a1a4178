/** @file Decoding, thumbnails, query crops, SOLAR's resize, float conversion and the scale pyramid, against Pillow and torch. */
import { readFileSync } from "node:fs";
import type { RgbImage } from "../../../base/image.js";
import { decodeImage } from "../../../data/decode.js";
import { normalise } from "../../../data/normalise.js";
import { type ScaleConvention, scaleBilinear } from "../../../data/pyramid.js";
import { type Box, crop, prepareImage, resizeShorterSide, thumbnail } from "../../../data/resize.js";
import { type Check, checkThat, type GoldenCase } from "../case.js";

interface QueryCrop {
  index: number;
  file: string;
  bbx: Box;
  imsize: number;
  result_wh: [number, number];
}

export default async function imagePreprocess(golden: GoldenCase): Promise<Check[]> {
  const checks: Check[] = [];
  const decode = (file: string) => decodeImage(readFileSync(golden.path(`files/${file}`)), file);
  const same = (name: string, image: RgbImage) => checks.push(compareImage(golden, name, image));
  const names = Object.keys(golden.json.tensors);

  for (const name of names.filter((n) => n.startsWith("rgb/"))) {
    const file = name.slice(4);
    const image = await decode(file);
    // "Truncated progressive files also go through the decoder block smoothing, so exactness there is optional."
    const bytes = readFileSync(golden.path(`files/${file}`));
    if (golden.json.files[file].without_truncation_tolerance && isProgressiveJpeg(bytes))
      checks.push(compareRelaxed(golden, name, image));
    else same(name, image);
  }
  for (const file of Object.keys(golden.json.files)) {
    if (!golden.json.files[file].without_truncation_tolerance) continue;
    const bytes = readFileSync(golden.path(`files/${file}`));
    const refusal = await decodeImage(bytes, file, { truncated: "refuse" }).catch((e: Error) => e.message);
    checks.push(checkThat(`refuse/${file}`, String(refusal).includes("[Truncated]"), `got ${String(refusal)}`));
  }
  // Thumbnails have a name "thumb/FILE/LIMIT"; the limit may be a fraction.
  for (const name of names.filter((n) => n.startsWith("thumb/"))) {
    const [, file, limit] = name.split("/");
    same(name, thumbnail(await decode(file), Number(limit)));
  }
  for (const q of golden.json.query_crops as QueryCrop[])
    same(`query/${q.index}`, prepareImage(await decode(q.file), q.imsize, q.bbx));
  const solar = golden.json.solar_resize;
  for (const item of solar.items)
    same(`solar_resize/${item.shorter_side}`, resizeShorterSide(await decode(item.file), item.shorter_side));
  const { top, left, width, height, tensor } = solar.crop;
  same(tensor, crop(await decode(solar.items[0].file), [left, top, left + width, top + height]));

  const u8 = golden.read("tensor/u8");
  const input = normalise({ width: u8.shape[1], height: u8.shape[0], data: u8.data as Uint8Array });
  checks.push(golden.compare("tensor/normalised", input.data, 1));
  for (const { scale, tensor_suffix: suffix } of golden.json.pyramid.scales)
    for (const convention of ["fire", "how"] as ScaleConvention[])
      checks.push(golden.compare(`pyramid/${convention}/${suffix}`, scaleBilinear(input, scale, convention).data, 1));
  return checks;
}

function compareImage(golden: GoldenCase, name: string, image: RgbImage): Check {
  const [height, width] = golden.note(name).shape;
  if (image.width !== width || image.height !== height)
    return checkThat(name, false, `expected ${width}×${height}, got ${image.width}×${image.height}`);
  return golden.compare(name, image.data, 1);
}

/** The case's own relaxed bound for decoders: at most 2 levels on more than 99.9 % of the samples. */
function compareRelaxed(golden: GoldenCase, name: string, image: RgbImage): Check {
  const exact = compareImage(golden, name, image);
  const want = golden.read(name).data as Uint8Array;
  if (exact.ok || want.length !== image.data.length) return exact;
  const histogram = new Map<number, number>();
  for (let i = 0; i < want.length; i++) {
    const d = Math.abs(image.data[i] - want[i]);
    histogram.set(d, (histogram.get(d) ?? 0) + 1);
  }
  const off = [...histogram].filter(([d]) => d > 2).reduce((n, [, count]) => n + count, 0);
  const text = [...histogram].sort(([a], [b]) => a - b).map(([d, count]) => `${d}: ${count}`);
  return checkThat(name, off < 0.001 * want.length, `≤ 2 levels on > 99.9 %; samples by difference ${text.join(", ")}`);
}

/** Whether the frame header is SOF2, found by walking the segments before the first scan. */
function isProgressiveJpeg(bytes: Uint8Array): boolean {
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda; ) {
    if (bytes[at + 1] === 0xc2) return true;
    at += 2 + 256 * bytes[at + 2] + bytes[at + 3];
  }
  return false;
}
