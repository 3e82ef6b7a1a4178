/** @file What a name stands for: where it comes from, where it goes, what is kept and what is said. */
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../base/errors.js";

import { assetGroups } from "../../data/download/assets.js";
import { type DownloadOptions, download, downloadAssets, downloadNames } from "../../data/download/download.js";
import { assetOf } from "../../data/download/known-assets.js";
import { PartFile } from "../../data/download/part-file.js";
import { sourcesOf } from "../../data/download/sources.js";
import { runDownload, runDownloadUrl } from "../../tasks/download.js";
import { Interrupted, silent } from "../../tasks/progress.js";
import { complaint, DownloadServer, noise, serve } from "../support/download-server.js";
import { tar } from "../support/tar.js";

const test = suite("data-download");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-download-"));
const body = noise(300_000);
const sha256 = createHash("sha256").update(body).digest("hex");
/** Begins and ends as a zip archive does. */
const checkpoint = Buffer.concat([Buffer.from("PK\x03\x04"), body, Buffer.from("PK\x05\x06"), Buffer.alloc(18)]);
const server = new DownloadServer();

test.before(() => server.open());
test.before.each(() => {
  server.asked = [];
});
test.after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

let counter = 0;
const fresh = () => join(folder, `root${counter++}`);

const archiveAsset = (url: string) =>
  ({ kind: "archive", urls: [url], folder: "test/own/jpg", placement: "flatten", describedBy: null }) as const;

test("an archive is fetched once, unpacked, recorded and removed", async () => {
  const root = fresh();
  server.handler = serve(gzipSync(tar([["x/a.jpg", "one"]])));
  const assets = [
    archiveAsset(`${server.base}/set.tgz`),
    { kind: "link", path: "test/r/jpg", to: "test/own/jpg" } as const,
  ];
  await downloadAssets(assets, { root, mirrors: [] });
  assert.is(readFileSync(join(root, "test/r/jpg/a.jpg"), "utf8"), "one");
  assert.ok(lstatSync(join(root, "test/r/jpg")).isSymbolicLink());
  assert.equal(readdirSync(join(root, "test/own")), ["jpg"], "the archive is gone");
  const before = server.asked.length;
  await downloadAssets(assets, { root, mirrors: [] });
  assert.is(server.asked.length, before, "nothing is server.asked again");
});

test("an unpacked folder without a record is not taken for complete", async () => {
  const root = fresh();
  mkdirSync(join(root, "test/own/jpg"), { recursive: true });
  writeFileSync(join(root, "test/own/jpg/a.jpg"), "half");
  server.handler = serve(gzipSync(tar([["a.jpg", "whole file"]])));
  await downloadAssets([archiveAsset(`${server.base}/set.tgz`)], { root, mirrors: [] });
  assert.is(readFileSync(join(root, "test/own/jpg/a.jpg"), "utf8"), "whole file");
});

test("a page of text with status 200 is not taken for a file", async () => {
  const root = fresh();
  server.handler = serve(Buffer.from("<html>maintenance</html>"));
  for (const path of ["gnd.pkl", "net.pth"]) {
    const error = await complaint(
      downloadAssets([{ kind: "file", url: `${server.base}/${path}`, path }], { root, mirrors: [] }),
    );
    assert.is(error.code, "WrongContent");
    assert.match(error.message, /<html>main/);
  }
  assert.match(
    (await complaint(downloadAssets([archiveAsset(`${server.base}/x.tgz`)], { root, mirrors: [] }))).message,
    /html/,
  );
});

test("a file that is there is kept; one with a wrong certain hash is named and kept", async () => {
  const root = fresh();
  mkdirSync(root);
  writeFileSync(join(root, "f"), "mine");
  server.handler = serve(body);
  const asset = { kind: "file", url: `${server.base}/f`, path: "f" } as const;
  const notes: string[] = [];
  const options: DownloadOptions = { root, mirrors: [], onWarn: (line) => notes.push(line) };
  await downloadAssets([asset], options);
  await downloadAssets([{ ...asset, sha256: sha256.slice(0, 7) }], options);
  assert.match(notes.join(), /kept as it is/);
  const error = await complaint(downloadAssets([{ ...asset, sha256, certain: true }], options));
  assert.is(error.code, "ChecksumMismatch");
  assert.is(readFileSync(join(root, "f"), "utf8"), "mine");
  assert.equal(server.asked, []);
});

