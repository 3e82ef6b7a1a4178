/** @file Full reads and writes, what the system refuses in words, folders, and names that fit the file system. */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeFileAtomic } from "../../base/atomic.js";
import { FileFormatError, MissingDataError, WriteError } from "../../base/errors.js";
import { readAll, readAllSync, readUpTo, writeAll, writeAllSync } from "../../base/file-io.js";
import { besides, temporaryName } from "../../base/file-names.js";
import { makeFolder } from "../../base/folders.js";
import { packageRoot } from "../../base/paths.js";
import { asNamedError } from "../../base/system-error.js";
import { onShortDisk } from "../support/short-io.js";

const test = suite("file-io");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-io-"));
test.after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
const failure = async (work: () => unknown): Promise<Error> => {
  try {
    await work();
  } catch (e) {
    return e as Error;
  }
  throw new Error("no failure");
};

test("a call that moves seven bytes of a thousand is repeated until all are moved", async () => {
  await onShortDisk({ perCall: 7 }, async () => {
    const fd = openSync(path("sync"), "w+");
    writeAllSync(fd, bytes.subarray(0, 400), "sync");
    writeAllSync(fd, bytes.subarray(400), "sync", 400);
    const back = new Uint8Array(900);
    readAllSync(fd, back, "sync", 100);
    closeSync(fd);
    assert.equal([...back], [...bytes.subarray(100)]);
    const handle = await open(path("async"), "w+");
    await writeAll(handle, bytes, "async");
    const again = new Uint8Array(1000);
    await readAll(handle, again, "async", 0);
    assert.equal([...again], [...bytes]);
    await handle.close();
    writeFileAtomic(path("atomic"), bytes);
  });
  for (const name of ["sync", "async", "atomic"]) assert.equal([...readFileSync(path(name))], [...bytes]);
});

test("a file that ends early is named as truncated; where that may be, the number of bytes is told", async () => {
  writeFileSync(path("short"), bytes.subarray(0, 10));
  const handle = await open(path("short"), "r");
  const into = new Uint8Array(20);
  for (const work of [() => readAll(handle, into, "short", 5), () => readAllSync(handle.fd, into, "short", 5)]) {
    const e = await failure(work);
    assert.ok(e instanceof FileFormatError && e.kind === "Truncated", e.message);
    assert.is(e.message, "short: expected at least 25 bytes, got 10 [Truncated]");
  }
  assert.is(await readUpTo(handle, into, "short", 5), 5);
  await handle.close();
});

test("a disk that is full is one line with exit code 7, and leaves nothing half written", async () => {
  for (const room of [0, 10, 999]) {
    const e = await failure(() => onShortDisk({ perCall: 64, room }, () => writeFileAtomic(path("full"), bytes)));
    assert.ok(e instanceof WriteError && e.exitCode === 7, e.message);
    assert.is(
      e.message,
      `${path("full")}: cannot be written: the disk is full; make space, then run the same command again`,
    );
    const handle = await open(path("half"), "w");
    assert.instance(
      await failure(() => onShortDisk({ perCall: 64, room }, () => writeAll(handle, bytes, "half"))),
      WriteError,
    );
    await handle.close();
  }
  assert.not.ok(existsSync(path("full")));
  assert.equal(
    readdirSync(folder).filter((name) => name.endsWith(".tmp")),
    [],
  );
});

test("a disk that takes no byte and raises nothing is told too", async () => {
  const e = await failure(() => onShortDisk({ perCall: 0 }, () => writeFileAtomic(path("stuck"), bytes)));
  assert.match(e.message, /takes 0 of 1000 bytes and no more/);
});

test("system errors that nobody named get a class by what was done", () => {
  const raise = (code: string, syscall: string, at: string | undefined = "/x/y") =>
    asNamedError(Object.assign(new Error(`${code}: odd`), { code, syscall, path: at })) as Error;
  for (const [code, call, words] of [
    ["EACCES", "mkdir", "/x/y: cannot be written: no permission to write there"],
    ["EROFS", "open", "the file system is read-only"],
    ["ENOSPC", "fsync", "the disk is full"],
    ["EDQUOT", "write", "quota"],
    ["ENAMETOOLONG", "rename", "the name is too long"],
    ["ENOTDIR", "mkdir", "a part of the path is a file"],
    ["EFOO", "write", "the system says EFOO: odd"],
  ])
    assert.ok(
      raise(code, call) instanceof WriteError && raise(code, call).message.includes(words),
      raise(code, call).message,
    );
  for (const [code, call] of [
    ["EACCES", "open"],
    ["EIO", "read"],
    ["EMFILE", "scandir"],
    ["EISDIR", "read"],
  ])
    assert.instance(raise(code, call), MissingDataError);
  assert.not.instance(raise("ECONNRESET", "connect", ""), WriteError);
  assert.is(asNamedError("text"), "text");
});

test("folders are made through missing ones; a file in the way is named", async () => {
  makeFolder(path("a/b/c"));
  makeFolder(path("a/b/c"));
  assert.ok(existsSync(path("a/b/c")));
  writeFileSync(path("file"), "");
  for (const target of ["file", "file/below", "file/below/more"]) {
    const e = await failure(() => makeFolder(path(target)));
    assert.ok(e instanceof WriteError && e.message.startsWith(path("file")), e.message);
  }
});

test("a file system that takes no folders ends it at once", () => {
  if (!existsSync("/proc/self")) return console.log("SKIP folders under /proc: there is none");
  // In a process of its own: the loop this guards against is deaf to signals but for SIGKILL.
  const module = JSON.stringify(join(packageRoot(), "dist/base/folders.js"));
  const program = `import { makeFolder } from ${module};
    try { makeFolder("/proc/no/such/place"); } catch (e) { console.log(e.name, e.exitCode, e.message); }`;
  const { stdout, signal } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  assert.is(signal, null);
  assert.match(stdout, /^WriteError 7 \/proc\/no: cannot be made: the file system takes no folder there/);
});

test("a name of 255 bytes can be written, and what lies beside it has a name that fits", async () => {
  for (const name of ["n".repeat(255), `${"ü".repeat(127)}n`, "x"]) {
    writeFileAtomic(path(name), "content");
    assert.is(readFileSync(path(name), "utf8"), "content");
    assert.ok(Buffer.byteLength(basename(temporaryName(path(name)))) <= Math.max(64, Buffer.byteLength(name)));
    const beside = besides(path(name), ".partial");
    assert.is(beside, besides(path(name), ".partial"));
    assert.ok(Buffer.byteLength(basename(beside)) <= 255 && beside.endsWith(".partial"));
  }
  assert.is(besides(path("x"), ".partial"), path("x.partial"));
  assert.is.not(besides(path(`${"n".repeat(254)}a`), ".json"), besides(path(`${"n".repeat(254)}b`), ".json"));
  const e = await failure(() => writeFileAtomic(path("n".repeat(256)), "x"));
  assert.ok(e instanceof WriteError && e.message.includes("the name is too long"), e.message);
});

test.run();
