/** @file Every op on the device against its float64 twin, in every kernel variant the device can run. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../../engine/device.js";
import { run, size } from "../../engine/op.js";
import { forceConvVariant } from "../../engine/ops/conv2d.js";
import { strongest } from "../../engine/ops/select.js";
import { ops } from "../../engine/ops/table.js";
import type { Tensor } from "../../engine/tensor.js";
import { opCases, opOf, values } from "../support/op-cases.js";

const device = await openDevice();
console.log(`   on ${device.caps.name}, subgroups of ${device.caps.subgroupSize}`);

for (const c of opCases) {
  for (const variant of c.variants ?? [undefined]) {
    test(`${c.op} ${c.title}${variant ? ` (${variant})` : ""} equals its float64 twin`, async () => {
      const op = opOf(c);
      const inputs = c.inputs();
      const wanted = op.reference(inputs, c.attrs);
      forceConvVariant(variant);
      try {
        const tensors: Tensor[] = inputs.map(({ data, shape }, i) => {
          const kind = c.types?.[i];
          const typed =
            kind === "u8" ? Uint8Array.from(data) : kind === "u32" ? Uint32Array.from(data) : Float32Array.from(data);
          return device.upload(typed, shape);
        });
        const output = run(device, op, tensors, c.attrs);
        const got = await device.readF32(output);
        for (const t of [...tensors, output]) t.free();
        let error = 0;
        let reference = 0;
        wanted.forEach((r, i) => {
          error += (got[i] - r) ** 2;
          reference += r * r;
        });
        assert.is(got.length, wanted.length);
        // Winograd's transforms lose a bit against the direct sum: a factor of four, and as much for luck
        const allowed = (c.nmse ?? 1e-12) * (variant === "winograd" ? 8 : 1);
        assert.ok(error <= allowed * reference, `NMSE ${error / reference}, allowed ${allowed}`);
      } finally {
        forceConvVariant(undefined);
      }
    });
  }
}

for (const [op, variant] of [
  ["batchedMatmul", undefined],
  ["compete", undefined],
  ["conv2d", "winograd"],
] as const)
  test(`the kernels that only GPUs get give the same on this device: ${op}`, async () => {
    const gpu = await openDevice();
    // what decides between kernels is what the device says of itself
    Object.assign(gpu.caps, { software: false, subgroupSize: 32 });
    forceConvVariant(variant);
    for (const c of opCases.filter((c) => c.op === op && (!variant || c.variants?.includes(variant)))) {
      const inputs = c.inputs();
      const wanted = opOf(c).reference(inputs, c.attrs);
      const tensors = inputs.map(({ data, shape }) => gpu.upload(Float32Array.from(data), shape));
      const got = await gpu.readF32(run(gpu, opOf(c), tensors, c.attrs));
      const error = wanted.reduce((sum, r, i) => sum + (got[i] - r) ** 2, 0);
      const size = wanted.reduce((sum, r) => sum + r * r, 0);
      assert.ok(error <= 8e-12 * size, `${c.title}: NMSE ${error / size}`);
    }
    forceConvVariant(undefined);
    gpu.close();
  });

test("the case list covers every op of the table", () => {
  const covered = new Set(opCases.map((c) => c.op));
  assert.equal(
    Object.keys(ops).filter((n) => !covered.has(n as keyof typeof ops)),
    [],
  );
});

for (const [title, data, keep] of [
  ["distinct values", values([700], 1).data, 100],
  ["many ties go to the smaller index", values([1000], 1).data.map((v) => Math.round(v * 3)), 321],
  ["all equal", new Float64Array(600).fill(2), 50],
  ["all of them", values([77], 3).data, 77],
] as const) {
  test(`strongest: ${title}`, async () => {
    const tensor = device.upload(Float32Array.from(data), [data.length]);
    const order = strongest(device, tensor, keep);
    const [got] = await device.read(order);
    tensor.free();
    order.free();
    const wanted = Array.from(data.keys()).sort((i, j) => Math.fround(data[j]) - Math.fround(data[i]) || i - j);
    assert.equal(Array.from(got), wanted.slice(0, keep));
  });
}

test("tensors that are freed return every byte", () => {
  assert.is(device.liveBytes, 0);
  assert.is(size([]), 1);
});

test.after(() => device.close());
test.run();
