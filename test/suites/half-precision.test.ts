/** @file Half precision: the products of rounded operands, plans that round anew, and what it costs a network. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { f16ToNumber, numberToF16 } from "../../base/tensor.js";
import { createInstance } from "../../engine/dawn.js";
import { type Device, openDevice } from "../../engine/device.js";
import { type Array64, run } from "../../engine/op.js";
import { conv2d } from "../../engine/ops/conv2d.js";
import { MATRIX_TILES, matrixTile } from "../../engine/ops/half-product.js";
import { groupsFor } from "../../engine/ops/launch.js";
import { operands } from "../../engine/self-check.js";
import { specialise } from "../../engine/shader.js";
import { loadNetwork } from "../../nets/load.js";
import { benchPhoto } from "../../tasks/bench/nets.js";
import { demoCheckpoint } from "../../tasks/demo/demo.js";
import { halfPrecisionError, halfPrecisionText } from "../../tasks/half-precision.js";
import { modelIdentity, tellError } from "../../tasks/open-model.js";
import { opCases } from "../support/op-cases.js";

const test = suite("half precision");
const device = await openDevice();
console.log(`   half precision on ${device.caps.name}, matrix units: ${device.caps.matrixUnits}`);

const rounded = ({ data, shape }: Array64): Array64 => ({
  shape,
  data: data.map((v) => f16ToNumber(numberToF16(v))),
});

/** Cases in which rounding makes a difference that the tolerance would show. */
let telling = 0;
for (const c of opCases.filter((c) => c.op === "conv2d"))
  test(`conv2d ${c.title} at half precision equals the twin on rounded operands`, async () => {
    const [x, w, ...rest] = c.inputs();
    const attrs = c.attrs as Parameters<typeof conv2d.reference>[1];
    const wanted = conv2d.reference([rounded(x), rounded(w), ...rest], attrs);
    const exact = conv2d.reference([x, w, ...rest], attrs);
    device.precision = "f16";
    const tensors = [x, w, ...rest].map(({ data, shape }) => device.upload(Float32Array.from(data), shape));
    const output = run(device, conv2d, tensors, attrs);
    const got = await device.readF32(output);
    for (const t of [...tensors, output]) t.free();
    const [error, reference] = distance(got, wanted);
    // sums of matrix units drop bits that float32 would keep, and Winograd's transforms lose two
    assert.ok(error <= 1e-10 * reference, `NMSE ${error / reference}`);
    if (distance(wanted, exact)[0] > 1e-9 * reference) telling++;
  });

test("the cases tell half precision from float32", () => assert.ok(telling >= 5, `${telling} do`));

test("values are made halves by rounding to the nearest, ties to even, at any size", async () => {
  const values = operands().flatMap(({ x, y }) => [x, y]);
  values.push(6.1e-5, 5.9e-8, 3e-8, 2.9e-8, 2 ** -25, 1.5 * 2 ** -24, 65519, 65520, -1e30, 0);
  while (values.length % 8) values.push(0);
  const input = device.upload(Float32Array.from(values), [values.length]);
  const packed = device.empty([values.length / 2], "u32");
  const dispatch = { shader: "conv/halves.wgsl", constants: {}, reads: [input], writes: [packed] };
  device.dispatch({
    ...dispatch,
    params: [values.length / 8],
    groups: groupsFor(values.length / 8),
    label: "halves",
    cost: { flops: 0, bytes: 0 },
  });
  const [words] = await device.read(packed);
  input.free();
  packed.free();
  const got = new Uint16Array(words.buffer, words.byteOffset, values.length);
  const largest = (v: number) => Math.min(65504, Math.max(-65504, v));
  for (const [i, v] of values.entries())
    if (Number.isNaN(v)) assert.ok(Number.isNaN(f16ToNumber(got[i])));
    else assert.is(got[i], numberToF16(largest(v)), `half of ${v}`);
});

test("a plan rounds its own tensors at each run", async () => {
  const network = loadNetwork(device, demoCheckpoint());
  const options = { scales: [1], featuresNum: null };
  const [first, second] = [benchPhoto(96, 64), benchPhoto(96, 64)];
  second.data.reverse();
  device.precision = "f16";
  const wanted = [await network.extractLocal(first, options), await network.extractLocal(second, options)];
  assert.not.equal(wanted[0].descriptors, wanted[1].descriptors);
  device.releasePlans();
  for (const [i, photo] of [second, first].entries()) {
    const { descriptors } = await network.extractLocal(photo, options);
    assert.equal(descriptors, wanted[1 - i].descriptors);
  }
  network.destroy();
});

