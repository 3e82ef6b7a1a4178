/** @file Whole networks give back all they took, take no more with every photo, and do not care how narrow bindings are. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError } from "../../base/errors.js";
import { f32Tensor } from "../../base/tensor.js";
import { type Device, openDevice } from "../../engine/device.js";
import { PLANS_KEPT } from "../../engine/plan.js";
import { loadNetwork } from "../../nets/load.js";
import type { LocalFeatures, RetrievalNetwork } from "../../nets/network.js";
import type { NetParams } from "../../nets/params.js";
import { generatedPhoto, generatedState, netParams, writeNetwork } from "../support/generated-network.js";

const SCALES = [1, 0.707];
const OPTIONS = { scales: SCALES, featuresNum: 30 };
const SIZES = [
  [96, 64],
  [64, 96],
  [120, 90],
] as const;

const test = suite("leak");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-leak-"));
test.after(() => rmSync(folder, { recursive: true }));

const kinds = { fire: netParams({ lit: { T: 2, N: 8, dim: 64 } }), how: netParams({ smoothing: { kernel_size: 3 } }) };
const names = ["fire", "how"] as const;
const files = { fire: "", how: "" };
let device: Device;
test.before(async () => {
  for (const kind of names) files[kind] = writeNetwork(folder, kind, kind, kinds[kind]);
  device = await openDevice();
});
test.after(() => device.close());

function sameLocal(a: LocalFeatures, b: LocalFeatures, message: string): void {
  for (const key of ["strengths", "locations", "scales", "descriptors"] as const) {
    assert.equal(a[key], b[key], `${message}: ${key}`);
  }
}

async function everything(network: RetrievalNetwork, width: number, height: number) {
  const photo = generatedPhoto(width, height);
  const local = await network.extractLocal(photo, OPTIONS);
  const global = await network.extractGlobal(photo, SCALES);
  const both = await network.extractBoth(photo, OPTIONS);
  return { local, global, both };
}

for (const kind of names) {
  test(`${kind}: all memory is given back, and both kinds of features at once are those of each alone`, async () => {
    assert.is(device.liveBytes, 0);
    const network = loadNetwork(device, files[kind]);
    assert.ok(device.liveBytes > 500_000, "the weights are on the device");
    for (const [width, height] of SIZES) {
      const { local, global, both } = await everything(network, width, height);
      assert.ok(local.count > 10 && local.descriptors.every(Number.isFinite));
      assert.ok(Math.abs(Math.hypot(...global) - 1) < 1e-5);
      sameLocal(both.local, local, `${width}×${height}`);
      assert.equal(both.global, global);
    }
    network.destroy();
    assert.is(device.liveBytes, 0);
    assert.is(device.plans.size, 0);
    device.releasePlans();
    device.memory.trim();
    assert.is(device.heldBytes, 0);
  });

  test(`${kind}: alternating sizes take no more memory once they are known`, async () => {
    const network = loadNetwork(device, files[kind]);
    for (const [width, height] of SIZES) await everything(network, width, height);
    const before = { held: device.heldBytes, live: device.liveBytes, plans: device.plans.size };
    for (let round = 0; round < 3; round++) {
      for (const [width, height] of SIZES) await everything(network, width, height);
    }
    assert.equal({ held: device.heldBytes, live: device.liveBytes, plans: device.plans.size }, before);
    network.destroy();
    assert.is(device.liveBytes, 0);
  });
}

test("ever new sizes keep a bounded number of plans, and memory stays near that of the largest", async () => {
  const network = loadNetwork(device, files.how);
  const weights = device.liveBytes;
  await network.extractLocal(generatedPhoto(160, 120), OPTIONS);
  const largest = device.heldBytes;
  const live: number[] = [];
  for (let i = 0; i < 2 * PLANS_KEPT; i++) {
    await network.extractLocal(generatedPhoto(100 + i, 120 - i), OPTIONS);
    assert.ok(device.plans.size <= PLANS_KEPT, `${device.plans.size} plans`);
    live.push(device.liveBytes - weights);
  }
  assert.ok(live.at(-1)! <= 1.2 * live[PLANS_KEPT], `${live.at(-1)} bytes of plans, ${live[PLANS_KEPT]} when full`);
  assert.ok(device.heldBytes < 4 * largest, `${device.heldBytes} held, ${largest} by the largest photo`);
  network.destroy();
  assert.is(device.liveBytes, 0);
});

test("networks side by side do not disturb each other", async () => {
  const fire = loadNetwork(device, files.fire);
  const alone = await everything(fire, 96, 64);
  const how = loadNetwork(device, files.how);
  await everything(how, 96, 64);
  const beside = await Promise.all([everything(fire, 96, 64), everything(how, 96, 64)]);
  sameLocal(beside[0].local, alone.local, "beside another network");
  how.destroy();
  sameLocal((await everything(fire, 96, 64)).local, alone.local, "after another was destroyed");
  fire.destroy();
  assert.is(device.liveBytes, 0);
});

/** Loads what must be refused, and leaves nothing on the device. */
function refused(name: string, kind: "fire" | "how", params: NetParams, change: (state: State) => void): string {
  const state = generatedState(kind, kinds[kind]);
  change(state);
  const file = writeNetwork(folder, name, kind, params, state);
  try {
    loadNetwork(device, file);
  } catch (error) {
    assert.is(device.liveBytes, 0, `${name}: memory left after the refusal`);
    return (error as Error).message;
  }
  return assert.unreachable(`${name}: expected a refusal`) as never;
}
type State = ReturnType<typeof generatedState>;

