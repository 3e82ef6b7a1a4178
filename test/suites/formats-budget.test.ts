/** @file Small files that ask for much: memo slots, copies, broadcasts, records that inflate, texts that take for ever. */
import { deflateRawSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError } from "../../base/errors.js";
import { crc32 } from "../../base/hash.js";
import { Budget } from "../../formats/budget.js";
import { plain, readPickle } from "../../formats/pickle.js";
import { writePickle } from "../../formats/pickle-write.js";
import { NdArray, type PyDict, type PyValue } from "../../formats/python.js";
import { pythonToJson } from "../../formats/python-json.js";
import { memorySource } from "../../formats/source.js";
import { readTorchSource } from "../../formats/torch.js";
import type { TorchTensor } from "../../formats/torch-values.js";
import { ZipArchive } from "../../formats/zip.js";
import { arraysOf, outline } from "../../tasks/outline.js";
import { dictOps, failureOf, floatViewOps, pickleOf, torchArchive, u32 } from "../support/format-files.js";

const test = suite("formats-budget");

/** Milliseconds of computing: other programs on the machine do not count. */
function cpuTime(run: () => void): number {
  const begin = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1000;
}

const MiB = 2 ** 20;
const spent = /more memory than a file of \d+ bytes may/;
const repeat = (ops: string, n: number) => ops.repeat(n);
const read = (bytes: Uint8Array) => readPickle(bytes, "test.pkl");
const readTorch = (bytes: Uint8Array) => readTorchSource(memorySource(bytes, "test.pth")).root;
const numpy = (shape: string, dtype: string, data: string, fortran = "\x89") =>
  `\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(${shape}tcnumpy\ndtype\n(${dtype}K\x00K\x01tR(K\x03U\x01|NNNJ${u32(-1)}J${u32(-1)}K\x00tb${fortran}${data}tb.`;

/** Reading is refused, within 2 s and 4 × the file + 64 MiB (and what the collector has not yet taken back). */
function refused(bytes: Uint8Array, use: (bytes: Uint8Array) => unknown, why: RegExp, name: string): void {
  const before = process.memoryUsage();
  const ms = cpuTime(() =>
    assert.throws(
      () => use(bytes),
      (e: unknown) => e instanceof FileFormatError && why.test(e.message),
      name,
    ),
  );
  const taken = process.memoryUsage();
  assert.ok(ms < 2000, `${name}: ${ms} ms`);
  const grown = taken.heapUsed + taken.external - before.heapUsed - before.external;
  assert.ok(grown < 4 * bytes.length + 96 * MiB, `${name}: ${Math.round(grown / MiB)} MiB`);
}

test("a budget is refused before it is exceeded, by what was charged in all", () => {
  const budget = new Budget("f.bin", 1000, "MalformedFile", { free: 100, times: 2 });
  budget.take(2000, "a");
  budget.take(100, "b");
  assert.throws(() => budget.take(1, "the last byte"), /^f\.bin: the last byte would take .* 1000 bytes/);
  for (const bytes of [Number.NaN, Number.POSITIVE_INFINITY])
    assert.is(
      failureOf(() => new Budget("f.bin", 1, "MalformedFile").take(bytes, "x")),
      "MalformedFile",
    );
});

