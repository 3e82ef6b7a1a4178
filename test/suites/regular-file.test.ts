/** @file Inputs that are no regular files are refused by name and never waited for; names that are no UTF-8 are kept. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openIndex } from "../../asmk/open-index.js";
import { FireGpuError } from "../../base/errors.js";
import { sha256, sha256File } from "../../base/hash.js";
import { decodeName, systemPath } from "../../base/path-bytes.js";
import {
  kindOfPath,
  openRegularAsync,
  readHead,
  readRegular,
  readRegularAsync,
  readRegularText,
} from "../../base/regular-file.js";
import { readListFile } from "../../data/datasets/list-file.js";
import { loadTrainingSet } from "../../data/datasets/training.js";
import { readDescription } from "../../data/datasets/values.js";
import { readImage } from "../../data/decode.js";
import { readThumbnail } from "../../data/thumbnail.js";
import { fileSource } from "../../formats/source.js";
import { readYamlFile } from "../../tasks/config/yaml.js";

const test = suite("regular files");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-regular-"));
const at = (name: string) => join(folder, name);
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Exit code and message of a failure; the test fails when there is none. */
async function failure(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    assert.instance(error, FireGpuError, `${error}`);
    return `${(error as FireGpuError).exitCode} ${(error as Error).message}`;
  }
  return assert.unreachable("nothing was raised") as never;
}

const posix = process.platform !== "win32";

test("every reader of a user's file refuses a FIFO at once, and a folder", async () => {
  if (!posix) return console.log("skipped: this system has no FIFOs");
  execFileSync("mkfifo", [at("fifo.txt")]);
  const readers: Record<string, (file: string) => unknown> = {
    photo: readImage,
    thumbnail: (file) => readThumbnail(file, 64),
    list: (file) => readListFile(file),
    "ground truth": (file) => readDescription(file),
    "training CSV": (file) => loadTrainingSet({ name: "own", images: file }, { root: folder }),
    configuration: readYamlFile,
    checkpoint: fileSource,
    index: (file) => openIndex(file),
    checksum: sha256File,
  };
  mkdirSync(at("folder.txt"));
  for (const [name, read] of Object.entries(readers)) {
    const refused = await failure(() => read(at("fifo.txt")));
    assert.match(refused, /fifo\.txt: expected a regular file, got a FIFO/, name);
    assert.match(refused, name === "configuration" ? /^2 / : /^3 /, name);
    // A folder is a set of photos to the training reader.
    if (name !== "training CSV") assert.match(await failure(() => read(at("folder.txt"))), /got a folder/, name);
  }
});

test("a socket, a device, a missing file and links in a circle are told apart", async () => {
  if (!posix) return console.log("skipped: this system has no such files");
  const server = createServer().listen(at("socket"));
  try {
    await new Promise((resolve) => server.once("listening", resolve));
    symlinkSync("round", at("round"));
    symlinkSync("nowhere", at("dangling"));
    for (const read of [readRegular, readRegularAsync, openRegularAsync, (file: string) => readHead(file, 4)]) {
      assert.match(await failure(() => read(at("socket"))), /^3 .*socket: expected a regular file, got a socket/);
      assert.match(await failure(() => read("/dev/zero")), /^3 \/dev\/zero: expected a regular file, got a device/);
      assert.match(await failure(() => read(at("round"))), /^4 .*round: a link that leads around in a circle/);
      assert.match(await failure(() => read(at("dangling"))), /^4 .*dangling: no such file/);
      assert.match(await failure(() => read(at("socket/photo"))), /^4 .*: no such file/);
    }
    assert.is(kindOfPath(at("socket")), "other");
    assert.is(kindOfPath(at("round")), undefined);
  } finally {
    server.close();
  }
});

test("a regular file is read whole, by its head, and up to a limit", async () => {
  const bytes = Buffer.from("fünf\n");
  writeFileSync(at("file"), bytes);
  assert.equal(readRegular(at("file")), bytes);
  assert.equal(await readRegularAsync(at("file")), bytes);
  assert.is(readRegularText(at("file")), "fünf\n");
  assert.equal(readHead(at("file"), 3), bytes.subarray(0, 3));
  assert.equal(readHead(at("file"), 99), bytes);
  assert.is(await sha256File(at("file")), sha256(bytes));
  for (const read of [readRegular, readRegularAsync])
    assert.match(await failure(() => read(at("file"), { limit: 5 })), /^3 .*at most 5 bytes, the file has 6/);
});

test("names that are no UTF-8 go to strings and back byte for byte", () => {
  const names = [
    "plain",
    "caf\xc3\xa9 \xf0\x9f\x98\x80",
    "caf\xe9.jpg",
    "\xff\xfe",
    "\xc3",
    "\xed\xb2\x80",
    "\xef\xbf\xbd",
    "\xe2\x82x",
  ];
  for (const name of names) {
    const bytes = Buffer.from(name, "latin1");
    assert.equal(Buffer.from(systemPath(decodeName(bytes)) as string), bytes, JSON.stringify(name));
  }
  assert.is(decodeName(Buffer.from("caf\xe9", "latin1")), "caf\udce9");
  assert.is(systemPath("café"), "café");
});

test("a file whose name is no UTF-8 is opened, also from a list", async () => {
  const name = Buffer.from("caf\xe9.txt", "latin1");
  try {
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), "inside\n");
  } catch {
    return console.log("skipped: this file system takes only UTF-8 names");
  }
  const listed = readdirSync(folder, { encoding: "buffer" })
    .map(decodeName)
    .find((n) => n.startsWith("caf"));
  assert.is(readRegularText(join(folder, listed as string)), "inside\n");
  writeFileSync(at("list.txt"), Buffer.concat([name, Buffer.from("\nplain\n")]));
  const [first] = readListFile(at("list.txt")).names;
  assert.equal(await readRegularAsync(join(folder, first)), Buffer.from("inside\n"));
});

test.run();
