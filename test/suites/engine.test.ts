/** @file The engine beyond single ops: windows, plans, memory, errors, the shader preprocessor. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../../engine/device.js";
import { sizeClass } from "../../engine/memory.js";
import { run } from "../../engine/op.js";
import { accumulate } from "../../engine/ops/accumulate.js";
import { conv2d, forceConvVariant } from "../../engine/ops/conv2d.js";
import { axisTable } from "../../engine/ops/resize.js";
import { specialise } from "../../engine/shader.js";
import { opCases, opOf, values } from "../support/op-cases.js";

const device = await openDevice();
// a pixel row of the largest case fits, hardly any tensor does
const narrow = await openDevice({ maxBinding: 16384 });

/** Ops that bind their tensors whole and say so; who calls them takes fewer images at a time. */
const WHOLE = ["packPanels", "gatherRows", "batchedMatmul", "decorrelation"];

test("tensors over the binding limit give the same results in windows", async () => {
  let windowed = 0;
  // with so narrow bindings the filters of Winograd's form fit none, and the direct form adds in another order
  forceConvVariant("subgroup");
  for (const c of opCases.filter((c) => !c.types && !WHOLE.includes(c.op))) {
    const inputs = c.inputs();
    const results = [];
    for (const d of [device, narrow]) {
      const tensors = inputs.map((i) => d.upload(Float32Array.from(i.data), i.shape));
      const before = d.dispatches;
      const output = run(d, opOf(c), tensors, c.attrs);
      results.push({ data: await d.readF32(output), dispatches: d.dispatches - before });
      for (const t of [...tensors, output]) t.free();
    }
    assert.equal(results[1].data, results[0].data, `${c.op} ${c.title}`);
    if (results[1].dispatches > results[0].dispatches) windowed++;
  }
  forceConvVariant(undefined);
  assert.ok(windowed >= 5, `${windowed} cases were split`);
});

test("a convolution by Winograd's way gives the same in windows and in chunks of tiles, across images of a batch", async () => {
  const [N, H, W, C, O] = [3, 41, 150, 32, 32];
  const attrs = { outChannels: O, kernel: [3, 3], stride: 1, padding: [1, 1], dilation: 1, relu: false } as const;
  const wide = await openDevice({ maxBinding: 2 ** 19 });
  forceConvVariant("winograd");
  const results = [];
  for (const d of [device, wide]) {
    const live = d.liveBytes;
    const x = d.upload(Float32Array.from(values([N, H, W, C], 1).data), [N, H, W, C]);
    const w = d.upload(Float32Array.from(values([1, 9 * C, 32], 2).data), [1, 9 * C, 32]);
    const before = d.dispatches;
    const y = run(d, conv2d, [x, w, d.zeros(O)], attrs);
    results.push({ data: await d.readF32(y), dispatches: d.dispatches - before });
    for (const t of [x, w, y]) t.free();
    assert.is(d.liveBytes, live, "the transformed filters go with the weights");
  }
  forceConvVariant(undefined);
  wide.close();
  // a GPU takes it in one
  if (device.caps.software) assert.ok(results[0].dispatches > 1 + 3, "several chunks even without a limit");
  assert.ok(results[1].dispatches > results[0].dispatches);
  assert.equal(results[1].data, results[0].data);
});

test("depthwise convolution and pools give the same in windows, across images of a batch", async () => {
  const shape = [3, 13, 17, 36];
  for (const [op, title] of [
    ["depthwise", "3×3 stride 2, odd sizes"],
    ["maxPool", "of 8×9 rounded up"],
  ]) {
    const c = opCases.find((o) => o.op === op && o.title === title)!;
    const results: Float32Array[] = [];
    const launches: number[] = [];
    for (const d of [device, narrow]) {
      const [, ...rest] = c.inputs();
      const tensors = [values(shape, 1), ...rest].map((t) => d.upload(Float32Array.from(t.data), [...t.shape]));
      const before = d.dispatches;
      const y = run(d, opOf(c), tensors, c.attrs);
      launches.push(d.dispatches - before);
      results.push(await d.readF32(y));
      for (const t of [...tensors, y]) t.free();
    }
    assert.ok(launches[1] > launches[0], `${op}: one launch of ${launches[1]}`);
    assert.equal(results[1], results[0], op);
  }
});

