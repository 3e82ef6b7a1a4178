/** @file Atomic files and checksums. */
import { spawn } from "node:child_process";
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
import { AtomicFile, writeAtomic, writeFileAtomic } from "../../base/atomic.js";
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
  await writeAtomic(path("handle"), async (handle) => void (await handle.writeFile("piece by piece")));
  assert.is(readFileSync(path("handle"), "utf8"), "piece by piece");
  assert.equal(temporaries(), []);
});

test("a failure half way leaves the old file and nothing else", async () => {
  writeFileAtomic(path("kept"), "old");
  function* broken() {
    yield Buffer.from("new but");
    throw new Error("no more");
  }
  assert.throws(() => writeFileAtomic(path("kept"), broken()), "no more");
  const failing = writeAtomic(path("kept"), async (handle) => {
    await handle.writeFile("new but");
    throw new Error("no more");
  });
  assert.is(await failing.catch((e: Error) => e.message), "no more");
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

test("a killed writer leaves the old file", async () => {
  writeFileAtomic(path("target"), "old");
  const module = pathToFileURL(join(packageRoot(), "dist/base/atomic.js"));
  const program = `
    import { AtomicFile } from ${JSON.stringify(module)};
    const file = new AtomicFile(${JSON.stringify(path("target"))});
    file.write(Buffer.from("half"));
    console.log("written");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((done) => child.stdout.once("data", () => done()));
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  child.kill("SIGKILL");
  await ended;
  assert.is(readFileSync(path("target"), "utf8"), "old");
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
