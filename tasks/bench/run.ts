/** @file `fire-gpu bench`: which cases a section has, their timing in turns, and the report. */
import { loadavg } from "node:os";
import { UsageError } from "../../base/errors.js";
import { didYouMean } from "../../base/suggest.js";
import type { Capabilities } from "../../engine/adapter.js";
import type { Device, Precision } from "../../engine/device.js";
import type { ProfileRow } from "../../engine/profiler.js";
import type { Choices } from "../../engine/tuning/choices.js";
import { openTuned } from "../../engine/tuning/open.js";
import { openSelected } from "../open-model.js";
import { hammingCase, quantiseCase } from "./asmk.js";
import { litCases } from "./lit.js";
import { extractionCase, trunkCase } from "./nets.js";
import { convCase, gemmCase } from "./op-cases.js";
import { ARITHMETIC, BANDWIDTH, PEAK_SECTION, peakCases } from "./peak.js";
import { type BenchSizes, sizesOf } from "./sizes.js";
import { extractionStages, type StageTime } from "./stages.js";
import { alternate, type BenchCase, type Timing } from "./timing.js";
import { type TrainingSpeed, trainCases } from "./train.js";

export const SECTIONS = ["gemm", "conv", "net", "lit", "asmk", "train"] as const;
export type Section = (typeof SECTIONS)[number];

export interface BenchOptions {
  /** One of SECTIONS, or "all". */
  readonly section: string;
  readonly device?: string;
  /** See sizesOf. */
  readonly size?: readonly string[];
  readonly rounds: number;
  /** Time by kernel too; slows the timed runs down. */
  readonly profile?: boolean;
  /** false: kernels by capability, not those that were found fastest. */
  readonly tune?: boolean;
  /** Of all but training, default "f32". */
  readonly precision?: Precision;
  /** Told what is being done. */
  readonly news?: (line: string) => void;
}

/** One line of the roofline. Rates are those of the median. */
export interface BenchRow {
  readonly section: string;
  readonly name: string;
  readonly ms: Timing;
  readonly flops: number;
  readonly bytes: number;
  readonly gflops: number;
  /** Least traffic over the time taken. */
  readonly gbs: number;
  /** Of the peaks measured in the same turns; null for the peaks themselves. */
  readonly ofPeak: {
    readonly arithmetic: number;
    readonly bandwidth: number;
    /** Of the multiply-adds in processor time, where the device computes in this process: steadier under load. */
    readonly arithmeticByCpu: number | null;
  } | null;
  /** Most bytes of device memory in use during a run, where the case tells. */
  readonly peakBytes?: number;
  /** Time by kernel of one run, the longest first; with `profile` only. */
  readonly kernels?: readonly ProfileRow[];
}

export interface BenchReport {
  readonly date: string;
  readonly device: Capabilities;
  /** The kernels that took part. */
  readonly choices: Choices;
  readonly precision: Precision;
  readonly node: string;
  /** One-minute load of the machine before and after: what the neighbours took. */
  readonly load: readonly [before: number, after: number];
  readonly rounds: number;
  readonly profiled: boolean;
  readonly rows: readonly BenchRow[];
  /** LIT's time over that of its products alone. */
  readonly litOverFloor?: number;
  /** FIRe on one photo, with a wait behind each stage. */
  readonly stages?: readonly StageTime[];
  readonly training?: TrainingSpeed;
}

/** Times a section, or all. @throws UsageError for an unknown section or size, DeviceError */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const { section, rounds } = options;
  if (section !== "all" && !SECTIONS.includes(section as Section))
    throw new UsageError(
      "BenchSection",
      `bench: expected ${SECTIONS.join(", ")} or all, got "${section}"; ${didYouMean(section, [...SECTIONS, "all"])}`.replace(
        /; $/,
        "",
      ),
    );
  const news = options.news ?? (() => {});
  const before = loadavg()[0];
  const { profile, tune, precision } = options;
  if (precision === "f16" && (section === "train" || section === "all"))
    throw new UsageError(
      "BenchSection",
      `bench: expected a section without training for half precision, got "${section}"`,
    );
  const device = await openSelected(options, 0, (select) => openTuned({ select, profile, tune, precision, news }));
  try {
    const sizes = sizesOf(device, section, options.size);
    const rows: BenchRow[] = [];
    let stages: StageTime[] | undefined;
    for (const s of SECTIONS) {
      if (section !== "all" && section !== s) continue;
      rows.push(...(await timeSection(device, s, sizes, options, news)));
      if (s === "net") {
        news("net: where the time goes");
        stages = await extractionStages(device, sizes.mini ? "FIRe mini" : "FIRe r50", sizes, Math.min(3, rounds));
      }
    }
    const [lit, floor] = rows.filter((r) => r.section === "lit");
    return {
      date: new Date().toISOString(),
      device: device.caps,
      choices: device.choices,
      precision: device.precision,
      node: process.version,
      load: [before, loadavg()[0]],
      rounds,
      profiled: options.profile ?? false,
      rows,
      litOverFloor: lit && lit.ms.median / floor.ms.median,
      stages,
      training: trainingSpeed(device, rows, sizes),
    };
  } finally {
    device.close();
  }
}

