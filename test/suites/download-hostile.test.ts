/**
 * @file A server that does one thing wrong at a time. Whatever it is, the downloader ends soon, after few requests, with an
 * error that says what happened or with the whole file, and never leaves a wrong file under its name.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FireGpuError } from "../../base/errors.js";
import { fetchFile } from "../../data/download/fetch-file.js";
import { redirect } from "../../data/download/http.js";
import { complaint, noise } from "../support/download-server.js";
import { type RawHandler, type RawRequest, RawServer } from "../support/raw-server.js";

const test = suite("download-hostile");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-hostile-"));
const server = new RawServer();
test.before(() => server.open());
test.after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const body = noise(50_000);
const half = body.subarray(0, 20_000);
const zip = Buffer.concat([Buffer.from("PK\x03\x04"), body, Buffer.from("PK\x05\x06"), Buffer.alloc(18)]);
const pickle = Buffer.concat([Buffer.from([0x80, 2]), body, Buffer.from(".")]);
const list = Buffer.from("0/a.jpg\n0/b.jpg\n");

const options = { attempts: 3, pauseMs: 1, idleMs: 3000, longestUntold: 2 ** 20 };
const MOST_REQUESTS = 12;

/** Status and headers, as text. */
function head(socket: Socket, status: string, headers: Record<string, string | number> = {}): Socket {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(Buffer.from(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`, "latin1"));
  return socket;
}

const say =
  (status: string, headers: Record<string, string | number>, content: Uint8Array | string = ""): RawHandler =>
  (socket) =>
    head(socket, status, headers).end(content);

const chunk = (content: Uint8Array) =>
  Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from("\r\n")]);

const versions = { etag: '"v1"', "last-modified": "Mon, 30 Nov 2026 10:00:00 GMT" };

/** The first answer is cut in the middle; what comes after is for `rest` to say. */
const cutThen =
  (rest: RawHandler, headers: Record<string, string | number> = versions): RawHandler =>
  (socket, request) => {
    if (request.from !== null) return rest(socket, request);
    // without a validator, or after the part was thrown away, the file is asked for from the start
    if (request.count > 0) return say("200 OK", { "content-length": body.length, ...headers }, body)(socket, request);
    head(socket, "200 OK", { "content-length": body.length, ...headers }).write(half, () => {
      setTimeout(() => socket.destroy(), 10);
    });
  };

const part = (begin: number, last: number, total: number | string, content: Uint8Array, headers = {}): RawHandler =>
  say(
    "206 Partial Content",
    { "content-range": `bytes ${begin}-${last}/${total}`, "content-length": content.length, ...headers },
    content,
  );

const rest = body.subarray(half.length);
const other = Buffer.from(rest).reverse();

/** Writes again and again until the other side has enough. */
function endlessly(socket: Socket, piece: Uint8Array | string, everyMs = 0): void {
  const more = () => {
    if (socket.destroyed) return;
    const ready = socket.write(piece);
    if (everyMs > 0) setTimeout(more, everyMs);
    else if (ready) setImmediate(more);
    else socket.once("drain", more);
  };
  more();
}

interface Case {
  readonly handler: RawHandler;
  /** The message of the error, or what the file must hold. */
  readonly expect: RegExp | Uint8Array;
  /** Name of the file. */
  readonly name?: string;
  /** The server keeps silent: soon noticed here, in a minute by default. */
  readonly silent?: true;
}

const cases: Readonly<Record<string, Case>> = {
  "closes without an answer": { handler: (s) => s.end(), expect: /the connection was cut/ },
  "resets the connection": { handler: (s) => s.resetAndDestroy(), expect: /the connection was cut/ },
  "sends what is no HTTP": { handler: (s) => s.end("SSH-2.0-OpenSSH\r\n\r\n"), expect: /no proper HTTP/ },
  "never answers": { handler: () => {}, expect: /nothing received for/, silent: true },
  "sends its headers byte by byte": {
    handler: (s) => {
      s.write("HTTP/1.1 200 OK\r\n");
      endlessly(s, "x", 20);
    },
    expect: /nothing received for/,
    silent: true,
  },
  "sends headers without end": {
    handler: (s) => {
      s.write("HTTP/1.1 200 OK\r\n");
      endlessly(s, `x-${"y".repeat(500)}: z\r\n`);
    },
    expect: /no proper HTTP \(HPE_HEADER_OVERFLOW/,
  },
  "says that it is still working, for ever": {
    handler: (s) => endlessly(s, "HTTP/1.1 102 Processing\r\n\r\n", 5),
    expect: /nothing received for/,
    silent: true,
  },
  "falls silent in the body": {
    handler: (s) => head(s, "200 OK", { "content-length": 100 }).write("abc"),
    expect: /nothing received for/,
    silent: true,
  },
  "sends a byte now and then": {
    handler: (s) => endlessly(head(s, "200 OK", { "content-length": 1e6, ...versions }), "x", 20),
    expect: /only \d+ bytes received|nothing received/,
    silent: true,
  },
  "sends less than it said": {
    handler: say("200 OK", { "content-length": 100 }, "abc"),
    expect: /the connection was cut/,
  },
  "sends more than it said": { handler: say("200 OK", { "content-length": 100 }, body), expect: body.subarray(0, 100) },
  "says a length that is no number": {
    handler: say("200 OK", { "content-length": "abc" }, "x"),
    expect: /no proper HTTP/,
  },
  "says a negative length": { handler: say("200 OK", { "content-length": "-1" }, "x"), expect: /no proper HTTP/ },
  "says two lengths": {
    handler: say("200 OK", { "content-length": 1, "Content-Length": 2 }, "xy"),
    expect: /no proper HTTP/,
  },
  "says a length beyond all disks": {
    handler: say("200 OK", { "content-length": 9e15 }, "x"),
    expect: /the disk has .* left/,
  },
  "says a length beyond all numbers": {
    handler: say("200 OK", { "content-length": "18446744073709551615" }, "x"),
    expect: /cut|says neither/,
  },
  "says both a length and chunks": {
    handler: say("200 OK", { "content-length": 3, "transfer-encoding": "chunked" }, "3\r\nabc\r\n0\r\n\r\n"),
    expect: /no proper HTTP/,
  },
  "cuts a chunked body": {
    handler: (s) => head(s, "200 OK", { "transfer-encoding": "chunked" }).end(chunk(body)),
    expect: /the connection was cut/,
  },
  "sends a chunk of no length": {
    handler: say("200 OK", { "transfer-encoding": "chunked" }, "zz\r\nabc\r\n"),
    expect: /no proper HTTP|was cut/,
  },
  "sends chunks without end": {
    handler: (s) => endlessly(head(s, "200 OK", { "transfer-encoding": "chunked" }), chunk(body)),
    expect: /sends without end/,
  },
  "sends bytes without end or length": {
    handler: (s) => endlessly(head(s, "200 OK"), body),
    expect: /sends without end/,
  },
  "closes a body without length": {
    handler: say("200 OK", {}, list),
    expect: /neither how long the file is/,
    name: "list.txt",
  },
  "closes a pickle without length": { handler: say("200 OK", {}, pickle), expect: pickle, name: "gnd.pkl" },
  "cuts a pickle without length": {
    handler: say("200 OK", {}, pickle.subarray(0, -1)),
    expect: /neither|no end/,
    name: "gnd.pkl",
  },
  "closes a checkpoint without length": { handler: say("200 OK", {}, zip), expect: zip, name: "net.pth" },
  "cuts a checkpoint without length": {
    handler: say("200 OK", {}, zip.subarray(0, -1)),
    expect: /neither|no end/,
    name: "net.pth",
  },
  "has a checkpoint that is cut": {
    handler: say("200 OK", { "content-length": 9000 }, zip.subarray(0, 9000)),
    expect: /\.pth file is cut short/,
    name: "net.pth",
  },
  "sends chunks with their end": {
    handler: (s) =>
      head(s, "200 OK", { "transfer-encoding": "chunked" }).end(Buffer.concat([chunk(body), chunk(Buffer.alloc(0))])),
    expect: body,
  },
  "compresses on the way": {
    handler: say("200 OK", { "content-length": body.length, "content-encoding": "gzip" }, body),
    expect: /compresses the file on the way \(gzip\)/,
  },
  "compresses its chunks": {
    handler: say("200 OK", { "transfer-encoding": "gzip, chunked" }, chunk(body)),
    expect: /compresses the file on the way|no proper HTTP/,
  },
  "calls a packed archive compressed": {
    handler: say("200 OK", { "content-length": 3, "content-encoding": "x-gzip" }, Buffer.from([0x1f, 0x8b, 8])),
    expect: Buffer.from([0x1f, 0x8b, 8]),
    name: "a.tgz",
  },
  "sends an empty file": { handler: say("200 OK", { "content-length": 0 }), expect: /an empty file/ },
  "sends nothing with 204": { handler: say("204 No Content", {}), expect: /answered 204/ },
  "says that nothing changed": { handler: say("304 Not Modified", {}), expect: /answered 304/ },
  "wants another protocol": {
    handler: say("101 Switching Protocols", { connection: "upgrade", upgrade: "x" }),
    expect: /the connection was cut|answered 101/,
  },
  "asks for a password": { handler: say("401 Unauthorized", { "www-authenticate": "Basic" }), expect: /answered 401/ },
  "is broken": { handler: say("500 Internal Server Error", {}), expect: /answered 500/ },
  "asks to come back in years": {
    handler: say("503 Busy", { "retry-after": 1e12 }),
    expect: /answered 503.*asks to wait \d+ minutes/,
  },
  "asks to come back at a date in the past": {
    handler: say("429 Slow", { "retry-after": "Mon, 01 Jan 2001 00:00:00 GMT" }),
    expect: /answered 429/,
  },
  "asks to come back never": { handler: say("429 Slow", { "retry-after": "never" }), expect: /answered 429/ },
  "sends a page for a list": {
    handler: say("200 OK", { "content-length": 20, "content-type": "text/plain" }, "\n <!DOCTYPE html>\n<a>"),
    expect: /page or a message/,
    name: "list.txt",
  },
  "sends a page in UTF-16": {
    handler: (s, r) => {
      const page = Buffer.from("\ufeff<html>x</html>", "utf16le");
      say("200 OK", { "content-length": page.length }, page)(s, r);
    },
    expect: /page or a message/,
  },
  "calls a table a page": {
    handler: say("200 OK", { "content-length": list.length, "content-type": "text/html; charset=utf-8" }, list),
    expect: /page or a message/,
    name: "train.csv",
  },
  "sends a message for a table": {
    handler: say("200 OK", { "content-length": 13 }, '{"error":404}'),
    expect: /not a \.csv file/,
    name: "train.csv",
  },
  "sends bytes for a list": {
    handler: say("200 OK", { "content-length": body.length }, body),
    expect: /not a \.txt file/,
    name: "l.txt",
  },
  "sends a page for an archive": {
    handler: say("200 OK", { "content-length": 6 }, "<html>"),
    expect: /not a \.tar file/,
    name: "a.tar",
  },
  "redirects in a circle": {
    handler: (s, { path }) => head(s, "302 Found", { location: path === "/a" ? "/b" : "/a" }).end(),
    expect: /more than 8 redirects/,
  },
  "redirects to a file": { handler: say("302 Found", { location: "file:///etc/passwd" }), expect: /redirect to file:/ },
  "redirects to data": { handler: say("302 Found", { location: "data:,x" }), expect: /redirect to data:/ },
  "redirects to no address": { handler: say("302 Found", { location: "http://[" }), expect: /redirect to no address/ },
  "redirects nowhere": { handler: say("302 Found", {}), expect: /answered 302/ },
  "answers a part of nothing asked for": {
    handler: part(5, 9, 100, body.subarray(5, 10)),
    expect: /answered 206 although the whole/,
  },
  "answers a part without saying which": {
    handler: say("206 Partial Content", { "content-length": 5 }, "abcde"),
    expect: /answered 206/,
  },
  "calls the whole file a part": { handler: part(0, body.length - 1, body.length, body), expect: body },
  "has no such range, ever": {
    handler: say("416 Range Not Satisfiable", { "content-range": "bytes */5" }),
    expect: /answered 416/,
  },
  "has no such range after a cut": { handler: cutThen(say("416 Range Not Satisfiable", {})), expect: body },
  "continues another version by ETag": {
    handler: cutThen(part(half.length, body.length - 1, body.length, other, { etag: '"v2"' })),
    expect: body,
  },
  "continues another version by date": {
    handler: cutThen(
      part(half.length, body.length - 1, body.length, other, { "last-modified": "Mon, 30 Nov 2026 11:00:00 GMT" }),
    ),
    expect: body,
  },
  "continues a version that has a name now": {
    handler: cutThen(part(half.length, body.length - 1, body.length, other, { etag: '"v2"' }), {
      "last-modified": versions["last-modified"],
    }),
    expect: body,
  },
  "continues a longer file": { handler: cutThen(part(half.length, body.length, body.length + 1, other)), expect: body },
  "continues at another place": {
    handler: cutThen(part(half.length + 1, body.length - 1, body.length, other.subarray(1))),
    expect: body,
  },
  "continues beyond the end": { handler: cutThen(part(half.length, body.length, body.length, other)), expect: body },
  "continues without a length of the file": {
    handler: cutThen(part(half.length, body.length - 1, "*", other)),
    expect: body,
  },
  "continues in many parts": {
    handler: cutThen(say("206 Partial Content", { "content-type": "multipart/byteranges; boundary=x" }, other)),
    expect: body,
  },
  "continues with more than it said": {
    handler: cutThen((s) => {
      const range = `bytes ${half.length}-${body.length - 1}/${body.length}`;
      head(s, "206 Partial Content", { "content-range": range, "transfer-encoding": "chunked" });
      s.end(Buffer.concat([chunk(rest), chunk(body), chunk(Buffer.alloc(0))]));
    }),
    expect: body,
  },
  "continues without naming the version": {
    handler: cutThen(part(half.length, body.length - 1, body.length, rest)),
    expect: body,
  },
  "names no version, so that it is asked for all": {
    handler: cutThen(part(half.length, body.length - 1, body.length, other), {}),
    expect: body,
  },
  "names versions weakly": {
    handler: cutThen(part(half.length, body.length - 1, body.length, other), { etag: 'W/"1"' }),
    expect: body,
  },
  "changes the file with every answer": {
    handler: (s, { count }) =>
      head(s, "200 OK", { "content-length": body.length, etag: `"${count}"` }).write(half, () => s.destroy()),
    expect: /the connection was cut/,
  },
  "sends one byte of the rest at a time": {
    handler: (s, { from }) => {
      const at = from ?? 0;
      const range: Record<string, string> =
        from === null ? {} : { "content-range": `bytes ${at}-${body.length - 1}/${body.length}` };
      head(s, from === null ? "200 OK" : "206 Partial Content", {
        "content-length": body.length - at,
        ...versions,
        ...range,
      });
      s.write(body.subarray(at, at + 1), () => setTimeout(() => s.destroy(), 5));
    },
    expect: /the connection was cut/,
  },
};

for (const [i, [title, { handler, expect, name = "file.bin", silent }]] of Object.entries(cases).entries())
  test(`a server that ${title}`, async () => {
    server.reset(handler);
    const at = join(folder, String(i));
    const target = join(at, name);
    const begin = performance.now();
    const work = fetchFile([`${server.base}/a`], target, silent ? { ...options, attempts: 2, idleMs: 120 } : options);
    if (expect instanceof RegExp) {
      const error = await complaint(work);
      assert.instance(error, FireGpuError, `${error.stack}`);
      assert.ok(error.exitCode === 4 || error.exitCode === 7, error.message);
      assert.match(error.message, expect);
      assert.not.ok(existsSync(target), "no file under its name");
    } else {
      await work;
      assert.ok(readFileSync(target).equals(expect), "the file is the server's");
      assert.equal(readdirSync(at), [name], "nothing is left beside it");
    }
    assert.ok(performance.now() - begin < 5000, "in time");
    assert.ok(server.count <= MOST_REQUESTS, `${server.count} requests`);
  });

test("a server that asks to wait a second is waited for", async () => {
  server.reset((socket, request: RawRequest) =>
    request.count === 0
      ? say("503 Busy", { "retry-after": 1 })(socket, request)
      : say("200 OK", { "content-length": body.length }, body)(socket, request),
  );
  const begin = performance.now();
  await fetchFile([`${server.base}/a`], join(folder, "waited"), options);
  assert.ok(performance.now() - begin > 900);
});

test("a redirect is followed to the web only, and never from https to plain http", () => {
  const from = new URL("https://host/a/b");
  assert.is(redirect(from, "../c").href, "https://host/c");
  assert.is(redirect(new URL("http://host/a"), "https://host/a").href, "https://host/a");
  assert.is(redirect(new URL("http://host/a"), "//other/a").href, "http://other/a");
  for (const location of ["http://host/a", "file:///a", "ftp://host/a", "javascript:0", "http://["])
    assert.throws(
      () => redirect(from, location),
      (e: Error) => e instanceof FireGpuError,
      location,
    );
});

test("servers that are not there are named with what to do", async () => {
  server.reset((socket) => socket.destroy());
  const refused = await complaint(fetchFile(["http://127.0.0.1:1/f"], join(folder, "refused"), options));
  assert.match(refused.message, /127\.0\.0\.1:1\/f: the connection is refused: no server listens there; run the same/);
  const plain = createServer((socket) => socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await new Promise<void>((ready) => plain.listen(0, "127.0.0.1", ready));
  const url = `https://127.0.0.1:${(plain.address() as AddressInfo).port}/f`;
  assert.match((await complaint(fetchFile([url], join(folder, "tls"), options))).message, /does not speak TLS there/);
  plain.close();
});

test.run();