test("a file whose name promises another hash is kept with a remark", async () => {
  const root = fresh();
  server.handler = serve(body);
  const notes: string[] = [];
  const asset = { kind: "file", url: `${server.base}/net-0000000.bin`, path: "net.bin", sha256: "0000000" } as const;
  await downloadAssets([asset], { root, mirrors: [], onWarn: (line) => notes.push(line) });
  assert.ok(existsSync(join(root, "net.bin")));
  assert.match(notes.join(), /promises SHA-256 0000000/);
});

test("mirrors are asked first, by path and by name, then the original", async () => {
  const root = fresh();
  const good = serve(body);
  server.handler = (request, response) =>
    request.url === "/deep/f" ? good(request, response) : response.writeHead(404).end();
  const asset = { kind: "file", url: `${server.base}/deep/f`, path: "f" } as const;
  await downloadAssets([asset], { root, mirrors: [`${server.base}/m/`] });
  assert.equal(
    server.asked.map((a) => a.split(" ")[0]),
    ["/m/deep/f", "/m/f", "/deep/f"],
  );
  server.asked = [];
  process.env.FIRE_GPU_MIRROR = `${server.base}/env`;
  await downloadAssets([{ ...asset, path: "g" }], { root });
  delete process.env.FIRE_GPU_MIRROR;
  assert.is(server.asked[0], "/env/deep/f -");
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
  server.handler = (request, response) =>
    request.url?.endsWith("how_r18.pth") ? serve(checkpoint)(request, response) : undefined;
  let bytes = 0;
  const labels: string[] = [];
  const stage = (label: string, _total: number, done = 0) => {
    labels.push(label);
    bytes += done;
    return { advance: (n = 1) => (bytes += n), end() {} };
  };
  await runDownload({ names: ["how_r18"], root, mirrors: [server.base], progress: { ...silent, stage } });
  assert.equal(labels, ["download how_r18.pth"]);
  assert.is(bytes, checkpoint.length);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  const error = await complaint(runDownload({ names: ["fire"], root, mirrors: [server.base], signal: stop.signal }));
  assert.instance(error, Interrupted);
});

test("a file over plain http that nobody vouches for is named with its hash, and one that changed as well", async () => {
  const root = fresh();
  const warned: string[] = [];
  const options: DownloadOptions = { root, mirrors: [], onWarn: (line) => warned.push(line) };
  const asset = { kind: "file", url: `${server.base}/net.bin`, path: "models/net.bin" } as const;
  server.handler = serve(body);
  await downloadAssets([asset], options);
  assert.equal(warned, [], "this computer is no network");
  rmSync(join(root, "models/net.bin"));
  await downloadAssets([asset], options);
  assert.equal(warned, [], "the same as before");
  rmSync(join(root, "models/net.bin"));
  server.handler = serve(Buffer.from(body).reverse());
  await downloadAssets([asset], options);
  assert.is(warned.length, 1);
  assert.match(
    warned[0],
    new RegExp(`not the file that came on 20.*its SHA-256 was ${sha256}, and is [0-9a-f]{64} now`),
  );
  warned.length = 0;
  await downloadAssets([{ ...asset, url: `${server.base}/other/net.bin` }], options);
  assert.match(warned.join(), /models\/net\.bin came from .*\/net\.bin, not from .*\/other\/net\.bin; move it away/);
});

