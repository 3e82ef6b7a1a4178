/** @file torch files, zip and legacy: right values, named failures, no crash whatever the bytes. */
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError } from "../../base/errors.js";
import type { PyDict, PyValue } from "../../formats/python.js";
import { memorySource } from "../../formats/source.js";
import { readTorch, readTorchSource } from "../../formats/torch.js";
import type { TorchTensor } from "../../formats/torch-values.js";
import { zipChunks } from "../../formats/zip-write.js";
import { digest, failureOf, fixture, flipped, floatView, pickleOf, torchArchive } from "../support/format-files.js";

const test = suite("formats-torch");
const read = (bytes: Uint8Array) => readTorchSource(memorySource(bytes, "test.pth")).root;
const tensorOf = (root: PyValue, name: string) => (root as PyDict).get(name) as TorchTensor;

const floats = (n: number) => new Uint8Array(Float32Array.from({ length: n }, (_, i) => i).buffer);

test("zip, legacy and re-packed files of the same object give the same value", () => {
  for (const name of ["mixed_tensors", "plain_objects", "how_old_checkpoint"]) {
    const zip = readTorch(fixture(`${name}_zip.pth`));
    const legacy = readTorch(fixture(`${name}_legacy.pth`));
    assert.equal([zip.format, legacy.format], ["torch-zip", "torch-legacy"]);
    assert.is(digest(zip.root), digest(legacy.root), name);
  }
  const protocol4 = readTorch(fixture("plain_objects_protocol4.pth"));
  assert.is(digest(protocol4.root), digest(readTorch(fixture("plain_objects_zip.pth")).root));
});

test("strides, offsets, broadcasts and shared storages are honoured", () => {
  const { root } = readTorch(fixture("mixed_tensors_zip.pth"));
  const data = (name: string) => [...tensorOf(root, name).toHost().data].map(Number);
  const whole = data("share_whole");
  assert.equal(data("share_a"), whole.slice(0, 10));
  assert.equal(
    data("strided"),
    whole.filter((_, i) => i % 3 === 1),
  );
  assert.is(tensorOf(root, "share_a").storage, tensorOf(root, "share_b").storage);
  assert.equal(data("expanded").slice(0, 4), data("expanded").slice(8));
  const back = (storage: number, offset: number, shape: number[], stride: number[]) => [
    ...(read(torchArchive(floatView(storage, offset, shape, stride), { 0: floats(storage) })) as TorchTensor).toHost()
      .data,
  ];
  assert.equal(back(6, 0, [3, 2], [1, 3]), [0, 3, 1, 4, 2, 5]);
  assert.equal(back(6, 1, [2], [4]), [1, 5]);
  assert.equal(back(6, 6, [0, 5], [9, 9]), []);
  assert.equal(back(6, 5, [], []), [5]);
});

test("a view beyond its storage, and a storage beyond its record, are refused", () => {
  const out = (pickle: Uint8Array, bytes: number) =>
    failureOf(() => read(torchArchive(pickle, { 0: new Uint8Array(bytes) })));
  assert.is(out(floatView(6, 0, [6], [1]), 24), "none");
  assert.is(out(floatView(6, 1, [6], [1]), 24), "StorageOutOfBounds");
  assert.is(out(floatView(6, 0, [2, 2], [5, 1]), 24), "StorageOutOfBounds");
  assert.is(out(floatView(6, 0, [6], [1]), 23), "StorageOutOfBounds");
  assert.is(out(floatView(6, 0, [6], [1, 1]), 24), "MalformedPickle");
  assert.is(
    failureOf(() => read(torchArchive(floatView(6, 0, [6], [1])))),
    "MissingRecord",
  );
});

