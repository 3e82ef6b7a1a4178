/** @file Climbs the ladder: each step is checked against sums in float64, then all take turns with the multiply-add peak. */
import { loadavg } from "node:os";
import type { Device } from "../../engine/device.js";
import { run } from "../../engine/op.js";
import { conv2d } from "../../engine/ops/conv2d.js";
import { oihw, packPanels, rightMatrix } from "../../engine/ops/pack.js";
import type { Tensor } from "../../engine/tensor.js";
import { generateValues } from "../../nets/weights/generator.js";
import { multiplyAddCases } from "../../tasks/bench/peak.js";
import { alternate, type BenchCase, type Timing } from "../../tasks/bench/timing.js";
import { CONV_STEPS, type ConvOperands } from "./conv-steps.js";
import { GEMM_STEPS, type GemmOperands, predicted } from "./steps.js";

export interface LadderRow {
  readonly ladder: "gemm" | "conv";
  readonly name: string;
  readonly idea: string;
  /** Largest difference from the float64 sums over the largest of them. */
  readonly difference: number;
  readonly ms: Timing;
  readonly gflops: number;
  /** Of the multiply-add peak measured in the same turns. */
  readonly ofPeak: number;
  /** The same in processor time, where the device computes in this process. */
  readonly ofPeakCpu: number | null;
  /** What the unit costs of a software driver foretell; null where no such count was made. */
  readonly predicted: number | null;
}

export interface LadderReport {
  readonly size: string;
  readonly load: readonly [before: number, after: number];
  readonly peakGflops: number;
  readonly rows: readonly LadderRow[];
  readonly skipped: readonly string[];
}

/** Rounding of sums of some thousand float32 products. */
const TOLERANCE = 1e-5;

/** A climb's extent: `mini` peaks and fewer steps are for tests. */
export interface ClimbOptions {
  readonly rounds: number;
  readonly mini?: boolean;
  /** Steps to leave out, by name. */
  readonly without?: (name: string) => boolean;
}

/** @param side of the square result, a multiple of 64 @param k terms of its sums */
export async function climbGemm(device: Device, side: number, k: number, options: ClimbOptions): Promise<LadderReport> {
  const [m, n] = [side, side];
  const a = generateValues(1, "left", m * k, 1, 0);
  const b = generateValues(1, "right", k * n, 1, 0);
  const right = device.upload(b, [k, n]);
  const operands: GemmOperands = {
    m,
    n,
    k,
    left: device.upload(a, [m, k]),
    right,
    packed: run(device, packPanels, [right], rightMatrix(k, n)),
    output: device.empty([m, n]),
  };
  const steps = GEMM_STEPS.filter((s) => usable(device, s) && !options.without?.(s.name));
  const skipped = GEMM_STEPS.filter((s) => !steps.includes(s)).map((s) => s.name);
  const candidates = steps.map((step) => ({
    ...step,
    ladder: "gemm" as const,
    predicted: predicted(step),
    launch: () => step.run(device, operands),
    result: () => operands.output,
  }));
  const report = await climb(device, candidates, product(a, b, m, n, k), 2 * m * n * k, options);
  for (const t of [operands.left, operands.right, operands.packed, operands.output]) t.free();
  return { size: `${m}x${n}x${k}`, skipped, ...report };
}

/** @param side of the square feature map of `channels` channels, both in and out */
export async function climbConv(
  device: Device,
  side: number,
  channels: number,
  options: ClimbOptions,
): Promise<LadderReport> {
  const [H, C] = [side, channels];
  const x = generateValues(1, "input", H * H * C, 1, 0);
  const w = generateValues(1, "weights", C * C * 9, 0.1, 0);
  const raw = device.upload(w, [w.length]);
  const pack = oihw(C, C, 3, 3);
  const operands: ConvOperands = {
    H,
    W: H,
    C,
    O: C,
    input: device.upload(x, [1, H, H, C]),
    packed: run(device, packPanels, [raw], pack),
    columns: device.empty([H * H, 9 * C]),
    output: device.empty([H * H, C]),
  };
  const steps = CONV_STEPS.filter((s) => usable(device, s) && !options.without?.(s.name));
  const skipped = CONV_STEPS.filter((s) => !steps.includes(s)).map((s) => s.name);
  const candidates = steps.map((step) => {
    let last = operands.output;
    return {
      ...step,
      ladder: "conv" as const,
      predicted: null,
      launch() {
        if (last !== operands.output) last.free();
        last = step.run(device, operands);
      },
      result: () => last,
    };
  });
  const attrs = { outChannels: C, kernel: [3, 3], stride: 1, padding: [1, 1], dilation: 1, relu: false } as const;
  const packed = { shape: operands.packed.shape, data: packPanels.reference([f64(w, [w.length])], pack) };
  const wanted = conv2d.reference([f64(x, [1, H, H, C]), packed, f64(new Float32Array(C), [C])], attrs);
  const report = await climb(device, candidates, wanted, 18 * H * H * C * C, options);
  for (const c of candidates) if (c.result() !== operands.output) c.result().free();
  for (const t of [raw, operands.input, operands.packed, operands.columns, operands.output]) t.free();
  return { size: `3x3 ${C}>${C}, ${H}x${H}`, skipped, ...report };
}

