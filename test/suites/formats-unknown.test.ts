/** @file Checkpoints that mention more than weights: odd values stay unread, weights load, nothing is ever run. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PyDict, PyValue } from "../../formats/python.js";
import { memorySource } from "../../formats/source.js";
import { readTorch, readTorchSource } from "../../formats/torch.js";
import type { TorchTensor } from "../../formats/torch-values.js";
import { looksHostile, PyUnknown } from "../../formats/unknown-globals.js";
import { openCheckpoint, readAny } from "../../nets/weights/checkpoint.js";
import { convertFile } from "../../tasks/convert.js";
import { inspectFile } from "../../tasks/inspect.js";
import { dictOps, failureOf, floatViewOps, pickleOf, text, torchArchive } from "../support/format-files.js";

const test = suite("formats-unknown");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-unknown-"));
test.after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

const weights = dictOps({
  "layers.weight": floatViewOps(6, 0, [2, 3], [3, 1]),
  "layers.bias": floatViewOps(6, 4, [2], [1]),
});
const floats = { 0: new Uint8Array(Float32Array.from([0, 1, 2, 3, 4, 5]).buffer) };
/** A checkpoint of two weights and, beside them, one more value. */
const beside = (ops: string) =>
  torchArchive(pickleOf(`\x80\x04${dictOps({ scheduler: ops, state_dict: weights })}.`), floats);
const read = (bytes: Uint8Array) => readTorchSource(memorySource(bytes, "test.pth")).root as PyDict;

// what pickle.dumps writes for such values, protocols 2 to 5, without memo
const values: Record<string, string> = {
  "collections.Counter": `ccollections\nCounter\n}(K\x02K\x01K\x05K\x02u\x85R`,
  "argparse.Namespace": `cargparse\nNamespace\n)\x81}(${text("lr")}G\x3f\xf0\0\0\0\0\0\0ub`,
  "argparse.Namespace of protocol 0": `ccopy_reg\n_reconstructor\n(cargparse\nNamespace\nc__builtin__\nobject\nNtR}${text("lr")}K\x01sb`,
  "types.SimpleNamespace": `ctypes\nSimpleNamespace\n)R}${text("a")}K\x01sb`,
  "collections.deque": `ccollections\ndeque\n)R(K\x01K\x02e`,
  "builtins.slice": "c__builtin__\nslice\nK\x01K\x02N\x87R",
  "builtins.range": "c__builtin__\nxrange\nK\x01K\x02K\x01\x87R",
  "builtins.complex": `c__builtin__\ncomplex\nG\x3f\xf0\0\0\0\0\0\0G\x3f\xf0\0\0\0\0\0\0\x86R`,
  "datetime.datetime": `cdatetime\ndatetime\nC\x0a\x07\xe6\x01\x01\0\0\0\0\0\0\x85R`,
  "decimal.Decimal": `cdecimal\nDecimal\n${text("1.5")}\x85R`,
  "an OrderedDict of another class": `cmylib\nConfig\n)R(${text("a")}K\x01u}${text("x")}Nsb`,
  "a list of another class": "cmylib\nItems\n)\x81(K\x01K\x02e",
  "a set of another class": "cmylib\nBag\n)\x81(K\x01\x90",
  "an enum": "cmylib\nMode\nK\x01\x85R",
  "a class with named arguments": `cmylib\nThing\n)}${text("a")}K\x01s\x92`,
  "of protocol 0": "(K\x01imylib\nThing\n",
  "of protocol 1": "(cmylib\nThing\nK\x01o",
  "functools.partial": `cfunctools\npartial\ncmylib\nstep\n\x85R(cmylib\nstep\n)}Ntb`,
  "a nested class": `\x8c\x05mylib\x8c\x0bOuter.Inner\x93)\x81`,
  "a function by name": "cmylib\nschedule\n",
  "a listed class that holds one": "ccollections\ndefaultdict\ncmylib\nMaker\n\x85R",
  "a complex number of numpy": `cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x03c16K\0K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbC\x01a\x86R`,
  "a structured array": `cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R(K\x01K\x01\x85cnumpy\ndtype\nU\x02V8K\0K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89C\x081234567\x38tb`,
  "an array of a subclass": `cnumpy.core.multiarray\n_reconstruct\ncnumpy.matrixlib.defmatrix\nmatrix\nK\0\x85C\x01b\x87R(K\x01K\x01\x85N\x89C\0tb`,
  "a complex tensor": `ctorch._utils\n_rebuild_tensor_v2\n((${text("storage")}ctorch\nComplexFloatStorage\n${text("9")}${text("cpu")}K\x01tQK\0K\x01\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR`,
  "one inside another": "cmylib\nThing\n)\x81}cmylib\nKey\n)Rcmylib\nItem\n)Rsb",
};

