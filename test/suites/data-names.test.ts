/** @file Names, lists and tables of a user's own data: no photo stands for another, and nothing is dropped without a word. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError, MissingDataError, UsageError } from "../../base/errors.js";
import { readListFile } from "../../data/datasets/list-file.js";
import { type DatasetSpec, loadDataset } from "../../data/datasets/load.js";
import { resolveNames } from "../../data/datasets/photo-names.js";
import { loadTrainingSet } from "../../data/datasets/training.js";
import type { Dataset } from "../../data/datasets/types.js";
import { writePickle } from "../../formats/pickle-write.js";
import { NdArray } from "../../formats/python.js";
import { findImages } from "../../tasks/extract.js";
import { silent } from "../../tasks/progress.js";

const test = suite("data-names");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-names-"));
test.after(() => rmSync(root, { recursive: true }));

/** A folder of its own for each test. */
let made = 0;
function fresh() {
  const folder = join(root, String(made++));
  mkdirSync(folder);
  const put = (name: string, content: string | Uint8Array | object = "photo"): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    const plain = typeof content === "string" || content instanceof Uint8Array;
    writeFileSync(path, plain ? content : JSON.stringify(content));
    return path;
  };
  const load = (spec: object): Promise<Dataset> => loadDataset(spec as DatasetSpec, { root: folder, base: folder });
  const train = (images: string) => loadTrainingSet({ name: "own", images }, { root: folder, base: folder });
  return { folder, put, load, train };
}

async function complaint(work: Promise<unknown>, kind: new (...args: never[]) => Error): Promise<string> {
  try {
    await work;
  } catch (e) {
    assert.instance(e, kind, String(e));
    return (e as Error).message;
  }
  return assert.unreachable("expected an error") as never;
}

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0]);

test("a photo that is missing in its folder is not replaced by one of the same name elsewhere", async () => {
  const { folder, put, load } = fresh();
  for (const name of ["1.jpg", "a/1.jpg", "q.jpg", "photos/q.jpg", "photos/2.jpg"]) put(name);
  put("gnd.json", { imlist: ["a/1.jpg", "b/1.jpg"], qimlist: ["q.jpg"], gnd: [{ ok: [0] }] });
  const message = await complaint(load({ name: "x", gnd: "gnd.json" }), MissingDataError);
  assert.match(message, /x: 1 of 3 photos are missing, the first is expected at .*\/b\/1\.jpg/);
  // Beside the ground truth there is a 1.jpg, but the photos are said to be in photos/.
  put("flat.json", { imlist: ["2.jpg", "1.jpg"], qimlist: ["photos/q.jpg"], gnd: [{ ok: [0] }] });
  const elsewhere = await complaint(load({ name: "x", images: "photos", gnd: "flat.json" }), MissingDataError);
  assert.match(elsewhere, /1 of 3 photos are missing, the first is expected at .*\/photos\/1\.jpg/);
  // Names that lead into the folder from the ground truth's own are the same photos.
  put("into.json", { imlist: ["photos/2.jpg"], qimlist: ["photos/q.jpg"], gnd: [{ ok: [0] }] });
  const into = await load({ name: "x", images: "photos", gnd: "into.json", queries: "photos" });
  assert.equal([into.images, into.queries[0].path], [[join(folder, "photos/2.jpg")], join(folder, "photos/q.jpg")]);
});

test("photos of one name in two folders stay two", async () => {
  const { folder, put, load, train } = fresh();
  for (const name of ["north/tower.jpg", "south/tower.jpg", "north/gate.jpg", "south/gate.jpg"]) put(name);
  put("gnd.json", { imlist: ["north/tower", "south/tower"], qimlist: ["north/gate"], gnd: [{ ok: [0] }] });
  const set = await load({ name: "x", gnd: "gnd.json" });
  assert.equal(set.images, [join(folder, "north/tower.jpg"), join(folder, "south/tower.jpg")]);
  put("t.csv", "image,cluster\nnorth/tower,1\nsouth/tower,2\nnorth/gate,1\nsouth/gate,2\n");
  assert.is(new Set(train("t.csv").images).size, 4);
  for (const name of ["c/north/tower/1.jpg", "c/north/tower/2.jpg", "c/north/gate/1.jpg", "c/south/tower/1.jpg"])
    put(name);
  assert.match(train("c").warnings.join(), /1 of 2 classes .* \(the first is north: north\/gate and north\/tower\)/);
});

