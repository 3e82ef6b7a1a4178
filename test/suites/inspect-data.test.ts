/** @file `inspect` of files that are no checkpoints: each kind is told, damage is refused, and strangers are named. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError, UsageError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { writePickle } from "../../formats/pickle-write.js";
import { RecordLog } from "../../tasks/evaluate/record-log.js";
import { inspectFile } from "../../tasks/inspect.js";

const test = suite("inspect-data");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-inspect-"));
test.after(() => rmSync(root, { recursive: true }));

function put(name: string, content: string | Uint8Array | object): string {
  const path = join(root, name);
  const plain = typeof content === "string" || content instanceof Uint8Array;
  writeFileSync(path, plain ? content : JSON.stringify(content));
  return path;
}

const gnd = { imlist: ["a", "b"], qimlist: ["q", "r"], gnd: [{ ok: [0, 0] }, { ok: [1], bbx: [0, 0, 1, 1] }] };

test("ground truths, results, lists, tables and configurations are told and counted", async () => {
  put("a.jpg", "photo");
  const cases: [file: string, kind: string, meta: object][] = [
    [put("gnd.json", gnd), "ground truth", { images: 2, queries: 2, protocol: "old", boxes: 1 }],
    [put("bare.json", gnd.gnd), "ground truth", { images: null, queries: 2 }],
    [put("gnd.pkl", Buffer.from(writePickle(gnd as never))), "ground truth", { images: 2, boxes: 1 }],
    [put("list.txt", "# x\na.jpg\nb.jpg\n"), "list of photos", { names: 2, first: "a.jpg", missing: 1 }],
    [put("list.lst", "a.jpg\n"), "list of photos", { missing: 0, warnings: [] }],
    [put("t.csv", 'image,cluster\na,"x, y"\nb,z\n'), "photos and clusters", { photos: 2, clusters: 2, missing: 1 }],
    [join(packageRoot(), "configs/eval_fire.yml"), "evaluation configuration", { experiment: "eval_fire" }],
    [join(packageRoot(), "configs/train_fire.yml"), "training configuration", { experiment: "train_fire" }],
    [
      put("results.json", {
        experiment: "e",
        results: [{ dataset: "d", method: "asmk", queryNames: ["q"], scores: { map: 0.5, ap: [0.5] } }],
      }),
      "evaluation results",
      { experiment: "e", results: [{ dataset: "d", method: "asmk", queries: 1, map: 0.5 }] },
    ],
    [put("queries.pkl", Buffer.from(writePickle({ ranks: [], scores: [] }))), "rankings", {}],
  ];
  for (const [file, kind, meta] of cases) {
    const found = await inspectFile(file);
    assert.is(found.kind, kind, file);
    const said = (found.meta ?? {}) as Record<string, unknown>;
    for (const [key, value] of Object.entries(meta)) assert.equal(said[key], value, `${file}: ${key}`);
    assert.equal(JSON.parse(JSON.stringify(found)).kind, kind);
  }
  const { meta } = await inspectFile(join(root, "gnd.json"));
  assert.match(JSON.stringify(meta), /more than once; each occurrence counts \(the first is q with a\)/);
  const list = await inspectFile(join(root, "list.txt"));
  assert.match(JSON.stringify(list.meta), /one line \(the first is 1\) beginning with # passed over/);
});

test("a log of features says how many it holds, and what is cut off", async () => {
  const folder = join(root, "features");
  const log = await RecordLog.open(folder, Buffer.alloc(32, 7));
  for (let i = 0; i < 3; i++) await log.append(Buffer.alloc(10, i));
  await log.close();
  writeFileSync(join(folder, "about.json"), JSON.stringify({ label: "toy database", ingredients: {} }));
  const shard = join(folder, "000000.shard");
  writeFileSync(shard, "cut", { flag: "a" });
  const { kind, format, meta } = await inspectFile(shard);
  assert.equal([kind, format], ["features of photos", "record log"]);
  const facts = { fingerprint: "07".repeat(32), number: 0, records: 3, rest: 3, label: "toy database" };
  assert.equal(meta, facts);
});

test("a file that is nested without end is outlined as far as one looks", async () => {
  const deep = put("deep.json", `{"a":${"[".repeat(100000)}${"]".repeat(100000)}}`);
  assert.is((await inspectFile(deep)).kind, "JSON");
});

test("damage is refused as by whoever reads the file, and strangers are named by what they are", async () => {
  const wrong: [string, new (...args: never[]) => Error, RegExp][] = [
    [put("cut.json", '{"imlist":'), FileFormatError, /not JSON/],
    [
      put("bad.json", { ...gnd, gnd: [{ ok: [2] }, { ok: [] }] }),
      FileFormatError,
      /gnd\[0\]\.ok: expected indices of 2/,
    ],
    [put("few.json", { ...gnd, gnd: [{ ok: [0] }] }), FileFormatError, /as many records as qimlist \(2\), got 1/],
    [put("bad.csv", "a,b\nc\n"), FileFormatError, /line 2: expected 2 cells/],
    [put("empty.lst", "\n"), FileFormatError, /the list is empty/],
    [put("bad.yml", "evaluation: {inferense: 1}\n"), UsageError, /unknown key; did you mean/],
    [put("photo.jpg", Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0])), FileFormatError, /got a photo \(jpeg\)/],
    [put("a.npy", Buffer.from("\x93NUMPY\x01\0", "latin1")), FileFormatError, /a numpy array/],
    [put("page.html", "<!doctype html>\n"), FileFormatError, /got text \(the file begins with "<!doctype ht"\); lists/],
    [put("wide.txt", Buffer.from("\uFEFFa\n", "utf16le")), FileFormatError, /expected a checkpoint, .* list/],
  ];
  for (const [file, type, pattern] of wrong) {
    try {
      await inspectFile(file);
      assert.unreachable(file);
    } catch (e) {
      assert.instance(e, type, `${file}: ${e}`);
      assert.match((e as Error).message, pattern);
    }
  }
});

test.run();
