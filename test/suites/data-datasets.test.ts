/** @file Data sets in all the forms a user may write them, and what is said when one is wrong. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError, MissingDataError, UsageError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { listImages } from "../../data/datasets/folder.js";
import { readListFile } from "../../data/datasets/list-file.js";
import { type DatasetSpec, loadDataset } from "../../data/datasets/load.js";
import { cidPath } from "../../data/datasets/sfm.js";
import { loadTrainingSet } from "../../data/datasets/training.js";
import type { Dataset } from "../../data/datasets/types.js";

const test = suite("data-datasets");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-datasets-"));
test.after(() => rmSync(root, { recursive: true }));

function put(name: string, content: string | object = "photo"): string {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const load = (spec: DatasetSpec, checkFiles = false): Promise<Dataset> =>
  loadDataset(spec, { root, base: root, checkFiles });

async function complaint(work: Promise<unknown>, kind: new (...args: never[]) => Error): Promise<string> {
  try {
    await work;
  } catch (e) {
    assert.instance(e, kind, String(e));
    return (e as Error).message;
  }
  return assert.unreachable("expected an error") as never;
}

/** {imlist a b c, qimlist q r} with these records. */
const description = (gnd: unknown[], more: object = {}) => ({
  imlist: ["a", "b", "c"],
  qimlist: ["q", "r"],
  gnd,
  ...more,
});
const old = { ok: [0], junk: [1] };
const benchmark = (name: string, content: object) => put(`test/${name}/gnd_${name}.json`, content);

test("a benchmark has paths, boxes and records; without gnd.pkl its JSON is read", async () => {
  const box = [1.5, 2, 30, 40.25];
  benchmark(
    "roxford5k",
    description([
      { bbx: box, easy: [2], hard: [], junk: [1] },
      { bbx: null, easy: [0], hard: [1] },
    ]),
  );
  const set = await load("roxford5k");
  assert.is(set.protocol, "revisited");
  assert.equal(set.images[1], join(root, "test/roxford5k/jpg/b.jpg"));
  assert.equal(set.imageNames, ["a", "b", "c"]);
  assert.equal(set.queries[0], { name: "q", path: join(root, "test/roxford5k/jpg/q.jpg"), box });
  assert.is(set.queries[1].box, null);
  assert.equal(set.groundTruth?.[1], { easy: [0], hard: [1], junk: [] });
  assert.match(set.warnings.join(), /expected 4993 images and 70 queries, the file has 3 and 2/);
});

test("boxes of a published set count only when the first record has one", async () => {
  benchmark("oxford5k", description([old, { ...old, bbx: [0, 0, 5, 5] }]));
  const set = await load("oxford5k");
  assert.equal(
    set.queries.map((q) => q.box),
    [null, null],
  );
  assert.match(set.warnings.join(), /the box of query r and others are not used/);
});

test("a wrong entry is named by record, key and place", async () => {
  const cases: [unknown, RegExp][] = [
    [description([{ ok: [0, 3] }, old]), /gnd\[0\]\.ok: expected indices of 3 images \(0 … 2\), got 3 at \[1\]/],
    [description([old, { ok: [-1] }]), /gnd\[1\]\.ok: .* got -1/],
    [description([old, { ok: [0.5] }]), /gnd\[1\]\.ok: expected whole numbers, got 0\.5/],
    [description([old, { ok: ["a"] }]), /gnd\[1\]\.ok: expected numbers, got the text "a"/],
    [description([old, { junk: [0] }]), /gnd\[1\]: expected a mapping with ok/],
    [description([old]), /gnd: expected as many records as qimlist \(2\), got 1/],
    [description([]), /gnd: expected at least one record/],
    [description([{ ...old, bbx: [5, 0, 5, 9] }, old]), /gnd\[0\]\.bbx \(query q\): expected a box x1 < x2/],
    [description([{ ...old, bbx: [5, 0, 9] }, old]), /gnd\[0\]\.bbx \(query q\): expected a box of 4 numbers/],
    [{ ...description([old, old]), imlist: [] }, /imlist: expected at least one image/],
    [{ ...description([old, old]), imlist: ["a", 5] }, /imlist\[1\]: expected text, got number 5/],
    [{ qimlist: [], gnd: [] }, /imlist: expected a list, got nothing/],
    [[1], /expected a mapping with the key imlist, got a list/],
  ];
  for (const [content, pattern] of cases) {
    const file = benchmark("paris6k", content as object);
    const message = await complaint(load("paris6k"), FileFormatError);
    assert.match(message, pattern);
    assert.ok(message.startsWith(file));
  }
  put("test/paris6k/gnd_paris6k.json", "{ imlist:");
  assert.match(await complaint(load("paris6k"), FileFormatError), /not JSON/);
});