async function timeSection(
  device: Device,
  section: Section,
  sizes: BenchSizes,
  options: BenchOptions,
  news: (line: string) => void,
): Promise<BenchRow[]> {
  const cases = [...peakCases(device, sizes.mini), ...casesOf(device, section, sizes)];
  try {
    const timings = await alternate(cases, options.rounds, news);
    const rate = (i: number, unit: "flops" | "bytes") => cases[i].cost[unit] / timings[i].median / 1e6;
    const peak = (name: string, unit: "flops" | "bytes") =>
      Math.max(...cases.map((c, i) => (c.section === PEAK_SECTION && c.name.startsWith(name) ? rate(i, unit) : 0)));
    const arithmetic = peak(ARITHMETIC, "flops");
    const cpuRate = (i: number) => cases[i].cost.flops / timings[i].cpu;
    const cpuPeak = Math.max(...cases.map((c, i) => (c.name.startsWith(ARITHMETIC) ? cpuRate(i) : 0)));
    const bandwidth = peak(BANDWIDTH, "bytes");
    const rows: BenchRow[] = [];
    for (const [i, c] of cases.entries()) {
      const [gflops, gbs] = [rate(i, "flops"), rate(i, "bytes")];
      const own = c.section === PEAK_SECTION;
      rows.push({
        section: c.section,
        name: c.name,
        ms: timings[i],
        ...c.cost,
        gflops,
        gbs,
        ofPeak: own
          ? null
          : {
              arithmetic: gflops / arithmetic,
              bandwidth: gbs / bandwidth,
              arithmeticByCpu: device.caps.software ? cpuRate(i) / cpuPeak : null,
            },
        ...(c.peakBytes ? { peakBytes: c.peakBytes() } : {}),
        ...(options.profile && !own ? { kernels: await kernelsOf(device, c) } : {}),
      });
    }
    return rows;
  } finally {
    for (const c of cases) c.close?.();
  }
}

function casesOf(device: Device, section: Section, sizes: BenchSizes): BenchCase[] {
  switch (section) {
    case "gemm":
      return sizes.gemm.map((s) => gemmCase(device, s));
    case "conv":
      return sizes.conv.map((s) => convCase(device, s));
    case "net":
      return sizes.mini
        ? [trunkCase(device, sizes.trunk, "resnet18", 3), extractionCase(device, "FIRe mini", sizes)]
        : [
            trunkCase(device, sizes.trunk, "resnet50", 1),
            ...["HOW r18", "HOW r50", "FIRe r50"].map((n) => extractionCase(device, n, sizes)),
          ];
    case "lit":
      return litCases(device, sizes.mini ? "FIRe mini" : "FIRe r50", sizes.lit);
    case "asmk":
      return [hammingCase(device, sizes.hamming), quantiseCase(device, sizes.quantise)];
    case "train":
      return trainCases(device, sizes.mini ? "FIRe mini" : "FIRe tiny", sizes.tuple);
  }
}

function trainingSpeed(
  device: Device,
  rows: readonly BenchRow[],
  { tuple: { images } }: BenchSizes,
): TrainingSpeed | undefined {
  const [forward, backward, , whole] = rows.filter((r) => r.section === "train");
  if (!whole) return undefined;
  return {
    images,
    imagesPerSecond: (1000 * images) / whole.ms.median,
    backwardOverForward: backward.ms.median / forward.ms.median,
    backwardOverForwardByCpu: device.caps.software ? backward.ms.cpu / forward.ms.cpu : null,
    peakBytes: whole.peakBytes!,
  };
}

async function kernelsOf(device: Device, c: BenchCase): Promise<ProfileRow[]> {
  await c.prepare?.();
  await device.profile();
  c.record?.();
  await c.finish();
  const rows = await device.profile();
  await c.settle?.();
  return rows;
}
