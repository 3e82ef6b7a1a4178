/** @file Archives onto disk: each photo in its place, nothing outside, nothing lost, and no small archive that fills the machine. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError } from "../../base/errors.js";
import { unpackArchive } from "../../data/download/unpack.js";
import { complaint, noise } from "../support/download-server.js";
import { padded, tar, tarHeader } from "../support/tar.js";

const test = suite("download-archive");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-archive-"));
const body = noise(300_000);
test.after(() => rmSync(folder, { recursive: true }));

let counter = 0;
const fresh = () => join(folder, `file${counter++}`);

const cid = "29fdc243aeb939388cfdf2d081dc080e";

test("archives are flattened, placed by id or by a list, and cannot write outside their folder", async () => {
  const archive = fresh();
  const content = tar([
    ["paris/defense/", null],
    ["paris/defense/a.jpg", "one"],
    ["paris/../../../b.jpg", "two"],
    ["paris/link.jpg", "->"],
    [`${"deep/".repeat(30)}c.jpg`, "three"],
    ["paris/other/a.jpg", "again"],
    ["paris/._a.jpg", "resource fork"],
  ]);
  writeFileSync(archive, gzipSync(content));
  const flat = fresh();
  const { files, skipped } = await unpackArchive([archive], flat, { kind: "flatten" });
  assert.equal(readdirSync(flat).sort(), ["a.jpg", "c.jpg"]);
  assert.is(readFileSync(join(flat, "a.jpg"), "utf8"), "one", "the first of a name is kept");
  assert.equal(files, [
    { path: "a.jpg", size: 3 },
    { path: "c.jpg", size: 5 },
  ]);
  assert.equal(skipped, [
    "paris/../../../b.jpg: a path that leads out of the archive",
    "paris/link.jpg: no regular file",
    "paris/other/a.jpg: a second file of that name",
    "paris/._a.jpg: a hidden file",
  ]);

  writeFileSync(
    archive,
    gzipSync(
      tar([
        [`ims/0e/08/dc/${cid}`, "photo"],
        ["ims/readme", "x"],
      ]),
    ),
  );
  const byId = fresh();
  await unpackArchive([archive], byId, { kind: "cid" });
  assert.is(readFileSync(join(byId, "0e/08/dc", cid), "utf8"), "photo");

  writeFileSync(
    archive,
    gzipSync(
      tar([
        ["./jpg/0/x.jpg", "x"],
        ["../jpg/1/y.jpg", "y"],
      ]),
    ),
  );
  const listed = fresh();
  const names = new Set(["0/x.jpg", "../jpg/1/y.jpg"]);
  assert.is((await unpackArchive([archive], listed, { kind: "listed", names })).files.length, 1);
  assert.ok(existsSync(join(listed, "0/x.jpg")));
});

test("an archive cut into parts is one archive", async () => {
  const whole = gzipSync(
    tar([
      ["a.jpg", body],
      ["b.jpg", body.subarray(7)],
    ]),
  );
  const parts = [fresh(), fresh(), fresh()];
  parts.forEach((p, i) => {
    writeFileSync(p, whole.subarray((i * whole.length) / 3, ((i + 1) * whole.length) / 3));
  });
  const to = fresh();
  let last = 0;
  await unpackArchive(parts, to, { kind: "flatten" }, { onProgress: (done) => (last = done) });
  assert.ok(readFileSync(join(to, "b.jpg")).equals(body.subarray(7)));
  assert.is(last, whole.length);
});

test("a damaged archive is named, and what was unpacked of it is whole", async () => {
  const archive = fresh();
  const whole = gzipSync(
    tar([
      ["a.jpg", body],
      ["b.jpg", body],
    ]),
  );
  writeFileSync(archive, whole.subarray(0, whole.length * 0.7));
  const to = fresh();
  const error = await complaint(unpackArchive([archive], to, { kind: "flatten" }));
  assert.match(error.message, /\[Truncated\]/);
  for (const f of readdirSync(to)) assert.ok(readFileSync(join(to, f)).equals(body), f);
  writeFileSync(archive, gzipSync(Buffer.alloc(2000, "x")));
  assert.match((await complaint(unpackArchive([archive], to, { kind: "flatten" }))).message, /not a tar archive/);
});

/** An archive of blocks as they are, packed and written. */
function archiveOf(...blocks: Uint8Array[]): string {
  const file = fresh();
  writeFileSync(file, gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)])));
  return file;
}