test("costs a network little, and says so", async () => {
  const network = loadNetwork(device, demoCheckpoint());
  device.precision = "f32";
  const error = await halfPrecisionError(device, network);
  assert.is(device.precision, "f32");
  network.destroy();
  // a rounding of 2^-12 a value, which whitening to components of little variance amplifies
  assert.ok(error.nmse > 1e-9 && error.nmse < 1e-5, `NMSE ${error.nmse}`);
  assert.ok(error.leastCosine > 0.999, `cosine ${error.leastCosine}`);
  const text = halfPrecisionText({ nmse: 2.5e-7, largest: 0.0026, leastCosine: 0.9999998 }, device);
  assert.match(text, /NMSE 2\.5e-7, at most 0\.003 of their root mean square, cosine at least 1\.00000/);
  assert.match(text, device.caps.matrixUnits ? /on matrix units/ : /makes nothing faster/);
});

test("a network that loses too much is warned of, not told in passing", () => {
  const told: string[] = [];
  const to = {
    news: (line: string) => told.push(`news ${line}`),
    warn: (line: string) => told.push(`warning ${line}`),
  };
  for (const leastCosine of [0.995, 0.7, Number.NaN]) tellError({ nmse: 0.1, largest: 2, leastCosine }, device, to);
  assert.match(told[0], /^news half precision .* cosine at least 0\.99500/);
  for (const line of told.slice(1)) assert.match(line, /^warning this network loses too much.*use --precision f32/);
});

test("results at half precision are kept apart", () => {
  assert.is(modelIdentity("abc", {}), "abc");
  assert.is(modelIdentity("abc", { precision: "f32" }), "abc");
  assert.is(modelIdentity("abc", { precision: "f16" }), "abc f16");
});

test("the kernel for matrix units is valid WGSL in all its tiles", async () => {
  // Dawn's null backend compiles what few devices run
  const adapter = await createInstance([
    "backend=null",
    "enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis",
  ]).requestAdapter();
  const features = ["shader-f16", "subgroups", "chromium-experimental-subgroup-matrix"] as GPUFeatureName[];
  const gpu = await (adapter as GPUAdapter).requestDevice({ requiredFeatures: features });
  const forms = [0, 1].flatMap((LEFT_HALF) => [0, 1].map((PLAIN) => ({ LEFT_HALF, PLAIN })));
  for (const { shader, constants } of MATRIX_TILES.flatMap(({ tile }) =>
    forms.map((form) => ({ ...tile, constants: { ...tile.constants, ...form } })),
  )) {
    const module = gpu.createShaderModule({ code: specialise(shader, constants) });
    const { messages } = await module.getCompilationInfo();
    assert.equal(
      messages.filter((m) => m.type === "error").map((m) => m.message),
      [],
    );
  }
  gpu.destroy();
});

test("tiles for matrix units shrink with the output, and fit the device", () => {
  const h100 = { maxInvocations: 1024, maxWorkgroupStorage: 49152 };
  const tile = (rows: number, columns: number, K: number, caps = h100) => {
    const { rows: BM, columns: BN } = matrixTile({ caps } as Device, rows, columns, 1, K);
    return [BM, BN];
  };
  assert.equal(tile(4096, 4096, 4096), [128, 128]);
  assert.equal(tile(2048, 2048, 2048), [128, 256]);
  assert.equal(tile(12288, 128, 1152), [128, 128]);
  assert.equal(tile(49152, 64, 576), [128, 64]);
  assert.equal(tile(300, 64, 64), [64, 64]);
  assert.equal(tile(49152, 64, 576, { maxInvocations: 128, maxWorkgroupStorage: 16384 }), [64, 64]);
});

test("nothing is left behind", () => {
  device.precision = "f32";
  assert.is(device.liveBytes, 0);
  device.close();
});

test.run();

function distance(got: ArrayLike<number>, wanted: ArrayLike<number>): [error: number, reference: number] {
  let error = 0;
  let reference = 0;
  for (let i = 0; i < wanted.length; i++) {
    error += (got[i] - wanted[i]) ** 2;
    reference += wanted[i] ** 2;
  }
  return [error, reference];
}