test("weights load beside any value of an unknown class, which is kept as its name", () => {
  for (const [name, ops] of Object.entries(values)) {
    const root = read(beside(ops));
    const state = root.get("state_dict") as PyDict;
    assert.equal([...(state.get("layers.weight") as TorchTensor).toHost().data], [0, 1, 2, 3, 4, 5], name);
    assert.equal([...(state.get("layers.bias") as TorchTensor).toHost().data], [4, 5], name);
    assert.instance(root.get("scheduler"), PyUnknown, name);
  }
  const named = (key: string) => (read(beside(values[key])).get("scheduler") as PyUnknown).name;
  assert.is(named("collections.Counter"), "collections.Counter");
  assert.is(named("argparse.Namespace of protocol 0"), "argparse.Namespace");
  assert.is(named("a complex tensor"), "torch.ComplexFloatStorage");
  assert.is(named("a listed class that holds one"), "mylib.Maker");
  // inside lists and dicts, remembered and recalled, and in the legacy form
  const list = read(beside(`](cmylib\nA\n)R\x94${text("b")}h\0e`)).get("scheduler") as PyValue[];
  assert.equal(
    list.map((v) => (v instanceof PyUnknown ? v.name : v)),
    ["mylib.A", "b", "mylib.A"],
  );
});

test("names that only an attack mentions are refused wherever they stand", () => {
  const attacks = [
    "cos\nsystem\n",
    "cposix\nsystem\n",
    "c__builtin__\neval\n",
    "cbuiltins\ngetattr\n",
    "csubprocess\nPopen\n",
    "csys\nexit\n",
    "cimportlib\nimport_module\n",
    "cimportlib.util\nmodule_from_spec\n",
    "ctypes\nFunctionType\n)R\x82\x01",
    "cpickle\nloads\n",
    "ctorch\nload\n",
    "ctorch.hub\nload\n",
    "ctorch.serialization\nload\n",
    "coperator\nmethodcaller\n",
    "\x8c\x05torch\x8c\x17serialization.os.system\x93",
    "\x8c\x05mylib\x8c\x11Thing.__globals__\x93",
    "cfunctools\npartial\ncos\nsystem\n\x85R",
    `cmylib\nThing\n)\x81}${text("__setstate__")}cos\nsystem\nsb`,
  ];
  for (const ops of attacks)
    assert.is(
      failureOf(() => read(beside(ops))),
      "ForbiddenGlobal",
      JSON.stringify(ops),
    );
  assert.not(looksHostile("torch.optim.lr_scheduler", "StepLR"));
  assert.not(looksHostile("numpy.random._pickle", "__randomstate_ctor"));
});

test("where the weights themselves need an unknown name, the message says which", () => {
  const file = path("weights.pth");
  const openOf = (ops: string) => {
    writeFileSync(file, torchArchive(pickleOf(`\x80\x04${ops}.`), floats));
    return () => openCheckpoint(file);
  };
  assert.throws(openOf("cmylib\nNet\n)\x81}b"), /mylib\.Net.*save its state_dict.*\[ForbiddenGlobal\]/);
  const inside = dictOps({ w: floatViewOps(6, 0, [6], [1]), v: "cmylib\nTensor\n)R" });
  assert.throws(openOf(dictOps({ state_dict: inside })), /state_dict.*v.*mylib\.Tensor.*\[ForbiddenGlobal\]/);
  assert.throws(openOf(dictOps({ state_dict: "cmylib\nWeights\n)R" })), /mylib\.Weights.*\[ForbiddenGlobal\]/);
});