test("odd judgements are warnings", async () => {
  const twice = { ok: [0, 0], junk: [1] };
  benchmark("paris6k", {
    ...description([twice, { ok: [1, 2], junk: [2] }]),
    imlist: ["a", "b", "b"],
    qimlist: ["a", "r"],
  });
  const text = (await load("paris6k")).warnings.join("\n");
  for (const pattern of [
    /1 of 3 names are there more than once, the first is b/,
    /1 of 2 queries list an image more than once/,
    /both as positive and as junk/,
  ])
    assert.match(text, pattern);
  assert.match(text, /1 of 2 query photos are in the database and not in their own junk list/);
  benchmark("paris6k", { ...description([{ ok: [1], junk: [0] }, { ok: [] }]), qimlist: ["a", "r"] });
  const fine = (await load("paris6k")).warnings.join("\n");
  assert.not.match(fine, /own junk/);
  assert.match(fine, /1 of 2 queries have no positive image/);
});

test("missing photos are counted and the way to get them is told", async () => {
  benchmark("rparis6k", description([{ easy: [0] }, { easy: [1] }]));
  for (const name of ["a", "b", "q"]) put(`test/rparis6k/jpg/${name}.jpg`);
  const message = await complaint(load("rparis6k", true), MissingDataError);
  assert.match(
    message,
    /rparis6k: 2 of 5 photos are missing, the first is expected at .*r\.jpg; .*fire-gpu download rparis6k/,
  );
  for (const name of ["c", "r"]) put(`test/rparis6k/jpg/${name}.jpg`);
  assert.is((await load("rparis6k", true)).images.length, 3);
  assert.match(
    await complaint(load("train"), MissingDataError),
    /retrieval-SfM-120k\.pkl: no such file; .*download train/,
  );
  assert.match(await complaint(load("revisitop1m"), MissingDataError), /download revisitop1m/);
  assert.match(await complaint(load("oxford"), UsageError), /did you mean oxford5k\?/);
  assert.match(await complaint(load("mine"), UsageError), /known are roxford5k/);
});

test("HOW's mapping takes lists with CRLF and empty lines, stars, and null", async () => {
  put("lists/db.txt", "a/1.jpg\r\nb/2.jpg\r\n\r\n");
  put("lists/q.txt", "q.jpg");
  const spec = { name: "m", image_root: "photos", database_list: "lists/db.txt", query_list: "lists/q.txt" };
  const set = await load(spec);
  assert.equal(set.images, [join(root, "photos/a/1.jpg"), join(root, "photos/b/2.jpg")]);
  assert.equal(set.queries, [{ name: "q.jpg", path: join(root, "photos/q.jpg"), box: null }]);
  assert.is(set.groundTruth, null);
  const star = await load({ ...spec, image_root: "d*/img_*.jpg", query_list: null });
  assert.is(star.images[0], join(root, "da/1.jpg/img_a/1.jpg.jpg"));
  assert.equal(star.queries, []);
  assert.match(await complaint(load({ ...spec, database_list: null, query_list: null }), UsageError), /both are null/);
  assert.match(await complaint(load({ ...spec, database_list: "lists/none.txt" }), MissingDataError), /none\.txt/);
  put("lists/empty.txt", "\r\n\n");
  assert.match(
    await complaint(load({ ...spec, database_list: "lists/empty.txt" }), FileFormatError),
    /the list is empty/,
  );
  put("lists/binary.txt", "\0\0");
  assert.throws(() => readListFile(join(root, "lists/binary.txt")), /a text file/);
});

test("the distractors come from their list", async () => {
  put("test/revisitop1m/revisitop1m.txt", "0/x.jpg\n1/y.png\n");
  assert.is((await load("revisitop1m")).images[1], join(root, "test/revisitop1m/jpg/1/y.png"));
});

test("a path with a slash is a file of full paths, old protocol, no boxes", async () => {
  const file = put("own.json", {
    ...description([{ ...old, bbx: [0, 0, 1, 1] }, old]),
    imlist: ["/x/a.jpg", "/x/b.jpg"],
  });
  const set = await load(file);
  assert.equal(set.images, ["/x/a.jpg", "/x/b.jpg"]);
  assert.is(set.queries[0].box, null);
  assert.is(set.protocol, "old");
});

test("an own folder is listed in one order, by extension or content, without hidden files", async () => {
  for (const name of ["b/2.JPG", "a.png", "B.jpeg", ".hidden.jpg", "notes.txt", ".git/x.jpg"]) put(`mine/${name}`);
  writeFileSync(join(root, "mine/29fd"), Buffer.from([0xff, 0xd8, 0xff, 0xe0]));
  put("mine/README", "text");
  assert.equal(listImages(join(root, "mine")), ["29fd", "B.jpeg", "a.png", "b/2.JPG"]);
  const set = await load({ name: "mine", images: "mine" }, true);
  assert.is(set.images[3], join(root, "mine/b/2.JPG"));
  assert.equal([set.queries, set.groundTruth], [[], null]);
  mkdirSync(join(root, "nothing"));
  assert.match(await complaint(load({ name: "x", images: "nothing" }), MissingDataError), /no images in this folder/);
  assert.match(
    await complaint(load({ name: "x", images: "nowhere" }), MissingDataError),
    /nowhere: no such folder or list/,
  );
  assert.match(await complaint(load({ name: "x" }), UsageError), /expected either images or gnd/);
});

