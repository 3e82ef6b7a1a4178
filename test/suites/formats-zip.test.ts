/** @file Zip archives: what the directory claims is checked, bombs are refused, own archives are as torch wants them. */
import { deflateRawSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { crc32 } from "../../base/hash.js";
import { memorySource } from "../../formats/source.js";
import { ZipArchive } from "../../formats/zip.js";
import { type ZipRecord, zipChunks } from "../../formats/zip-write.js";
import { failureOf } from "../support/format-files.js";

const test = suite("formats-zip");
const open = (bytes: Uint8Array) => ZipArchive.open(memorySource(bytes, "test.zip"));
const zip = (...records: ZipRecord[]) => Buffer.concat([...zipChunks(records)]);
const text = (archive: ZipArchive, name: string) =>
  Buffer.from(archive.record(name).read(0, archive.sizeOf(name))).toString();

interface Claim {
  name: string;
  method?: number;
  flags?: number;
  crc?: number;
  packed: Uint8Array;
  size?: number;
  /** Where the directory says the header is; default the truth. */
  at?: number;
  /** Extra fields of the directory entry, and what its 32-bit sizes say then. */
  extra?: Buffer;
}

/** An archive that claims anything. */
function forged(claims: Claim[], tail: { count?: number; size?: number; begin?: number } = {}): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, method = 0, flags = 0, crc, packed, size = packed.length, at: claimed = at, extra } of claims) {
    const middle = Buffer.alloc(26);
    middle.writeUInt16LE(flags, 2);
    middle.writeUInt16LE(method, 4);
    middle.writeUInt32LE(crc ?? crc32(packed), 10);
    middle.writeUInt32LE(packed.length, 14);
    middle.writeUInt32LE(size, 18);
    middle.writeUInt16LE(name.length, 22);
    parts.push(Buffer.from("PK\x03\x04"), Buffer.from(middle), Buffer.from(name), Buffer.from(packed));
    if (extra) {
      middle.writeUInt16LE(extra.length, 24);
      middle.fill(0xff, 14, 22);
    }
    const place = Buffer.alloc(14);
    place.writeUInt32LE(claimed, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00"), middle, place, Buffer.from(name), extra ?? Buffer.alloc(0));
    at += 30 + name.length + packed.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(tail.count ?? claims.length, 6);
  end.writeUInt32LE(tail.size ?? listing.length, 8);
  end.writeUInt32LE(tail.begin ?? at, 12);
  return Buffer.concat([...parts, listing, Buffer.from("PK\x05\x06"), end]);
}

const hello = Buffer.from("hello hello hello hello");
const packed = deflateRawSync(hello);

test("stored and deflated records are read", () => {
  const archive = open(
    forged([
      { name: "a", packed: hello },
      { name: "b", method: 8, packed, size: hello.length, crc: crc32(hello) },
    ]),
  );
  assert.equal(archive.names, ["a", "b"]);
  assert.is(text(archive, "a"), String(hello));
  assert.is(text(archive, "b"), String(hello));
  assert.is(
    failureOf(() => archive.record("c")),
    "MissingRecord",
  );
  assert.is(
    failureOf(() => archive.record("a").read(20, 10)),
    "StorageOutOfBounds",
  );
});

test("own archives are stored, aligned to 64 bytes and carry right checksums", () => {
  const records = Array.from({ length: 20 }, (_, i) => ({
    name: `root/data/${i}`,
    chunks: [Buffer.alloc(i * 13, i), Buffer.from("x")],
  }));
  const bytes = zip(...records);
  const archive = open(bytes);
  assert.is(archive.names.length, 20);
  for (const [i, { name }] of records.entries()) {
    assert.is(archive.sizeOf(name), i * 13 + 1);
    const content = archive.record(name).read(0, i * 13 + 1);
    assert.is(bytes.indexOf(Buffer.from(name)) > 0, true);
    const header = bytes.indexOf(Buffer.from(name)) - 30;
    const dataAt = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
    assert.is(dataAt % 64, 0, name);
    assert.equal(Buffer.from(content), bytes.subarray(dataAt, dataAt + content.length));
  }
});

test("equal contents give equal archives", () => {
  const record = { name: "a", chunks: [hello] };
  assert.ok(zip(record).equals(zip(record)));
});

test("a wrong checksum is found when the archive is opened", () => {
  assert.is(
    failureOf(() => open(forged([{ name: "a", packed: hello, crc: 1 }]))),
    "ChecksumMismatch",
  );
  const wrongPacked = { name: "a", method: 8, packed: hello, size: 30, crc: 1 };
  assert.is(
    failureOf(() => open(forged([wrongPacked]))),
    "ChecksumMismatch",
  );
});

test("records that overlap, lie outside or stand elsewhere are refused", () => {
  const a = { name: "a", packed: hello };
  assert.is(
    failureOf(() => open(forged([a, { ...a, name: "b", at: 0 }]))),
    "MalformedFile",
  );
  assert.is(
    failureOf(() => open(forged([a, { ...a, at: 0 }]))),
    "MalformedFile",
  );
  assert.is(
    failureOf(() => open(forged([{ ...a, at: 4000 }]))),
    "MalformedFile",
  );
  assert.is(
    failureOf(() => open(forged([{ ...a, at: 3 }]))),
    "MalformedFile",
  );
  assert.is(
    failureOf(() => open(forged([a, a]))),
    "MalformedFile",
  );
});

test("directories that claim too much or too little are refused", () => {
  const a = { name: "a", packed: hello };
  assert.is(
    failureOf(() => open(forged([a], { count: 2 }))),
    "MalformedFile",
  );
  assert.is(
    failureOf(() => open(forged([a], { size: 10 }))),
    "MalformedFile",
  );
  assert.is(
    failureOf(() => open(forged([a], { begin: 500 }))),
    "Truncated",
  );
  assert.is(
    failureOf(() => open(forged([a], { begin: 0xfffffff0 }))),
    "Truncated",
  );
  assert.is(
    failureOf(() => open(Buffer.from("PK\x03\x04 and no more"))),
    "Truncated",
  );
});

test("64-bit sizes stand in the extra field", () => {
  const sizes = (size: number, length = 16) => {
    const extra = Buffer.alloc(4 + 16);
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(length, 2);
    extra.writeUInt32LE(size, 4);
    extra.writeUInt32LE(size, 12);
    return extra;
  };
  const a = { name: "a", packed: hello };
  assert.is(text(open(forged([{ ...a, extra: sizes(hello.length) }])), "a"), String(hello));
  assert.is(
    failureOf(() => open(forged([{ ...a, extra: sizes(hello.length + 1) }]))),
    "MalformedFile",
  );
  assert.is(
    failureOf(() => open(forged([{ ...a, extra: sizes(hello.length, 4) }]))),
    "MalformedFile",
  );
  assert.is(
    failureOf(() => open(forged([{ ...a, extra: sizes(hello.length).subarray(0, 9) }]))),
    "MalformedFile",
  );
});

test("a decompression bomb is refused before it is inflated", () => {
  const bomb = { name: "a", method: 8, packed, size: 4_000_000_000, crc: 0 };
  assert.is(
    failureOf(() => open(forged([bomb]))),
    "MalformedFile",
  );
  const zeros = deflateRawSync(Buffer.alloc(1 << 20));
  assert.is(
    failureOf(() => open(forged([{ name: "a", method: 8, packed: zeros, size: 1000, crc: 0 }]))),
    "ChecksumMismatch",
  );
});

test("encryption and other methods are named", () => {
  assert.is(
    failureOf(() => open(forged([{ name: "a", packed: hello, flags: 1 }]))),
    "UnsupportedFeature",
  );
  assert.is(
    failureOf(() => open(forged([{ name: "a", packed: hello, method: 12 }]))),
    "UnsupportedFeature",
  );
});

test("an archive with nothing in it is sound", () => {
  assert.equal(open(zip()).names, []);
});

test.run();
