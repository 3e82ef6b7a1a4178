/** @file Weights as trainers leave them: under other keys and prefixes, and with numbers that are none. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";
import type { HostTensor } from "../../base/tensor.js";
import type { Device } from "../../engine/device.js";
import type { PyInput } from "../../formats/pickle-write.js";
import type { PyDict } from "../../formats/python.js";
import { encodeSafetensors, Safetensors } from "../../formats/safetensors.js";
import { writeTorch } from "../../formats/torch-write.js";
import { parseNetParams } from "../../nets/params.js";
import { State } from "../../nets/state.js";
import { InferenceStore } from "../../nets/weight-store.js";
import { openCheckpoint, peekCheckpoint, severalNetworks } from "../../nets/weights/checkpoint.js";
import { startState } from "../../nets/weights/start.js";
import { convertFile } from "../../tasks/convert.js";
import { inspectFile } from "../../tasks/inspect.js";
import { failureOf, fixture } from "../support/format-files.js";

const test = suite("weights");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-weights-"));
test.after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const demo = join(packageRoot(), "models/demo.safetensors");

const f32 = (...data: number[]): HostTensor => ({ dtype: "F32", shape: [data.length], data: Float32Array.from(data) });
const names = ["conv1.weight", "layer1.0.conv1.weight", "fc.bias"];
const trunk = (prefix = "", under = "") =>
  new Map(names.map((name, i) => [prefix + (under && i < 2 ? under : "") + name, f32(i)]));
const peek = (root: PyInput) => {
  writeTorch(path("peek.pth"), root);
  return peekCheckpoint(path("peek.pth"));
};

/** The demo network with its tensors renamed, in the tensors and in the description, as a trainer would have saved it. */
function renamedDemo(file: string, prefix: string): void {
  const from = Safetensors.open(demo);
  const metadata = Object.fromEntries(
    Object.entries(from.metadata).map(([k, v]) => [k, v.replace(/"(features|lit|dim_reduction)\./g, `"${prefix}$1.`)]),
  );
  writeFileSync(
    file,
    encodeSafetensors(
      from.names.map((n) => [prefix + n, from.read(n)]),
      metadata,
    ),
  );
}

test("the demo network under a prefix is the same network, whoever asks", async () => {
  for (const prefix of ["module.", "module.model.", "_orig_mod."]) {
    renamedDemo(path("dp.safetensors"), prefix);
    const wrapped = openCheckpoint(path("dp.safetensors"));
    const plain = openCheckpoint(demo);
    assert.equal([wrapped.kind, wrapped.version, wrapped.netParams], [plain.kind, plain.version, plain.netParams]);
    assert.equal([...wrapped.stateDict], [...plain.stateDict]);
    assert.is(wrapped.wrapping, `prefix "${prefix}"`);
    const params = parseNetParams(plain.netParams!, "demo");
    assert.equal(startState("fire", params, wrapped, 0).initialised, []);
    const seen = await inspectFile(path("dp.safetensors"));
    assert.equal(
      [seen.kind, seen.wrapping, seen.tensors[0].name],
      ["fire", `prefix "${prefix}"`, plain.stateDict.keys().next().value],
    );
  }
  await convertFile(path("dp.safetensors"), path("dp.pth"));
  assert.equal([...openCheckpoint(path("dp.pth")).stateDict], [...openCheckpoint(demo).stateDict]);
});

test("weights are found under the keys that trainers use, one inside another", () => {
  for (const key of ["state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params"]) {
    const { kind, tensors, epoch } = peek({ epoch: 3, [key]: trunk(), optimizer: { state: {}, param_groups: [] } });
    assert.equal([kind, [...tensors.keys()], epoch], ["trunk", names, 3], key);
  }
  const inner = peek({ checkpoint: { epoch: 4, _version: "how/2020", model: { state_dict: trunk("module.") } } });
  assert.equal([inner.kind, inner.epoch, [...inner.tensors.keys()]], ["how", 4, names]);
  assert.is(inner.wrapping, `key checkpoint.model.state_dict, prefix "module."`);
  assert.equal([...peek({ encoder: trunk(), epoch: 1 }).tensors.keys()], names, "the only map of tensors");
  assert.equal(peek({ model: trunk(), model_ema: trunk() }).wrapping, "key model");
  const sequential = new Map([
    ["backbone.0.weight", f32(1)],
    ["backbone.4.0.conv1.weight", f32(2)],
  ]);
  assert.equal(
    [peek(sequential).kind, [...peek(sequential).tensors.keys()]],
    ["trunk", ["0.weight", "4.0.conv1.weight"]],
  );
  // what stands beside the network keeps its name
  assert.equal(
    [...peek(new Map([...trunk("model."), ["loss.weight", f32(1)]])).tensors.keys()],
    [...names, "loss.weight"],
  );
  assert.is(peek({ "layers.0.weight": f32(1) }).wrapping, null);
});

test("an old HOW checkpoint is converted under a prefix too", () => {
  const old = openCheckpoint(fixture("how_old_checkpoint_zip.pth"));
  const { meta, state } = (() => {
    const root = peekCheckpoint(fixture("how_old_checkpoint_zip.pth")).root as PyDict;
    return { meta: root.get("meta") as PyDict, state: old.stateDict };
  })();
  const stored = [...state].map(([name, t]): [string, HostTensor] => [
    `module.${name.replace("dim_reduction", "whiten")}`,
    t,
  ]);
  // the fixture has no second block, by which a trunk is known
  stored.push(["module.features.4.0.conv1.weight", f32(1)]);
  const { kind, version, converted, tensors } = peek({ meta, state_dict: new Map(stored) });
  assert.equal([kind, version, converted], ["how", "how/2020", true]);
  assert.ok(tensors.has("dim_reduction.weight") && tensors.has("features.0.weight"));
});

test("several networks in one file are named, and none is guessed", () => {
  const gan = peek({ generator: trunk(), discriminator: trunk() });
  assert.equal([gan.kind, gan.tensors.size, gan.ambiguous], ["unknown", 0, ["generator", "discriminator"]]);
  assert.match(severalNetworks(gan), /several sets of weights \(generator, discriminator\)/);
  const dino = peek({ state_dict: new Map([...trunk("student."), ...trunk("teacher.")]) });
  assert.equal(dino.ambiguous, ["student.", "teacher."]);
  assert.throws(
    () =>
      startState(
        "how",
        parseNetParams({ architecture: "resnet18", skip_layer: 1 }, "x"),
        { ...dino, stateDict: new Map() },
        0,
      ),
    /student\., teacher\./,
  );
});

/** The tensors of the demo network, one of them changed. */
function damagedDemo(name: string, change: (t: HostTensor) => HostTensor): string {
  const from = Safetensors.open(demo);
  const tensors = from.names.map((n): [string, HostTensor] => [n, n === name ? change(from.read(n)) : from.read(n)]);
  writeFileSync(path("damaged.safetensors"), encodeSafetensors(tensors, from.metadata));
  return path("damaged.safetensors");
}

/** The same tensor with another value at one place, as bits of a half where it is one. */
const withValue = (value: number, bits: number) => (t: HostTensor) => {
  const data = t.data.slice();
  data[data.length - 1] = t.dtype === "F16" ? bits : value;
  return { ...t, data };
};

test("weights that are no numbers are refused by name, in every type and by every command that loads them", async () => {
  const half = "features.4.0.conv1.weight";
  const cases: [string, (t: HostTensor) => HostTensor][] = [
    [half, withValue(Number.NaN, 0x7e00)],
    [half, withValue(Number.POSITIVE_INFINITY, 0x7c00)],
    ["features.1.bias", withValue(Number.NaN, 0)],
    ["dim_reduction.bias", withValue(Number.NEGATIVE_INFINITY, 0)],
    [
      "features.1.weight",
      (t) => ({ dtype: "F64", shape: t.shape, data: Float64Array.from(t.data as Float32Array, () => 1e39) }),
    ],
    [
      "features.1.weight",
      (t) => ({ dtype: "BF16", shape: t.shape, data: new Uint16Array(t.data.length).fill(0xff80) }),
    ],
  ];
  assert.equal(Safetensors.open(demo).describe(half).dtype, "F16");
  for (const [name, change] of cases) {
    const file = damagedDemo(name, change);
    assert.throws(
      () => openCheckpoint(file),
      new RegExp(`${name.replaceAll(".", "\\.")}: value \\d+ is .*\\[NotFinite\\]`),
    );
    const converted = await convertFile(file, path("no.pth")).catch((e: Error) => e);
    assert.match((converted as Error).message, /\[NotFinite\]/);
  }
  for (const variance of [-1, -1e-5, -1e-30])
    assert.throws(
      () => openCheckpoint(damagedDemo("features.1.running_var", withValue(variance, 0))),
      /features\.1\.running_var: value \d+ is -.*expected a variance of 0 or more/,
    );
  openCheckpoint(damagedDemo("features.1.running_var", withValue(0, 0)));
  // tensors that belong to no network may be anything
  writeTorch(path("any.pth"), { mask: f32(Number.NEGATIVE_INFINITY) });
  assert.is(
    failureOf(() => openCheckpoint(path("any.pth"))),
    "none",
  );
  assert.ok(readFileSync(path("any.pth")).length > 0);
});

test("a batch norm that takes a weight beyond float32 is refused when it is folded in", () => {
  const of = (value: number, shape: number[]): HostTensor => ({ dtype: "F32", shape, data: Float32Array.of(value) });
  const norm = { weight: 10, bias: 0, running_mean: 0, running_var: 1 };
  const tensors = new Map([["c.weight", of(3e38, [1, 1, 1, 1])]]);
  for (const [name, value] of Object.entries(norm)) tensors.set(`b.${name}`, of(value, [1]));
  // nothing reaches the device
  const store = new InferenceStore({} as Device, new State(tensors, "net.pth"));
  assert.throws(() => store.convBN("c", "b", [1, 1, 1, 1]), /net\.pth: c\.weight with b folded in is beyond float32/);
});

test("halving refuses what a 16-bit float cannot hold", async () => {
  const wide: HostTensor = { dtype: "F32", shape: [2, 2], data: Float32Array.of(1, 2, 70_000, 3) };
  writeTorch(path("wide.pth"), { state_dict: { "layers.0.weight": wide } });
  const error = await convertFile(path("wide.pth"), path("half.pth"), { half: true }).catch((e: Error) => e);
  assert.match((error as Error).message, /layers\.0\.weight: value 2 is 70000, more than a 16-bit float holds/);
});

test.run();
