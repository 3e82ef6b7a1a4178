/** @file One file from a local server: interrupted, resumed, redirected, and never a mixture of two versions. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fetchFile } from "../../data/download/fetch-file.js";
import { PartFile } from "../../data/download/part-file.js";
import { complaint, DownloadServer, noise, serve } from "../support/download-server.js";

const test = suite("download-transfer");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-transfer-"));
const body = noise(300_000);
const sha256 = createHash("sha256").update(body).digest("hex");
const server = new DownloadServer();

test.before(() => server.open());
test.before.each(() => {
  server.asked = [];
});
test.after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const quick = { pauseMs: 1 };
let counter = 0;
const fresh = () => join(folder, `file${counter++}`);
const partOf = (target: string) => new PartFile(target).path;
const noteOf = (target: string) => `${partOf(target)}.json`;

test("an interrupted transfer continues where it stopped", async () => {
  const target = fresh();
  server.handler = serve(body, { cut: [100_000, 50_000] });
  const seen: number[] = [];
  await fetchFile([`${server.base}/a`], target, { ...quick, sha256, onProgress: (done) => seen.push(done) });
  assert.ok(readFileSync(target).equals(body));
  assert.equal(server.asked, ["/a -", "/a bytes=100000-", "/a bytes=150000-"]);
  assert.is(seen.at(-1), body.length);
  assert.not.ok(existsSync(partOf(target)) || existsSync(noteOf(target)), "nothing is left beside it");
});

test("a run that was stopped is continued by the next one", async () => {
  const target = fresh();
  server.handler = serve(body, { cut: [120_000] });
  const stop = new AbortController();
  const first = fetchFile([`${server.base}/a`], target, {
    pauseMs: 10_000,
    signal: stop.signal,
    onProgress: (done) => done >= 120_000 && setTimeout(() => stop.abort(), 50),
  });
  assert.is((await complaint(first)).name, "AbortError");
  assert.not.ok(existsSync(target));
  assert.is(readFileSync(partOf(target)).length, 120_000);
  await fetchFile([`${server.base}/a`], target, quick);
  assert.equal(server.asked, ["/a -", "/a bytes=120000-"]);
  assert.ok(readFileSync(target).equals(body));
});

test("a file that changed on the server is fetched from the start", async () => {
  const target = fresh();
  server.handler = serve(body, { cut: [90_000] });
  await complaint(fetchFile([`${server.base}/a`], target, { attempts: 1 }));
  const changed = Buffer.from(body).reverse();
  server.handler = serve(changed, { etag: '"v2"' });
  await fetchFile([`${server.base}/a`], target, quick);
  assert.ok(readFileSync(target).equals(changed), "no mixture of two versions");
});

test("a range of a file of another length is not appended", async () => {
  const target = fresh();
  server.handler = serve(body, { cut: [90_000], etag: "" });
  await complaint(fetchFile([`${server.base}/a`], target, { attempts: 1 }));
  const longer = Buffer.concat([Buffer.alloc(10), body]);
  server.handler = serve(longer, { etag: "" });
  await fetchFile([`${server.base}/a`], target, quick);
  assert.ok(readFileSync(target).equals(longer));
});

test("a server without ranges sends the file again from the start", async () => {
  const target = fresh();
  server.handler = serve(body, { cut: [200_000], ranges: false });
  await fetchFile([`${server.base}/a`], target, { ...quick, sha256 });
  assert.ok(readFileSync(target).equals(body));
});

test("a server that sends less than the rest is asked for what is left", async () => {
  const target = fresh();
  const first = serve(body, { cut: [100_000] });
  server.handler = (request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? -1);
    if (from < 0) return first(request, response);
    const piece = body.subarray(from, from + 150_000);
    const range = `bytes ${from}-${from + piece.length - 1}/${body.length}`;
    response.writeHead(206, { "content-range": range, "content-length": piece.length, etag: '"v1"' }).end(piece);
  };
  await fetchFile([`${server.base}/a`], target, { ...quick, sha256 });
  assert.equal(server.asked, ["/a -", "/a bytes=100000-", "/a bytes=250000-"]);
});

test("a complete part whose rename was lost needs no transfer", async () => {
  const target = fresh();
  writeFileSync(partOf(target), body);
  writeFileSync(
    noteOf(target),
    JSON.stringify({ url: `${server.base}/a`, etag: '"v1"', lastModified: null, total: body.length }),
  );
  server.handler = serve(body);
  await fetchFile([`${server.base}/a`], target, { ...quick, sha256 });
  assert.equal(server.asked, []);
  assert.ok(readFileSync(target).equals(body));
});

test("a part without its note is not trusted", async () => {
  const target = fresh();
  writeFileSync(partOf(target), Buffer.alloc(1000));
  server.handler = serve(body);
  await fetchFile([`${server.base}/a`], target, quick);
  assert.ok(readFileSync(target).equals(body));
});

test("a wrong hash removes the part and gives no file", async () => {
  const target = fresh();
  server.handler = serve(Buffer.from("something else"));
  const error = await complaint(fetchFile([`${server.base}/a`], target, { ...quick, sha256 }));
  assert.is(error.code, "ChecksumMismatch");
  assert.match(error.message, new RegExp(`expected SHA-256 ${sha256}`));
  assert.not.ok(existsSync(target) || existsSync(partOf(target)));
});

test("the beginning of a hash is enough to compare", async () => {
  const target = fresh();
  server.handler = serve(body);
  await fetchFile([`${server.base}/a`], target, { ...quick, sha256: sha256.slice(0, 7) });
  assert.ok(existsSync(target));
});

test("a transfer that always breaks at the same byte ends with an error and keeps the part", async () => {
  const target = fresh();
  server.handler = serve(body, { cut: [1000, 0, 0, 0, 0, 0, 0] });
  const error = await complaint(fetchFile([`${server.base}/a`], target, { ...quick, attempts: 3 }));
  assert.is(error.code, "DownloadFailed");
  assert.is(server.asked.length, 3);
  assert.ok(existsSync(partOf(target)));
});

test("404 is final for an address, 503 is tried again", async () => {
  server.handler = (_, response) => response.writeHead(404).end();
  const error = await complaint(fetchFile([`${server.base}/gone`], fresh(), quick));
  assert.match(error.message, /\/gone: the server answered 404/);
  assert.is(server.asked.length, 1);
  let busy = 2;
  const good = serve(body);
  server.handler = (request, response) => (busy-- > 0 ? response.writeHead(503).end() : good(request, response));
  const target = fresh();
  await fetchFile([`${server.base}/a`], target, quick);
  assert.ok(existsSync(target));
});

test("the next address is asked when one has not got the file, and all answers are told when none has", async () => {
  const good = serve(body);
  server.handler = (request, response) =>
    request.url === "/mirror" ? response.writeHead(403).end() : good(request, response);
  const target = fresh();
  await fetchFile([`${server.base}/mirror`, `${server.base}/a`], target, quick);
  assert.ok(readFileSync(target).equals(body));
  server.handler = (_, response) => response.writeHead(404).end();
  const error = await complaint(fetchFile([`${server.base}/x`, `${server.base}/y`], fresh(), quick));
  assert.match(error.message, /\/x: the server answered 404.*\/y: the server answered 404/);
});

test("a silent server is given up", async () => {
  server.handler = (_, response) => {
    response.writeHead(200, { "content-length": 10 });
    response.write("abc");
  };
  const error = await complaint(fetchFile([`${server.base}/a`], fresh(), { ...quick, idleMs: 60, attempts: 1 }));
  assert.match(error.message, /nothing received/);
});

test("redirects are followed, and not for ever", async () => {
  const good = serve(body);
  server.handler = (request, response) =>
    request.url === "/old" ? response.writeHead(302, { location: "/new" }).end() : good(request, response);
  const target = fresh();
  await fetchFile([`${server.base}/old`], target, quick);
  assert.ok(existsSync(target));
  server.handler = (request, response) => response.writeHead(302, { location: `${request.url}x` }).end();
  assert.match((await complaint(fetchFile([`${server.base}/r`], fresh(), quick))).message, /redirects/);
});

test.run();