test("TLS is tried before a plain http address, where it can be; a half over TLS is finished over TLS", () => {
  const target = join(fresh(), "f");
  const urls = (url: string) => sourcesOf(url, target, []).map((s) => `${s.url}${s.guessed ? "?" : ""}`);
  assert.equal(urls("http://host.org/f.pth"), ["https://host.org/f.pth?", "http://host.org/f.pth"]);
  for (const url of ["https://host.org/f", "http://host.org:8080/f", "http://127.0.0.1/f", "http://localhost/f"])
    assert.equal(urls(url), [url]);
  mkdirSync(join(target, ".."), { recursive: true });
  const part = new PartFile(target);
  writeFileSync(part.path, "half");
  part.writeNote({ url: "https://host.org/f.pth", etag: null, lastModified: null, total: 8 });
  assert.equal(urls("http://host.org/f.pth"), ["https://host.org/f.pth"]);
});

test("hashes that are known are asked for by address too, and those that torch puts into its names", () => {
  const { url } = assetGroups.roxford5k.assets[0] as { url: string };
  assert.match(assetOf(url, "x").sha256!, /^[0-9a-f]{64}$/);
  const torch = assetOf("https://download.pytorch.org/models/resnet18-5c106cde.pth", "x");
  assert.equal([torch.sha256, torch.certain], ["5c106cde", true]);
  assert.is(assetOf("https://example.org/resnet18-5c106cde.pth", "x").sha256, undefined);
});

const twoPhotos = gzipSync(
  tar([
    ["a.jpg", "one"],
    ["b.jpg", "two"],
  ]),
);

test("an unpacked archive is not taken for complete when photos of it are missing, cut, or replaced by a folder", async () => {
  const root = fresh();
  const jpg = join(root, "test/own/jpg");
  server.handler = serve(twoPhotos);
  const warned: string[] = [];
  const options: DownloadOptions = { root, mirrors: [], onWarn: (line) => warned.push(line) };
  const again = async () => {
    server.asked = [];
    await downloadAssets([archiveAsset(`${server.base}/set.tgz`)], options);
    return server.asked.length;
  };
  assert.is(await again(), 1);
  assert.is(await again(), 0);
  for (const damage of [
    () => rmSync(join(jpg, "b.jpg")),
    () => truncateSync(join(jpg, "a.jpg"), 1),
    () => {
      rmSync(join(jpg, "a.jpg"));
      mkdirSync(join(jpg, "a.jpg"));
    },
    () => rmSync(jpg, { recursive: true }),
    () => rmSync(join(root, ".fire-gpu-downloads/record.json")),
    () => writeFileSync(join(root, ".fire-gpu-downloads/record.json"), '{"received":1,"unpacked":[null]}'),
    () => {
      for (const f of readdirSync(join(root, ".fire-gpu-downloads")).filter((f) => f.endsWith(".list")))
        writeFileSync(join(root, ".fire-gpu-downloads", f), "");
    },
  ]) {
    damage();
    assert.is(await again(), 1, `${damage}`);
    assert.is(readFileSync(join(jpg, "a.jpg"), "utf8"), "one");
    assert.is(readFileSync(join(jpg, "b.jpg"), "utf8"), "two");
    assert.is(await again(), 0);
  }
  assert.match(warned[0], /jpg: 1 of 2 unpacked files are missing or damaged; downloaded again/);
});

test("photos that a damaged archive left are not taken for the data set", async () => {
  const root = fresh();
  const url = `${server.base}/oxford.tgz`;
  const asset = {
    kind: "archive",
    urls: [url],
    folder: "test/oxford5k/jpg",
    placement: "flatten",
    describedBy: "oxford5k",
  } as const;
  mkdirSync(join(root, "test/oxford5k"), { recursive: true });
  const names = ["a", "b", "q"];
  const gnd = { imlist: ["a", "b"], qimlist: ["q"], gnd: [{ bbx: [0, 0, 1, 1], ok: [0], junk: [] }] };
  writeFileSync(join(root, "test/oxford5k/gnd_oxford5k.json"), JSON.stringify(gnd));
  // the photos that nobody describes come last: the checksum at the end is found wrong after all others are there
  const entries = [...names, "x", "y", "z"].map((name): [string, Uint8Array] => [`${name}.jpg`, body]);
  const whole = gzipSync(tar(entries), { level: 0 });
  const flipped = Buffer.from(whole);
  flipped[10_000] ^= 1;
  server.handler = serve(flipped);
  assert.match((await complaint(downloadAssets([asset], { root, mirrors: [] }))).message, /damaged archive/);
  assert.not.ok(readFileSync(join(root, "test/oxford5k/jpg/a.jpg")).equals(body), "the damage is in it");
  for (const name of names) assert.ok(existsSync(join(root, "test/oxford5k/jpg", `${name}.jpg`)));
  server.handler = serve(whole, { etag: '"v2"' });
  await downloadAssets([asset], { root, mirrors: [] });
  assert.ok(readFileSync(join(root, "test/oxford5k/jpg/a.jpg")).equals(body));
});

