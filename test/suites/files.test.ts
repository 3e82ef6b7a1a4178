/** @file Atomic files and checksums. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AtomicFile, writeFileAtomic } from "../../base/atomic.js";
import { WriteError } from "../../base/errors.js";
import { crc32, crc32Portable, sha256, sha256File, sha256Stream } from "../../base/hash.js";
import { packageRoot } from "../../base/paths.js";

const test = suite("files");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-files-"));
test.after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const temporaries = () => readdirSync(folder).filter((name) => name.endsWith(".tmp"));

test("text, bytes and chunks arrive whole, in new folders too", async () => {
  writeFileAtomic(path("text"), "größe");
  assert.is(readFileSync(path("text"), "utf8"), "größe");
  writeFileAtomic(path("a/b/bytes"), Uint8Array.of(1, 2, 3));
  assert.equal([...readFileSync(path("a/b/bytes"))], [1, 2, 3]);
  writeFileAtomic(path("chunks"), [Buffer.from("ab"), Buffer.alloc(0), Buffer.from("c")]);
  assert.is(readFileSync(path("chunks"), "utf8"), "abc");
  assert.equal(temporaries(), []);
});

test("a failure half way leaves the old file and nothing else", async () => {
  writeFileAtomic(path("kept"), "old");
  function* broken() {
    yield Buffer.from("new but");
    throw new Error("no more");
  }
  assert.throws(() => writeFileAtomic(path("kept"), broken()), "no more");
  assert.is(readFileSync(path("kept"), "utf8"), "old");
  assert.equal(temporaries(), []);
});

test("an aborted file leaves no trace; a committed one cannot be written on", () => {
  const aborted = new AtomicFile(path("aborted"));
  aborted.write(Buffer.from("x"));
  aborted.abort();
  assert.not.ok(existsSync(path("aborted")));
  const done = new AtomicFile(path("done"));
  done.write(Buffer.from("x"));
  done.commit();
  assert.is(done.size, 1);
  assert.throws(() => done.write(Buffer.from("y")), /already closed/);
  done.abort();
  assert.is(readFileSync(path("done"), "utf8"), "x");
});

test("a link keeps pointing to its file", () => {
  writeFileSync(path("real"), "old");
  symlinkSync(path("real"), path("link"));
  writeFileAtomic(path("link"), "new");
  assert.is(readFileSync(path("real"), "utf8"), "new");
});

test("a place that cannot be written is named", () => {
  writeFileSync(path("file"), "");
  mkdirSync(path("folder"));
  for (const [target, named] of [
    [path("file/below"), path("file")],
    [path("folder"), path("folder")],
  ])
    assert.throws(
      () => writeFileAtomic(target, "x"),
      (e: unknown) => e instanceof WriteError && e.code === "CannotWrite" && e.message.startsWith(`${named}: `),
    );
  assert.equal(temporaries(), []);
});

/** A process that has begun to write `file`, and waits. */
async function writer(file: string): Promise<ChildProcess> {
  const module = pathToFileURL(join(packageRoot(), "dist/base/atomic.js"));
  const program = `
    import { AtomicFile } from ${JSON.stringify(module)};
    const file = new AtomicFile(${JSON.stringify(file)});
    file.write(Buffer.from("half"));
    console.log("written");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  test.after(() => void child.kill("SIGKILL"));
  await new Promise<void>((done) => child.stdout.once("data", () => done()));
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  child.kill("SIGKILL");
  await ended;
}

test("a killed writer leaves the old file, and the next writer removes its temporary one", async () => {
  const inside = path("leftovers");
  mkdirSync(inside);
  const target = join(inside, "target");
  writeFileSync(target, "old");
  const long = join(inside, "x".repeat(250));
  // of other files, of other programs, no file at all: none of them is this target's
  const foreign = [".target.tmp", ".target.12.abcdef01.tmp.gz", ".target2.12.abcdef01.tmp", ".target.12.ABCDEF01.tmp"];
  for (const name of foreign) writeFileSync(join(inside, name), "mine");
  mkdirSync(join(inside, ".target.12.abcdef02.tmp"));
  symlinkSync(target, join(inside, ".target.12.abcdef03.tmp"));
  const names = () => readdirSync(inside).filter((name) => name.endsWith(".tmp"));
  const before = names();
  for (const file of [target, long]) await killed(await writer(file));
  assert.is(readFileSync(target, "utf8"), "old");
  const living = await writer(target);
  const mine = new RegExp(`^\\.target\\.${living.pid}\\.`);
  assert.is(names().length, before.length + 2, "the second writer has removed what the first left");
  writeFileAtomic(target, "new");
  writeFileAtomic(long, "new");
  assert.equal(
    names()
      .filter((name) => !mine.test(name))
      .sort(),
    before.sort(),
  );
  assert.is(names().length, before.length + 1, "that of the writer at work is left to it");
  assert.is(readFileSync(join(inside, foreign[0]), "utf8"), "mine");
  await killed(living);
});

test("a link to what is not there yet becomes a link to the new file", () => {
  symlinkSync(path("far-away"), path("pointer"));
  writeFileAtomic(path("pointer"), "new");
  assert.is(readFileSync(path("far-away"), "utf8"), "new");
  symlinkSync(path("around"), path("around"));
  assert.throws(() => writeFileAtomic(path("around"), "x"), /around: cannot be written: a link that leads around/);
});

test("checksums are the standard ones", async () => {
  const abc = Buffer.from("abc");
  const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.is(sha256(abc), digest);
  assert.is(sha256([Buffer.from("a"), Buffer.from("bc")]), digest);
  writeFileSync(path("abc"), abc);
  assert.is(await sha256File(path("abc")), digest);
  assert.is(
    await sha256Stream(
      (async function* () {
        yield abc;
      })(),
    ),
    digest,
  );
  const check = Buffer.from("123456789");
  for (const crc of [crc32, crc32Portable]) {
    assert.is(crc(check), 0xcbf43926);
    assert.is(crc(check.subarray(4), crc(check.subarray(0, 4))), 0xcbf43926);
    assert.is(crc(Buffer.alloc(0)), 0);
  }
});

test.run();