test("a name without ending means one photo: a folder is none, and two that fit are an error", () => {
  const { folder, put } = fresh();
  for (const name of ["c/inside.jpg", "c.jpg", "two.jpg", "two.png", "st.paul.jpg", "up.JPG", "note.jpg"]) put(name);
  put("note", "text");
  put("29fd", JPEG);
  put("both", JPEG);
  put("both.jpg", JPEG);
  const found = resolveNames(["c", "st.paul", "up", "29fd", "note", "none", "none.jpg"], [folder]);
  const wanted = ["c.jpg", "st.paul.jpg", "up.JPG", "29fd", "note.jpg", "none.jpg", "none.jpg"];
  assert.equal(
    found,
    wanted.map((name) => join(folder, name)),
  );
  for (const name of ["two", "both"])
    assert.throws(() => resolveNames([name], [folder]), /the name fits 2 photos, .*; write it with its ending/);
  assert.equal(resolveNames(["c.png"], [folder]), [join(folder, "c.png")], "another ending is another photo");
  put("elsewhere/c.jpg");
  assert.throws(() => resolveNames(["c"], [folder, join(folder, "elsewhere")]), /the name leads to .* and to /);
});

test("lists say which lines they passed over, and names keep what files are called", () => {
  const { folder, put } = fresh();
  put("#1.jpg");
  put("end .jpg ");
  const file = put("list.lst", "\uFEFF# mine\r\na.jpg \r\n\r\n#1.jpg\r\nend .jpg \n  # more\n b.jpg\rc.jpg");
  const { names, warnings, notes } = readListFile(file, "", (name) => ["#1.jpg", "end .jpg "].includes(name));
  assert.equal(names, ["a.jpg", "#1.jpg", "end .jpg ", "b.jpg", "c.jpg"]);
  assert.equal(notes, [`${file}: 2 lines (the first is 1) beginning with # passed over as comments`]);
  assert.equal(warnings, [
    `${file}: 2 lines (the first is 2) with blanks before or after the name; taken without them`,
  ]);
  assert.throws(() => readListFile(put("c.txt", "# a\n")), /every line is empty or a comment/);
  const wide = Buffer.from("é.jpg\nb.jpg\n", "utf16le");
  for (const bytes of [wide, Buffer.concat([Buffer.of(0xff, 0xfe), wide]), Buffer.from(wide).swap16()])
    assert.equal(readListFile(put("w.txt", bytes)).names, ["é.jpg", "b.jpg"]);
  assert.throws(() => readListFile(put("w.txt", Buffer.from("a\0b\0\0\0"))), /the file is no text/);
  const said: string[] = [];
  put("e.jpg");
  const mine = put("in.txt", "e\ne.jpg\n#x\n");
  const found = findImages([mine], { ...silent, note: (l) => said.push(l), warn: (l) => said.push(l) });
  assert.is(found.length, 2);
  assert.match(found[0], /e\.jpg$/, "names that are not in the current folder count from the list's");
  assert.match(said.join(" "), /one line .* as comments .* 1 of 2 names are there more than once/);
  assert.ok(folder);
});

