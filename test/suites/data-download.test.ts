/** @file Downloads against a local server that misbehaves in every way a real one does, and archives onto disk. */
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../base/errors.js";
import { assetGroups } from "../../data/download/assets.js";
import { type DownloadOptions, download, downloadAssets, downloadNames } from "../../data/download/download.js";
import { fetchFile } from "../../data/download/fetch-file.js";
import { unpackArchive } from "../../data/download/unpack.js";
import { runDownload } from "../../tasks/download.js";
import { Interrupted, silent } from "../../tasks/progress.js";

const test = suite("data-download");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-download-"));
const body = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 2654435761) >>> 13));
const sha256 = createHash("sha256").update(body).digest("hex");

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
let handler: Handler = () => {};
/** What was asked since the test began: "path range". */
let asked: string[] = [];
let base = "";
const server: Server = createServer((request, response) => {
  asked.push(`${request.url} ${request.headers.range ?? "-"}`);
  handler(request, response);
});

test.before(async () => {
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
test.before.each(() => {
  asked = [];
});
test.after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

/** Serves `content` with ranges and a validator; `cut` ends the first answers after so many bytes. */
function serve(content: Uint8Array, options: { cut?: number[]; etag?: string; ranges?: boolean } = {}): Handler {
  const { cut = [], etag = '"v1"', ranges = true } = options;
  const cuts = [...cut];
  return (request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? -1);
    const valid = request.headers["if-range"] === undefined || request.headers["if-range"] === etag;
    const begin = ranges && valid && from >= 0 ? from : 0;
    if (begin >= content.length) {
      response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
      return;
    }
    const rest = content.subarray(begin);
    response.writeHead(ranges && valid && from >= 0 ? 206 : 200, {
      "content-length": rest.length,
      ...(ranges && valid && from >= 0
        ? { "content-range": `bytes ${begin}-${content.length - 1}/${content.length}` }
        : {}),
      ...(etag ? { etag } : {}),
    });
    const stop = cuts.shift();
    if (stop === undefined) response.end(rest);
    else response.write(rest.subarray(0, stop), () => setTimeout(() => response.destroy(), 20));
  };
}

const quick = { pauseMs: 1 };
let counter = 0;
const fresh = () => join(folder, `file${counter++}`);

async function complaint(work: Promise<unknown>): Promise<Error & { code: string }> {
  try {
    await work;
  } catch (e) {
    return e as Error & { code: string };
  }
  return assert.unreachable("expected an error") as never;
}

test("an interrupted transfer continues where it stopped", async () => {
  const target = fresh();
  handler = serve(body, { cut: [100_000, 50_000] });
  const seen: number[] = [];
  await fetchFile([`${base}/a`], target, { ...quick, sha256, onProgress: (done) => seen.push(done) });
  assert.ok(readFileSync(target).equals(body));
  assert.equal(asked, ["/a -", "/a bytes=100000-", "/a bytes=150000-"]);
  assert.is(seen.at(-1), body.length);
  assert.not.ok(existsSync(`${target}.part`) || existsSync(`${target}.part.json`), "nothing is left beside it");
});

test("a run that was stopped is continued by the next one", async () => {
  const target = fresh();
  handler = serve(body, { cut: [120_000] });
  const stop = new AbortController();
  const first = fetchFile([`${base}/a`], target, {
    pauseMs: 10_000,
    signal: stop.signal,
    onProgress: (done) => done >= 120_000 && setTimeout(() => stop.abort(), 50),
  });
  assert.is((await complaint(first)).name, "AbortError");
  assert.not.ok(existsSync(target));
  assert.is(readFileSync(`${target}.part`).length, 120_000);
  await fetchFile([`${base}/a`], target, quick);
  assert.equal(asked, ["/a -", "/a bytes=120000-"]);
  assert.ok(readFileSync(target).equals(body));
});

test("a file that changed on the server is fetched from the start", async () => {
  const target = fresh();
  handler = serve(body, { cut: [90_000] });
  await complaint(fetchFile([`${base}/a`], target, { attempts: 1 }));
  const changed = Buffer.from(body).reverse();
  handler = serve(changed, { etag: '"v2"' });
  await fetchFile([`${base}/a`], target, quick);
  assert.ok(readFileSync(target).equals(changed), "no mixture of two versions");
});

test("a range of a file of another length is not appended", async () => {
  const target = fresh();
  handler = serve(body, { cut: [90_000], etag: "" });
  await complaint(fetchFile([`${base}/a`], target, { attempts: 1 }));
  const longer = Buffer.concat([Buffer.alloc(10), body]);
  handler = serve(longer, { etag: "" });
  await fetchFile([`${base}/a`], target, quick);
  assert.ok(readFileSync(target).equals(longer));
});

test("a server without ranges sends the file again from the start", async () => {
  const target = fresh();
  handler = serve(body, { cut: [200_000], ranges: false });
  await fetchFile([`${base}/a`], target, { ...quick, sha256 });
  assert.ok(readFileSync(target).equals(body));
});

test("a server that sends less than the rest is asked for what is left", async () => {
  const target = fresh();
  const first = serve(body, { cut: [100_000] });
  handler = (request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? -1);
    if (from < 0) return first(request, response);
    const piece = body.subarray(from, from + 150_000);
    const range = `bytes ${from}-${from + piece.length - 1}/${body.length}`;
    response.writeHead(206, { "content-range": range, "content-length": piece.length, etag: '"v1"' }).end(piece);
  };
  await fetchFile([`${base}/a`], target, { ...quick, sha256 });
  assert.equal(asked, ["/a -", "/a bytes=100000-", "/a bytes=250000-"]);
});

