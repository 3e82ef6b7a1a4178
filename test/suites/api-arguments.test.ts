/** @file Wrong arguments of the package's functions are UsageErrors that name them, and leave nothing behind. */
import {
  Asmk,
  asmkParameters,
  ChunkedVectors,
  CpuBackend,
  decodeImage,
  demoCheckpoint,
  type EvalOptions,
  type EvalTools,
  extract,
  type FireGpuError,
  GpuBackend,
  loadDataset,
  loadImages,
  loadNetwork,
  loadTrainingSet,
  MemoryVectors,
  makeCodebook,
  NumericError,
  openDevice,
  rankScores,
  runEvaluation,
  silent,
  thumbnail,
  UsageError,
} from "fire-gpu";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("api-arguments");
const device = await openDevice();
const network = loadNetwork(device, demoCheckpoint());
test.after(() => device.close());
// what a program without types may do
// biome-ignore lint/suspicious/noExplicitAny: the wrong types are what is tested
type Any = any;
const { width, height } = { width: 40, height: 32 };
const photo = (seed: number) => ({
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => Math.imul(i ^ seed, 2654435761) >>> 24),
});
const options = { scales: [1], featuresNum: 5 };

async function refused(
  work: () => unknown,
  message: RegExp,
  kind: typeof UsageError | typeof NumericError = UsageError,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    assert.instance(error, kind, (error as Error).stack);
    assert.match((error as FireGpuError).message, message);
    return;
  }
  assert.unreachable(`expected ${message}`);
}

test("pixels that are not as many as width and height say are refused, and the next photo is described as ever", async () => {
  const wanted = await network.extractGlobal(photo(1), [1]);
  for (const count of [0, width * height, 3 * width * height - 1, 3 * width * height + 1, 4 * width * height]) {
    const wrong = { width, height, data: new Uint8Array(count) };
    await refused(
      () => network.extractGlobal(wrong, [1]),
      new RegExp(`expected 3840 bytes for 40 × 32 .*got ${count}`),
    );
    await refused(() => network.extractLocal(wrong, options), /extractLocal: image\.data/);
    await refused(() => network.extractBoth(wrong, options), /extractBoth: image\.data/);
  }
  const floats = { width, height, data: new Float32Array(3 * width * height) };
  await refused(() => network.extractGlobal(floats, [1]), /expected 5120 values .*got 3840/);
  assert.equal(await network.extractGlobal(photo(1), [1]), wanted);
});

