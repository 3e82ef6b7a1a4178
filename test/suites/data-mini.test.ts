/** @file All 560 photos of the mini set, through the loader, against the pixel hashes of the end-to-end case. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";
import { loadDataset } from "../../data/datasets/load.js";
import { loadImages } from "../../data/loader.js";

const test = suite("data-mini");
const shared = join(packageRoot(), "../shared");
const mini = join(shared, "data/mini");
const golden = join(shared, "golden/e2e__how_r18s1_mini/case.json");
const missing = [mini, golden].find((path) => !existsSync(path));
if (missing) console.log(`data-mini: skipped, ${missing} is not there`);
const check = missing ? test.skip : test;

type Pixels = Record<string, [file: [number, number], thumbnail: [number, number], sha256: string]>;

check("the mini set has 498 images, 62 whole queries and revisited judgements", async () => {
  const byGnd = await loadDataset({ name: "mini", gnd: join(mini, "gnd.json") }, { root: mini });
  assert.is(byGnd.images.length, 498);
  assert.is(byGnd.queries.length, 62);
  assert.is(byGnd.protocol, "revisited");
  assert.equal(byGnd.groundTruth?.[0], { easy: [3], hard: [0, 1, 2, 4, 5, 6, 7, 8, 9, 10], junk: [] });
  assert.ok(byGnd.queries.every((q) => q.box === null));
  assert.equal(byGnd.warnings, []);
  const spec = { name: "mini", images: "images", gnd: "gnd.json" };
  const byFolder = await loadDataset(spec, { root: mini, base: mini });
  assert.equal(byFolder.images, byGnd.images, "names with a subfolder are found in that folder as well");
});

check("every photo, decoded and limited to 512, has the hash of Pillow's result", async () => {
  const { images }: { images: Pixels } = JSON.parse(readFileSync(golden, "utf8")).pixels;
  const names = Object.keys(images);
  assert.is(names.length, 560);
  const wrong: string[] = [];
  const requests = names.map((name) => ({ path: join(mini, name) }));
  for await (const { index, image, original, error } of loadImages(requests, { imageSize: 512 })) {
    if (error) throw error;
    const [file, thumbnail, sha256] = images[names[index]];
    assert.equal([original.width, original.height], file, names[index]);
    assert.equal([image.width, image.height], thumbnail, names[index]);
    if (!createHash("sha256").update(image.data).digest("hex").startsWith(sha256)) wrong.push(names[index]);
  }
  assert.equal(wrong, []);
});

test.run();
