/** @file The demo in miniature, from rendering to the page, and the page of rankings by itself. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RgbImage } from "../../base/image.js";
import { packageRoot } from "../../base/paths.js";
import { listImages } from "../../data/datasets/folder.js";
import type { Dataset } from "../../data/datasets/types.js";
import { loadImages } from "../../data/loader.js";
import { readThumbnail } from "../../data/thumbnail.js";
import { openDevice } from "../../engine/device.js";
import { loadNetwork } from "../../nets/load.js";
import { peekCheckpoint } from "../../nets/weights/checkpoint.js";
import { parseSet } from "../../tasks/config/override.js";
import { type DemoOptions, demoCheckpoint, runDemo } from "../../tasks/demo/demo.js";
import type { DatasetResult } from "../../tasks/evaluate/results.js";
import { initModel } from "../../tasks/init-model.js";
import { openModel } from "../../tasks/open-model.js";
import { Interrupted, type Progress, silent } from "../../tasks/progress.js";
import { collectSection } from "../../tasks/report/collect.js";
import { renderPage } from "../../tasks/report/page.js";

const test = suite("demo");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-demo-"));
test.after(() => rmSync(folder, { recursive: true }));

const landmarks = { landmarks: 2, views: 3, queriesPerLandmark: 1, distractors: 2, size: 96 };
const codebook = { landmarks: 2, views: 2, size: 96 };
const small = [
  "evaluation.inference.image_size=96",
  "evaluation.inference.features_num=60",
  "evaluation.local_descriptor.asmk.train_codebook.codebook.size=16",
].map(parseSet);

async function run(options: Partial<DemoOptions> = {}) {
  const notes: string[] = [];
  const progress: Progress = { ...silent, note: (line) => notes.push(line) };
  const tools = {
    openModel: (file: string) => openModel(file, {}),
    async download() {
      throw new Error("the demo needs no download");
    },
  };
  const out = join(folder, "demo");
  const result = await runDemo({ out, sizes: { landmarks, codebook }, overrides: small, progress, ...options }, tools);
  return { result, notes, out };
}

/** Numbers of figures of each class, and of pictures, in a page. */
function count(html: string) {
  const of = (pattern: RegExp) => [...html.matchAll(pattern)].length;
  return {
    queries: of(/<section class="query"/g),
    hits: of(/<figure class="/g),
    pictures: of(/<img src="data:image\/jpeg;base64,/g),
    judged: of(/<figure class="(easy|hard|junk|negative)"/g),
  };
}

test("renders, trains a codebook, scores three levels and shows every ranking on one page", async () => {
  const { result, notes, out } = await run();
  const [asmk] = result.evaluation.results;
  assert.is(asmk.images, 8);
  assert.is(asmk.score?.protocol, "revisited");
  assert.ok(notes.some((n) => /^Codebook trained in/.test(n)));
  assert.match(result.about, /^trained from random weights on rendered landmarks only/);
  const html = readFileSync(result.page, "utf8");
  assert.is(result.page, join(out, "rankings.html"));
  // 2 queries, each with all 8 images, which are fewer than a row may have
  assert.equal(count(html), { queries: 2, hits: 16, pictures: 18, judged: 16 });
  assert.not.match(html, /<script|<link|src="(?!data:)/, "nothing outside of the page is needed");
  const links = [...html.matchAll(/href="([^"]+)"/g)].map((m) => m[1]);
  assert.is(links.length, 18);
  for (const link of links) assert.ok(existsSync(new URL(link, pathToFileURL(result.page))), link);
  assert.match(html, /trained from random weights on rendered landmarks only/);
  assert.match(html, /<td>medium<\/td>/);
  const picture = /base64,([^"]+)"/.exec(html)?.[1] as string;
  assert.is((await sharp(Buffer.from(picture, "base64")).metadata()).format, "jpeg");
});

test("a second run reuses photos, features and codebook, and finds the same", async () => {
  const { result, notes } = await run();
  const reused = notes.filter((n) => n.includes("reusing"));
  assert.is(reused.length, 3, notes.join("\n"));
  const saved = JSON.parse(readFileSync(join(folder, "demo/evaluation/results.json"), "utf8"));
  assert.equal(saved.results[0].scores.map_medium, levelMap(result.evaluation.results[0]));
});

function levelMap({ score }: DatasetResult): number | undefined {
  return score?.protocol === "revisited" ? score.levels.medium.map : undefined;
}

test("the signal stops it before any page is written", async () => {
  const out = join(folder, "stopped");
  const controller = new AbortController();
  controller.abort();
  try {
    await run({ out, signal: controller.signal });
    assert.unreachable();
  } catch (e) {
    assert.instance(e, Interrupted);
  }
  assert.not.ok(existsSync(join(out, "rankings.html")));
});

test("the network in the package is small and says what it was trained on", () => {
  const { kind, tensors, meta, netParams } = peekCheckpoint(demoCheckpoint());
  assert.is(kind, "fire");
  assert.is(netParams?.architecture, "resnet18");
  assert.match(String(meta?.training), /^trained from random weights on rendered landmarks only/);
  assert.ok(readFileSync(demoCheckpoint()).length < 8e6);
  assert.is(tensors.get("features.0.weight")?.dtype, "F16");
});

test("init makes a network whose features are centred and decorrelated on its photos", async () => {
  const out = join(folder, "made.pth");
  const photos = join(folder, "demo/landmarks/images");
  const shape = {
    architecture: "resnet18",
    skipLayer: 3,
    strideOnFirst: false,
    dim: 8,
    smoothing: 3,
    shrinkage: 1,
    seed: 5,
  };
  const use = { imageSize: 96, featuresNum: 200, scales: [1] };
  const made = await initModel({ inputs: [photos], out, ...shape, ...use, progress: silent }, {});
  assert.is(made.photos, 10);
  const device = await openDevice();
  const network = loadNetwork(device, out);
  const rows: number[] = [];
  for await (const { image } of loadImages(
    listImages(photos).map((name) => ({ path: join(photos, name) })),
    { imageSize: use.imageSize },
  )) {
    const { descriptors } = await network.extractLocal(image as RgbImage, { scales: use.scales, featuresNum: 200 });
    rows.push(...descriptors);
  }
  network.destroy();
  device.close();
  const n = rows.length / 8;
  assert.is(n, 10 * use.featuresNum);
  const mean = (of: (row: number) => number) =>
    Array.from({ length: n }, (_, r) => of(8 * r)).reduce((a, b) => a + b) / n;
  for (let c = 0; c < 8; c++) {
    // float32 on the device against float64 statistics
    assert.ok(Math.abs(mean((r) => rows[r + c])) < 1e-3, `component ${c}: mean`);
    for (let d = 0; d <= c; d++) {
      const product = mean((r) => rows[r + c] * rows[r + d]);
      assert.ok(Math.abs(product - (c === d ? 1 : 0)) < 1e-3, `components ${c} and ${d}: covariance ${product}`);
    }
  }
});

/** Three images, two queries: one with easy, hard and junk, one without positives. */
const toy: Dataset = {
  name: "toy",
  images: ["/a.jpg", "/b.jpg", "/c.jpg", "/d.jpg"],
  imageNames: ["a", 'b"<b>', "c", "d"],
  queries: [
    { name: "<q>&", path: "/q.jpg", box: [10, 10, 60, 40] },
    { name: "r", path: "/r.jpg", box: null },
  ],
  warnings: [],
  protocol: "revisited",
  groundTruth: [
    { easy: [1], hard: [2], junk: [0] },
    { easy: [], hard: [], junk: [] },
  ],
};
const rankings = {
  queries: 2,
  depth: 4,
  ids: Int32Array.from([1, -1, 0, 2, 3, 2, 1, 0]),
  scores: Float64Array.from([4, 3, 2, 1, 4, 3, 2, 1]),
  querySeconds: 0,
  times: null,
};
const unscored: DatasetResult = {
  ...{ method: "asmk", dataset: "toy", images: 4, queryNames: ["<q>&", "r"] },
  ...{ score: null, querySeconds: 0, queryTimes: null, statistics: null, ranksFile: null },
};

test("places are judged by the ground truth; distractors have no photo", () => {
  const { queries } = collectSection(toy, rankings, unscored, { top: 4, queries: 2 });
  assert.equal(
    queries.map((q) => q.hits.map((h) => h.verdict)),
    [
      ["easy", "distractor", "junk", "hard"],
      ["negative", "negative", "negative", "negative"],
    ],
  );
  const bare = { ...toy, protocol: "old", groundTruth: null } as Dataset;
  const first = collectSection(bare, rankings, unscored, { top: 1, queries: 1 }).queries;
  assert.equal([first.length, first[0].hits.map((h) => h.verdict)], [1, ["unjudged"]]);
});

test("names are escaped, and the box of a query is drawn in percent of the photo", () => {
  const section = collectSection(toy, rankings, unscored, { top: 4, queries: 1 });
  const picture = { jpeg: new Uint8Array([1]), width: 50, height: 25, original: { width: 100, height: 50 } };
  const html = [...renderPage({ title: "<t>", notes: ["a & b"] }, [section], () => picture)].join("");
  assert.not.match(html, /<q>|<b>b|<t>|b"</);
  assert.match(html, /left:10\.0%;top:20\.0%;width:50\.0%;height:60\.0%/);
  assert.match(html, /the first 1 queries are shown/);
});

test("a thumbnail fits the limit; what cannot be shown is named", async () => {
  const { width, height, original } = await readThumbnail(join(folder, "demo/landmarks/images/L00000/v00.jpg"), 40);
  assert.is(Math.max(width, height), 40);
  assert.is(Math.max(original.width, original.height), 96);
  try {
    await readThumbnail(join(packageRoot(), "package.json"), 40);
    assert.unreachable();
  } catch (e) {
    assert.match((e as Error).message, /package\.json: expected a JPEG/);
  }
});

test.run();