test("a complete part whose rename was lost needs no transfer", async () => {
  const target = fresh();
  writeFileSync(`${target}.part`, body);
  writeFileSync(`${target}.part.json`, JSON.stringify({ url: `${base}/a`, validator: '"v1"', total: body.length }));
  handler = serve(body);
  await fetchFile([`${base}/a`], target, { ...quick, sha256 });
  assert.equal(asked, []);
  assert.ok(readFileSync(target).equals(body));
});

test("a part without its note is not trusted", async () => {
  const target = fresh();
  writeFileSync(`${target}.part`, Buffer.alloc(1000));
  handler = serve(body);
  await fetchFile([`${base}/a`], target, quick);
  assert.ok(readFileSync(target).equals(body));
});

test("a wrong hash removes the part and gives no file", async () => {
  const target = fresh();
  handler = serve(Buffer.from("something else"));
  const error = await complaint(fetchFile([`${base}/a`], target, { ...quick, sha256 }));
  assert.is(error.code, "ChecksumMismatch");
  assert.match(error.message, new RegExp(`expected SHA-256 ${sha256}`));
  assert.not.ok(existsSync(target) || existsSync(`${target}.part`));
});

test("the beginning of a hash is enough to compare", async () => {
  const target = fresh();
  handler = serve(body);
  await fetchFile([`${base}/a`], target, { ...quick, sha256: sha256.slice(0, 7) });
  assert.ok(existsSync(target));
});

test("a transfer that always breaks at the same byte ends with an error and keeps the part", async () => {
  const target = fresh();
  handler = serve(body, { cut: [1000, 0, 0, 0, 0, 0, 0] });
  const error = await complaint(fetchFile([`${base}/a`], target, { ...quick, attempts: 3 }));
  assert.is(error.code, "DownloadFailed");
  assert.is(asked.length, 3);
  assert.ok(existsSync(`${target}.part`));
});

test("404 is final for an address, 503 is tried again", async () => {
  handler = (_, response) => response.writeHead(404).end();
  const error = await complaint(fetchFile([`${base}/gone`], fresh(), quick));
  assert.match(error.message, /\/gone: the server answered 404/);
  assert.is(asked.length, 1);
  let busy = 2;
  const good = serve(body);
  handler = (request, response) => (busy-- > 0 ? response.writeHead(503).end() : good(request, response));
  const target = fresh();
  await fetchFile([`${base}/a`], target, quick);
  assert.ok(existsSync(target));
});

test("the next address is asked when one has not got the file, and all answers are told when none has", async () => {
  const good = serve(body);
  handler = (request, response) =>
    request.url === "/mirror" ? response.writeHead(403).end() : good(request, response);
  const target = fresh();
  await fetchFile([`${base}/mirror`, `${base}/a`], target, quick);
  assert.ok(readFileSync(target).equals(body));
  handler = (_, response) => response.writeHead(404).end();
  const error = await complaint(fetchFile([`${base}/x`, `${base}/y`], fresh(), quick));
  assert.match(error.message, /\/x: the server answered 404.*\/y: the server answered 404/);
});