interface Candidate {
  readonly ladder: "gemm" | "conv";
  readonly name: string;
  readonly idea: string;
  readonly predicted: number | null;
  launch(): void;
  result(): Tensor;
}

async function climb(
  device: Device,
  candidates: readonly Candidate[],
  wanted: Float64Array,
  flops: number,
  { rounds, mini = false }: ClimbOptions,
): Promise<Pick<LadderReport, "load" | "peakGflops" | "rows">> {
  const before = loadavg()[0];
  const differences: number[] = [];
  for (const c of candidates) {
    c.launch();
    const difference = differenceOf(await device.readF32(c.result()), wanted);
    if (!(difference <= TOLERANCE))
      throw new Error(`ladder: ${c.name} is wrong — differs by ${difference}, allowed ${TOLERANCE}`);
    differences.push(difference);
  }
  const peaks = multiplyAddCases(device, mini);
  const cases = candidates.map(
    (c): BenchCase => ({
      section: c.ladder,
      name: c.name,
      cost: { flops, bytes: 0 },
      record: () => c.launch(),
      finish: () => device.finish(),
    }),
  );
  const timings = await alternate([...peaks, ...cases], rounds);
  const best = (time: (t: Timing) => number) => Math.max(...peaks.map((p, i) => p.cost.flops / time(timings[i]) / 1e6));
  const peak = best((t) => t.median);
  const peakCpu = device.caps.software ? best((t) => t.cpu) : null;
  for (const p of peaks) p.close?.();
  const rows = candidates.map(({ ladder, name, idea, predicted }, i): LadderRow => {
    const ms = timings[peaks.length + i];
    const gflops = flops / ms.median / 1e6;
    const ofPeakCpu = peakCpu && flops / ms.cpu / 1e6 / peakCpu;
    return { ladder, name, idea, difference: differences[i], ms, gflops, ofPeak: gflops / peak, ofPeakCpu, predicted };
  });
  return { load: [before, loadavg()[0]], peakGflops: peak, rows };
}

/** The subgroup steps are written for devices whose subgroups have 4, 8 or 16 lanes. */
function usable({ caps }: Device, step: { readonly needsSubgroups?: boolean; readonly mostLanes?: number }): boolean {
  const { software, subgroupSize } = caps;
  return (
    !step.needsSubgroups || (software && [4, 8, 16].includes(subgroupSize) && subgroupSize <= (step.mostLanes ?? 16))
  );
}

const f64 = (values: Float32Array, shape: readonly number[]) => ({ shape, data: Float64Array.from(values) });

function product(a: Float32Array, b: Float32Array, m: number, n: number, k: number): Float64Array {
  const y = new Float64Array(m * n);
  for (let r = 0; r < m; r++)
    for (let i = 0; i < k; i++) {
      const v = a[r * k + i];
      for (let c = 0; c < n; c++) y[r * n + c] += v * b[i * n + c];
    }
  return y;
}

function differenceOf(got: Float32Array, wanted: Float64Array): number {
  let most = 0;
  let largest = 0;
  for (let i = 0; i < wanted.length; i++) {
    const apart = Math.abs(got[i] - wanted[i]);
    if (Number.isNaN(apart)) return Number.POSITIVE_INFINITY;
    most = Math.max(most, apart);
    largest = Math.max(largest, Math.abs(wanted[i]));
  }
  return got.length === wanted.length ? most / largest : Number.POSITIVE_INFINITY;
}