test("images, scales and numbers of features that cannot be are named", async () => {
  const image = photo(1);
  const describe = (change: object) => () => network.extractLocal(image, { ...options, ...change } as Any);
  for (const bad of [0, -1, 1.5, Number.NaN, "40", undefined])
    await refused(() => network.extractGlobal({ ...image, width: bad } as Any, [1]), /image\.width: expected a whole/);
  await refused(() => network.extractGlobal({ ...image, data: new Float64Array(3840) } as Any, [1]), /image\.data/);
  await refused(() => network.extractGlobal([1] as Any, image as Any), /image\.width/);
  await refused(() => network.extractGlobal(undefined as Any, [1]), /image\.width/);
  for (const bad of [[], [0], [-1], [Number.NaN], [Number.POSITIVE_INFINITY], ["1"], 1, undefined]) {
    await refused(describe({ scales: bad }), /scales: expected a list, each a number above 0/);
    await refused(() => network.extractGlobal(image, bad as Any), /extractGlobal: scales/);
  }
  for (const bad of [0, -1, 1.5, Number.NaN, "5", undefined])
    await refused(describe({ featuresNum: bad }), /featuresNum/);
  await refused(describe({ scalse: [1] }), /unknown option scalse — did you mean scales\?/);
  await refused(() => network.extractLocal(image, [1] as Any), /expected options \{ scales, featuresNum/);
});

test("options of a device are named", async () => {
  await refused(() => openDevice({ sellect: "software" } as Any), /unknown option sellect — did you mean select\?/);
  await refused(() => openDevice({ select: 0 } as Any), /select: expected a text, got 0/);
  await refused(() => openDevice({ precision: "f8" } as Any), /precision: expected one of "f32", "f16", got "f8"/);
  for (const memory of [0, -1, Number.NaN, "4G"])
    await refused(() => openDevice({ memory } as Any), /memory: expected/);
  await refused(() => openDevice("software" as Any), /openDevice: expected options/);
  await refused(() => {
    device.precision = "f8" as Any;
  }, /device\.precision/);
  await refused(() => loadNetwork(demoCheckpoint() as Any, device as Any), /loadNetwork: device/);
  await refused(() => loadNetwork(device, 5 as Any), /loadNetwork: checkpoint/);
  await refused(() => new GpuBackend({} as Any), /GpuBackend: device/);
  await refused(() => new GpuBackend(device, { kept: 5 } as Any), /unknown option kept/);
});

test("descriptors, ids, sizes and searches of ASMK are named", async () => {
  const parameters = asmkParameters({ train_codebook: { codebook: { size: 8 } } });
  await refused(() => new Asmk({ train_codebook: {} } as Any), /unknown option train_codebook/);
  await refused(() => new Asmk({ ...parameters, words: 0 }), /words: expected a whole number/);
  await refused(() => new Asmk(parameters, device as Any), /backend/);
  const asmk = new Asmk(parameters, new CpuBackend());
  asmk.useCodebook(
    makeCodebook(
      Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
      8,
    ),
  );
  const set = { count: 2, dim: 8, descriptors: Float32Array.from({ length: 16 }, (_, i) => Math.cos(i)) };
  for (const id of [-1, 0.5, 2 ** 31, "0", undefined])
    await refused(() => asmk.addImage(id as Any, set), /addImage: id/);
  await refused(() => asmk.addImage(set as Any, 0 as Any), /addImage: id/);
  await refused(() => asmk.addImage(0, { ...set, count: 3 }), /descriptors/);
  await refused(() => asmk.addImage(0, { ...set, dim: 7.5 }), /descriptors\.dim/);
  await refused(
    () => asmk.addImage(0, { ...set, descriptors: [...set.descriptors] } as Any),
    /expected a Float32Array/,
  );
  await asmk.addImage(0, set);
  await refused(() => asmk.search(undefined as Any), /descriptors\.count/);
  await refused(() => asmk.search(set, { topK: 3 } as Any), /unknown option topK — did you mean topk/);
  for (const topk of [0, -1, 1.5]) await refused(() => asmk.search(set, { topk }), /topk/);
  await refused(() => asmk.search(set, { alpha: Number.NaN }), /alpha/);
  assert.equal([...(await asmk.search(set)).ids], [0]);
  await refused(() => new MemoryVectors([1] as Any, 1), /MemoryVectors: data/);
  await refused(() => new MemoryVectors(new Float32Array(4), 0), /MemoryVectors: dim/);
  await refused(() => new ChunkedVectors(new Float32Array(4) as Any, 2), /ChunkedVectors: chunks/);
  await refused(() => makeCodebook(new Float32Array(4), -2), /makeCodebook: dim/);
  await refused(() => rankScores(Float64Array.of(1, Number.NaN), null), /scores: value 1 of 2 is NaN/, NumericError);
});

test("options of the loader are named, and a network that was destroyed says so", async () => {
  const load = async (o: object) => {
    for await (const _ of loadImages([], o as Any));
  };
  await refused(() => load({ imagesize: 5 }), /unknown option imagesize — did you mean imageSize/);
  for (const imageSize of [0, -5, Number.NaN, "64"]) await refused(() => load({ imageSize }), /imageSize: expected/);
  network.destroy();
  await refused(() => network.extractGlobal(photo(1), [1]), /used after destroy\(\)/);
});

test("tasks and data sets name an option that they do not know, and one that is missing", async () => {
  const task = { config: "eval_fire", progress: silent };
  const tools = {} as EvalTools;
  await refused(
    () => runEvaluation({ ...task, overides: [] } as EvalOptions, tools),
    /unknown option overides — .*overrides/,
  );
  await refused(() => runEvaluation({ config: "eval_fire" } as EvalOptions, tools), /progress: expected a Progress/);
  await refused(() => extract({ inputs: "photos" } as never, undefined as never), /inputs: expected a list/);
  await refused(
    () => loadDataset({ name: "x", gnd: "gnd.json" }, { rot: "." } as never),
    /unknown option rot — .*root/,
  );
  await refused(() => loadTrainingSet("train", { split: "test" } as never), /split: expected one of "train", "val"/);
  await refused(() => decodeImage("photo.jpg" as never, "photo.jpg"), /decodeImage: bytes: expected a Uint8Array/);
  await refused(() => thumbnail({ width: 4, height: 4, data: new Uint8Array(16) }, 2), /expected 48 bytes|48/);
});

test.run();