test("a silent server is given up", async () => {
  handler = (_, response) => {
    response.writeHead(200, { "content-length": 10 });
    response.write("abc");
  };
  const error = await complaint(fetchFile([`${base}/a`], fresh(), { ...quick, idleMs: 60, attempts: 1 }));
  assert.match(error.message, /nothing received/);
});

test("redirects are followed, and not for ever", async () => {
  const good = serve(body);
  handler = (request, response) =>
    request.url === "/old" ? response.writeHead(302, { location: "/new" }).end() : good(request, response);
  const target = fresh();
  await fetchFile([`${base}/old`], target, quick);
  assert.ok(existsSync(target));
  handler = (request, response) => response.writeHead(302, { location: `${request.url}x` }).end();
  assert.match((await complaint(fetchFile([`${base}/r`], fresh(), quick))).message, /redirects/);
});

/** A ustar archive of [path, content]; a content of null is a folder, "->" a link. */
function tar(entries: readonly [path: string, content: string | Uint8Array | null][]): Buffer {
  const blocks: Buffer[] = [];
  for (const [path, content] of entries) {
    const data = content === null || content === "->" ? Buffer.alloc(0) : Buffer.from(content);
    const long = path.length > 99;
    if (long) blocks.push(header("././@LongLink", path.length + 1, "L"), padded(Buffer.from(`${path}\0`)));
    const type = content === null ? "5" : content === "->" ? "2" : "0";
    blocks.push(header(long ? path.slice(0, 99) : path, data.length, type), padded(data));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function header(path: string, size: number, type: string): Buffer {
  const h = Buffer.alloc(512);
  h.write(path, 0);
  h.write("0000644\0", 100);
  h.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  h.write("00000000000\0", 136);
  h.write(type, 156);
  h.write("ustar\x0000", 257);
  h.fill(32, 148, 156);
  const sum = h.reduce((n, b) => n + b, 0);
  h.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return h;
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

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
  assert.equal(readdirSync(flat).sort(), ["a.jpg", "b.jpg", "c.jpg"]);
  assert.is(readFileSync(join(flat, "a.jpg"), "utf8"), "one", "the first of a name is kept");
  assert.is(files, 3);
  assert.equal(skipped, ["paris/other/a.jpg", "paris/._a.jpg"]);

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
  assert.is((await unpackArchive([archive], listed, { kind: "listed", names })).files, 1);
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

const archiveAsset = (url: string) =>
  ({ kind: "archive", urls: [url], folder: "test/own/jpg", placement: "flatten", describedBy: null }) as const;

test("an archive is fetched once, unpacked, recorded and removed", async () => {
  const root = fresh();
  handler = serve(gzipSync(tar([["x/a.jpg", "one"]])));
  const assets = [archiveAsset(`${base}/set.tgz`), { kind: "link", path: "test/r/jpg", to: "test/own/jpg" } as const];
  await downloadAssets(assets, { root, mirrors: [] });
  assert.is(readFileSync(join(root, "test/r/jpg/a.jpg"), "utf8"), "one");
  assert.ok(lstatSync(join(root, "test/r/jpg")).isSymbolicLink());
  assert.equal(readdirSync(join(root, "test/own")), ["jpg"], "the archive is gone");
  const before = asked.length;
  await downloadAssets(assets, { root, mirrors: [] });
  assert.is(asked.length, before, "nothing is asked again");
});

test("an unpacked folder without a record is not taken for complete", async () => {
  const root = fresh();
  mkdirSync(join(root, "test/own/jpg"), { recursive: true });
  writeFileSync(join(root, "test/own/jpg/a.jpg"), "half");
  handler = serve(gzipSync(tar([["a.jpg", "whole file"]])));
  await downloadAssets([archiveAsset(`${base}/set.tgz`)], { root, mirrors: [] });
  assert.is(readFileSync(join(root, "test/own/jpg/a.jpg"), "utf8"), "whole file");
});

test("a page of text with status 200 is not taken for a file", async () => {
  const root = fresh();
  handler = serve(Buffer.from("<html>maintenance</html>"));
  for (const path of ["gnd.pkl", "net.pth"]) {
    const error = await complaint(
      downloadAssets([{ kind: "file", url: `${base}/${path}`, path }], { root, mirrors: [] }),
    );
    assert.is(error.code, "WrongContent");
    assert.match(error.message, /<html>main/);
  }
  assert.match(
    (await complaint(downloadAssets([archiveAsset(`${base}/x.tgz`)], { root, mirrors: [] }))).message,
    /html/,
  );
});

test("a file that is there is kept; one with a wrong certain hash is named and kept", async () => {
  const root = fresh();
  mkdirSync(root);
  writeFileSync(join(root, "f"), "mine");
  handler = serve(body);
  const asset = { kind: "file", url: `${base}/f`, path: "f" } as const;
  const notes: string[] = [];
  const options: DownloadOptions = { root, mirrors: [], onNote: (line) => notes.push(line) };
  await downloadAssets([asset], options);
  await downloadAssets([{ ...asset, sha256: sha256.slice(0, 7) }], options);
  assert.match(notes.join(), /kept as it is/);
  const error = await complaint(downloadAssets([{ ...asset, sha256, certain: true }], options));
  assert.is(error.code, "ChecksumMismatch");
  assert.is(readFileSync(join(root, "f"), "utf8"), "mine");
  assert.equal(asked, []);
});

test("a file whose name promises another hash is kept with a remark", async () => {
  const root = fresh();
  handler = serve(body);
  const notes: string[] = [];
  const asset = { kind: "file", url: `${base}/net-0000000.bin`, path: "net.bin", sha256: "0000000" } as const;
  await downloadAssets([asset], { root, mirrors: [], onNote: (line) => notes.push(line) });
  assert.ok(existsSync(join(root, "net.bin")));
  assert.match(notes.join(), /promises SHA-256 0000000/);
});

test("mirrors are asked first, by path and by name, then the original", async () => {
  const root = fresh();
  const good = serve(body);
  handler = (request, response) =>
    request.url === "/deep/f" ? good(request, response) : response.writeHead(404).end();
  const asset = { kind: "file", url: `${base}/deep/f`, path: "f" } as const;
  await downloadAssets([asset], { root, mirrors: [`${base}/m/`] });
  assert.equal(
    asked.map((a) => a.split(" ")[0]),
    ["/m/deep/f", "/m/f", "/deep/f"],
  );
  asked = [];
  process.env.FIRE_GPU_MIRROR = `${base}/env`;
  await downloadAssets([{ ...asset, path: "g" }], { root });
  delete process.env.FIRE_GPU_MIRROR;
  assert.is(asked[0], "/env/deep/f -");
});

test("every name leads to addresses and places, and none of them leaves the data root", () => {
  const paths = new Map<string, string>();
  for (const { name } of downloadNames())
    for (const asset of assetGroups[name].assets) {
      const path = asset.kind === "archive" ? asset.folder : asset.path;
      assert.not.match(path, /^\/|\.\./);
      for (const url of asset.kind === "archive" ? asset.urls : asset.kind === "file" ? [asset.url] : []) {
        assert.match(new URL(url).protocol, /^https?:$/);
        if (asset.kind === "file") assert.is(paths.get(path) ?? url, url, `${path} has two sources`);
        paths.set(path, url);
      }
    }
  assert.is(assetGroups.gl18.assets.flatMap((a) => (a.kind === "archive" ? a.urls : [])).length, 22);
  assert.is(assetGroups.revisitop1m.assets.length, 101);
});

test("an unknown name is answered with the known ones", async () => {
  const error = await complaint(download("roxford", { root: folder }));
  assert.instance(error, UsageError);
  assert.match(error.message, /roxford5k/);
});

test("the task reports bytes and turns an abort into an interruption", async () => {
  const root = fresh();
  handler = (request, response) =>
    request.url?.endsWith("how_r18.pth")
      ? serve(Buffer.concat([Buffer.from("PK"), body]))(request, response)
      : undefined;
  let bytes = 0;
  const labels: string[] = [];
  const stage = (label: string, _total: number, done = 0) => {
    labels.push(label);
    bytes += done;
    return { advance: (n = 1) => (bytes += n), end() {} };
  };
  await runDownload({ names: ["how_r18"], root, mirrors: [base], progress: { ...silent, stage } });
  assert.equal(labels, ["download how_r18.pth"]);
  assert.is(bytes, body.length + 2);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  const error = await complaint(runDownload({ names: ["fire"], root, mirrors: [base], signal: stop.signal }));
  assert.instance(error, Interrupted);
});

test.run();
