/** @file Order, memory bound, errors and shutdown of the photo loader. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError, MissingDataError } from "../../base/errors.js";
import { readImage } from "../../data/decode.js";
import { ImageLoader, type ImageRequest, type LoadedImage, loadImages } from "../../data/loader.js";
import { ImagePool } from "../../data/loader-pool.js";
import { prepareImage } from "../../data/resize.js";

const test = suite("data-loader");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-loader-"));
test.after(() => rmSync(folder, { recursive: true }));

/** Photos of growing size: the first ones are the fastest, so that order has to be kept by the loader. */
const files: string[] = [];
test.before(async () => {
  for (let i = 0; i < 12; i++) {
    const side = 40 + ((i * 7) % 12) * 30;
    const background = { r: 20 * i, g: 255 - 20 * i, b: 90 };
    const path = join(folder, `photo${i}`);
    writeFileSync(
      path,
      await sharp({ create: { width: side, height: 60, channels: 3, background } })
        .jpeg()
        .toBuffer(),
    );
    files.push(path);
  }
});

const requests = (): ImageRequest[] => files.map((path) => ({ path }));

async function collect(work: AsyncIterable<LoadedImage>): Promise<LoadedImage[]> {
  const out: LoadedImage[] = [];
  for await (const one of work) out.push(one);
  return out;
}

for (const workers of [0, 1, 3])
  test(`${workers} threads give the same photos in the same order`, async () => {
    const got = await collect(loadImages(requests(), { imageSize: 50, workers, ahead: 5 }));
    assert.equal(
      got.map((g) => [g.index, g.path]),
      files.map((f, i) => [i, f]),
    );
    for (const { image, original, path } of got) {
      const whole = await readImage(path);
      assert.equal(original, { width: whole.width, height: whole.height });
      assert.equal(image, prepareImage(whole, 50));
    }
  });

test("boxes, recipes, flips and whole photos are done in the threads", async () => {
  const [path] = files;
  const whole = await readImage(path);
  const wanted: ImageRequest[] = [
    { path, box: [2, 3, 30, 20] },
    { path, recipe: { kind: "whole" } },
    { path, recipe: { kind: "square", side: 16, offset: 0 } },
    { path, flip: true },
  ];
  const sizes = (await collect(loadImages(wanted, { imageSize: 20, workers: 1 }))).map(({ image }) => [
    image?.width,
    image?.height,
  ]);
  assert.equal(sizes, [
    [9, 6],
    [whole.width, whole.height],
    [16, 16],
    [13, 20],
  ]);
  const [first] = await collect(loadImages([{ path }], { imageSize: null, workers: 1 }));
  assert.equal(first.image, whole);
});

test("a bad photo is an error of its own, and the rest arrives", async () => {
  const text = join(folder, "text.jpg");
  writeFileSync(text, "this is no photo");
  const broken = join(folder, "broken.jpg");
  writeFileSync(broken, Buffer.from([0xff, 0xd8, 0xff, 0xdb, 0, 3, 1]));
  const list = [files[0], join(folder, "gone.jpg"), text, broken, folder, files[1]];
  for (const workers of [0, 2]) {
    const got = await collect(
      loadImages(
        list.map((path) => ({ path })),
        { imageSize: 50, workers },
      ),
    );
    assert.equal(
      got.map((g) => g.error?.code ?? "fine"),
      ["fine", "ImageMissing", "UnsupportedFeature", "MalformedFile", "MalformedFile", "fine"],
    );
    for (const { error, path } of got) {
      if (!error) continue;
      assert.instance(error, error.code === "ImageMissing" ? MissingDataError : FileFormatError);
      assert.is(error.file, path);
      assert.ok(error.message.startsWith(path));
      assert.ok(error.exitCode === 3 || error.exitCode === 4);
    }
  }
  const [empty] = await collect(loadImages([{ path: files[0], box: [5, 5, 5, 9] }], { imageSize: 50, workers: 1 }));
  assert.is(empty.error?.code, "EmptyBox");
});

test("truncation is accepted or refused as asked", async () => {
  const path = join(folder, "cut.jpg");
  writeFileSync(path, (await sharp(files[3]).jpeg({ quality: 100 }).toBuffer()).subarray(0, -80));
  const [soft] = await collect(loadImages([{ path }], { imageSize: 50, workers: 1 }));
  assert.ok(soft.image);
  const [hard] = await collect(loadImages([{ path }], { imageSize: 50, workers: 1, truncated: "refuse" }));
  assert.is(hard.error?.code, "Truncated");
});

test("no more photos are begun than the consumer is ahead of", async () => {
  let begun = 0;
  function* counted(): Generator<ImageRequest> {
    for (const path of files) {
      begun++;
      yield { path };
    }
  }
  const work = loadImages(counted(), { imageSize: 50, workers: 2, ahead: 3 });
  assert.is(begun, 0, "nothing begins before the first is asked for");
  await work.next();
  await sleep(100);
  assert.is(begun, 3);
  await work.next();
  assert.is(begun, 4);
  await work.return();
});

test("leaving the loop early ends the threads and the source of requests", async () => {
  let ended = false;
  async function* endless(): AsyncGenerator<ImageRequest> {
    try {
      for (let i = 0; ; i++) yield { path: files[i % files.length] };
    } finally {
      ended = true;
    }
  }
  for await (const { index } of loadImages(endless(), { imageSize: 50, workers: 2 })) if (index === 4) break;
  assert.ok(ended);
  const active = process.getActiveResourcesInfo().filter((r) => r === "MessagePort" || r === "Worker");
  assert.equal(active, []);
});

test("a loader serves several passes and refuses work once closed", async () => {
  const loader = new ImageLoader({ workers: 1 });
  for (let pass = 0; pass < 2; pass++)
    assert.is((await collect(loader.load(requests(), { imageSize: 30 }))).length, files.length);
  await loader.close();
  const [late] = await collect(loader.load([{ path: files[0] }], { imageSize: 30 }));
  assert.is(late.error?.code, "LoaderClosed");
});

test("a thread that dies takes one photo with it and is replaced", async () => {
  const pool = new ImagePool(1);
  const job = (path: string) => ({ path, recipe: { kind: "whole" }, flip: false, truncated: "accept" }) as const;
  await pool.run(job(files[0]));
  // Nothing in the data can kill a thread on purpose; so the test takes hold of it.
  const [seat] = (pool as unknown as { seats: { worker: { terminate(): Promise<number> } }[] }).seats;
  const lost = pool.run(job(files[1])).catch((e) => e);
  const next = pool.run(job(files[2]));
  await seat.worker.terminate();
  const error = await lost;
  assert.is(error.code, "ImageWorkerLost");
  assert.is((await next).original.height, 60);
  await pool.close();
});

test("wrong options are named", async () => {
  assert.throws(() => new ImageLoader({ workers: -1 }), /workers, 0 or more, got -1/);
  const both = { path: "x", box: [0, 0, 1, 1], recipe: { kind: "whole" } } as const;
  for (const [request, options, pattern] of [
    [{ path: "x" }, { imageSize: 5, ahead: 0 }, /ahead, 1 or more, got 0/],
    [both, { imageSize: 5 }, /a box or a recipe, not both/],
    [{ path: "x", box: [0, 0, 1, 1] }, { imageSize: null }, /needs an image size/],
  ] as const) {
    const error = await collect(loadImages([request as ImageRequest], { workers: 0, ...options })).catch((e) => e);
    assert.match(error.message, pattern);
  }
});

test.run();