test("a label table is RFC 4180: quotes, commas and line ends inside, and no record is guessed", () => {
  const { put, train } = fresh();
  for (let i = 0; i < 6; i++) put(`${i}.jpg`);
  put(
    "a.csv",
    '\uFEFF"Image",note,cluster\r\n0.jpg,x,"Paris, France"\r\n1.jpg,,"Paris, Texas"\r\n2.jpg,,"a ""b""\nc"\r\n\r\n3.jpg,,"a ""b""\nc"\r\n',
  );
  assert.equal([...train("a.csv").clusters], [0, 1, 2, 2]);
  put("latin.csv", Buffer.from("0.jpg,caf\xe9\n1.jpg,caf\xe8\n2.jpg,caf\xe9\n3.jpg,caf\xe8\n", "latin1"));
  assert.equal([...train("latin.csv").clusters], [0, 1, 0, 1], "labels of another encoding do not merge");
  const wrong: [string, RegExp][] = [
    ["image,cluster\n0.jpg,Paris, France\n", /line 2: expected 2 cells as in the header, got 3 .*put quotes around/],
    ["0.jpg,1,x\n", /line 1: expected 2 cells, image,cluster, got 3/],
    ['0.jpg,"1\n2.jpg,1\n', /not CSV: .*line/],
    ['0.jpg,a"b\n', /not CSV: .* at line 1/],
    ["image,cluster\n0.jpg,1\n1.jpg,\n", /line 3: expected image,cluster, the cluster is empty/],
    ['image,cluster\n"",1\n', /line 2: .*the image is empty/],
    ["image,label\n0.jpg,1\n", /line 1: expected one column cluster, got 0/],
    ["image,cluster,cluster\n0.jpg,1,2\n", /line 1: expected one column cluster, got 2/],
    ["0.jpg,1\n1.jpg,1\n0,2\n2.jpg,2\n", /line 3: 0 is of cluster 2 here and of 1 on line 1/],
    ["image,cluster\n", /the file has none/],
  ];
  for (const [text, pattern] of wrong) {
    put("w.csv", text);
    assert.throws(() => train("w.csv"), pattern);
  }
  put("twice.csv", "0.jpg,1\n0.jpg,1\n1.jpg,1\n2.jpg,2\n");
  assert.match(train("twice.csv").warnings.join(), /1 of 4 names are there more than once, the first is 0\.jpg/);
});

test("each record of an own set has its own box, and one that is none is named", async () => {
  const { put, load } = fresh();
  for (const name of ["a", "q", "r"]) put(`${name}.jpg`);
  const gnd = (...boxes: unknown[]) =>
    put("gnd.json", { imlist: ["a"], qimlist: ["q", "r"], gnd: boxes.map((bbx) => ({ ok: [0], bbx })) });
  const spec = { name: "x", gnd: "gnd.json" };
  gnd(undefined, [1, 2, 3, 4]);
  assert.equal(
    (await load(spec)).queries.map((q) => q.box),
    [null, [1, 2, 3, 4]],
  );
  for (const box of [[1, 2, 3], [], ["1", 2, 3, 4], [3, 2, 1, 4], [1, 2, 1, 4], [1, 2, null, 4], "1 2 3 4", {}]) {
    const file = gnd(null, box);
    assert.match(await complaint(load(spec), FileFormatError), new RegExp(`${file}: gnd\\[1\\]\\.bbx \\(query r\\)`));
  }
  gnd([1, 1, 9, 9], [1, 1, 9, 9]);
  const queries = [{ image: "q.jpg", box: null }, { image: "r.jpg" }];
  const mixed = await load({ ...spec, queries });
  assert.equal(
    mixed.queries.map((q) => q.box),
    [null, [1, 1, 9, 9]],
  );
  assert.match(mixed.warnings.join(), /the box of query q\.jpg is not used, the description has another/);
  for (const box of [
    [9, 1, 1, 9],
    [1, 2, 3],
    [0, 0, Number.NaN, 1],
  ])
    assert.match(await complaint(load({ ...spec, queries: [{ image: "q.jpg", box }, queries[1]] }), UsageError), /box/);
  assert.match(
    await complaint(load({ ...spec, queries: [{ image: "r.jpg" }, { image: "q.jpg" }] }), UsageError),
    /entry 0 is r\.jpg, in .*gnd\.json it is q; the records count in one order/,
  );
});

test("what a ground truth holds twice, in two lists or under another key is said with names", async () => {
  const { put, load } = fresh();
  for (const name of ["a", "b", "c", "q", "r", "s"]) put(`${name}.jpg`);
  put("gnd.json", {
    imlist: ["a", "b", "c", "./a.jpg"],
    qimlist: ["q", "r", "s"],
    gnds: [],
    gnd: [
      { easy: [0], hard: [0], junk: [2], bbox: [0, 0, 9, 9], note: 1 },
      { easy: [1, 1], hard: [], junk: [1] },
      { easy: [], hard: [], junk: [] },
    ],
  });
  const { warnings, notes } = await load({ name: "x", gnd: "gnd.json" });
  const text = warnings.join("\n");
  for (const pattern of [
    /"bbox" in 1 records \(the first is that of query q\) is not used; did you mean bbx\?/,
    /"gnds" is not used; did you mean gnd\?/,
    /1 of 3 queries list an image both as easy and as hard; .*\(the first is q with a\)/,
    /1 of 3 queries list an image more than once; .*\(the first is r with b\)/,
    /1 of 3 queries list an image both as easy and as junk; .*\(the first is r with b\)/,
    /1 of 3 queries have no positive image .*\(the first is s\)/,
    /database: 1 of 4 names are there more than once, the first is \.\/a\.jpg/,
  ])
    assert.match(text, pattern);
  assert.match(notes?.join() ?? "", /keys of records that are not used: note$/);
  put("gnd.json", { imlist: ["a"], qimlist: ["q", "r"], gnd: [{ ok: [0] }, { ok: [0], easy: [0] }] });
  assert.match(await complaint(load({ name: "x", gnd: "gnd.json" }), FileFormatError), /gnd\[1\]: .*got easy too/);
});

