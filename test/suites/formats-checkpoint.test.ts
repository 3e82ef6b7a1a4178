/** @file Checkpoints of every kind in one form, their fit to an architecture, inspection and conversion. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MissingDataError, UsageError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { type HostTensor, toFloat32 } from "../../base/tensor.js";
import { writePickle } from "../../formats/pickle-write.js";
import { PyDict, PyFloat } from "../../formats/python.js";
import { writeTorch } from "../../formats/torch-write.js";
import { checkShapes, openCheckpoint, peekCheckpoint, readAny } from "../../nets/weights/checkpoint.js";
import { checkStateDict, pretrainingTolerance, stateDictFaults } from "../../nets/weights/state-dict.js";
import { convertFile } from "../../tasks/convert.js";
import { inspectFile } from "../../tasks/inspect.js";
import { digest, failureOf, fixture } from "../support/format-files.js";

const test = suite("formats-checkpoint");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-checkpoint-"));
test.after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const tensor = (...shape: number[]): HostTensor => ({
  dtype: "F32",
  shape,
  data: new Float32Array(shape.reduce((n, d) => n * d, 1)),
});

test("a FIRe checkpoint tells what it is", () => {
  const c = openCheckpoint(fixture("fire_checkpoint_zip.pth"));
  assert.equal([c.kind, c.version, c.format, c.epoch, c.bestScore], ["fire", "fire/2021", "torch-zip", 5, 0.8123]);
  assert.is(c.netParams?.architecture, "resnet50");
  assert.is(c.meta?.outputdim, 128);
  assert.equal(c.stateDict.get("lit.project_k.weight")?.shape, [8, 6]);
  assert.is(c.stateDict.size, 17);
  assert.is(c.countersOptional, false);
});

test("an old HOW checkpoint is converted, a pre-training file is recognised", () => {
  const how = openCheckpoint(fixture("how_old_checkpoint_legacy.pth"));
  assert.equal([how.kind, how.version, how.converted], ["how", "how/2020", true]);
  assert.equal(how.netParams?.dim_reduction, { dim: 128 });
  assert.ok(how.stateDict.has("dim_reduction.weight") && !how.stateDict.has("whiten.weight"));
  const raw = readAny(fixture("how_old_checkpoint_legacy.pth")).root as PyDict;
  assert.not.ok(raw.has("_version"), "the file itself stays as it is");
  const pre = openCheckpoint(fixture("fire_pretraining_zip.pth"));
  assert.equal([pre.kind, pre.version, pre.netParams], ["fire", null, null]);
});

test("an old HOW checkpoint that lacks a parameter is refused by its name", () => {
  const meta = PyDict.of([
    ["architecture", "resnet50"],
    ["skip_layer", 1],
    ["dim", 128],
  ]);
  writeTorch(path("old.pth"), { meta, state_dict: { "features.0.weight": tensor(1) } });
  assert.throws(() => openCheckpoint(path("old.pth")), /lacks feat_pool_k \[MissingKey\]/);
});

test("kinds without a version are known by their meta or their names", () => {
  const kind = (root: Parameters<typeof writeTorch>[1]) => {
    writeTorch(path("kind.pth"), root);
    return peekCheckpoint(path("kind.pth")).kind;
  };
  const state_dict = { "features.0.weight": tensor(1) };
  assert.is(kind({ meta: { pooling: "gem", soa: true }, state_dict }), "solar");
  assert.is(kind({ meta: { pooling: "gem" }, state_dict }), "cirtorch");
  assert.is(kind({ "conv1.weight": tensor(1), "layer1.0.conv1.weight": tensor(1) }), "trunk");
  assert.is(kind({ "layers.0.weight": tensor(1) }), "tensors");
  assert.is(kind({ m: new PyFloat(1), P: [] }), "unknown");
  assert.is(kind({ _version: "how/2020", state_dict }), "how");
  assert.is(kind({ _version: "other/1", state_dict }), "unknown");
  assert.is(
    failureOf(() => kind({ state_dict: [] })),
    "NotACheckpoint",
  );
  assert.is(
    failureOf(() => kind({ state_dict: { a: 1 } })),
    "NotACheckpoint",
  );
});

test("an arbitrary path object in net_params does no harm", () => {
  const posix =
    "\x80\x02}(X\x0a\0\0\0net_params}X\x0a\0\0\0pretrainedcpathlib\nPosixPath\n(X\x01\0\0\0/X\x01\0\0\0aX\x05\0\0\0b.pthtRsu.";
  writeFileSync(path("path.pkl"), Buffer.from(posix, "latin1"));
  assert.is(openCheckpoint(path("path.pkl")).netParams?.pretrained, "/a/b.pth");
});

test("missing, extra and misshapen tensors are all listed", () => {
  const got = new Map([
    ["a", tensor(2, 3)],
    ["b", tensor(4)],
    ["x", tensor(1)],
  ]);
  const expected = new Map([
    ["a", [3, 2]],
    ["b", [4]],
    ["c", [1]],
  ]);
  const faults = stateDictFaults(got, expected);
  assert.equal(faults.missing, ["c"]);
  assert.equal(faults.unexpected, ["x"]);
  assert.equal(faults.misshapen, [{ name: "a", expected: [3, 2], got: [2, 3] }]);
  assert.throws(
    () => checkStateDict(got, expected, "net.pth"),
    /^net\.pth: .*missing: c; unexpected: x; misshapen: a \(expected \[3,2\], got \[2,3\]\) \[MissingKey\]$/,
  );
  expected.delete("c");
  assert.is(
    failureOf(() => checkStateDict(got, expected, "net.pth")),
    "UnexpectedKey",
  );
  got.delete("x");
  assert.is(
    failureOf(() => checkStateDict(got, expected, "net.pth")),
    "ShapeMismatch",
  );
  for (const shape of [[2], [2, 3, 1], []]) {
    expected.set("a", shape);
    assert.is(
      failureOf(() => checkStateDict(got, expected, "net.pth")),
      "ShapeMismatch",
      `[${shape}] for [2,3]`,
    );
  }
  expected.set("a", [2, 3]);
  checkStateDict(got, expected, "net.pth");
});

test("only the documented tolerances apply", () => {
  const expected = new Map(
    [...openCheckpoint(fixture("fire_checkpoint_zip.pth")).stateDict].map(([n, t]) => [n, t.shape]),
  );
  const pre = openCheckpoint(fixture("fire_pretraining_zip.pth"));
  assert.is(
    failureOf(() => checkShapes(pre, expected)),
    "MissingKey",
  );
  checkShapes(pre, expected, pretrainingTolerance);
  const extra = { ...pre, tensors: new Map([...pre.tensors, ["fc.weight", [...pre.tensors.values()][0]] as const]) };
  checkShapes(extra, expected, pretrainingTolerance);
  assert.is(
    failureOf(() => checkShapes(extra, expected, {})),
    "MissingKey",
  );
  const other = { ...pre, tensors: new Map([...pre.tensors, ["head.weight", [...pre.tensors.values()][0]] as const]) };
  assert.is(
    failureOf(() => checkShapes(other, expected, pretrainingTolerance)),
    "UnexpectedKey",
  );
  const counterless = { ...pre, tensors: new Map(pre.tensors) };
  counterless.tensors.delete("features.1.num_batches_tracked");
  assert.is(pre.countersOptional, true, "this file has no _metadata, as files before torch 0.4.1");
  checkShapes(counterless, expected, pretrainingTolerance);
  const newer = { ...counterless, countersOptional: false };
  assert.is(
    failureOf(() => checkShapes(newer, expected, pretrainingTolerance)),
    "MissingKey",
  );
});

test("checkpoints convert to safetensors and back without loss", async () => {
  for (const name of [
    "fire_checkpoint_zip",
    "fire_pretraining_zip",
    "how_old_checkpoint_legacy",
    "plain_objects_zip",
  ]) {
    const from = fixture(`${name}.pth`);
    const { format } = await convertFile(from, path(`${name}.safetensors`));
    assert.is(format, "safetensors");
    await convertFile(path(`${name}.safetensors`), path(`${name}.pth`));
    const back = readAny(path(`${name}.pth`));
    assert.is(back.format, "torch-zip");
    assert.is(digest(back.root), digest(readAny(from).root), name);
  }
});

test("conversion can drop the optimizer and renew old files", async () => {
  await convertFile(fixture("fire_checkpoint_zip.pth"), path("small.pth"), { weightsOnly: true });
  const small = openCheckpoint(path("small.pth"));
  assert.not.ok((small.root as PyDict).has("optimizer"));
  assert.is(small.stateDict.size, 17);
  await convertFile(fixture("how_old_checkpoint_zip.pth"), path("new.pth"), { upgrade: true });
  const renewed = openCheckpoint(path("new.pth"));
  assert.equal([renewed.version, renewed.converted], ["how/2020", false]);
});

test("conversion can halve the weights and say what they are; vectors and counters keep their bits", async () => {
  const from = fixture("fire_checkpoint_zip.pth");
  await convertFile(from, path("half.safetensors"), { half: true, weightsOnly: true, about: "a test" });
  const whole = openCheckpoint(from);
  const half = openCheckpoint(path("half.safetensors"));
  assert.is(half.meta?.training, "a test");
  let matrices = 0;
  for (const [name, tensor] of whole.stateDict) {
    const kept = half.stateDict.get(name)!;
    assert.equal(kept.shape, tensor.shape);
    if (kept.dtype === "F16") {
      matrices++;
      const exact = toFloat32(tensor);
      toFloat32(kept).forEach((v, i) => {
        assert.ok(Math.abs(v - exact[i]) <= 2 ** -11 * Math.abs(exact[i]) + 2 ** -25, `${name}[${i}]`);
      });
    } else assert.equal(kept.data, tensor.data, name);
  }
  assert.ok(matrices > 0 && matrices < whole.stateDict.size);
  const alone = await convertFile(from, path("x.pth"), { about: "a test" }).catch((e: Error) => e);
  assert.match((alone as Error).message, /--about goes with --half/);
});

test("a codebook converts both ways", async () => {
  const centroids: HostTensor = { dtype: "F32", shape: [4, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
  writeFileSync(path("codebook.pkl"), writePickle({ type: "Codebook", params: { size: "4" }, state: { centroids } }));
  assert.is((await convertFile(path("codebook.pkl"), path("words.safetensors"))).kind, "codebook");
  assert.is((await inspectFile(path("words.safetensors"))).kind, "codebook");
  await convertFile(path("words.safetensors"), path("again.pkl"));
  assert.is(digest(readAny(path("again.pkl")).root), digest(readAny(path("codebook.pkl")).root));
});

test("conversion does not overwrite unasked, and refuses endings without a form", async () => {
  const from = fixture("fire_pretraining_zip.pth");
  writeFileSync(path("there.pth"), "mine");
  const refused = async (run: Promise<unknown>, text: RegExp) => {
    const error = await run.then(
      () => assert.unreachable("expected an error") as never,
      (e: unknown) => e,
    );
    assert.instance(error, UsageError);
    assert.match((error as Error).message, text);
  };
  await refused(convertFile(from, path("there.pth")), /exists/);
  assert.is(readFileSync(path("there.pth"), "utf8"), "mine");
  await convertFile(from, path("there.pth"), { overwrite: true });
  await refused(
    convertFile(path("there.pth"), path("there.pth"), { overwrite: true }),
    /would replace .*, which is an input/,
  );
  await refused(convertFile(from, path("model.onnx")), /expected an ending/);
  await refused(convertFile(fixture("mixed_tensors_zip.pth"), path("mixed.pkl")), /numpy has no BF16/);
  assert.not.ok(existsSync(path("mixed.pkl")));
  assert.equal(
    readdirSync(folder).filter((f) => f.endsWith(".tmp")),
    [],
  );
});

test("inspection names kind, tensors and values", async () => {
  const i = await inspectFile(fixture("fire_checkpoint_zip.pth"));
  assert.equal([i.kind, i.version, i.epoch, i.hasOptimizer], ["fire", "fire/2021", 5, true]);
  assert.is(i.bytes, 23568);
  assert.is(i.sha256, "47751e6bbd52900cbb8ab43f30f0766751e85ef999c466e5e0eb88259b8a04a2");
  assert.equal(i.tensors[0], {
    name: "features.0.weight",
    dtype: "F32",
    shape: [6, 3, 3, 3],
    elements: 162,
    bytes: 648,
  });
  assert.is(i.parameters, 451);
  assert.ok(i.outline.some((o) => o.path === "epoch" && o.summary === "5"));
  assert.equal(JSON.parse(JSON.stringify(i)), i, "ready for JSON");
  assert.is((await inspectFile(fixture("gnd_roxford5k_protocol4.pkl"))).kind, "ground truth");
  assert.is((await inspectFile(fixture("how_old_checkpoint_zip.pth"))).converted, true);
});

test("a file that is not there, or is a folder, is named", () => {
  assert.throws(
    () => openCheckpoint(path("nowhere.pth")),
    (e: unknown) => e instanceof MissingDataError,
  );
  assert.is(
    failureOf(() => openCheckpoint(folder)),
    "MalformedFile",
  );
});

const shared = join(packageRoot(), "../shared/data/checkpoints");
const files = ["fire_r18s1.pth", "how_r18s1.pth", "how_r50s1.pth"];
if (!files.every((f) => existsSync(join(shared, f))))
  test.skip("real checkpoints survive conversion (skipped: they are not on this machine)", () => {});
else
  test("real checkpoints survive conversion", async () => {
    for (const name of files) {
      await convertFile(join(shared, name), path("real.safetensors"), { overwrite: true });
      await convertFile(path("real.safetensors"), path("real.pth"), { overwrite: true });
      assert.is(digest(readAny(path("real.pth")).root), digest(readAny(join(shared, name)).root), name);
    }
  });

test.run();
