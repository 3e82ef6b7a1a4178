/** @file Pooling: ties, extreme exponents, limits, plans, and the poolings of networks both ways. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { f32Tensor } from "../../base/tensor.js";
import { openDevice } from "../../engine/device.js";
import { Inference } from "../../engine/exec.js";
import { type Op, run } from "../../engine/op.js";
import { gem } from "../../engine/ops/gem.js";
import { mac, spoc } from "../../engine/ops/region-pool.js";
import type { RegionAttrs } from "../../engine/ops/regions.js";
import { Tape } from "../../engine/tape.js";
import type { Tensor } from "../../engine/tensor.js";
import { buildPooling, Rmac, Rpool } from "../../nets/pooling.js";
import { regionGrid } from "../../nets/region-grid.js";
import { State } from "../../nets/state.js";
import { TrainingStore } from "../../nets/train/training-store.js";
import { InferenceStore } from "../../nets/weight-store.js";
import { values } from "../support/case-values.js";
import { opOf } from "../support/op-cases.js";
import { poolCases } from "../support/pool-cases.js";

const test = suite("pooling");
const device = await openDevice();

const upload = (data: ArrayLike<number>, shape: readonly number[]) => device.upload(Float32Array.from(data), shape);
const free = (...tensors: readonly Tensor[]) => {
  for (const t of tensors) t.free();
};

/** Output of an op, and the gradients of Σ output with respect to its inputs. */
async function both<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Promise<Float32Array[]> {
  const tape = new Tape(device);
  tape.watch(...inputs);
  const output = tape.run(op, inputs, attrs);
  const seed = upload(new Float32Array(output.elements).fill(1), output.shape);
  const gradients = tape.backward([[output, seed]]);
  const all = (await device.read(output, ...inputs.map((t) => gradients.get(t)!))) as Float32Array[];
  tape.free();
  free(...gradients.values());
  return all;
}

test("a maximum that several cells share sends its gradient to the first of them in row-major order", async () => {
  // channel 0: a tie in one row; 1: in one column; 2: all zeros, a dead channel; 3: no tie
  const map = upload(
    [
      [1, 5, 0, 1],
      [7, 2, 0, 4],
      [7, 5, 0, 2],
      [0, 5, 0, 3],
    ].flat(),
    [1, 2, 2, 4],
  );
  const [y, dx] = await both(mac, [map], {});
  assert.equal(Array.from(y), [7, 5, 0, 4]);
  assert.equal(
    Array.from(dx),
    [
      [0, 1, 1, 0],
      [1, 0, 0, 1],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ].flat(),
  );
  // two regions: the tie in channel 1 has its first cell elsewhere in the right column
  const regions = [
    { y0: 0, x0: 0, h: 2, w: 2 },
    { y0: 0, x0: 1, h: 2, w: 1 },
  ];
  const [, overlapping] = await both<RegionAttrs>(mac, [map], { regions });
  assert.equal(
    Array.from(overlapping),
    [
      [0, 1, 1, 0],
      [2, 0, 1, 2],
      [0, 0, 0, 0],
      [0, 1, 0, 0],
    ].flat(),
  );
  map.free();
});

test("GeM survives what overflows or vanishes in float32 as a plain power", async () => {
  const high = upload([1e4, 1, 3e5, 2e-3, 2e4, 0, 1e5, 1e-3], [1, 1, 2, 4]);
  const low = upload(new Float32Array(8), [1, 1, 2, 4]);
  const p = upload([30], [1]);
  const [y, dx, dp] = await both(gem, [high, p], { epsilon: 1e-6 });
  const wanted = [2e4, 1, 3e5, 2e-3].map((v) => v * 0.5 ** (1 / 30));
  wanted.forEach((v, i) => {
    assert.ok(Math.abs(y[i] / v - 1) < 1e-5, `${y[i]} for ${v}`);
  });
  assert.ok([...dx, ...dp].every(Number.isFinite));
  const [dead, none, nothing] = await both(gem, [low, p], { epsilon: 1e-6 });
  assert.ok(dead.every((v) => Math.abs(v / 1e-6 - 1) < 1e-5));
  assert.equal(Array.from(none), new Array(8).fill(0));
  assert.ok(Math.abs(nothing[0]) < 1e-9);
  free(high, low, p);
});

