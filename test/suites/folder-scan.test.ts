/** @file Folders of photos: what is not read is told, links in a circle end, names of any bytes are found. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { programArguments } from "../../cli/argv.js";
import { listImages, scanFolder } from "../../data/datasets/folder.js";
import { loadDataset } from "../../data/datasets/load.js";
import { loadTrainingSet } from "../../data/datasets/training.js";
import { findImages } from "../../tasks/extract.js";
import { silent } from "../../tasks/progress.js";

const test = suite("folder scan");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-scan-"));
test.after(() => rmSync(root, { recursive: true, force: true }));
let photo: Buffer;
test.before(async () => {
  photo = await sharp({ create: { width: 20, height: 20, channels: 3, background: "teal" } })
    .jpeg()
    .toBuffer();
});

/** A new folder with the given files. */
function folder(name: string, files: Record<string, Uint8Array | string>): string {
  const at = join(root, name);
  mkdirSync(at, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(at, file, ".."), { recursive: true });
    writeFileSync(join(at, file), content);
  }
  return at;
}

const heic = Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1");
const posix = process.platform !== "win32";

test("photos of kinds that are not read, and names that lie, are told in one line", () => {
  const at = folder("kinds", {
    "a.jpg": photo,
    "b.JFIF": photo,
    noending: photo,
    "IMG_2.HEIC": heic,
    heicnoending: heic,
    "c.gif": "GIF89a....................",
    "sub/d.nef": Buffer.concat([Buffer.from("II*\0\x08\0\0\0", "latin1"), Buffer.alloc(40)]),
    "wrong.heic": photo,
    "old.bak": photo,
    "gnd.json": "{}",
    ".hidden.gif": "GIF89a",
  });
  const { names, warnings, notes } = scanFolder(at);
  assert.equal(names, ["a.jpg", "b.JFIF", "noending"]);
  assert.is(warnings.length, 1);
  assert.match(warnings[0], /4 files of kinds that are not read \(/);
  for (const part of [
    "2 HEIC",
    "1 GIF",
    "1 NEF raw",
    "2 photos whose names end otherwise",
    "1 JPEG named .heic",
    "1 JPEG named .bak",
  ])
    assert.ok(warnings[0].includes(part), `${part}: ${warnings[0]}`);
  assert.equal(notes, [`${at}: 1 other file is no photo (.json)`]);
});

test("every command that takes a folder passes the line on", async () => {
  const at = folder("own", {
    "a/1.jpg": photo,
    "a/2.jpg": photo,
    "b/1.jpg": photo,
    "b/2.jpg": photo,
    "a/x.heic": heic,
  });
  const said: string[] = [];
  findImages([at], { ...silent, warn: (line) => said.push(line) });
  const dataset = await loadDataset({ name: "own", images: at }, { root });
  const training = loadTrainingSet({ name: "own", images: at }, { root });
  for (const line of [said.join(), dataset.warnings.join(), training.warnings.join()])
    assert.match(line, /passed over: 1 file of a kind that is not read \(1 HEIC; the first is .*x\.heic\)/);
});

test("a folder without an image says what it holds instead", () => {
  const at = folder("none", { "x.heic": heic, "y.txt": "" });
  assert.throws(() => listImages(at), /no images in this folder; passed over: 1 file of a kind .*1 HEIC.*1 other file/);
});

test("links in a circle, to the parent and to nowhere are passed over and told", () => {
  if (!posix) return console.log("skipped: this system needs rights for links");
  const at = folder("links/d", { "a.jpg": photo, "one/1.jpg": photo, "two/2.jpg": photo });
  folder("links/outside", { "o.jpg": photo });
  const link = (target: string, name: string) => symlinkSync(target, join(at, name));
  link(".", "self");
  link("..", "parent");
  link("../two", "one/to-two");
  link("../one", "two/to-one");
  link("nowhere", "dangling.jpg");
  link("round2.jpg", "round1.jpg");
  link("round1.jpg", "round2.jpg");
  link("../outside", "more");
  link("a.jpg", "again.jpg");
  const { names, warnings } = scanFolder(at);
  assert.equal(names, ["a.jpg", "again.jpg", "more/o.jpg", "one/1.jpg", "two/2.jpg"]);
  assert.match(warnings[0], /3 links that lead nowhere or around in a circle/);
  assert.match(warnings[0], /4 links to folders that are listed already or hold this one/);
});

test("a FIFO among the photos is passed over at once", () => {
  if (!posix) return console.log("skipped: this system has no FIFOs");
  const at = folder("fifo", { "a.jpg": photo });
  execFileSync("mkfifo", [join(at, "b.jpg"), join(at, "noending")]);
  const { names, warnings } = scanFolder(at);
  assert.equal(names, ["a.jpg"]);
  assert.match(warnings[0], /2 FIFOs \(the first is .*(b\.jpg|noending)\)/);
});

test("photos whose names are no UTF-8 are listed and found again, also as arguments", async () => {
  const at = folder("bytes", { "ok.jpg": photo });
  try {
    writeFileSync(Buffer.concat([Buffer.from(`${at}/caf`), Buffer.from([0xe9]), Buffer.from(".jpg")]), photo);
  } catch {
    return console.log("skipped: this file system takes only UTF-8 names");
  }
  assert.equal(listImages(at), ["caf\udce9.jpg", "ok.jpg"]);
  const set = await loadDataset({ name: "bytes", images: at }, { root });
  assert.is(set.images.length, 2);
  assert.equal(programArguments(["node", "main.js", "extract", "a"]), ["extract", "a"]);
  if (process.platform !== "linux") return;
  const run = `const m = await import(${JSON.stringify(new URL("../../cli/argv.js", import.meta.url).href)}); console.log(JSON.stringify(m.programArguments(["", "", ...process.argv.slice(1)])));`;
  const shell = 'exec "$0" --input-type=module -e "$1" -- "$(printf \'d/caf\\351.jpg\')"';
  const told = execFileSync("sh", ["-c", shell, process.execPath, run]).toString();
  assert.equal(JSON.parse(told), ["d/caf\udce9.jpg"]);
});

test.run();