const file = (name: string, content: string) => [tarHeader(name, content.length, "0"), padded(Buffer.from(content))];
const extended = (text: string) => [tarHeader("p", Buffer.byteLength(text), "x"), padded(Buffer.from(text))];
const record = (key: string, value: string) => {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (Buffer.byteLength(`${length}${rest}`) !== length) length = Buffer.byteLength(`${length}${rest}`);
  return `${length}${rest}`;
};

/** A header with its size field replaced, and the sum that fits. */
function withSize(header: Buffer, size: Uint8Array): Buffer {
  header.set(size, 124);
  header.fill(32, 148, 156);
  const sum = header.reduce((n, b) => n + b, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

test("an extended header is read once, whatever its records say", async () => {
  const lengths = "2x".repeat(500_000);
  const begin = performance.now();
  const error = await complaint(
    unpackArchive([archiveOf(...extended(lengths), ...file("a.jpg", "x"))], fresh(), { kind: "flatten" }),
  );
  assert.instance(error, FileFormatError);
  assert.match(error.message, /extended tar header is malformed/);
  const many = record("comment", "x").repeat(60_000);
  const unpacked = await unpackArchive([archiveOf(...extended(many), ...file("a.jpg", "x"))], fresh(), {
    kind: "flatten",
  });
  assert.is(unpacked.files.length, 1);
  assert.ok(performance.now() - begin < 3000);
});

test("names and sizes of extended headers count, and records that break the rules are refused", async () => {
  const to = fresh();
  const blocks = [...extended(record("path", "ä/b c.jpg") + record("size", "3")), ...file("short.jpg", "abc")];
  await unpackArchive([archiveOf(...blocks)], to, { kind: "flatten" });
  assert.is(readFileSync(join(to, "b c.jpg"), "utf8"), "abc");
  for (const bad of [
    "0 path=a\n",
    "5 a=b",
    "x path=a\n",
    "9 path=ab\n99",
    "4 ab\n",
    record("size", "-1"),
    record("size", "1e3"),
    "999999999 a=b\n",
  ]) {
    const error = await complaint(
      unpackArchive([archiveOf(...extended(bad), ...file("a.jpg", "abc"))], fresh(), { kind: "flatten" }),
    );
    assert.match(error.message, /malformed/, bad);
  }
});

test("sizes that are negative, no numbers, or more than the archive can hold are refused before anything is written", async () => {
  const fields = ["-0000000001\0", "1.5\0", "0x10\0", "8\0", "77777777777\0"].map((f) =>
    Buffer.from(f.padStart(12, "0")),
  );
  fields.push(
    Buffer.from([255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]),
    Buffer.from([128, ...Array(11).fill(255)]),
  );
  for (const field of fields) {
    const to = fresh();
    const archive = archiveOf(withSize(tarHeader("a.jpg", 1, "0"), field), padded(Buffer.from("x")));
    const error = await complaint(unpackArchive([archive], to, { kind: "flatten" }));
    assert.instance(error, FileFormatError, field.toString("latin1"));
    assert.match(error.message, /negative or absurd|more than such an archive can hold/);
    assert.not.ok(existsSync(to));
  }
});

test("names that could be no file's, and what is no file, are passed over with the reason", async () => {
  const to = fresh();
  const long = `${"n".repeat(300)}.jpg`;
  const types = [..."12346SVM"].flatMap((type) => [tarHeader(`type${type}.jpg`, 0, type)]);
  const { files, skipped } = await unpackArchive(
    [
      archiveOf(
        ...[...extended(record("path", "a\0b.jpg")), ...file("a.jpg", "x")],
        ...[...extended(record("path", long)), ...file("a.jpg", "x")],
        ...[...extended(record("GNU.sparse.major", "1")), ...file("sparse.jpg", "x")],
        ...[...file("/etc/b.jpg", "x"), ...file("c/../d.jpg", "x"), ...file("..", "x"), ...file("e\\..\\f.jpg", "x")],
        ...[...file("g\nh.jpg", "x"), ...file("good.jpg", "good")],
        ...types,
      ),
    ],
    to,
    { kind: "flatten" },
  );
  assert.equal(files, [{ path: "good.jpg", size: 4 }]);
  assert.equal(readdirSync(to), ["good.jpg"]);
  assert.equal(
    skipped.map((s) => s.slice(s.lastIndexOf(": ") + 2)),
    [
      "it holds a control character",
      "it has more than 255 bytes",
      "no regular file",
      "an absolute path",
      "a path that leads out of the archive",
      "a path that leads out of the archive",
      "it holds a separator of folders",
      "it holds a control character",
      ...types.map(() => "no regular file"),
    ],
  );
});

test("an archive that unpacks to far more than photos do ends early, whatever it is filled with", async () => {
  const big = 20 * 2 ** 20;
  for (const [title, blocks] of [
    ["one file", [tarHeader("a.jpg", big, "0"), Buffer.alloc(big)]],
    ["after the end", [Buffer.alloc(1024), Buffer.alloc(big)]],
    ["headers", [Buffer.concat(Array(big / 512).fill(tarHeader("a.jpg", 0, "0")))]],
  ] as const) {
    const to = fresh();
    const error = await complaint(unpackArchive([archiveOf(...blocks)], to, { kind: "flatten" }));
    assert.instance(error, FileFormatError, title);
    assert.match(error.message, /unpacks to more than 32 times|more than such an archive can hold/);
  }
});

test("unpacking stops when it is told to, and leaves no half file", async () => {
  const entries = Array.from({ length: 40 }, (_, i): [string, Uint8Array] => [`${i}.jpg`, body]);
  const archive = fresh();
  writeFileSync(archive, gzipSync(tar(entries), { level: 0 }));
  const to = fresh();
  const stop = new AbortController();
  const onProgress = (done: number) => {
    if (done > 2_000_000) stop.abort();
  };
  const error = await complaint(unpackArchive([archive], to, { kind: "flatten" }, { signal: stop.signal, onProgress }));
  assert.is(error.name, "AbortError");
  for (const f of readdirSync(to)) assert.ok(readFileSync(join(to, f)).equals(body), f);
  const before = readdirSync(to).length;
  assert.ok(before < 40);
  await unpackArchive([archive], to, { kind: "flatten" });
  assert.is(readdirSync(to).length, 40);
});

test("a damaged file of the right size is written anew, and what differs is moved aside, not lost", async () => {
  const archive = archiveOf(
    tar([
      ["a.jpg", body],
      ["b.jpg", "archive"],
      ["c.jpg", ""],
    ]),
  );
  const to = fresh();
  mkdirSync(to);
  const damaged = Buffer.from(body);
  damaged[250_000] ^= 1;
  writeFileSync(join(to, "a.jpg"), damaged);
  writeFileSync(join(to, "b.jpg"), "my own photo");
  const { files, movedAside } = await unpackArchive([archive], to, { kind: "flatten" });
  assert.is(files.length, 3);
  assert.ok(readFileSync(join(to, "a.jpg")).equals(body));
  assert.is(readFileSync(join(to, "b.jpg"), "utf8"), "archive");
  assert.is(statSync(join(to, "c.jpg")).size, 0);
  assert.equal(movedAside, [join(`${to}.replaced`, "a.jpg"), join(`${to}.replaced`, "b.jpg")]);
  assert.is(readFileSync(movedAside[1], "utf8"), "my own photo");
  const inode = statSync(join(to, "a.jpg")).ino;
  assert.equal((await unpackArchive([archive], to, { kind: "flatten" })).movedAside, []);
  assert.is(statSync(join(to, "a.jpg")).ino, inode, "the same content is not written again");
});

test("a bit that flipped in the archive is found by its own checksum", async () => {
  const whole = gzipSync(tar([["a.jpg", body]]), { level: 0 });
  whole[100_000] ^= 1;
  const archive = fresh();
  writeFileSync(archive, whole);
  const error = await complaint(unpackArchive([archive], fresh(), { kind: "flatten" }));
  assert.match(error.message, /damaged archive/);
});

test.run();