test("the kernels of GPUs, where slices of a workgroup share a region, give what those of software drivers give", async () => {
  for (const c of poolCases) {
    const results: Float32Array[][] = [];
    for (const software of [true, false]) {
      const d = Object.assign(Object.create(device), { caps: { ...device.caps, software } }) as typeof device;
      const tensors = c.inputs().map((x) => upload(x.data, x.shape));
      const tape = new Tape(d);
      tape.watch(...tensors);
      const output = tape.run(opOf(c), tensors, c.attrs);
      const seed = upload(values(output.shape, 5).data, output.shape);
      const gradients = tape.backward([[output, seed]]);
      results.push((await d.read(output, ...tensors.map((t) => gradients.get(t)!))) as Float32Array[]);
      tape.free();
      free(...tensors, ...gradients.values());
    }
    results[0].forEach((data, i) => {
      const largest = data.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      // another order of summing; the shared exponent's gradient is a sum of terms of both signs
      const allowed = data.length === 1 ? 1e-4 : 2e-5;
      data.forEach((v, k) => {
        assert.ok(Math.abs(v - results[1][i][k]) <= allowed * largest, `${c.op} ${c.title}: ${v}, ${results[1][i][k]}`);
      });
    });
  }
});

test("regions outside the map, wrong exponents and maps beyond a binding are refused in words", async () => {
  const map = upload(new Float32Array(48), [1, 3, 4, 4]);
  const p = upload([1, 2], [2]);
  const region = { y0: 1, x0: 0, h: 3, w: 1 };
  assert.throws(
    () => run(device, spoc, [map], { regions: [region] }),
    /spoc: region y0, x0, h, w — expected cells of 3x4, got \[1, 0, 3, 1\]/,
  );
  assert.throws(() => run(device, mac, [map], { regions: [] }), /mac: regions — expected at least one, got 0/);
  assert.throws(
    () => run(device, gem, [map, p], { epsilon: 1e-6 }),
    /gem: exponents p — expected \[1\] or \[4\], got \[2\]/,
  );
  const narrow = await openDevice({ maxBinding: 4096 });
  const large = narrow.upload(new Float32Array(2048), [1, 16, 32, 4]);
  assert.throws(
    () => narrow.scope(() => run(narrow, mac, [large], {})),
    /mac: tensor \[1, 16, 32, 4\] — expected at most 4096 bytes, the largest binding of this device, got 8192/,
  );
  large.free();
  narrow.close();
  free(map, p);
});

test("a plan pools new data with the regions it was recorded with", async () => {
  const shape = [1, 3, 5, 4];
  const attrs = { regions: regionGrid(3, 5) };
  const plan = device.plan((input) => [run(device, spoc, [input(shape, "f32")], attrs)]);
  for (const seed of [1, 2]) {
    const x = values(shape, seed);
    const [got] = await plan.run(Float32Array.from(x.data));
    spoc.reference([x], attrs).forEach((v, i) => {
      assert.ok(Math.abs(got[i] - v) < 1e-6, `${got[i]} for ${v}`);
    });
  }
  plan.dispose();
});

const DIM = 8;
const weights = () =>
  new Map([
    ["rpool.p", f32Tensor([1], Float32Array.of(2.5))],
    ["whiten.weight", f32Tensor([DIM, DIM], Float32Array.from(values([DIM, DIM], 3).data))],
    ["whiten.bias", f32Tensor([DIM], Float32Array.from(values([DIM], 4, 0.1).data))],
  ]);
/** Positive values, as after a ReLU. */
const features = () => values([2, 4, 6, DIM], 7).data.map((v) => Math.fround(v + 1.1));

test("R-MAC of one cell is its direction twice: a square map is its own first region", async () => {
  const map = upload([3, 0, 4, 0], [1, 1, 1, 4]);
  const result = device.scope(() => new Rmac().forward(new Inference(device), map));
  const got = await device.readF32(result);
  [1.2, 0, 1.6, 0].forEach((v, i) => {
    assert.ok(Math.abs(got[i] - v) < 1e-5, `${got[i]} for ${v}`);
  });
  free(map, result);
});