test("what a pickle builds is charged, opcode by opcode", () => {
  // all but some 2 MB of what a small file may take
  const nearlyFull = repeat("}", 230_000);
  const bytesCopies = `c_codecs\nencode\n\x940X${u32(3000)}${repeat("a", 3000)}\x940](${repeat("h\0h\x01\x85R", 60_000)}e.`;
  const cases = {
    "empty dicts": `\x80\x04(${repeat("}", 400_000)}l.`,
    "empty lists": `\x80\x04(${repeat("]", 900_000)}l.`,
    tuples: `\x80\x04(${repeat("N\x85", 700_000)}l.`,
    "memo slots": `\x80\x04(${nearlyFull}N${repeat("\x94", 600_000)}l.`,
    "sparse memo slots": `\x80\x04(${nearlyFull}N${Array.from({ length: 99_000 }, (_, i) => `r${u32(3 * i + 1)}`).join("")}l.`,
    "the stack": `\x80\x04(${nearlyFull}(${repeat("N", 900_000)}1l.`,
    "copies of bytes": `\x80\x04${bytesCopies}`,
    "copies of a list": `\x80\x04c__builtin__\nlist\n\x940(${repeat("N", 50_000)}l\x940](${repeat("h\0h\x01\x85R", 5000)}e.`,
    "copies of a set": `\x80\x04c__builtin__\nset\n\x940(${repeat("N", 50_000)}l\x940](${repeat("h\0h\x01\x85R", 5000)}e.`,
    "copies of a dict": `\x80\x04c__builtin__\ndict\n\x940}(${Array.from({ length: 9000 }, (_, i) => `J${u32(i)}N`).join("")}u\x940](${repeat("h\0h\x01\x85R", 5000)}e.`,
    "joined paths": `\x80\x04cpathlib\nPosixPath\n\x940X${u32(30_000)}${repeat("a", 30_000)}\x940](${repeat("h\0h\x01\x85R", 5000)}e.`,
    "integers that V8 cannot tell apart": `\x80\x04}(${Array.from({ length: 20_000 }, (_, i) => `\x8a\x0c${repeat("\x01", 8)}${u32(i + 1)}N`).join("")}u.`,
  };
  for (const [name, ops] of Object.entries(cases)) refused(pickleOf(ops), read, spent, name);
});

test("a dtype remembered in every slot takes no time", () => {
  const begin = performance.now();
  read(
    pickleOf(`\x80\x04cnumpy\ndtype\n(U\x02f8tR${repeat("\x94", 200_000)}(K\x03U\x01<NNNJ${u32(-1)}J${u32(-1)}K\0tb.`),
  );
  assert.ok(performance.now() - begin < 1000);
});

test("shared objects are not written out beyond the budget", () => {
  const char = String.fromCharCode;
  const doubling = Array.from({ length: 40 }, (_, i) => `(h${char(i)}h${char(i)}lq${char(i + 1)}0`).join("");
  refused(pickleOf(`]q\x000${doubling}h\x28.`), read, spent, "doubled lists");
  refused(pickleOf(`\x80\x04}\x940(${repeat("h\0", 1000)}l\x940(${repeat("h\x01", 1000)}l.`), read, spent, "dicts");
});

test("texts and numbers that are slow to look at are refused", () => {
  const slow = (ops: string, why: RegExp, name: string) => refused(pickleOf(ops), read, why, name);
  slow(`F${repeat("1", 300_000)}x\n.`, /a float of 300001 characters/, "digits");
  slow(numpy(repeat("K\x01", 60_000), "U\x02u1", "U\x01a", "\x88"), /shape of a numpy/, "60 000 axes");
  const zeros = 300_000;
  const padded = pickleOf(numpy("K\x01", `U\x07S${zeros + 1}`, `T${u32(zeros + 1)}${repeat("\0", zeros)}a`));
  const ms = cpuTime(() => assert.is((plain(read(padded)) as string[])[0].length, zeros + 1));
  assert.ok(ms < 1000, "zeros before the end of a text");
});

test("a value deep in a file costs no list of keys, and a long one is not listed to show twelve", () => {
  const tower = read(pickleOf(`\x80\x04${repeat("]", 480)}(${repeat("K\x01", 300_000)}l${repeat("a", 480)}.`));
  const ms = cpuTime(() => {
    pythonToJson(tower, () => "");
    assert.equal([...arraysOf(tower)], []);
  });
  assert.ok(ms < 1500, `${ms} ms`);
  const long: PyValue = Array.from({ length: 100_000 }, () => null);
  assert.is([...outline(long)].length, 14);
  assert.is([...outline(long)].at(-1)?.summary, "99988 more");
});

test("an index of 65,536 short lists, as the reference pickles it, is within the budget", () => {
  const lists = Array.from({ length: 2 ** 17 }, (_, i) => new NdArray("U32", [1, 2], Uint32Array.of(i, 2)));
  const bytes = writePickle({ lists });
  assert.is((plain(read(bytes)) as { lists: NdArray[] }).lists[2 ** 17 - 1].data[0], 2 ** 17 - 1);
});

/** All tensors of a file, as a conversion reads them. */
function materialise(bytes: Uint8Array): void {
  for (const tensor of (readTorch(bytes) as PyDict).values()) (tensor as TorchTensor).toHost();
}

