/** @file LIT with sizes that are no multiples of four or eight: values and gradients against float64 and finite differences. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { f32Tensor } from "../../base/tensor.js";
import { openDevice } from "../../engine/device.js";
import { Inference } from "../../engine/exec.js";
import { type Gradients, Tape } from "../../engine/tape.js";
import { Lit } from "../../nets/lit.js";
import { State } from "../../nets/state.js";
import { TrainingStore } from "../../nets/train/training-store.js";
import { InferenceStore } from "../../nets/weight-store.js";
import { generateValues } from "../../nets/weights/generator.js";
import { type LitSizes, litShapes, litTwin } from "../support/lit-twin.js";

const test = suite("lit sizes");
const device = await openDevice();
const L = 19;
const pad = (n: number) => Math.ceil(n / 4) * 4;

const ALL: LitSizes[] = [
  { T: 3, N: 7, dim: 26, inputDim: 30 },
  { T: 2, N: 5, dim: 34, inputDim: 24 },
  { T: 1, N: 3, dim: 13, inputDim: 9 },
  { T: 2, N: 1, dim: 2, inputDim: 1 },
];

function weightsOf(sizes: LitSizes): Record<string, Float32Array> {
  const entries = Object.entries(litShapes(sizes)).map(([name, shape]): [string, Float32Array] => {
    const count = shape.reduce((n, d) => n * d, 1);
    const norm = /norm.*weight/.test(name);
    return [name, generateValues(5, name, count, norm ? 0.3 : 0.5, norm ? 1 : 0)];
  });
  return Object.fromEntries(entries);
}

const stateOf = (sizes: LitSizes, weights: Record<string, Float32Array>) =>
  new State(
    new Map(Object.entries(litShapes(sizes)).map(([name, shape]) => [name, f32Tensor(shape, weights[name])])),
    "test",
  );

function locationsOf({ inputDim }: LitSizes): number[][] {
  const values = generateValues(1, "locations", L * inputDim, 1, 0);
  return Array.from({ length: L }, (_, l) => [...values.subarray(l * inputDim, (l + 1) * inputDim)]);
}

/** Rows padded to four columns, as tensors have them. */
const paddedRows = (rows: readonly (readonly number[])[]) =>
  Float32Array.from(rows.flatMap((row) => Array.from({ length: pad(row.length) }, (_, c) => row[c] ?? 0)));

for (const sizes of ALL) {
  const about = `T ${sizes.T}, N ${sizes.N}, dim ${sizes.dim}, input ${sizes.inputDim}`;
  const weights = weightsOf(sizes);
  const locations = locationsOf(sizes);

  test(`values: ${about}`, async () => {
    const store = new InferenceStore(device, stateOf(sizes, weights));
    const lit = new Lit(store, sizes, sizes.inputDim);
    const exec = new Inference(device);
    const rows = device.upload(paddedRows(locations), [L, pad(sizes.inputDim)]);
    const result = device.scope(() => {
      const made = lit.forward(exec, lit.read(exec, rows));
      return [made.superFeatures, lit.attentionMaps(exec, made)];
    });
    const [P, A] = (await device.read(...result)) as Float32Array[];
    const wanted = litTwin(weights, sizes, locations);
    close(P, paddedRows(wanted.superFeatures), 2e-5, "super-features");
    close(A, paddedRows(wanted.attention), 2e-5, "attention");
    for (const t of [rows, ...result]) t.free();
    store.free();
    assert.is(device.liveBytes, 0);
  });

  test(`gradients: ${about}`, async () => {
    const state = stateOf(sizes, weights);
    const store = new TrainingStore(device, state);
    const lit = new Lit(store, sizes, sizes.inputDim);
    store.prepare();
    const tape = new Tape(device);
    store.watch(tape);
    const rows = device.upload(paddedRows(locations), [L, pad(sizes.inputDim)]);
    tape.watch(rows);
    const made = lit.forward(tape, lit.read(tape, rows));
    const maps = lit.attentionMaps(tape, made);
    const seedOf = (name: string, count: number) => generateValues(9, name, count, 1, 0);
    const seeds = {
      superFeatures: seedOf("super-features", sizes.N * sizes.dim),
      attention: seedOf("attention", sizes.N * L),
    };
    const asTensor = (seed: Float32Array, columns: number) => {
      const lines = Array.from({ length: sizes.N }, (_, n) => [...seed.subarray(n * columns, (n + 1) * columns)]);
      return device.upload(paddedRows(lines), [sizes.N, pad(columns)]);
    };
    const gradients: Gradients = new Map();
    const seeded = [
      [made.superFeatures, asTensor(seeds.superFeatures, sizes.dim)],
      [maps, asTensor(seeds.attention, L)],
    ] as const;
    tape.backward(seeded, gradients);
    const dRows = gradients.get(rows)!;
    gradients.delete(rows);
    const dx = await device.readF32(dRows);
    const byName = store.parameterGradients(gradients);

    const loss = (w: Record<string, ArrayLike<number>>, x: number[][]) => {
      const { superFeatures, attention } = litTwin(w, sizes, x);
      const dot = (a: number[][], seed: Float32Array) => a.flat().reduce((s, v, i) => s + v * seed[i], 0);
      return dot(superFeatures, seeds.superFeatures) + dot(attention, seeds.attention);
    };
    const step = 1e-5;
    for (const [name, values] of Object.entries(weights)) {
      const gradient = await device.readF32(byName.get(name)!);
      const picked = Array.from({ length: Math.min(6, values.length) }, (_, k) => (k * 7) % values.length);
      const scale = Math.max(1, ...gradient.map(Math.abs));
      for (const i of picked) {
        const moved = (d: number) => ({
          ...weights,
          [name]: Float64Array.from(values, (v, j) => v + (j === i ? d : 0)),
        });
        const wanted = (loss(moved(step), locations) - loss(moved(-step), locations)) / (2 * step);
        assert.ok(Math.abs(gradient[i] - wanted) < 3e-5 * scale, `${name}[${i}]: ${gradient[i]}, expected ${wanted}`);
      }
      for (const v of gradient.subarray(values.length)) assert.is(v, 0, `${name}: padding has a gradient`);
    }
    for (const [l, c] of [
      [0, 0],
      [7, sizes.inputDim - 1],
      [L - 1, sizes.inputDim >> 1],
    ]) {
      const moved = (d: number) => locations.map((row, i) => row.map((v, j) => v + (i === l && j === c ? d : 0)));
      const wanted = (loss(weights, moved(step)) - loss(weights, moved(-step))) / (2 * step);
      const got = dx[l * pad(sizes.inputDim) + c];
      assert.ok(
        Math.abs(got - wanted) < 3e-5 * Math.max(1, Math.abs(wanted)),
        `locations ${l}, ${c}: ${got}, expected ${wanted}`,
      );
    }
    for (const t of [rows, dRows, ...byName.values()]) t.free();
    tape.free();
    store.free();
    assert.is(device.liveBytes, 0);
  });
}

test.after(() => device.close());
test.run();

function close(got: Float32Array, wanted: Float32Array, tolerance: number, what: string): void {
  assert.is(got.length, wanted.length, what);
  for (const [i, w] of wanted.entries())
    assert.ok(Math.abs(got[i] - w) <= tolerance * Math.max(1, Math.abs(w)), `${what} ${i}: ${got[i]}, expected ${w}`);
}
