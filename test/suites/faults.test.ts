/** @file Errors of a device belong to the call that caused them; the next one works. Lost and closed devices say so. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DeviceError, type FireGpuError, UsageError } from "../../base/errors.js";
import { renderLandmarks } from "../../data/landmarks/render.js";
import { type Device, openDevice } from "../../engine/device.js";
import { loadNetwork } from "../../nets/load.js";
import { extract } from "../../tasks/extract.js";
import type { OpenModel } from "../../tasks/open-model.js";
import { silent } from "../../tasks/progress.js";
import { generatedPhoto, netParams, writeNetwork } from "../support/generated-network.js";

const test = suite("faults");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-faults-"));
const file = writeNetwork(folder, "fire", "fire", netParams({ lit: { T: 2, N: 8, dim: 64 } }));
test.after(() => rmSync(folder, { recursive: true }));

/** What the tests break: the device below the device. */
const below = (device: Device) => (device as unknown as { gpu: GPUDevice }).gpu;

async function failure(work: Promise<unknown> | (() => unknown)): Promise<FireGpuError> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    return error as FireGpuError;
  }
  return assert.unreachable("expected an error") as never;
}

test("an error of the device is thrown by the call that caused it, and the next call works", async () => {
  const device = await openDevice();
  const network = loadNetwork(device, file);
  const photo = generatedPhoto(64, 48);
  const describe = () => network.extractGlobal(photo, [1]);
  const wanted = await describe();
  const breaks = {
    VALIDATION: (gpu: GPUDevice) => void gpu.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | 128 }),
    // a real one of 2^40 bytes is refused as invalid before it is tried
    OUT_OF_MEMORY: (gpu: GPUDevice) => {
      const real = gpu.popErrorScope;
      gpu.popErrorScope = async function () {
        gpu.popErrorScope = real;
        await real.call(this);
        return new globalThis.GPUOutOfMemoryError("no memory");
      };
    },
  };
  for (const [code, hurt] of Object.entries(breaks)) {
    const first = describe();
    hurt(below(device));
    const second = describe();
    const third = describe();
    for (const later of [second, third]) later.catch(() => {});
    assert.equal(await first, wanted, "one that was under way");
    const error = await failure(second);
    assert.instance(error, DeviceError);
    assert.equal([error.code, error.exitCode], [code, 5], error.message);
    assert.equal(await third, wanted, "one that was begun after it");
    assert.equal(await describe(), wanted, "one that is begun after the error");
  }
  network.destroy();
  device.close();
});

test("a kernel that does not compile fails whoever wants it, and nobody else", async () => {
  const device = await openDevice();
  const x = device.upload(Float32Array.of(1, 2, 3, 4), [4]);
  const broken = () => {
    device.dispatch({
      // its bindings are missing
      shader: "pool/pool.wgsl",
      constants: { MAX: 1 },
      reads: [],
      writes: [x],
      params: [],
      groups: 1,
      label: "broken",
      cost: { flops: 0, bytes: 0 },
    });
    return device.readF32(x);
  };
  for (let i = 0; i < 2; i++) {
    assert.is((await failure(broken())).code, "SHADER");
    assert.equal([...(await device.readF32(x))], [1, 2, 3, 4]);
  }
  device.close();
});

test("a lost device ends the call under way and every later one, by name", async () => {
  const device = await openDevice();
  const network = loadNetwork(device, file);
  const photo = generatedPhoto(64, 48);
  const running = network.extractGlobal(photo, [1]);
  below(device).destroy();
  for (const work of [running, () => network.extractGlobal(photo, [1]), () => device.finish()]) {
    const error = await failure(work);
    assert.instance(error, DeviceError);
    assert.equal([error.code, error.exitCode], ["DEVICE_LOST", 5], error.message);
    assert.match(error.message, /was lost .*finished work is kept/);
  }
  network.destroy();
  device.close();
});

test("after close() and destroy() calls say so, and both may be called again", async () => {
  const device = await openDevice();
  const network = loadNetwork(device, file);
  const photo = generatedPhoto(64, 48);
  const running = network.extractGlobal(photo, [1]);
  running.catch(() => {});
  device.close();
  device.close();
  const works = [running, () => network.extractGlobal(photo, [1]), () => loadNetwork(device, file)];
  for (const work of works) {
    const error = await failure(work);
    assert.instance(error, UsageError);
    assert.is(error.code, "Closed");
    assert.match(error.message, /used after close\(\)/);
  }
  network.destroy();
  network.destroy();
});

test("an extraction whose device is lost continues behind what was finished", async () => {
  const set = join(folder, "set");
  await renderLandmarks({ out: set, landmarks: 1, views: 4, queriesPerLandmark: 0, distractors: 0, size: 96 });
  const open = async (loseAfter: number): Promise<OpenModel> => {
    const device = await openDevice();
    const network = loadNetwork(device, file);
    let photos = 0;
    const extractLocal: typeof network.extractLocal = (...args) => {
      if (photos++ === loseAfter) below(device).destroy();
      return network.extractLocal(...args);
    };
    const failing = Object.assign(Object.create(network) as typeof network, { extractLocal });
    return { network: failing, backend: undefined as never, device: "test", close: () => device.close() };
  };
  const notes: string[] = [];
  const progress = { ...silent, note: (line: string) => void notes.push(line) };
  const options = (out: string) => ({
    inputs: [join(set, "images")],
    checkpoint: file,
    out: join(folder, out),
    global: false,
    scales: [1],
    progress,
  });
  const error = await failure(extract(options("a.safetensors"), () => open(2)));
  assert.equal([error.code, error.exitCode], ["DEVICE_LOST", 5], error.message);
  const never = Number.POSITIVE_INFINITY;
  await extract(options("a.safetensors"), () => open(never));
  assert.ok(
    notes.some((n) => /continuing at image [23] of 4/.test(n)),
    notes.join("\n"),
  );
  await extract(options("b.safetensors"), () => open(never));
  assert.equal(readFileSync(join(folder, "a.safetensors")), readFileSync(join(folder, "b.safetensors")));
});

test.run();