test("an archive that the user put there is used and kept, also when it is damaged", async () => {
  const root = fresh();
  const archive = join(root, "test/own/set.tgz");
  mkdirSync(join(root, "test/own"), { recursive: true });
  for (const [content, error] of [
    [twoPhotos.subarray(0, 60), /Truncated/],
    [twoPhotos, undefined],
  ] as const) {
    writeFileSync(archive, content);
    const work = downloadAssets([archiveAsset(`${server.base}/set.tgz`)], { root, mirrors: [] });
    if (error) assert.match((await complaint(work)).message, error);
    else await work;
    assert.ok(readFileSync(archive).equals(content));
  }
  assert.equal(server.asked, []);
  assert.equal(readdirSync(join(root, "test/own/jpg")), ["a.jpg", "b.jpg"]);
});

test("what is no file is named, and neither replaced nor written through", async () => {
  const root = fresh();
  mkdirSync(join(root, "folder"), { recursive: true });
  symlinkSync(join(folder, "outside"), join(root, "link"));
  server.handler = serve(body);
  for (const path of ["folder", "link"]) {
    const error = await complaint(
      downloadAssets([{ kind: "file", url: `${server.base}/f`, path }], { root, mirrors: [] }),
    );
    assert.match(error.message, /expected a file or nothing/);
    assert.is(error.exitCode, 4);
  }
  assert.not.ok(existsSync(join(folder, "outside")));
  assert.equal(server.asked, []);
});

test("what eval cannot load says so before it is fetched", async () => {
  const root = fresh();
  const warned: string[] = [];
  server.handler = serve(checkpoint);
  for (const name of ["solar", "rSfM120k-tl-resnet101-gem-w"]) {
    const options = { root, mirrors: [server.base], onWarn: (line: string) => warned.push(line) };
    await download(name, options);
    assert.match(warned[0], new RegExp(`^${name}: .*eval and extract cannot load`));
    warned.length = 0;
    await download(name, options);
    assert.not.match(warned.join(), /cannot load/);
    warned.length = 0;
  }
});

test("two processes do not download into one data folder at once, and what is there needs no lock", async () => {
  const root = fresh();
  const stop = new AbortController();
  let begun = () => {};
  const waiting = new Promise<void>((resolve) => {
    begun = resolve;
  });
  server.handler = () => begun();
  const first = complaint(runDownload({ names: ["fire"], root, mirrors: [server.base], signal: stop.signal }));
  await waiting;
  const soon = AbortSignal.timeout(5000);
  const second = await complaint(runDownload({ names: ["how_r18"], root, mirrors: [server.base], signal: soon }));
  assert.is(second.code, "Locked");
  assert.is(second.exitCode, 2);
  writeFileSync(join(root, "there.bin"), "mine");
  await runDownloadUrl(`${server.base}/there.bin`, "there.bin", { root });
  stop.abort();
  assert.instance(await first, Interrupted);
  server.handler = serve(checkpoint);
  await runDownload({ names: ["how_r18"], root, mirrors: [server.base] });
});

test("mirrors that are no addresses are refused by name", async () => {
  for (const mirror of ["files.org", "ftp://x/y", "", "/srv/mirror", "http://"]) {
    const error = await complaint(download("fire", { root: fresh(), mirrors: [mirror] }));
    assert.instance(error, UsageError, mirror);
  }
});

test.run();
