/** @file A limit of device memory: work within it gives the same results, and what does not fit says how much it needs. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Asmk } from "../../asmk/asmk.js";
import { GpuBackend } from "../../asmk/gpu/backend.js";
import { asmkParameters } from "../../asmk/parameters.js";
import { MemoryVectors } from "../../asmk/vectors.js";
import { DeviceError } from "../../base/errors.js";
import { type Device, openDevice } from "../../engine/device.js";
import { accumulate } from "../../engine/ops/accumulate.js";
import { loadNetwork } from "../../nets/load.js";
import { fireTrainer } from "../../nets/train/fire-trainer.js";
import { generatedPhoto, generatedState, netParams, writeNetwork } from "../support/generated-network.js";
import { randomValues } from "../support/random-rows.js";

const test = suite("memory-limit");
const MIB = 2 ** 20;
const params = netParams({ lit: { T: 2, N: 8, dim: 64 } });
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-limit-"));
const file = writeNetwork(folder, "fire", "fire", params);
test.after(() => rmSync(folder, { recursive: true }));
const OPTIONS = { scales: [1.414, 1], featuresNum: 20 };
const photos = [generatedPhoto(96, 64), generatedPhoto(64, 80, 2)];

/** Opens a device with a limit for `body`. */
async function within<T>(memory: number | undefined, body: (device: Device) => Promise<T>): Promise<T> {
  const device = await openDevice({ memory });
  try {
    return await body(device);
  } finally {
    device.close();
  }
}

/** All photos, one after the other and again. */
async function describe(device: Device) {
  const network = loadNetwork(device, file);
  const all = [];
  for (const photo of [...photos, ...photos]) all.push(await network.extractLocal(photo, OPTIONS));
  assert.ok(device.heldBytes <= device.limit.bytes, `${device.heldBytes} bytes held`);
  return all;
}

/** The MiB that a message asks for. */
async function neededBy(work: Promise<unknown>): Promise<number> {
  try {
    await work;
  } catch (error) {
    assert.instance(error, DeviceError);
    const { code, exitCode, message } = error as DeviceError;
    assert.equal([code, exitCode], ["MEMORY_LIMIT", 5], message);
    const [, needed] = /use --memory (\d+)M or more/.exec(message) ?? [];
    return Number(needed);
  }
  return assert.unreachable("expected a limit that is too small") as never;
}

test("a limit below the need says the need, whichever it is; with that the results are those without a limit", async () => {
  const free = await within(undefined, describe);
  let needed = 0;
  for (const mib of [1, 9]) {
    const told = await neededBy(within(mib * MIB, describe));
    assert.ok(told > mib, `${told} MiB needed, ${mib} allowed`);
    needed = Math.max(needed, told);
  }
  assert.equal(await within(needed * MIB, describe), free);
});

test("recorded work that was not sent keeps its memory when the limit takes away what waits", async () => {
  await within(4.5 * MIB, async (device) => {
    const results = [];
    for (let i = 0; i < 6; i++) {
      const shape = [200_000 + 60_000 * i];
      const source = device.upload(new Float32Array(shape[0]).fill(i + 1), shape);
      const copy = device.empty(shape);
      accumulate(device, copy, source, true);
      source.free();
      // another size: the source's memory must go, of which the copy is not made yet
      const other = device.empty([150_000 + 60_000 * i]);
      results.push((await device.readF32(copy)).at(-1));
      for (const t of [copy, other]) t.free();
    }
    assert.equal(results, [1, 2, 3, 4, 5, 6]);
  });
});

test("codebooks, words and searches are the same in pieces that fit a limit", async () => {
  const parameters = asmkParameters({ train_codebook: { codebook: { size: 64 } } });
  const vectors = randomValues(20_000 * 32, 3);
  const run = async (device: Device) => {
    const backend = new GpuBackend(device);
    const asmk = new Asmk(parameters, backend);
    const { centroids } = await asmk.trainCodebook(new MemoryVectors(vectors, 32), undefined, { iterations: 2 });
    const image = (i: number) => ({ count: 500, dim: 32, descriptors: vectors.subarray(i * 16_000, (i + 1) * 16_000) });
    for (let i = 0; i < 20; i++) await asmk.addImage(i, image(i));
    const ranking = await asmk.search(image(7));
    return { centroids, ranking, peak: device.peakBytes };
  };
  const free = await within(undefined, run);
  const tight = await within(MIB, run);
  assert.ok(free.peak > 2 * MIB && tight.peak <= MIB, `${free.peak} and ${tight.peak} bytes at most`);
  assert.equal(tight.centroids, free.centroids);
  assert.equal(tight.ranking, free.ranking);
});

test("a step of training tells what it needs, and works with that", async () => {
  const stateDict = generatedState("fire", params);
  const step = async (device: Device) => {
    const options = { superfeature: { margin: 1.1, weight: 0.02 }, attention: { weight: 0.1 } };
    const trainer = fireTrainer(device, stateDict, params, "generated", options);
    const { total } = await trainer.accumulate([photos[0], photos[0], photos[1]]);
    const adam = { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } as const;
    const rates = { features: 1e-4, lit: 1e-4, dim_reduction: 0 };
    await trainer.step(adam, rates);
    await trainer.finish();
    return total;
  };
  const free = await within(undefined, step);
  const needed = await neededBy(within(12 * MIB, step));
  assert.ok(needed > 15, `${needed} MiB`);
  assert.is(await within(needed * MIB, step), free);
});

test.run();
