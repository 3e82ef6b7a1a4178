/** @file Names that come from addresses: files of one folder, or refused with exit code 2, whatever they are made of. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { downloadAssets } from "../../data/download/download.js";
import { fileNameOf, pathInside, shownAddress, unfitName } from "../../data/download/file-name.js";
import { findModel } from "../../tasks/evaluate/model-file.js";
import { findStart } from "../../tasks/train/start.js";
import { complaint, DownloadServer } from "../support/download-server.js";

const test = suite("download-names");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-names-"));
const server = new DownloadServer();
test.before(() => server.open());
test.after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** Ends of addresses that name no file of one folder. */
const HOSTILE = [
  ...["..%2fevil.pth", "..%2F..%2Fevil.pth", "..%5cevil.pth", "%2fetc%2fevil.pth", "C%3A%5Cevil.pth", "a%2fb.pth"],
  ...["%2e%2e", "%2e", "%2e%2e%2f", "", "evil.pth/", "?name=evil.pth", "#evil.pth"],
  ...["evil%00.pth", "%00", "evil%0a.pth", "evil%7f.pth", "%zz", "%", "evil%2", "%c0%ae%c0%ae%c0%afevil", "%ff.pth"],
  ...[
    "con",
    "CON.pth",
    "nul",
    "aux.tar.gz",
    "com1.pth",
    "LPT9",
    "evil.",
    "evil%20",
    "evil.pth%3Astream",
    "a%3f.pth",
    "%2a",
  ],
  ...[`${"n".repeat(252)}.pth`, "%e2%82%ac".repeat(86)],
];

test("an address whose end names no file is refused before anything is asked or written", async () => {
  for (const end of HOSTILE) {
    const address = `${server.base}/${end}`;
    assert.throws(
      () => fileNameOf(address),
      (e: Error) => e instanceof UsageError,
      address,
    );
    const never = async () => assert.unreachable(`${end} was to be downloaded`);
    const error = await complaint(findModel(address, { data: folder, experiments: folder }, never));
    assert.is(error.exitCode, 2, end);
    assert.not.match(error.message, /\p{Cc}/u);
    assert.is((await complaint(findStart(address, "resnet18", folder, never))).exitCode, 2, end);
  }
  assert.equal(readdirSync(folder), []);
});

test("what is no web address says so", async () => {
  const never = async () => assert.unreachable();
  for (const address of [
    "http://",
    "http://[",
    "https://a b/c",
    "ftp://host/f.pth",
    "file:///etc/passwd",
    "data://x",
    "http:///",
  ]) {
    const error = await complaint(findModel(address, { data: folder, experiments: folder }, never));
    assert.is(error.exitCode, 2, address);
    assert.match(error.message, /address/);
  }
});

test("names that are files' are decoded and kept below models", async () => {
  const asked: string[] = [];
  const download = async (_url: string, path: string) => {
    asked.push(path);
  };
  for (const [end, name] of [
    ["fire.pth", "fire.pth"],
    ["a%20b.pth?token=1#x", "a b.pth"],
    ["caf%C3%A9.pth", "café.pth"],
    ["...pth", "...pth"],
    ["x/../fire.pth", "fire.pth"],
    ["how_r50-.pth", "how_r50-.pth"],
    [`${"n".repeat(251)}.pth`, `${"n".repeat(251)}.pth`],
  ]) {
    const file = await findModel(`${server.base}/${end}`, { data: folder, experiments: folder }, download);
    assert.is(file, join(folder, "models", name));
    assert.is(asked.at(-1), join("models", name));
  }
});

test("names are judged by the rules of the system, the strictest on demand", () => {
  assert.is(unfitName("aux.jpg", "linux"), undefined);
  assert.is(unfitName("a:b.jpg", "linux"), undefined);
  for (const name of ["aux.jpg", "a:b.jpg", "a.", "COM¹"]) assert.type(unfitName(name, "win32"), "string", name);
  for (const name of ["auxiliary.jpg", "console", "com", "com10", "a.b"])
    assert.is(unfitName(name, "win32"), undefined, name);
});

test("no path of an asset leaves the data root", async () => {
  for (const path of ["../x", "a/../../x", "/etc/x", "", ".", "a/..", "x\0y"])
    assert.throws(() => pathInside(folder, path), /expected a path below/, path);
  assert.is(pathInside(folder, "a/../b"), join(folder, "b"));
  assert.is(pathInside(folder, "..x"), join(folder, "..x"));
  const error = await complaint(
    downloadAssets([{ kind: "file", url: `${server.base}/f`, path: "../x" }], { root: folder, mirrors: [] }),
  );
  assert.is(error.exitCode, 2);
});

test("passwords in addresses are neither printed nor kept", async () => {
  assert.is(shownAddress("http://user:secret@host/f"), "http://host/f");
  const address = `${server.base.replace("//", "//user:secret@")}/f.bin`;
  const root = join(folder, "with-password");
  server.handler = (request, response) => {
    assert.is(request.headers.authorization, `Basic ${Buffer.from("user:secret").toString("base64")}`);
    response.end("content");
  };
  await downloadAssets([{ kind: "file", url: address, path: "f.bin" }], { root, mirrors: [] });
  assert.not.match(readFileSync(join(root, ".fire-gpu-downloads/record.json"), "utf8"), /secret/);
  server.handler = (_, response) => response.writeHead(404).end();
  const error = await complaint(downloadAssets([{ kind: "file", url: address, path: "g" }], { root, mirrors: [] }));
  assert.not.match(error.message, /secret/);
});

test("the command refuses such an address with exit code 2, one line, and no file", async () => {
  const work = join(folder, "cli");
  mkdirSync(work);
  server.asked = [];
  server.handler = (_, response) => response.end("attacker's text\n");
  const program = join(packageRoot(), "dist/cli/main.js");
  for (const end of ["..%2f..%2fescaped.txt", "%zz"]) {
    const args = [program, "eval", "eval_fire", "--model-load", `${server.base}/${end}`, "--data-folder", "data"];
    const child = spawn(process.execPath, [...args, "--exp-folder", "exp"], { cwd: work });
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const status = await new Promise((done) => child.on("close", done));
    assert.is(status, 2, stderr);
    assert.match(stderr, /^fire-gpu: .*(cannot be the name of a file|wrongly encoded)/m);
    assert.not.match(stderr, /unexpected/);
  }
  assert.equal(server.asked, []);
  assert.not.ok(existsSync(join(folder, "escaped.txt")) || existsSync(join(work, "escaped.txt")));
});

test.run();
