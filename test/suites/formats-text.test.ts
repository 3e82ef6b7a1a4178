/** @file Texts and JSON as programs save them, and JSON that asks for much or is damaged. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeName, systemPath } from "../../base/path-bytes.js";
import { readDescription } from "../../data/datasets/values.js";
import { readLandmarkSet } from "../../data/landmarks/read.js";
import { looksLikeJson, parseJson } from "../../formats/json.js";
import { decodeText } from "../../formats/text.js";
import { failureOf } from "../support/format-files.js";

const test = suite("formats-text");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-text-"));
test.after(() => rmSync(folder, { recursive: true }));

const le = (text: string) => Buffer.from(text, "utf16le");
const be = (text: string) => le(text).swap16();
const utf8 = (text: string) => Buffer.from(text, "utf8");
const marked = (mark: number[], bytes: Uint8Array) => Buffer.concat([Buffer.from(mark), bytes]);

test("UTF-8 and UTF-16 are read with and without their mark", () => {
  const text = '{"imlist": ["café.jpg", "漢.jpg"]}';
  const forms = [utf8(text), marked([0xef, 0xbb, 0xbf], utf8(text)), le(text), be(text)];
  forms.push(marked([0xff, 0xfe], le(text)), marked([0xfe, 0xff], be(text)), utf8(`\n\t ${text}\r\n`));
  for (const [i, bytes] of forms.entries()) {
    assert.is(decodeText(bytes, "x").trim(), text, `form ${i}`);
    assert.ok(looksLikeJson(bytes), `form ${i}`);
    const file = join(folder, `${i}.json`);
    writeFileSync(file, bytes);
    assert.equal(readDescription(file).at("imlist").strings(), ["café.jpg", "漢.jpg"]);
  }
  assert.not.ok(looksLikeJson(Buffer.from("\x80\x02}.", "latin1")) || looksLikeJson(Buffer.from("(dp0\n.")));
  for (const bad of [marked([0xff, 0xfe], Buffer.of(0x41)), marked([0xff, 0xfe], Buffer.of(0x00, 0xd8))])
    assert.throws(() => decodeText(bad, "list.txt"), /list\.txt: begins like UTF-16 and is none.*\[MalformedFile\]/);
  assert.throws(
    () => decodeText(Buffer.from([65, 66, 67, 68, 0, 0]), "x", "a list"),
    /expected a list, the file is no/,
  );
});

test("bytes that are no UTF-8 come back as they were, and soon", () => {
  const random = Uint8Array.from({ length: 300_000 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) & 255);
  const begin = process.cpuUsage();
  const name = decodeName(random);
  assert.ok(process.cpuUsage(begin).user < 1e6);
  assert.equal(systemPath(name), Buffer.from(random));
  for (const bytes of [
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe0, 0x80, 0x80],
    [0xc3],
    [0xf0, 0x9f],
  ])
    assert.equal(systemPath(`a${decodeName(Uint8Array.from(bytes))}`), Buffer.from([97, ...bytes]), `${bytes}`);
  assert.is(decodeName(Buffer.from([0xe9, ...utf8("é漢𝄞")])), "\udce9é漢𝄞");
});

test("faults in JSON are told by line and column", () => {
  assert.throws(
    () => parseJson('{\n "a": 1,\n "b" 2}', "gnd.json"),
    /^gnd\.json: the file is not JSON: .*, line 3, column 6 \[MalformedFile\]$/,
  );
  assert.throws(() => parseJson("", "gnd.json"), /Unexpected end/);
  assert.is(
    failureOf(() => parseJson("nan", "x")),
    "MalformedFile",
  );
});

test("a small JSON of very many values is refused before it is built", () => {
  const many: Record<string, string> = {
    lists: `[${"[],".repeat(1_500_000)}[]]`,
    objects: `[${"{},".repeat(1_200_000)}{}]`,
    keys: `[${Array.from({ length: 1_200_000 }, (_, i) => `{"${i}":1}`).join()}]`,
  };
  for (const [name, text] of Object.entries(many))
    assert.throws(() => parseJson(text, "x.json"), /would take more memory than a file of/, name);
  // what stands in texts is no structure, and long lists of names and numbers are what descriptions are
  const texts = JSON.stringify(Array.from({ length: 50_000 }, (_, i) => `a["{[,:${i}`));
  assert.is((parseJson(texts, "x.json") as string[]).length, 50_000);
  assert.is((parseJson(JSON.stringify(Array(1_000_000).fill(1)), "x.json") as number[]).length, 1_000_000);
});

test("a landmark set that lacks what is used says where", () => {
  const view = { image: "images/L00000/v00.jpg", query: false };
  const landmark = { id: "L00000", views: [view], share: [[1]], angle: [[0]], scale: [[1]], light: [[0]] };
  const read = (set: unknown) => {
    writeFileSync(join(folder, "landmarks.json"), typeof set === "string" ? set : JSON.stringify(set));
    return readLandmarkSet(folder);
  };
  const good = { parameters: {}, landmarks: [landmark], distractors: [] };
  assert.is(read(good).landmarks[0].views.length, 1);
  const bad: [unknown, RegExp][] = [
    [{ ...good, landmarks: {} }, /landmarks\.json: landmarks: .*array/],
    [{ ...good, landmarks: [null] }, /landmarks\.0/],
    [{ ...good, landmarks: [{ ...landmark, views: [null] }] }, /landmarks\.0\.views\.0/],
    [{ ...good, landmarks: [{ ...landmark, share: [null] }] }, /landmarks\.0\.share\.0/],
    [{ ...good, landmarks: [{ ...landmark, views: [{ image: 3 }] }] }, /views\.0\.image/],
    [{ ...good, distractors: 5 }, /distractors/],
    [{ ...good, landmarks: [{ ...landmark, light: [[0, 1]] }] }, /matrices of 1 × 1 views/],
    ["[]", /the file/],
    ["null", /the file/],
    ['{"a', /not JSON/],
  ];
  for (const [set, why] of bad) assert.throws(() => read(set), why);
});

test.run();
