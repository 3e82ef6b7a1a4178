/**
 * @file What is kept on disks that take or give less than they are asked: whole, or an error; never something wrong, and
 * the same call goes on once there is room.
 */

import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readIndex, verifyIndex } from "../../asmk/index-file.js";
import { saveIndex } from "../../asmk/index-save.js";
import { InvertedFile } from "../../asmk/inverted-file.js";
import { splitByImage, type WordRows } from "../../asmk/word-rows.js";
import { FileFormatError, WriteError } from "../../base/errors.js";
import { fetchFile } from "../../data/download/fetch-file.js";
import { fileSource } from "../../formats/source.js";
import { EvalLog } from "../../tasks/evaluate/eval-log.js";
import { RecordLog } from "../../tasks/evaluate/record-log.js";
import { silent } from "../../tasks/progress.js";
import { MetricsFile } from "../../tasks/train/metrics-file.js";
import { randomCodebook, randomRows } from "../support/random-rows.js";
import { onShortDisk } from "../support/short-io.js";

const test = suite("short-disk");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-short-"));
test.after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const print = Buffer.alloc(32, 1);
const records = [100, 20_000, 500].map((size, i) => Buffer.alloc(size, i + 1));

async function failure(work: () => unknown): Promise<Error> {
  try {
    await work();
  } catch (e) {
    return e as Error;
  }
  throw new Error("no failure");
}

async function allOf(log: RecordLog): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for await (const record of log.read()) found.push(record);
  return found;
}

test("a record log on a disk that moves seven bytes a call holds what was appended", async () => {
  await onShortDisk({ perCall: 7 }, async () => {
    const log = await RecordLog.open(path("slow"), print);
    for (const record of records) await log.append(record);
    const part = new Uint8Array(19_000);
    await log.readPart(1, 500, part);
    assert.ok(part.every((x) => x === 2));
    await log.close();
    const again = await RecordLog.open(path("slow"), print);
    assert.is(again.count, 3);
    const found = await allOf(again);
    assert.ok(found.every((record, i) => records[i].equals(record)));
    await again.close();
  });
});

test("a record that the disk takes in part is an error, is not counted, and goes in once there is room", async () => {
  const log = await RecordLog.open(path("full"), print);
  await log.append(records[0]);
  const before = statSync(path("full/000000.shard")).size;
  const e = await failure(() => onShortDisk({ perCall: 4096, room: 8192 }, () => log.append(records[1])));
  assert.ok(e instanceof WriteError && e.message.includes("the disk is full"), e.message);
  assert.is(log.count, 1);
  assert.is(statSync(path("full/000000.shard")).size, before);
  await log.append(records[1]);
  await log.append(records[2]);
  const part = new Uint8Array(20_000);
  await log.readPart(1, 0, part);
  assert.ok(part.every((x) => x === 2));
  assert.is((await allOf(log)).length, 3);
  await log.close();
});

test("a log that another program cuts while it is read is an error, not zeros", async () => {
  const log = await RecordLog.open(path("cut"), print);
  for (const record of records) await log.append(record);
  truncateSync(path("cut/000000.shard"), 5000);
  const e = await failure(() => log.readPart(1, 0, new Uint8Array(20_000)));
  assert.ok(e instanceof FileFormatError && e.kind === "Truncated", e.message);
  await log.close();
});

test("a log whose first bytes do not fit is begun again when there is room", async () => {
  const log = await RecordLog.open(path("begin"), print);
  for (const room of [0, 20]) {
    const e = await failure(() => onShortDisk({ perCall: 4096, room }, () => log.append(records[0])));
    assert.instance(e, WriteError);
    assert.is(log.count, 0);
  }
  await log.append(records[0]);
  assert.is((await allOf(log)).length, 1);
  await log.close();
});

test("an index is saved and extended whole, or stays the old one", async () => {
  const codebook = randomCodebook(40, 256, 1);
  const images = splitByImage(randomRows(codebook, { images: 44, each: 30, seed: 2 }));
  const notes = { codebook: null, model: "m", names: null, properties: {} };
  const file = path("x.index");
  const filled = async (part: readonly WordRows[], index: InvertedFile) => {
    for (const rows of part) index.append(rows);
    await index.commit();
    return index;
  };
  const empty = () => InvertedFile.create({ words: 40, dim: 256, binary: true, useIdf: false });
  await onShortDisk({ perCall: 1000 }, async () => saveIndex(file, await filled(images.slice(0, 40), empty()), notes));
  await verifyIndex(file);
  const { index } = await onShortDisk({ perCall: 1000 }, () => readIndex(file));
  assert.is(index.imageCount, 40);
  await filled(images.slice(40), index);
  const sizeOfWhole = statSync(file).size;
  for (const room of [0, 5000, 9000]) {
    const e = await failure(() => onShortDisk({ perCall: 1000, room }, () => saveIndex(file, index, notes)));
    assert.instance(e, WriteError);
    assert.is((await readIndex(file)).index.imageCount, 40);
    await verifyIndex(file);
  }
  await onShortDisk({ perCall: 1000 }, () => saveIndex(file, index, notes));
  assert.ok(statSync(file).size > sizeOfWhole);
  assert.is((await readIndex(file)).index.imageCount, 44);
  await verifyIndex(file);
});

test("files are read whole where a call gives little", async () => {
  const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i % 249);
  writeFileSync(path("source"), bytes);
  const read = await onShortDisk({ perCall: 100 }, () => fileSource(path("source")).read(10, 4000));
  assert.equal([...read], [...bytes.subarray(10, 4010)]);
});

test("logs that cannot be written are one line with exit code 7", async () => {
  writeFileSync(path("file"), "");
  const e = await failure(() => new EvalLog(path("file/eval.log"), silent));
  assert.ok(e instanceof WriteError, e.message);
  const log = new EvalLog(path("eval.log"), silent);
  const metrics = new MetricsFile(path("metrics.jsonl"));
  for (const work of [
    () => log.note("a line"),
    () => metrics.append({ kind: "validation", epoch: 1, method: "local", dataset: "x", scores: null }),
  ]) {
    const full = await failure(() => onShortDisk({ perCall: 10, room: 15 }, work));
    assert.ok(full instanceof WriteError && full.message.includes("the disk is full"), full.message);
  }
  log.note("a line");
  assert.match(readFileSync(path("eval.log"), "utf8"), /INFO: a line\n$/);
  // The half line of before is no line.
  metrics.rewind(1, 1);
});

test("a download on a full disk is told as such, and goes on from where it was", async () => {
  const body = Buffer.from(Uint8Array.from({ length: 60_000 }, (_, i) => i % 253));
  const server = createServer((request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const headers = { etag: '"a"', "content-length": body.length - from };
    if (from > 0)
      response.writeHead(206, { ...headers, "content-range": `bytes ${from}-${body.length - 1}/${body.length}` });
    else response.writeHead(200, headers);
    response.end(body.subarray(from));
  }).listen(0);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/f.bin`;
  const target = path("f.bin");
  const e = await failure(() => onShortDisk({ perCall: 999, room: 20_000 }, () => fetchFile([url], target)));
  assert.ok(e instanceof WriteError && e.exitCode === 7, e.message);
  await onShortDisk({ perCall: 999 }, () => fetchFile([url], target));
  assert.ok(readFileSync(target).equals(body));
  server.close();
});

test.run();