test("queries may be a folder, a list or written out, and must fit the records", async () => {
  put("own/records.json", [{ ok: [1], bbx: [0, 0, 4, 4] }]);
  put("own/q.txt", "q/query.webp\n");
  const spec = { name: "own", images: "mine", gnd: "own/records.json" };
  for (const name of ["own/pics/x/one.png", "own/pics/two.jpg", "own/q/query.webp"]) put(name);
  const list = await load({ ...spec, queries: "own/q.txt" });
  assert.equal(list.queries[0], { name: "q/query.webp", path: join(root, "own/q/query.webp"), box: [0, 0, 4, 4] });
  assert.is((await load({ ...spec, queries: "own/q" })).queries[0].name, "query.webp");
  const inline = await load({ ...spec, queries: [{ image: "own/q/query.webp", box: [1, 1, 2, 2] }] });
  assert.equal(inline.queries[0].box, [1, 1, 2, 2], "a box written out comes first");
  const two = { ...spec, queries: [{ image: "a" }, { image: "b" }] };
  assert.match(await complaint(load(two), FileFormatError), /as many records as there are queries \(2\), got 1/);
});

test("the real revisited files hold the published numbers", async () => {
  const shared = join(packageRoot(), "../shared/data/revisitop");
  if (!existsSync(shared)) return console.log(`data-datasets: not checked, ${shared} is not there`);
  for (const [name, images, easy] of [
    ["roxford5k", 4993, 65],
    ["rparis6k", 6322, 95],
  ] as const) {
    copyFileSync(join(shared, `gnd_${name}.pkl`), join(root, `test/${name}/gnd_${name}.pkl`));
    const set = await load(name);
    assert.equal([set.images.length, set.queries.length, set.warnings], [images, 70, []]);
    assert.ok(set.protocol === "revisited" && set.groundTruth[0].easy.length === easy);
    assert.ok(set.queries.every((q) => q.box));
  }
});

test("a training image's folders are its id read from the end", () => {
  assert.is(cidPath("29fdc243aeb939388cfdf2d081dc080e"), "ims/0e/08/dc/29fdc243aeb939388cfdf2d081dc080e");
});

test("training sets come from GL18's description, class folders and CSV", () => {
  const split = { cids: ["x", "y", "z"], cluster: ["7", "07", "7"], qidxs: [0], pidxs: [[2, 1]], bbxs: [null] };
  put("train/gl18/db_gl18.pkl", { train: split, val: split });
  const gl18 = loadTrainingSet("gl18", { root });
  assert.is(gl18.images[0], join(root, "train/gl18/jpg/x.jpg"));
  assert.equal([[...gl18.clusters], [...gl18.queries], [...gl18.positives]], [[0, 1, 0], [0], [2]], "07 is not 7");

  for (const name of ["cat/1.jpg", "cat/2.jpg", "cat/3.jpg", "dog/1.jpg"]) put(`classes/${name}`);
  const classes = loadTrainingSet({ name: "own", images: "classes" }, { root, base: root });
  assert.equal([...classes.clusters], [0, 0, 0, 1]);
  assert.equal(
    [[...classes.queries], [...classes.positives]],
    [
      [0, 1, 2],
      [1, 2, 0],
    ],
  );
  put("train.csv", 'cluster,image\r\nA,"classes/cat/1"\r\nB,classes/dog/1.jpg\r\nA,classes/cat/2.jpg\r\n');
  const csv = loadTrainingSet({ name: "own", images: "train.csv" }, { root, base: root });
  assert.is(csv.images[0], join(root, "classes/cat/1.jpg"));
  assert.equal(
    [[...csv.clusters], [...csv.queries], [...csv.positives]],
    [
      [0, 1, 0],
      [0, 2],
      [2, 0],
    ],
  );

  const failing = (images: string) => () => loadTrainingSet({ name: "own", images }, { root, base: root });
  put("short.csv", "image,cluster\na.jpg\n");
  assert.throws(failing("short.csv"), /line 2: expected 2 cells as in the header, got 1 in "a.jpg"/);
  put("alone.csv", "a,1\nb,2\n");
  assert.throws(failing("alone.csv"), /clusters of two photos or more/);
  put("one.csv", "a,1\nb,1\n");
  assert.throws(failing("one.csv"), /two clusters or more/);
  assert.throws(failing("mine"), /not loose photos/);
  assert.throws(failing("none.csv"), /expected a folder of classes or a CSV/);
  put("train/gl18/db_gl18.pkl", { train: { ...split, pidxs: [[2], [1]] } });
  assert.throws(
    () => loadTrainingSet("gl18", { root }),
    /train\.pidxs: expected as many entries as qidxs \(1\), got 2/,
  );
});

test.run();