test("weights that do not fit are listed, and what was uploaded is freed", () => {
  const message = refused("unfit", "fire", kinds.fire, (state) => {
    state.delete("features.4.0.conv1.weight");
    state.delete("lit.norm_mlp.bias");
    state.set("lit.project_q.weight", f32Tensor([64, 32], new Float32Array(64 * 32)));
    state.set("lit.project_r.weight", f32Tensor([1], new Float32Array(1)));
  });
  assert.match(message, /unfit\.safetensors: the weights do not fit the architecture/);
  assert.match(message, /missing 2: features\.4\.0\.conv1\.weight, lit\.norm_mlp\.bias/);
  assert.match(message, /misshapen 1: lit\.project_q\.weight \(expected \[64,64\], got \[64,32\]\)/);
  assert.match(message, /unexpected 1: lit\.project_r\.weight/);
});

test("parameters that make no network are refused before or after its first weights, and nothing stays", () => {
  const none = () => {};
  assert.match(
    refused("lit", "fire", { ...kinds.fire, lit: { T: 2, N: 8, dim: 1 } }, none),
    /dim of at least 2.*got .*dim 1/,
  );
  assert.match(refused("trunk", "how", { ...kinds.how, architecture: "resnet19" }, none), /resnet19/);
  assert.match(refused("even", "how", { ...kinds.how, smoothing: { kernel_size: 2 } }, none), /odd size.*got 2/);
  assert.match(refused("nolit", "fire", { ...kinds.fire, lit: null }, none), /net_params\.lit/);
});

test("a file that is no network is told as such", () => {
  const file = writeNetwork(folder, "bare", "how", kinds.how, new Map());
  assert.throws(
    () => loadNetwork(device, file),
    (e: unknown) => e instanceof FileFormatError && /missing \d+/.test(e.message),
  );
  assert.is(device.liveBytes, 0);
});

/** Features of one photo on a device whose bindings end at `maxBinding`, and how many launches it took. */
async function extracted(file: string, maxBinding: number | undefined, photo: ReturnType<typeof generatedPhoto>) {
  const narrow = await openDevice({ maxBinding });
  try {
    const network = loadNetwork(narrow, file);
    const before = narrow.dispatches;
    const features = await network.extractBoth(photo, { scales: [2], featuresNum: 400 });
    const dispatches = narrow.dispatches - before;
    network.destroy();
    assert.is(narrow.liveBytes, 0);
    return { ...features, dispatches };
  } finally {
    narrow.close();
  }
}

for (const kind of names) {
  test(`${kind}: a whole network in windows gives the same bits`, async () => {
    const params = { ...kinds[kind], skip_layer: kind === "how" ? 1 : 2 };
    const file = writeNetwork(folder, `${kind}-wide`, kind, params);
    const photo = generatedPhoto(320, 240);
    const whole = await extracted(file, undefined, photo);
    // the widest filters in Winograd's form still fit: without them another sum would be taken
    const windows = await extracted(file, 10 * 2 ** 20, photo);
    assert.ok(windows.dispatches > whole.dispatches, `${windows.dispatches} after ${whole.dispatches} launches`);
    sameLocal(windows.local, whole.local, "10 MiB");
    assert.equal(windows.global, whole.global);
  });
}

test("a photo of 1024 pixels at scale 2 fits bindings of 128 MiB, and gives the bits of narrower ones", async () => {
  // SwiftShader would take minutes for the large photo; the smaller one is cut just as often by narrower bindings.
  const shrink = /swiftshader/i.test(device.caps.name) ? 4 : 1;
  if (shrink > 1) console.log("   a photo of 256 pixels instead, with bindings of 8 MiB: this driver is slow");
  const file = writeNetwork(folder, "large", "how", { ...kinds.how, skip_layer: 2 });
  const photo = generatedPhoto(1024 / shrink, 768 / shrink);
  const usual = await extracted(file, 2 ** 27 / shrink ** 2, photo);
  const narrow = await extracted(file, (3 * 2 ** 24) / shrink ** 2, photo);
  assert.is(usual.local.count, 400);
  assert.ok(narrow.dispatches > usual.dispatches);
  sameLocal(narrow.local, usual.local, "narrower");
  assert.equal(narrow.global, usual.global);
});

test.run();
