/**
 * @file Every gradient rule against finite differences of the op's float64 twin, through the tape; and the tape itself.
 * The function differentiated is Σ g·y with fixed random g.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../../engine/device.js";
import { forceConvVariant } from "../../engine/ops/conv2d.js";
import { batchedWeightGradient, weightGradient } from "../../engine/ops/conv2d-weight-gradient.js";
import { columnSum, normedColumnSums } from "../../engine/ops/reduce-columns.js";
import { ops } from "../../engine/ops/table.js";
import { Tape } from "../../engine/tape.js";
import { choicesByCapability } from "../../engine/tuning/choices.js";
import { type OpCase, opCases, opOf, values } from "../support/op-cases.js";

const device = await openDevice();
console.log(`   on ${device.caps.name}`);

/** Central differences in float64: error about h². */
const STEP = 1e-5;
/**
 * Largest |difference| over the largest derivative of the input. Float32 sums of up to some hundred terms give 1e-5;
 * a wrong factor, a missed term or a shifted index gives 1e-2 and more.
 */
const TOLERANCE = 1e-4;
const PROBES = 24;

/** Derivative of Σ g·op(inputs) with respect to element `i` of input `k`. */
function derivative(c: OpCase, k: number, i: number, g: Float64Array): number {
  const at = (shift: number) => {
    const inputs = c.inputs();
    inputs[k].data[i] += shift;
    return opOf(c)
      .reference(inputs, c.attrs)
      .reduce((s, v, j) => s + v * g[j], 0);
  };
  return (at(STEP) - at(-STEP)) / (2 * STEP);
}

for (const c of opCases) {
  const op = opOf(c);
  if (typeof op.gradient !== "function") continue;
  test(`${c.op} ${c.title}: gradients equal finite differences`, async () => {
    const inputs = c.inputs();
    const tensors = inputs.map((x) => device.upload(Float32Array.from(x.data), x.shape));
    const tape = new Tape(device);
    const learned = tensors.filter((_, k) => !c.constantInputs?.includes(k));
    tape.watch(...learned);
    const output = tape.run(op, tensors, c.attrs);
    const g = values(output.shape, 9).data;
    const seed = device.upload(Float32Array.from(g), output.shape);
    const gradients = tape.backward([[output, seed]]);
    assert.is(gradients.size, learned.length);
    for (const [k, tensor] of tensors.entries()) {
      const gradient = gradients.get(tensor);
      if (!gradient) continue;
      const got = await device.readF32(gradient);
      assert.is(got.length, inputs[k].data.length);
      const largest = got.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-3);
      for (let probe = 0; probe < PROBES; probe++) {
        const i = Math.floor((probe * got.length) / PROBES + ((probe * 7) % 3)) % got.length;
        const want = derivative(c, k, i, g);
        // a packed operand is padded: padding has no derivative worth the name, but its value must stay finite
        const error = Math.abs(got[i] - want) / largest;
        assert.ok(error < TOLERANCE, `${op.inputs[k]}[${i}]: ${got[i]}, finite differences ${want}, error ${error}`);
      }
    }
    for (const t of [...tensors, ...gradients.values()]) t.free();
    tape.free();
  });
}

test("the convolution's weight gradient is the same with and without subgroups", async () => {
  const c = opCases.find((c) => c.title.startsWith("3x3 stride 2, batch of 2"))!;
  const results: Float32Array[] = [];
  // without a fixed subgroup size the plain kernel is chosen
  const caps = { ...device.caps, subgroupSize: 0 };
  const plain = Object.create(device, {
    caps: { value: caps },
    choices: { value: choicesByCapability(caps) },
  }) as typeof device;
  for (const d of [device, plain]) {
    const tensors = c.inputs().map((x) => d.upload(Float32Array.from(x.data), x.shape));
    const tape = new Tape(d);
    tape.watch(tensors[1]);
    const output = tape.run(opOf(c), tensors, c.attrs);
    const seed = d.upload(Float32Array.from(values(output.shape, 5).data), output.shape);
    const gradients = tape.backward([[output, seed]]);
    results.push(await device.readF32(gradients.get(tensors[1])!));
    for (const t of [...tensors, ...gradients.values()]) t.free();
    tape.free();
  }
  const largest = results[0].reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  results[0].forEach((v, i) => {
    assert.ok(Math.abs(v - results[1][i]) <= 1e-5 * largest, `[${i}] ${v} and ${results[1][i]}`);
  });
  forceConvVariant(undefined);
});

test("the weights' gradient of GPUs, of subgroups and without either agree", async () => {
  const other = await openDevice();
  const kinds = [{ software: false }, { software: true, subgroupSize: 0 }, device.caps];
  const agree = ([first, ...rest]: Float32Array[], what: string) => {
    const largest = first.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    for (const r of rest)
      for (const [i, v] of r.entries())
        assert.ok(Math.abs(v - first[i]) <= 1e-5 * largest, `${what}, [${i}] ${v}, ${first[i]}`);
  };
  const cases = [
    { x: [2, 17, 23, 4], O: 68, kernel: [7, 7], stride: 2, padding: [3, 3], dilation: 1 },
    { x: [1, 40, 1, 100], O: 140, kernel: [1, 1], stride: 1, padding: [0, 0], dilation: 1 },
    { x: [1, 15, 12, 36], O: 40, kernel: [3, 3], stride: 1, padding: [2, 2], dilation: 2 },
    // images smaller than a step of sixteen pixels
    { x: [9, 3, 2, 36], O: 40, kernel: [3, 3], stride: 1, padding: [1, 1], dilation: 1 },
    { x: [2, 15, 12, 36], O: 40, kernel: [3, 3], stride: 2, padding: [1, 1], dilation: 1 },
  ] as const;
  for (const { x: shape, O, ...form } of cases) {
    const attrs = { ...form, outChannels: O, relu: false };
    const packed = [Math.ceil(O / 32), form.kernel[0] * form.kernel[1] * shape[3], 32];
    const out = opOf(opCases.find((c) => c.op === "conv2d")!).shape(attrs, [shape, packed, [O]]);
    const results: Float32Array[] = [];
    for (const kind of kinds) {
      Object.assign(other.caps, kind);
      const tensors = [values(shape, 1), values(out, 2), values(packed, 3)].map((v) =>
        other.upload(Float32Array.from(v.data), v.shape),
      );
      const gradient = weightGradient(other, attrs, tensors[0], tensors[1], tensors[2]);
      results.push(await other.readF32(gradient));
    }
    agree(results, `${shape} > ${O}`);
  }
  // the same for products of a batch: M is a multiple of no tile
  const results: Float32Array[] = [];
  for (const kind of kinds) {
    Object.assign(other.caps, kind);
    const tensors = [values([3, 37, 68], 1), values([3, 37, 100], 2)].map((v) =>
      other.upload(Float32Array.from(v.data), v.shape),
    );
    results.push(await other.readF32(batchedWeightGradient(other, tensors[0], tensors[1], [3, 4, 68, 32])));
  }
  agree(results, "a batch");
  other.close();
});