test("inspection names what it did not read; conversion keeps its name or says what it left out", async () => {
  writeFileSync(path("beside.pth"), beside(`](${values["collections.Counter"]}K\x07${values["an enum"]}e`));
  const { outline, kind, tensors } = await inspectFile(path("beside.pth"));
  assert.is(kind, "tensors");
  assert.is(tensors.length, 2);
  assert.is(outline.find((o) => o.path === "scheduler.0")?.summary, "collections.Counter, not read");
  const kept = await convertFile(path("beside.pth"), path("kept.safetensors"));
  assert.equal(kept.leftOut, []);
  const again = readAny(path("kept.safetensors")).root as PyDict;
  assert.equal((again.get("scheduler") as PyValue[])[0], new PyUnknown("collections.Counter"));
  const { leftOut } = await convertFile(path("beside.pth"), path("less.pth"));
  assert.equal(leftOut, ["scheduler.0 (collections.Counter)", "scheduler.2 (mylib.Mode)"]);
  assert.equal((readTorch(path("less.pth")).root as PyDict).get("scheduler"), [null, 7, null]);
  const small = await convertFile(path("beside.pth"), path("small.pth"), { weightsOnly: true });
  assert.equal(small.leftOut, []);
  assert.equal([...(readTorch(path("small.pth")).root as PyDict).keys()], ["state_dict"]);
});

// torch.save({state_dict: OrderedDict(w, b), epoch: 3}, _use_new_zipfile_serialization=False, pickle_protocol=4)
const legacy4 =
  "gASVDQAAAAAAAACKCmz8nEb5IGqoUBkugASVBAAAAAAAAABN6QMugASVWAAAAAAAAAB9lCiMEHByb3RvY29sX3ZlcnNpb26UTekDjA1saXR0bGVfZW5kaWFulIiMCnR5cGVfc2l6ZXOUfZQojAVzaG9ydJRLAowDaW50lEsEjARsb25nlEsEdXUugASV8gAAAAAAAAB9lCiMCnN0YXRlX2RpY3SUjAtjb2xsZWN0aW9uc5SMC09yZGVyZWREaWN0lJOUKVKUKIwBd5SMDHRvcmNoLl91dGlsc5SMEl9yZWJ1aWxkX3RlbnNvcl92MpSTlCgojAdzdG9yYWdllIwFdG9yY2iUjAxGbG9hdFN0b3JhZ2WUk5SMCTQ3NjAwNTcxMpSMA2NwdZRLBk50lFFLAEsCSwOGlEsDSwGGlIloBClSlHSUUpSMAWKUaAkoKGgKaA2MCTQ4MDgwNzIwMJRoD0sCTnSUUUsASwKFlEsBhZSJaAQpUpR0lFKUdYwFZXBvY2iUSwN1LoAElR0AAAAAAAAAXZQojAk0NzYwMDU3MTKUjAk0ODA4MDcyMDCUZS4GAAAAAAAAAAAAAAAAAIA/AAAAQAAAQEAAAIBAAACgQAIAAAAAAAAAAACAPwAAgD8=";

test("the legacy form is read in every protocol, whose later ones begin with a frame", () => {
  for (const protocol of [4, 5]) {
    const bytes = Buffer.from(legacy4, "base64");
    for (let at = 0; at < bytes.length - 2; at++)
      if (bytes[at] === 0x80 && bytes[at + 1] === 4 && (bytes[at + 2] === 0x95 || at === 0)) bytes[at + 1] = protocol;
    const { format, root } = readTorchSource(memorySource(bytes, "legacy.pth"));
    assert.is(format, "torch-legacy");
    const state = (root as PyDict).get("state_dict") as PyDict;
    assert.is((root as PyDict).get("epoch"), 3);
    assert.equal([...(state.get("w") as TorchTensor).toHost().data], [0, 1, 2, 3, 4, 5]);
    assert.equal([...(state.get("b") as TorchTensor).toHost().data], [1, 1]);
    for (let length = 3; length < bytes.length; length++)
      assert.is(
        failureOf(() => readTorchSource(memorySource(bytes.subarray(0, length), "cut.pth"))),
        "Truncated",
        `${length} bytes`,
      );
  }
});

test.run();
