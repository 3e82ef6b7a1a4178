/** @file Variations of training photos: windows, colours, positives that are the query itself, and their draws. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RgbImage } from "../../base/image.js";
import { RandomStream } from "../../data/tuples/stream.js";
import { loadedSize, varied, withSamePositives } from "../../tasks/train/augment.js";

const test = suite("augment");
const stream = () => RandomStream.of(3, "variations");
const PLAIN = { zoom: 0, jitter: 0, same_prob: 0 };

/** Red grows to the right, green downward. */
function ramp(width: number, height: number): RgbImage {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      data.set([Math.floor((255 * x) / width), Math.floor((255 * y) / height), 90], 3 * (y * width + x));
  return { width, height, data };
}

const mean = ({ data }: RgbImage, channel: number) =>
  data.reduce((sum, v, i) => sum + (i % 3 === channel ? v : 0), 0) / (data.length / 3);

test("without variation the image stays as it is", () => {
  const image = ramp(20, 12);
  assert.is(varied(image, 20, PLAIN, 4, stream()), image);
  assert.is(loadedSize(96, PLAIN), 96);
});

test("a window has the training's size, and another place at each draw", () => {
  const options = { ...PLAIN, zoom: 0.5 };
  assert.is(loadedSize(48, options), 96);
  const image = ramp(96, 64);
  const windows = Array.from({ length: 200 }, (_, i) => varied(image, 48, options, i, stream()));
  for (const w of windows) assert.equal([w.width, w.height], [48, 32]);
  const reds = windows.map((w) => w.data[3 * 47] - w.data[0]);
  // red over a window of a half is half of its range, over the whole all of it
  assert.ok(Math.min(...reds) < 140 && Math.min(...reds) > 110, `${Math.min(...reds)}`);
  assert.ok(Math.max(...reds) > 235, `${Math.max(...reds)}`);
  const left = windows.map((w) => w.data[0]);
  assert.ok(Math.min(...left) < 10 && Math.max(...left) > 80);
  assert.equal(varied(image, 48, options, 7, stream()), windows[7]);
});

test("colours move about the mean, and not at all with factors of 1", () => {
  const image = ramp(64, 64);
  const options = { ...PLAIN, jitter: 0.2 };
  const changed = Array.from({ length: 200 }, (_, i) => varied(image, 64, options, i, stream()));
  const ratios = changed.map((c) => mean(c, 1) / mean(image, 1));
  assert.ok(Math.min(...ratios) > 0.7 && Math.min(...ratios) < 0.9, `${Math.min(...ratios)}`);
  assert.ok(Math.max(...ratios) < 1.3 && Math.max(...ratios) > 1.1, `${Math.max(...ratios)}`);
  assert.equal(varied(image, 64, { ...options, jitter: 1e-9 }, 5, stream()).data, image.data);
});

test("some positives become the query, the same ones after a resume", () => {
  const width = 3;
  const images = Array.from({ length: 300 }, (_, i) => i);
  const options = { ...PLAIN, same_prob: 0.4 };
  const all = withSamePositives(images, width, 0, options, stream());
  const same = all.filter((v, i) => i % width === 1 && v === images[i - 1]).length;
  assert.ok(same > 25 && same < 55, `${same} of 100`);
  assert.ok(all.every((v, i) => i % width === 1 || v === i));
  const rest = withSamePositives(images.slice(30), width, 10, options, stream());
  assert.equal(rest, all.slice(30));
  assert.equal(withSamePositives(images, width, 0, PLAIN, stream()), images);
});

test.run();