test("indices are whole numbers of a flat list: masks, halves and matrices are refused", async () => {
  const { put, load } = fresh();
  for (const name of ["a", "b", "q"]) put(`${name}.jpg`);
  for (const ok of [
    new NdArray("BOOL", [2], Uint8Array.of(1, 0)),
    new NdArray("F16", [1], Uint16Array.of(1)),
    new NdArray("I64", [1, 2], BigInt64Array.of(0n, 1n)),
    new NdArray("F64", [1], Float64Array.of(Number.NaN)),
    [true],
  ]) {
    put("gnd.pkl", Buffer.from(writePickle({ imlist: ["a", "b"], qimlist: ["q"], gnd: [{ ok, junk: [] }] })));
    assert.match(await complaint(load({ name: "x", gnd: "gnd.pkl" }), FileFormatError), /gnd\[0\]\.ok: expected/);
  }
});

test("a description is taken as a whole or refused by its key", async () => {
  const { put, load } = fresh();
  for (const name of ["p/a.jpg", "p/b.jpg", "q/c.jpg"]) put(name);
  const wrong: [object, RegExp][] = [
    [{ name: "x", images: "p", gnt: "g.json" }, /gnt/],
    [{ name: "x", images: 5 }, /images: /],
    [{ name: "x", images: "p", database_list: "l.txt" }, /database_list and images do not go together/],
    [{ name: "x", image_root: "p", database_list: "l.txt", queries: "q" }, /image_root and queries do not go together/],
    [{ name: "x", images: "p", queries: [{ image: "a", bbx: [0, 0, 1, 1] }] }, /bbx/],
    [{ images: "p" }, /name/],
  ];
  for (const name of [
    "",
    ".",
    "..",
    "a/b",
    "a\\b",
    "a:b",
    " a",
    "a.",
    "a\nb",
    "a\u202eb",
    "nul",
    "COM1.x",
    "ä".repeat(60),
  ])
    wrong.push([{ name, images: "p" }, /name: /]);
  for (const [spec, pattern] of wrong) assert.match(await complaint(load(spec), UsageError), pattern);
  put("gnd.json", { imlist: ["a", "b"], qimlist: ["c"], gnd: [{ ok: [0] }] });
  assert.match(
    await complaint(load({ name: "x", images: "pp", gnd: "gnd.json" }), MissingDataError),
    /pp: no such folder/,
  );
  put("other.txt", "p/b\np/a\n");
  const other = { name: "x", images: "other.txt", gnd: "gnd.json", queries: "q" };
  assert.match(await complaint(load(other), UsageError), /images: entry 0 is p\/b, in .* it is a;/);
});

test("odd descriptions end in one line, whatever is in them, and soon", async () => {
  const { put, load, train, folder } = fresh();
  put("a.jpg");
  for (const images of [undefined, null, 5, [], {}])
    assert.throws(() => train(images as never), /training set: .*expected \{name, images/);
  for (const spec of [undefined, null, 5])
    assert.throws(() => loadTrainingSet(spec as never, { root: folder }), /training set/);
  const begin = performance.now();
  assert.match(await complaint(load("n".repeat(5000) as never), UsageError), /no data set/);
  // Each folder is read once, not asked for every ending of every name.
  const imlist = Array.from({ length: 20000 }, (_, i) => `a${i}`);
  put("big.json", { imlist, qimlist: ["a"], gnd: [{ ok: Array(100000).fill(1), junk: [] }] });
  await complaint(load({ name: "x", gnd: "big.json" }), MissingDataError);
  assert.ok(performance.now() - begin < 10_000, `${performance.now() - begin} ms`);
});

test.run();
