/** @file Writing pickles and torch files: what comes back is what went in, here and in CPython. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../../base/tensor.js";
import { readPickle } from "../../formats/pickle.js";
import { type PyInput, writePickle } from "../../formats/pickle-write.js";
import {
  NdArray,
  NumpyScalar,
  ObjectArray,
  PyDict,
  PyFloat,
  PyGlobal,
  PySet,
  PyTuple,
  plain,
} from "../../formats/python.js";
import { readTorch } from "../../formats/torch.js";
import type { TorchTensor } from "../../formats/torch-values.js";
import { writeTorch } from "../../formats/torch-write.js";
import { digest, fixture } from "../support/format-files.js";

const test = suite("formats-write");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-write-"));
test.after(() => rmSync(folder, { recursive: true }));

const python =
  spawnSync("python3", ["-c", "import sys; print(sys.version_info >= (3, 8))"]).stdout?.toString().trim() === "True";
/** Runs Python on a file, or says why not. */
const withPython = (title: string, run: () => void) => {
  if (python) test(title, run);
  else test.skip(`${title} (skipped: there is no python3 here)`, run);
};
function runPython(code: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("python3", ["-c", code, ...args]);
  assert.is(status, 0, stderr.toString());
  return stdout.toString().trim();
}

/** Every kind of value, in a dict. */
function everything(): PyDict {
  const shared = [1, 2];
  const numbers = [0, 255, 256, 65535, 65536, -1, -128, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53 - 1];
  const big = [2n ** 63n, -(2n ** 63n), -(2n ** 64n), 2n ** 2100n, -129n * 2n ** 100n];
  return PyDict.of([
    ["numbers", [...numbers, ...big]],
    ["floats", [1, -0, 0.1, Number.NaN, Number.POSITIVE_INFINITY, 1e-310].map((x) => new PyFloat(x))],
    ["texts", ["", "a", "naïve – 図 😀", "x".repeat(300), "builtins.list"]],
    ["bytes", [new Uint8Array(0), Uint8Array.of(0, 127, 128, 255), new Uint8Array(300).fill(200)]],
    ["constants", [null, true, false]],
    ["tuples", new PyTuple([new PyTuple([]), new PyTuple([1]), new PyTuple([1, 2, 3]), new PyTuple([1, 2, 3, 4])])],
    ["shared", [shared, shared, []]],
    ["set", Object.assign(new PySet([1, "a"]))],
    ["frozen", Object.assign(new PySet([2]), { frozen: true })],
    ["ordered", Object.assign(PyDict.of([["k", 1]], "OrderedDict"), { attributes: PyDict.of([["_metadata", null]]) })],
    ["default", new PyDict("defaultdict", new PyGlobal("builtins.list")).set("x", [])],
    [7, PyDict.of([])],
    ["scalar", [new NumpyScalar("F64", 1.5), new NumpyScalar("BOOL", true), new NumpyScalar("I64", -(2n ** 62n))]],
    ["array", new NdArray("F32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
    ["fortran", new NdArray("I16", [2, 3], Int16Array.of(1, 2, 3, 4, 5, 6), true)],
    ["empty", new NdArray("F64", [0, 4], new Float64Array(0))],
    ["zero-dim", new NdArray("U8", [], Uint8Array.of(9))],
    ["half", new NdArray("F16", [2], Uint16Array.of(0x3c00, 0x7e00))],
    ["large", new NdArray("U32", [30000], new Uint32Array(30000).fill(0xdeadbeef))],
    ["objects", new ObjectArray([2], ["a", null])],
  ] as [string | number, never][]);
}

test("what is written is read back, types and bits and all", () => {
  for (const protocol of [2, 4] as const) {
    const bytes = writePickle(everything(), protocol);
    assert.is(digest(readPickle(bytes, "written")), digest(everything()), `protocol ${protocol}`);
    const again = writePickle(readPickle(bytes, "written"), protocol);
    assert.ok(Buffer.from(again).equals(Buffer.from(bytes)), "written again, it is the same");
  }
});

test("shared objects stay shared", () => {
  const [a, b] = (readPickle(writePickle(everything()), "written") as PyDict).get("shared") as unknown[];
  assert.is(a, b);
});

test("JavaScript values need no wrapping", () => {
  const data = Float32Array.of(1, 2);
  const value: PyInput = {
    type: "Codebook",
    params: { size: 2, rate: 0.5 },
    state: { centroids: { dtype: "F32", shape: [2, 1], data } },
  };
  const read = readPickle(writePickle(value), "written");
  const { params, state } = plain(read) as unknown as { params: object; state: { centroids: HostTensor } };
  assert.equal(params, { size: 2, rate: 0.5 });
  assert.equal([...state.centroids.data], [1, 2]);
  assert.instance(((read as PyDict).get("params") as PyDict).get("rate"), PyFloat);
  assert.equal(plain(readPickle(writePickle(new Map([[1, "a"]])), "written")), new Map([[1, "a"]]));
});

test("what has no Python form is refused", () => {
  const loop: PyInput[] = [];
  loop.push([loop]);
  let tower: PyInput = [];
  for (let i = 0; i < 5000; i++) tower = [tower];
  assert.throws(() => writePickle(tower), /nested deeper/);
  assert.throws(() => writePickle({ f: undefined } as unknown as PyInput), /no Python form/);
  assert.throws(() => writePickle({ dtype: "BF16", shape: [1], data: new Uint16Array(1) }), /numpy has no BF16/);
  assert.ok(writePickle(loop).length > 0, "a loop through lists can be written, since Python can hold it");
});

test("torch files come back bit for bit, shared storages and parameters included", () => {
  for (const name of ["mixed_tensors_zip", "mixed_tensors_legacy", "plain_objects_zip", "fire_checkpoint_zip"]) {
    const { root } = readTorch(fixture(`${name}.pth`));
    const file = join(folder, "again.pth");
    writeTorch(file, root);
    const again = readTorch(file);
    assert.is(again.format, "torch-zip");
    assert.is(digest(again.root), digest(root), name);
    if (!name.startsWith("mixed")) continue;
    const [a, b] = ["share_a", "share_b"].map((n) => (again.root as PyDict).get(n) as TorchTensor);
    assert.is(a.storage, b.storage);
    assert.equal(a.stride, ((root as PyDict).get("share_a") as TorchTensor).stride);
  }
});

test("host tensors of every element type become torch tensors", () => {
  const tensors: HostTensor[] = [
    { dtype: "F64", shape: [1], data: Float64Array.of(Math.PI) },
    { dtype: "F32", shape: [2, 1], data: Float32Array.of(1, 2) },
    { dtype: "F16", shape: [1], data: Uint16Array.of(0x3c00) },
    { dtype: "BF16", shape: [1], data: Uint16Array.of(0x3f80) },
    { dtype: "I64", shape: [], data: BigInt64Array.of(-5n) },
    { dtype: "I32", shape: [1], data: Int32Array.of(-5) },
    { dtype: "I16", shape: [1], data: Int16Array.of(-5) },
    { dtype: "I8", shape: [1], data: Int8Array.of(-5) },
    { dtype: "U8", shape: [0, 3], data: new Uint8Array(0) },
    { dtype: "BOOL", shape: [2], data: Uint8Array.of(1, 0) },
    { dtype: "U16", shape: [1], data: Uint16Array.of(65535) },
    { dtype: "U32", shape: [1], data: Uint32Array.of(0xffffffff) },
    { dtype: "U64", shape: [1], data: BigUint64Array.of(2n ** 63n) },
  ];
  const file = join(folder, "types.pth");
  writeTorch(file, { state_dict: new Map(tensors.map((t): [string, HostTensor] => [t.dtype, t])), epoch: 3 });
  const state = (readTorch(file).root as PyDict).get("state_dict") as PyDict;
  for (const t of tensors) {
    const got = (state.get(t.dtype) as TorchTensor).toHost();
    assert.equal(got, { dtype: t.dtype, shape: t.shape, data: t.data }, t.dtype);
  }
});

withPython("CPython loads our pickles and finds the same values", () => {
  const source = `
import pickle, collections, pathlib
v = {"a": [1, -2, 2**40, 2**70, -2**63, True, None, 1.5, float("inf"), "é漢", b"\\x00\\xff", b"", (), (1,), (1, 2, 3, 4), {1, 2}, frozenset([3])],
     "o": collections.OrderedDict(x=1), "d": collections.defaultdict(list, k=[1]), 5: "int"}
`;
  const original = join(folder, "original.pkl");
  runPython(`${source}\nimport sys\npickle.dump(v, open(sys.argv[1], "wb"), 3)`, original);
  const value = readPickle(readFileSync(original), original);
  for (const protocol of [2, 4] as const) {
    const ours = join(folder, `ours${protocol}.pkl`);
    writeFileSync(ours, writePickle(value, protocol));
    const check = `
import sys, pickletools, io
data = open(sys.argv[1], "rb").read()
pickletools.dis(data, out=io.StringIO())
w = pickle.loads(data)
print(w == v and repr(w) == repr(v))`;
    assert.is(runPython(source + check, ours), "True", `protocol ${protocol}`);
  }
});

withPython("CPython finds numpy's own reconstruction calls in our arrays, with the right arguments", () => {
  // stand-ins for numpy, which is not needed to see what it would be given
  const check = `
import sys, pickle, types, struct
class Array:
    def __setstate__(self, s): self.state = s
class DType:
    def __init__(self, *a): self.args = a
    def __setstate__(self, s): self.state = s
ndarray = type("ndarray", (), {})
def reconstruct(t, shape, code):
    assert t is ndarray and shape == (0,) and code == b"b"
    return Array()
for name, content in {"numpy": dict(ndarray=ndarray, dtype=DType), "numpy.core": {}, "numpy.core.multiarray": dict(_reconstruct=reconstruct)}.items():
    module = sys.modules[name] = types.ModuleType(name)
    module.__dict__.update(content)
a = pickle.load(open(sys.argv[1], "rb"))["a"]
version, shape, dtype, fortran, data = a.state
print(version, shape, dtype.args, dtype.state, fortran, struct.unpack("<6f", data))`;
  for (const protocol of [2, 4] as const) {
    const file = join(folder, `array${protocol}.pkl`);
    const array = new NdArray("F32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6), true);
    writeFileSync(file, writePickle({ a: array }, protocol));
    const want =
      "1 (2, 3) ('f4', False, True) (3, '<', None, None, None, -1, -1, 0) True (1.0, 4.0, 2.0, 5.0, 3.0, 6.0)";
    assert.is(runPython(check, file), want, `protocol ${protocol}`);
  }
});

withPython("CPython's zipfile and pickle accept our torch files; calls are those torch.load makes", () => {
  const file = join(folder, "model.pth");
  const weight: HostTensor = { dtype: "F32", shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) };
  writeTorch(
    file,
    { epoch: 5, state_dict: PyDict.of([["w", weight as never]], "OrderedDict"), lr: new PyFloat(1) },
    "model",
  );
  const check = `
import sys, zipfile, pickle, struct, collections, types
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
raw = open(sys.argv[1], "rb").read()
for i in z.infolist():
    n, e = struct.unpack("<HH", raw[i.header_offset + 26:i.header_offset + 30])
    assert i.compress_type == 0 and (i.header_offset + 30 + n + e) % 64 == 0, i
class U(pickle.Unpickler):
    def find_class(self, m, n):
        if (m, n) == ("collections", "OrderedDict"): return collections.OrderedDict
        return {"torch.FloatStorage": "F", "torch._utils._rebuild_tensor_v2": lambda *a: a}[m + "." + n]
    def persistent_load(self, i):
        kind, cls, key, device, count = i
        return (kind, cls, device, struct.unpack("<%df" % count, z.read("model/data/" + key)))
print(z.namelist(), U(z.open("model/data.pkl")).load(), z.read("model/version"))`;
  const tensor = "(('storage', 'F', 'cpu', (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)), 0, (2, 3), (3, 1), False, OrderedDict())";
  const want = `['model/data.pkl', 'model/data/0', 'model/version'] {'epoch': 5, 'state_dict': OrderedDict([('w', ${tensor})]), 'lr': 1.0} b'3\\n'`;
  assert.is(runPython(check, file), want);
});

test.run();
