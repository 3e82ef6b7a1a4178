/** @file The measuring tools: every section of `fire-gpu bench` at a tiny size, the ladder's kernels, the comparison's parts. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ComparisonResult, differenceOf } from "../../bench/compare/compare.js";
import { padChannels, toChannelsFirst, toChannelsLast, toHwio, toOihw } from "../../bench/compare/layout.js";
import { resultsMarkdown } from "../../bench/compare/markdown.js";
import { graphModel, matmulModel } from "../../bench/compare/onnx.js";
import { ours } from "../../bench/compare/ours.js";
import { COMPARISONS, type MatmulWork } from "../../bench/compare/works.js";
import { climbConv, climbGemm, type LadderReport } from "../../bench/ladder/run.js";
import { openDevice } from "../../engine/device.js";
import { type BenchReport, runBench, SECTIONS } from "../../tasks/bench/run.js";
import { sizesOf } from "../../tasks/bench/sizes.js";
import { summary } from "../../tasks/bench/timing.js";

const test = suite("bench");

test("every section gives rows with plausible numbers", async () => {
  const report = await runBench({ section: "all", size: ["mini"], rounds: 2 });
  const plain = JSON.parse(JSON.stringify(report)) as BenchReport;
  assert.equal(new Set(plain.rows.map((r) => r.section)), new Set(["peak", ...SECTIONS]));
  for (const row of plain.rows) {
    const { name, ms } = row;
    assert.ok(ms.min > 0 && ms.min <= ms.median && ms.median < 60_000, `${name}: ${JSON.stringify(ms)}`);
    assert.ok(ms.cold > 0 && ms.cpu >= 0 && ms.spread >= 0 && ms.samples === 2 && ms.batch >= 1, name);
    assert.ok(row.bytes > 0 && row.gbs > 0 && (row.flops > 0 || name.startsWith("copy")), name);
    assert.is(row.ofPeak === null, row.section === "peak", name);
    if (row.ofPeak) assert.ok(row.ofPeak.arithmetic > 0 && row.ofPeak.bandwidth > 0, name);
  }
  assert.ok(plain.litOverFloor! > 0);
  const { images, imagesPerSecond, backwardOverForward, peakBytes } = plain.training!;
  const [forward, backward, adam, whole] = plain.rows.filter((r) => r.section === "train");
  assert.is(backwardOverForward, backward.ms.median / forward.ms.median);
  assert.is(imagesPerSecond, (1000 * images) / whole.ms.median);
  assert.is(whole.flops, forward.flops + backward.flops + adam.flops);
  // the way back costs twice the way forward, less what the gradient of the images would cost
  assert.ok(backward.flops > forward.flops && backward.flops < 2 * forward.flops);
  // Adam reads gradients, weights and two moments and writes all but the gradients: at its step all four are there
  assert.ok(peakBytes > (adam.bytes * 4) / 7, `${peakBytes} bytes at most, Adam alone moves ${adam.bytes}`);
  const shares = plain.stages!.map((s) => s.share);
  assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-9);
  assert.equal(
    plain.stages!.map((s) => s.stage),
    ["decode", "upload", "normalise", "pyramid", "trunk", "LIT", "whiten", "select", "read back"],
  );
});

test("with profile each case tells its kernels and what they cost", async () => {
  const report = await runBench({ section: "conv", size: ["8x8x4>8/3"], rounds: 1, profile: true });
  const row = report.rows.find((r) => r.section === "conv")!;
  assert.is(row.flops, 2 * 8 * 8 * 8 * 4 * 9);
  const [kernel] = row.kernels ?? [];
  // a device without timestamps has no rows
  if (!kernel) return console.log("   no timestamps on this device: kernels are not told apart");
  assert.is(
    row.kernels!.reduce((n, k) => n + k.flops, 0),
    row.flops,
  );
  assert.match(kernel.label, /8x8x4>8x8x8/);
});

test("wrong sections and sizes are refused with what was expected", async () => {
  await rejects(
    runBench({ section: "matmul", rounds: 1 }),
    /expected gemm, conv, net, lit, asmk, train or all, got "matmul"/,
  );
  await rejects(runBench({ section: "gemm", size: ["12x"], rounds: 1 }), /expected 512 or MxNxK/);
  await rejects(runBench({ section: "conv", size: ["8x8x4>6/3"], rounds: 1 }), /output channels in fours/);
  await rejects(runBench({ section: "train", size: ["256"], rounds: 1 }), /expected an image's HEIGHTxWIDTH, got 256/);
  await rejects(runBench({ section: "all", size: ["512"], rounds: 1 }), /expected "mini" with all sections/);
});

test("sizes are read as their sections write them", async () => {
  const device = await openDevice();
  assert.equal(sizesOf(device, "gemm", ["8", "4x12x16"]).gemm, [
    { m: 8, n: 8, k: 8 },
    { m: 4, n: 12, k: 16 },
  ]);
  const [conv] = sizesOf(device, "conv", ["2x6x5x3>8/7s2"]).conv;
  assert.equal(
    [conv.batch, conv.height, conv.width, conv.inChannels, conv.outChannels, conv.kernel, conv.stride],
    [2, 6, 5, 3, 8, 7, 2],
  );
  assert.equal(sizesOf(device, "net", ["64x48"]).photo, { width: 64, height: 48 });
  assert.equal(sizesOf(device, "train", ["64x48"]).tuple, { images: 7, height: 64, width: 48 });
  device.close();
});

test("a summary is the median, the minimum and the relative interquartile range", () => {
  assert.equal(summary([4, 1, 2, 3, 10]), { median: 3, min: 1, spread: 2 / 3 });
});

test("every step of the ladder computes the right sums", async () => {
  const device = await openDevice();
  // 32 rows take seconds to compile and differ from 16 by a constant
  const without = (name: string) => name.includes("32 rows");
  const reports: LadderReport[] = [
    await climbGemm(device, 128, 320, { rounds: 1, mini: true, without }),
    await climbConv(device, 8, 64, { rounds: 1, mini: true }),
  ];
  assert.is(device.liveBytes, 0);
  device.close();
  for (const { rows } of reports)
    for (const row of rows) {
      // sums of 576 products; Winograd's transforms lose a bit more
      const allowed = /Winograd|chooses/.test(row.name) ? 4e-6 : 1e-6;
      assert.ok(row.difference < allowed, `${row.name} differs by ${row.difference}`);
      assert.ok(row.ms.median > 0 && row.gflops > 0 && row.ofPeak > 0, row.name);
      if (row.predicted !== null) assert.ok(row.predicted > 0 && row.predicted < 1, row.name);
    }
});

test("layouts turn into one another", () => {
  const x = Float32Array.from({ length: 12 }, (_, i) => i);
  assert.equal([...toChannelsFirst(x, 3)], [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
  assert.equal(toChannelsLast(toChannelsFirst(x, 3), 3), x);
  // two outputs, three inputs, two taps: [o][i][t] → [t][i][o]
  assert.equal([...toHwio(x, 3, 2)], [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
  assert.equal(toOihw(toHwio(x, 3, 2), 3, 2), x);
  assert.equal([...padChannels(x.subarray(0, 6), 3, 4)], [0, 1, 2, 0, 3, 4, 5, 0]);
});

test("our side of a comparison gives the products it is asked for", async () => {
  const work = COMPARISONS.matmul.make(true) as MatmulWork;
  const got = (await (await ours(work)).run()) as Float32Array;
  const { m, n, k, left, right } = work;
  const wanted = new Float32Array(m * n);
  for (let i = 0; i < m * n; i++)
    for (let j = 0; j < k; j++) wanted[i] += left[Math.floor(i / n) * k + j] * right[j * n + (i % n)];
  assert.ok(differenceOf(got, wanted) < 1e-6);
});

test("outputs that differ, are of another length or are no numbers are told apart", () => {
  const a = Float32Array.of(1, -4);
  assert.is(differenceOf(a, Float32Array.of(1, -3)), 0.25);
  assert.is(differenceOf(a, Float32Array.of(1)), Number.POSITIVE_INFINITY);
  assert.is(differenceOf(a, Float32Array.of(1, Number.NaN)), Number.POSITIVE_INFINITY);
  assert.is(differenceOf(Uint32Array.of(1, 2, 3, 4), Int32Array.of(1, 2, 3, 5)), 0.25);
});

test("an ONNX model is well-formed protobuf and holds its weights once", () => {
  const work = COMPARISONS.conv3x64.make(true);
  if (work.kind !== "graph") throw new Error("expected a graph");
  for (const [model, weights] of [
    [graphModel(work), 64 * 64 * 9 + 64],
    [matmulModel(2, 3, 4, new Float32Array(12)), 12],
  ] as const) {
    const fields = protobufFields(model);
    assert.equal(
      fields.map((f) => f.number),
      [1, 7, 8],
    );
    const graph = protobufFields(fields[1].bytes!);
    assert.equal(new Set(graph.map((f) => f.number)), new Set([1, 2, 5, 11, 12]));
    const raw = graph
      .filter((f) => f.number === 5)
      .flatMap((f) => protobufFields(f.bytes!).filter((t) => t.number === 9));
    assert.is(
      raw.reduce((sum, f) => sum + f.bytes!.length, 0),
      4 * weights,
    );
  }
});

test("results become a Markdown table, failures included", () => {
  const times = { median: 2, min: 1, spread: 0.1, cpu: 3 };
  const result: ComparisonResult = {
    name: "x",
    title: "Some work",
    ourFirst: 1000,
    results: [
      {
        peer: "p",
        difference: 1e-6,
        first: 2000,
        theirs: { ...times, median: 8 },
        ours: times,
        ratio: 4,
        cpuRatio: 1,
        rounds: 3,
      },
    ],
    failures: [{ peer: "q", reason: "no device" }],
    load: [0.5, 1],
  };
  const report = { command: "c", date: "2026-01-01T00:00:00Z", device: "d", machine: "m", node: "v20", versions: {} };
  const text = resultsMarkdown({ ...report, comparisons: [result] });
  assert.match(text, "| p | **4.0** | 1.0 | 8.0 (1.0, 10 %) | 2.0 (1.0, 10 %) | 2.0 / 1.0 | 1e-6 | 3 |");
  assert.match(text, "q could not be compared: no device");
});

/** Fields of a message: numbers, and bytes of those with a length. */
function protobufFields(data: Uint8Array): { number: number; bytes?: Uint8Array }[] {
  const fields: { number: number; bytes?: Uint8Array }[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = data[at++];
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = varint();
    assert.ok((key & 7) === 0 || (key & 7) === 2, `wire type ${key & 7}`);
    const value = varint();
    if ((key & 7) === 0) fields.push({ number: key >> 3 });
    else {
      fields.push({ number: key >> 3, bytes: data.subarray(at, at + value) });
      at += value;
    }
  }
  assert.is(at, data.length);
  return fields;
}

async function rejects(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  let message = "nothing was thrown";
  await promise.catch((e: Error) => {
    message = e.message;
  });
  assert.match(message, pattern);
}

test.run();