test("a plan replays with new data and gives what direct runs give, also when runs overlap", async () => {
  const shape = [1, 9, 9, 8];
  const attrs = { kernel: 3, stride: 2, padding: 1 };
  const pool = opOf(opCases.find((c) => c.op === "maxPool")!);
  const plan = device.plan((input) => [run(device, pool, [run(device, pool, [input(shape, "f32")], attrs)], attrs)]);
  const data = [1, 2, 3].map((seed) => Float32Array.from({ length: 648 }, (_, i) => Math.sin(i * seed)));
  const replayed = await Promise.all(data.map((d) => plan.run(d)));
  for (const [i, d] of data.entries()) {
    const output = device.scope(() => run(device, pool, [run(device, pool, [device.upload(d, shape)], attrs)], attrs));
    assert.equal(replayed[i][0], await device.readF32(output));
    output.free();
  }
  plan.dispose();
});

test("a scope frees what it does not return", async () => {
  const before = device.liveBytes;
  const kept = device.scope(() => {
    device.upload(new Float32Array(1000), [1000]);
    return device.upload(new Float32Array(10), [10]);
  });
  assert.is(device.liveBytes, before + sizeClass(40));
  kept.free();
  assert.is(device.liveBytes, before);
});

test("a freed tensor cannot be used", () => {
  const t = device.upload(new Float32Array(4), [4]);
  t.free();
  assert.throws(() => t.storage, /used after it was freed/);
});

test("size classes waste at most a quarter and are stable", () => {
  for (const n of [1, 256, 257, 1000, 123456, 2 ** 27 + 1]) {
    const c = sizeClass(n);
    assert.ok(c >= n && c <= Math.max(256, n * 1.25) + 64, `${n} -> ${c}`);
    assert.is(sizeClass(c), c);
  }
});

test("blocks go out oldest first, whatever the order in which they came back", () => {
  const pool = () => [1, 2, 3].map(() => device.empty([70_000]));
  const first = pool();
  const blocks = first.map((t) => t.storage.id);
  for (const i of [1, 2, 0]) first[i].free();
  const again = pool();
  assert.equal(
    again.map((t) => t.storage.id),
    blocks,
  );
  for (const t of again) t.free();
});

test("work that repeats makes no bind groups; other blocks and windows get their own", async () => {
  const make = (size: number) =>
    device.scope(() => {
      const x = device.upload(
        Float32Array.from({ length: size }, (_, i) => Math.sin(i)),
        [size / 4, 4],
      );
      const y = device.empty([size / 4, 4]);
      accumulate(device, y, x, true);
      accumulate(device, y, x);
      return y;
    });
  const results: number[] = [];
  const made: number[] = [];
  // 60 and 64 values lie in the same block
  for (const size of [60, 60, 64, 8192, 64]) {
    const before = device.bindGroups;
    const y = make(size);
    made.push(device.bindGroups - before);
    results.push((await device.readF32(y))[size - 1]);
    y.free();
  }
  assert.equal(made, [2, 0, 2, 2, 0]);
  assert.equal(
    results,
    [59, 59, 63, 8191, 63].map((i) => 2 * Math.fround(Math.sin(i))),
  );
});

test("a wrong shape is told with expected and got", () => {
  const x = device.upload(new Float32Array(12), [1, 2, 2, 3]);
  const pool = opOf(opCases.find((c) => c.op === "maxPool")!);
  assert.throws(
    () => run(device, pool, [x], { kernel: 3, stride: 2, padding: 1 }),
    /maxPool: input — expected \[N, H, W, C\].*got \[1, 2, 2, 3\]/,
  );
  x.free();
});

test("an unknown device is told with those there are", async () => {
  await openDevice({ select: "no such adapter" }).then(
    () => assert.unreachable(),
    (e: Error) => assert.match(e.message, /no device matches "no such adapter" — expected one of 0 "/),
  );
});

test("shader directives unroll, choose and evaluate", () => {
  const text = specialise("conv/subgroup.wgsl", { LANES: 4, ROWS: 8 });
  assert.match(text, /subgroupBroadcast\(a1, 3u\)/);
  assert.match(specialise("conv/subgroup.wgsl", { LANES: 8, ROWS: 8 }), /subgroupShuffle\(a0, 3u\)/);
  assert.not.match(text, /\/\/#|\$\{/);
  assert.match(text, /@workgroup_size\(4\)/);
});

test("resize tables follow the given scale or the true ratio", () => {
  assert.equal(Array.from(axisTable(2, 4, 2)), [0, 0.5, 2, 0.5]);
  assert.equal(Array.from(axisTable(4, 2, 0.5)), [0, 0, 0, 0.25, 0, 0.75, 1, 0.25]);
});

test("at the end nothing is left", () => {
  assert.is(device.liveBytes, 0);
  assert.is(narrow.liveBytes, 0);
});

test.after(() => {
  device.close();
  narrow.close();
});
test.run();