test("a broadcast that would fill the memory is refused when its data are asked for", () => {
  const tensor = read(
    torchArchive(floatView(1, 0, Array(6).fill(100), Array(6).fill(0)), { 0: floats(1) }),
  ) as TorchTensor;
  assert.equal(tensor.shape, Array(6).fill(100));
  assert.is(
    failureOf(() => tensor.toHost()),
    "UnsupportedFeature",
  );
});

test("hostile pickles inside sound archives are refused", () => {
  const kinds: [string, string][] = [
    ["cos\nsystem\n(X\x02\0\0\0idtR.", "ForbiddenGlobal"],
    ["\x80\x02ctorch\nTensor\n)\x81}(X\x0c\0\0\0__setstate__cos\nsystem\nub.", "ForbiddenGlobal"],
    ["\x80\x02ctorch.hub\nload\n.", "ForbiddenGlobal"],
    ["\x80\x02X\x02\0\0\0idQ.", "MalformedPickle"],
    ["\x80\x02}q\0h\0h\0s.", "MalformedPickle"],
    ["\x80\x02}", "MalformedPickle"],
  ];
  for (const [pickle, kind] of kinds)
    assert.is(
      failureOf(() => read(torchArchive(pickleOf(pickle)))),
      kind,
      pickle,
    );
});

test("files that are something else are told apart", () => {
  assert.is(
    failureOf(() => read(new Uint8Array(0))),
    "Truncated",
  );
  assert.is(
    failureOf(() => read(Buffer.from("a text file, nothing more\n"))),
    "NotACheckpoint",
  );
  assert.is(
    failureOf(() => read(Buffer.from([...zipChunks([{ name: "a.txt", chunks: [] }])].flatMap((c) => [...c])))),
    "NotACheckpoint",
  );
  const noise = Uint8Array.from({ length: 500 }, (_, i) => (i * 7919 + 13) >>> 3);
  assert.ok(["NotACheckpoint", "MalformedPickle"].includes(failureOf(() => read(noise))));
  assert.is(
    failureOf(() => read(torchArchive(pickleOf("N."), {}).subarray(3))),
    "Truncated",
  );
});

test("cut anywhere, a torch file is an error that names the file", () => {
  for (const name of ["fire_pretraining_zip.pth", "how_old_checkpoint_legacy.pth"]) {
    const bytes = readFileSync(fixture(name));
    for (let length = 0; length < bytes.length; length++)
      assert.throws(
        () => read(bytes.subarray(0, length)),
        (e: unknown) => e instanceof FileFormatError && e.message.startsWith("test.pth: "),
        `${name}: ${length} bytes`,
      );
  }
});

test("with its beginning missing, a zip file is an error", () => {
  const bytes = readFileSync(fixture("how_old_checkpoint_zip.pth"));
  for (let begin = 1; begin < bytes.length; begin += 7)
    assert.is.not(
      failureOf(() => read(bytes.subarray(begin))),
      "none",
      `from byte ${begin}`,
    );
});

test("with any byte of a zip file changed, the value is the same or there is an error", () => {
  const bytes = readFileSync(fixture("how_old_checkpoint_zip.pth"));
  const right = digest(read(bytes));
  let errors = 0;
  for (let at = 0; at < bytes.length; at++) {
    const damaged = flipped(bytes, at, at % 2 ? 0x01 : 0xff);
    let value = right;
    if (failureOf(() => (value = digest(read(damaged)))) !== "none") errors++;
    assert.is(value, right, `byte ${at}`);
  }
  assert.ok(errors > 1500, `${errors} errors`);
});

test("with any byte of a legacy file changed, there is a value or an error, never a crash", () => {
  // this format has no checksums: changed weights cannot be noticed
  const bytes = readFileSync(fixture("how_old_checkpoint_legacy.pth"));
  let errors = 0;
  for (let at = 0; at < bytes.length; at++)
    if (failureOf(() => digest(read(flipped(bytes, at, at % 2 ? 0x01 : 0xff)))) !== "none") errors++;
  assert.ok(errors > 300, `${errors} errors`);
});

test.run();