test("a tensor that is used twice gets the sum of both gradients; frozen tensors record nothing", async () => {
  const x = device.upload(Float32Array.from([1, 2, 3, 4]), [1, 4]);
  const d = device.upload(Float32Array.from([2]), [1]);
  const tape = new Tape(device);
  tape.watch(x);
  // y = x/2 + x
  const y = tape.run(ops.divideRows, [x, d, x], {});
  const seed = device.upload(Float32Array.from([1, 1, 1, 10]), [1, 4]);
  const gradients = tape.backward([[y, seed]]);
  assert.equal(Array.from(await device.readF32(gradients.get(x)!)), [1.5, 1.5, 1.5, 15]);
  assert.is(gradients.size, 1);
  tape.free();
  const frozen = new Tape(device);
  const z = frozen.run(ops.divideRows, [x, d], {});
  assert.is(frozen.backward([[z, device.upload(new Float32Array(4), [1, 4])]]).size, 0);
  frozen.free();
  for (const t of [x, d, ...gradients.values()]) t.free();
});

test("gradients given beforehand are added to", async () => {
  const x = device.upload(Float32Array.from([1, 2, 3, 4]), [1, 4]);
  const gradients = new Map();
  for (let round = 0; round < 3; round++) {
    const seed = device.upload(Float32Array.from([5]), [1]);
    const tape = new Tape(device);
    tape.watch(x);
    tape.backward([[tape.run(ops.rowSum, [x], { epsilon: 0 }), seed]], gradients);
    tape.free();
  }
  assert.equal(Array.from(await device.readF32(gradients.get(x)!)), [15, 15, 15, 15]);
  for (const t of [x, ...gradients.values()]) t.free();
});

test("column sums: plain and those of layer norm's weight, on software drivers and on GPUs", async () => {
  const [R, C] = [4500, 36];
  const dy = values([R, C], 1);
  const x = values([R, C], 2);
  const statistics = values([R, 2], 3);
  const plain = new Float64Array(C);
  const normed = new Float64Array(C);
  for (let i = 0; i < R * C; i++) {
    const [mean, scale] = statistics.data.subarray(2 * Math.floor(i / C));
    plain[i % C] += dy.data[i];
    normed[i % C] += dy.data[i] * (x.data[i] - mean) * scale;
  }
  for (const software of [true, false]) {
    const d = Object.assign(Object.create(device), { caps: { ...device.caps, software } }) as typeof device;
    const tensors = [dy, x, statistics].map(({ data, shape }) => d.upload(Float32Array.from(data), shape));
    const sums = [...normedColumnSums(d, tensors[0], tensors[1], tensors[2]), columnSum(d, tensors[0], C)];
    const got = (await d.read(...sums)) as Float32Array[];
    for (const [k, wanted] of [plain, normed, plain].entries())
      for (const [c, v] of wanted.entries())
        assert.ok(
          Math.abs(got[k][c] - v) < 1e-4,
          `software ${software}, ${k}, column ${c}: ${got[k][c]}, expected ${v}`,
        );
    for (const t of [...tensors, ...sums]) t.free();
  }
});

test("many leaves, some used twice on one tape, get the sum of all their gradients", async () => {
  // ten sums wait for one another and go in launches of four, of two and of one
  const leaves = Array.from({ length: 7 }, (_, i) => device.upload(new Float32Array(4 + 400 * i), [1, 4 + 400 * i]));
  const gradients = new Map();
  for (let round = 1; round <= 2; round++) {
    const tape = new Tape(device);
    tape.watch(...leaves);
    const used = [...leaves, ...leaves.slice(2, 5)];
    const seeds = used.map((x, i) => {
      const seed = device.upload(Float32Array.of(round * 2 ** i), [1]);
      return [tape.run(ops.rowSum, [x], { epsilon: 0 }), seed] as const;
    });
    tape.backward(seeds, gradients);
    tape.free();
  }
  for (const [i, x] of leaves.entries()) {
    const wanted = 3 * (2 ** i + (i >= 2 && i < 5 ? 2 ** (i + 5) : 0));
    const got = await device.readF32(gradients.get(x)!);
    assert.is(got.length, x.elements);
    assert.ok(
      got.every((v) => v === wanted),
      `leaf ${i}: ${got}, expected ${wanted}`,
    );
  }
  for (const t of [...leaves, ...gradients.values()]) t.free();
});

test("nothing is left in memory", () => assert.is(device.liveBytes, 0));

test.after(() => device.close());
test.run();