test("views of a file's tensors may share what it holds, but not multiply it", () => {
  const state = (...views: string[]) =>
    pickleOf(`\x80\x02${dictOps(Object.fromEntries(views.map((v, i) => [`t${i}`, v])))}.`);
  const many = (n: number, ...view: Parameters<typeof floatViewOps>) => state(...Array(n).fill(floatViewOps(...view)));
  const floats = (n: number) => ({ 0: new Uint8Array(4 * n) });
  const views = /the views up to \[.*\] would take more memory .*\[UnsupportedFeature\]/;
  refused(torchArchive(many(1, 16, 0, [8192, 4096], [0, 0]), floats(16)), materialise, views, "one broadcast");
  refused(torchArchive(many(100, 16, 0, [1024, 1024], [0, 0]), floats(16)), materialise, views, "many broadcasts");
  refused(torchArchive(many(400, 9e4, 0, [9e4], [1]), floats(9e4)), materialise, views, "the whole, many times");
  refused(torchArchive(many(400, 9e4, 0, [2], [89_999]), floats(9e4)), materialise, views, "two far apart");
  refused(torchArchive(many(40, 9e4, 0, [300, 9e4 - 300], [1, 1]), floats(9e4)), materialise, views, "overlaps");
  // tied weights, expanded buffers, transposed and interleaved ones: what real files hold
  const honest = [
    ...Array(3).fill(floatViewOps(9e4, 0, [300, 300], [300, 1])),
    floatViewOps(9e4, 0, [300, 300], [1, 300]),
    floatViewOps(9e4, 7, [64, 512], [0, 1]),
    floatViewOps(9e4, 1, [300, 150], [300, 2]),
  ];
  materialise(torchArchive(state(...honest), floats(9e4)));
  // one tensor is charged once, however often it is read
  const again = (readTorch(torchArchive(many(1, 9e4, 0, [64, 9e4], [0, 1]), floats(9e4))) as PyDict).get("t0");
  for (let i = 0; i < 4; i++) (again as TorchTensor).toHost();
  const axes = Array(60).fill(1);
  const tall = torchArchive(many(1, 9e4, 0, [100, 9e4, ...axes], [0, 1, ...axes]), floats(9e4));
  assert.ok(cpuTime(() => materialise(tall)) < 700, "axes of side 1 cost nothing");
});

/** A zip of one deflated record that claims `size` bytes. */
function deflated(name: string, packed: Uint8Array, size: number, crc: number): Uint8Array {
  const record = Buffer.alloc(30 + name.length);
  const entry = Buffer.alloc(46 + name.length);
  for (const [bytes, signature, at] of [
    [record, 0x04034b50, 8],
    [entry, 0x02014b50, 10],
  ] as const) {
    bytes.writeUInt32LE(signature, 0);
    bytes.writeUInt16LE(8, at);
    bytes.writeUInt32LE(crc, at + 6);
    bytes.writeUInt32LE(packed.length, at + 10);
    bytes.writeUInt32LE(size, at + 14);
    bytes.writeUInt16LE(name.length, at + 18);
    bytes.write(name, bytes.length - name.length, "latin1");
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length, 12);
  end.writeUInt32LE(record.length + packed.length, 16);
  return Buffer.concat([record, packed, entry, end]);
}

test("records that inflate beyond the budget are refused before they do; others are inflated once", () => {
  const zeros = new Uint8Array(100 * MiB);
  const packed = deflateRawSync(zeros);
  const open = (bytes: Uint8Array) => ZipArchive.open(memorySource(bytes, "bomb.zip"));
  refused(deflated("a/data.pkl", packed, zeros.length, crc32(zeros)), open, spent, "bomb");
  const noise = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 7919) >>> 5);
  const fine = open(deflated("a/x", deflateRawSync(noise), noise.length, crc32(noise)));
  assert.is(fine.record("a/x"), fine.record("a/x"));
  assert.equal(fine.record("a/x").read(0, noise.length), noise);
  const claims = failureOf(() => open(deflated("a/x", deflateRawSync(noise), noise.length - 1, crc32(noise))));
  assert.is(claims, "ChecksumMismatch");
});

test.run();
