/** @file safetensors: round trips, damaged headers, and whole checkpoints inside them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../../base/tensor.js";
import { BuildError, PyDict, PyFloat, type PyValue } from "../../formats/python.js";
import { pythonFromJson, type TensorLookup } from "../../formats/python-json.js";
import { readPythonSafetensors, writePythonSafetensors } from "../../formats/python-safetensors.js";
import { encodeSafetensors, Safetensors } from "../../formats/safetensors.js";
import { memorySource } from "../../formats/source.js";
import { readTorch } from "../../formats/torch.js";
import { digest, failureOf, fixture, flipped } from "../support/format-files.js";

const test = suite("formats-safetensors");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-safetensors-"));
test.after(() => rmSync(folder, { recursive: true }));

const open = (bytes: Uint8Array) => Safetensors.from(memorySource(bytes, "test.safetensors"));
/** A file with this header and so many bytes of data. */
function file(header: unknown, dataBytes = 0): Uint8Array {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}
const failure = (header: unknown, dataBytes = 0) => failureOf(() => open(file(header, dataBytes)));
const entry = (shape: unknown, begin: unknown, end: unknown, dtype: unknown = "F32") => ({
  t: { dtype, shape, data_offsets: [begin, end] },
});

const tensors: [string, HostTensor][] = [
  ["a", { dtype: "F32", shape: [2, 2], data: Float32Array.of(1, 0.1, -3, 4) }],
  ["10", { dtype: "I64", shape: [], data: BigInt64Array.of(-1n) }],
  ["2", { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ["empty", { dtype: "F64", shape: [0, 7], data: new Float64Array(0) }],
  ["half", { dtype: "F16", shape: [1], data: Uint16Array.of(0x3c00) }],
];

test("what is encoded is read back", () => {
  const f = open(encodeSafetensors(tensors, { note: "größe" }));
  assert.equal([...f.names].sort(), tensors.map(([n]) => n).sort());
  for (const [name, t] of tensors) assert.equal(f.read(name), t, name);
  assert.equal({ ...f.metadata }, { note: "größe" });
  assert.is(
    failureOf(() => f.read("b")),
    "MissingKey",
  );
  assert.is(
    failureOf(() => f.readBytes("a", 12, 8)),
    "StorageOutOfBounds",
  );
});

test("damaged headers are refused by name", () => {
  assert.is(failure("{"), "MalformedFile");
  assert.is(failure("[]"), "MalformedFile");
  assert.is(failure("null"), "MalformedFile");
  assert.is(failure({ t: null }), "MalformedFile");
  assert.is(failure({ t: [] }), "MalformedFile");
  assert.is(failure({ __metadata__: { a: 1 } }), "MalformedFile");
  assert.is(failure({ __metadata__: "x" }), "MalformedFile");
  assert.is(failure(entry([1], 0, 4), 4), "none");
  assert.is(failure(entry([1], 0, 4), 3), "Truncated");
  assert.is(failure(entry([2], 0, 4), 4), "MalformedFile");
  assert.is(failure(entry([-1], 0, -4), 4), "MalformedFile");
  assert.is(failure(entry([0.25], 0, 1), 4), "MalformedFile");
  assert.is(failure(entry(["1"], 0, 4), 4), "MalformedFile");
  assert.is(failure(entry([1], -4, 0), 4), "MalformedFile");
  assert.is(failure(entry([1], "0", "4"), 4), "MalformedFile");
  assert.is(failure(entry([2 ** 40, 2 ** 40], 0, 4), 4), "MalformedFile");
  assert.is(failure(entry([1], 0, 4, "toString"), 4), "MalformedFile");
  assert.is(failure(entry([1], 0, 4, "C64"), 4), "MalformedFile");
  const overlap = { a: entry([2], 0, 8).t, b: entry([2], 4, 12).t };
  assert.is(failure(overlap, 12), "MalformedFile");
  assert.is(
    failureOf(() => open(Buffer.from([255, 255, 255, 255, 255, 255, 255, 255, 0x7b]))),
    "MalformedFile",
  );
  assert.is(
    failureOf(() => open(Buffer.from([1, 2, 3]))),
    "Truncated",
  );
});

test("cut anywhere it is an error; with any byte changed, a value or an error", () => {
  const bytes = encodeSafetensors(tensors);
  const all = (b: Uint8Array) => {
    const f = open(b);
    return f.names.map((n) => f.read(n));
  };
  for (let length = 0; length < bytes.length; length++)
    assert.is.not(
      failureOf(() => all(bytes.subarray(0, length))),
      "none",
      `${length} bytes`,
    );
  let errors = 0;
  for (let at = 0; at < bytes.length; at++)
    for (const mask of [1, 0x80, 0xff]) if (failureOf(() => all(flipped(bytes, at, mask))) !== "none") errors++;
  assert.ok(errors > 400, `${errors} errors`);
});

test("a whole checkpoint survives in a safetensors file", () => {
  for (const name of ["fire_checkpoint_zip", "mixed_tensors_zip", "plain_objects_zip", "how_old_checkpoint_legacy"]) {
    const { root } = readTorch(fixture(`${name}.pth`));
    const path = join(folder, `${name}.safetensors`);
    writePythonSafetensors(path, root);
    assert.is(digest(readPythonSafetensors(path)), digest(root), name);
  }
});

test("weights keep their names for other programs", () => {
  const { root } = readTorch(fixture("fire_checkpoint_zip.pth"));
  const path = join(folder, "names.safetensors");
  writePythonSafetensors(path, root);
  const f = Safetensors.open(path);
  const weights = [...((root as PyDict).get("state_dict") as PyDict).keys()];
  assert.equal(f.names.slice(0, weights.length), weights);
  assert.ok(f.has("optimizer/state/0/exp_avg"));
  assert.is(f.metadata.format, "pt");
});

test("a safetensors file of another program is a map of its tensors", () => {
  const path = join(folder, "other.safetensors");
  writeFileSync(path, encodeSafetensors(tensors));
  const root = readPythonSafetensors(path) as PyDict;
  assert.is(root.type, "OrderedDict");
  assert.equal([...root.keys()].sort(), tensors.map(([n]) => n).sort());
});

test("a forged description is refused", () => {
  const lookup: TensorLookup = {
    tensor: (name) => assert.unreachable(name) as never,
    array: (name) => assert.unreachable(name) as never,
  };
  const kind = (json: unknown): string => {
    try {
      pythonFromJson(json, lookup);
      return "none";
    } catch (e) {
      if (e instanceof BuildError) return e.kind;
      throw e;
    }
  };
  assert.is(kind({ global: "os.system" }), "ForbiddenGlobal");
  assert.is(kind({ defaultdict: [], factory: "os.system" }), "ForbiddenGlobal");
  for (const bad of [{}, { toString: 1 }, { unknown: 1 }, { int: "1e9" }, { dict: [[1]] }, { tuple: 1 }, { float: 1 }])
    assert.is(kind(bad), "MalformedFile", JSON.stringify(bad));
  assert.is(kind({ scalar: "00", dtype: "F64" }), "MalformedFile");
  assert.is(kind({ objects: [1], shape: [2] }), "MalformedFile");
  let tower: unknown = 1;
  for (let i = 0; i < 5000; i++) tower = [tower];
  assert.is(kind(tower), "MalformedFile");
  const path = join(folder, "forged.safetensors");
  writeFileSync(path, encodeSafetensors([], { "fire_gpu.root": '{"tensor":"nowhere"}' }));
  assert.is(
    failureOf(() => readPythonSafetensors(path)),
    "MissingKey",
  );
  writeFileSync(path, encodeSafetensors([], { "fire_gpu.root": "{" }));
  assert.is(
    failureOf(() => readPythonSafetensors(path)),
    "MalformedFile",
  );
});

test("ints and floats stay apart", () => {
  const value = (json: unknown) => pythonFromJson(json, {} as TensorLookup) as PyValue;
  assert.is(value(2), 2);
  assert.equal(value({ float: "2" }), new PyFloat(2));
  assert.ok(Object.is((value({ float: "-0" }) as PyFloat).value, -0));
  assert.ok(Number.isNaN((value({ float: "NaN" }) as PyFloat).value));
  const { root } = readTorch(fixture("fire_checkpoint_zip.pth"));
  const path = join(folder, "numbers.safetensors");
  writePythonSafetensors(path, PyDict.of([["scales", (root as PyDict).get("net_params") as PyValue]]));
  assert.match(Safetensors.open(path).metadata["fire_gpu.root"], /\[\{"float":"2"\},1\.414,\{"float":"1"\},0\.707/);
});

test.run();