test("poolings give the same in inference and on a tape, under the names of the reference's state", async () => {
  const map = upload(features(), [2, 4, 6, DIM]);
  const one = f32Tensor([1], Float32Array.of(2.5));
  const each = f32Tensor(
    [DIM],
    Float32Array.from({ length: DIM }, (_, i) => 1 + i / 3),
  );
  const cases: [string, boolean, Map<string, typeof one>][] = [
    ["mac", false, new Map()],
    ["spoc", false, new Map()],
    ["rmac", false, new Map()],
    ["gem", false, new Map([["p", one]])],
    ["gemmp", false, new Map([["p", each]])],
    ["gem", true, weights()],
  ];
  for (const [pooling, regional, tensors] of cases) {
    const state = new State(tensors, pooling);
    const store = new InferenceStore(device, state);
    const layer = buildPooling(store, { pooling, dim: DIM, regional });
    state.finish();
    const forgotten = device.scope(() => layer.forward(new Inference(device), map));
    const tape = new Tape(device);
    const [a, b] = await device.read(forgotten, layer.forward(tape, map));
    assert.equal(forgotten.shape, [2, DIM], pooling);
    assert.equal(a, b, pooling);
    tape.free();
    forgotten.free();
    store.free();
  }
  const store = new InferenceStore(device, new State(new Map(), "none"));
  assert.throws(
    () => buildPooling(store, { pooling: "max", dim: DIM, regional: false }),
    /nets: pooling — expected mac, spoc, gem, gemmp or rmac, got max/,
  );
  assert.throws(() => buildPooling(store, { pooling: "rmac", dim: DIM, regional: true }), /\(regional\), got rmac/);
  map.free();
});

test("gradients of regional GeM pooling with whitening are those of its values", async () => {
  const x = features();
  const step = 2e-2;
  /** Σ g·descriptor with some parameter or the map moved along a direction. */
  const value = async (name: string, shift: number): Promise<number> => {
    const moved = weights();
    const tensor = moved.get(name);
    const along = (data: ArrayLike<number>) => Float32Array.from(data, (v, i) => v + shift * Math.cos(i));
    if (tensor) moved.set(name, f32Tensor(tensor.shape, along(tensor.data as Float32Array)));
    const store = new InferenceStore(device, new State(moved, "moved"));
    const layer = buildPooling(store, { pooling: "gem", dim: DIM, regional: true });
    const map = upload(name === "map" ? along(x) : x, [2, 4, 6, DIM]);
    const out = device.scope(() => layer.forward(new Inference(device), map));
    const g = values([2, DIM], 5).data;
    const result = (await device.readF32(out)).reduce((s, v, i) => s + v * g[i], 0);
    free(map, out);
    store.free();
    return result;
  };
  const store = new TrainingStore(device, new State(weights(), "trained"));
  const layer = buildPooling(store, { pooling: "gem", dim: DIM, regional: true });
  store.prepare();
  const map = upload(x, [2, 4, 6, DIM]);
  const tape = new Tape(device);
  store.watch(tape);
  tape.watch(map);
  const seed = upload(values([2, DIM], 5).data, [2, DIM]);
  const leaves = tape.backward([[layer.forward(tape, map), seed]]);
  const dMap = leaves.get(map)!;
  leaves.delete(map);
  const gradients = new Map([...store.parameterGradients(leaves), ["map", dMap]]);
  assert.equal([...gradients.keys()].sort(), ["map", "rpool.p", "whiten.bias", "whiten.weight"]);
  for (const [name, gradient] of gradients) {
    const along = (await device.readF32(gradient)).reduce((s, v, i) => s + v * Math.cos(i), 0);
    const slope = ((await value(name, step)) - (await value(name, -step))) / (2 * step);
    // the step's square, and float32 rounding over the step
    assert.ok(Math.abs(slope - along) < 1e-3 + 5e-3 * Math.abs(slope), `${name}: ${along}, differences ${slope}`);
    console.log(`   ${name}: gradient ${along.toFixed(5)}, differences ${slope.toFixed(5)}`);
    gradient.free();
  }
  free(map);
  tape.free();
  store.free();
});

test("region vectors are kept where no aggregation is asked for", async () => {
  const store = new InferenceStore(device, new State(weights(), "regions"));
  const layer = buildPooling(store, { pooling: "gem", dim: DIM, regional: true });
  assert.instance(layer, Rpool);
  const map = upload(features(), [2, 4, 6, DIM]);
  const rows = (layer as Rpool).regions(new Inference(device), map);
  assert.equal(rows.shape, [2 * (1 + regionGrid(4, 6).length), DIM]);
  free(map, rows);
  store.free();
});

test("nothing is left in memory", () => assert.is(device.liveBytes, 0));
test.after(() => device.close());
test.run();
