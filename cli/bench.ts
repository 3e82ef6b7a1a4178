/** @file `fire-gpu bench`: the roofline of this device as a table or JSON. */

import { Command } from "commander";
import { visibleJson } from "../base/printable.js";
import { type BenchReport, type BenchRow, runBench, SECTIONS } from "../tasks/bench/run.js";
import { EXIT_CODES } from "./failure.js";
import { formatTable } from "./format.js";
import { DEVICE, type DeviceFlags, NO_TUNE, PRECISION, parseCount } from "./options.js";
import { print, tell } from "./streams.js";

interface BenchFlags extends DeviceFlags {
  size?: string[];
  rounds: number;
  profile?: boolean;
  json?: boolean;
}

const HELP = `
Examples:
  fire-gpu bench                                   everything, minutes on a software driver
  fire-gpu bench gemm --size 512 4096x64x576       matrix products M or MxNxK
  fire-gpu bench conv --size "64x64x64>256/1" "8x64x64x256>256/3s2"
  fire-gpu bench net --size 384x288 --profile      networks on a photo of that size, with time by layer
  fire-gpu bench lit --size 3072                   LIT on so many locations, and its matrix products alone
  fire-gpu bench train --size 256x256              one FIRe tuple forward, backward and Adam; images of HEIGHTxWIDTH
  fire-gpu bench all --size mini                   does everything run?
The cases of a section take turns, peaks included: compare inside one run only. docs/bench.md tells how to read it.
${EXIT_CODES}`;

/** The command, for the program to add. */
export function benchCommand(): Command {
  return new Command("bench")
    .summary("time kernels and networks against this device's peaks")
    .description("Time kernels and networks: a roofline with the device's own measured peaks.")
    .argument("[section]", `${SECTIONS.join(", ")} or all`, "all")
    .option("--size <size...>", 'shapes of the section, or "mini"')
    .option("--rounds <n>", "samples of each case", parseCount, 7)
    .option("--profile", "time by kernel and layer too (slows the run down)")
    .addOption(DEVICE)
    .addOption(NO_TUNE)
    .addOption(PRECISION)
    .option("--json", "print as JSON")
    .addHelpText("after", HELP)
    .action(async (section: string, flags: BenchFlags) => {
      const news = tell;
      const report = await runBench({ section, ...flags, news });
      print(flags.json ? visibleJson(report, 1) : benchText(report));
    });
}

function benchText(report: BenchReport): string {
  const { device, choices, precision, load, date, node, rows, stages, litOverFloor, training } = report;
  const parts = [
    `${device.name} (${device.driver}) · ${Object.values(choices).join(", ")} · ${precision} · node ${node} · ${date} · load ${load.map((l) => l.toFixed(1)).join(" → ")}`,
    rooflineTable(rows),
  ];
  if (report.profiled) parts.push("Profiled: one pass a kernel, so times are longer than they are without --profile.");
  if (litOverFloor) parts.push(`LIT takes ${litOverFloor.toFixed(2)} times its matrix products alone.`);
  if (training) parts.push(trainingText(training));
  if (stages)
    parts.push(
      formatTable([
        ["where the time goes", "ms", "share"],
        ...stages.map((s) => [s.stage, short(s.ms), percent(s.share)]),
      ]),
    );
  for (const row of rows) if (row.kernels?.length) parts.push(kernelTable(row));
  return parts.join("\n\n");
}

function trainingText(training: NonNullable<BenchReport["training"]>): string {
  const { backwardOverForward, backwardOverForwardByCpu: byCpu, imagesPerSecond, images, peakBytes } = training;
  return [
    `Backward takes ${backwardOverForward.toFixed(2)} times forward${byCpu === null ? "" : `, ${byCpu.toFixed(2)} in processor time`}.`,
    `${short(imagesPerSecond)} images/s in whole steps on tuples of ${images}; at most ${short(peakBytes / 2 ** 20)} MiB of device memory in use.`,
  ].join("\n");
}

function rooflineTable(rows: readonly BenchRow[]): string {
  return formatTable([
    ["", "ms", "min", "±", "cold", "CPU ms", "host", "GFLOP/s", "GB/s", "% of peak", "by CPU", "% of copy"],
    ...rows.map(({ section, name, ms, flops, gflops, gbs, ofPeak }) => [
      `${section} ${name}`,
      short(ms.median),
      short(ms.min),
      percent(ms.spread),
      short(ms.cold),
      short(ms.cpu),
      ms.host === null ? "–" : percent(ms.host / ms.median),
      flops ? short(gflops) : "–",
      short(gbs),
      ofPeak ? percent(ofPeak.arithmetic) : "–",
      ofPeak?.arithmeticByCpu ? percent(ofPeak.arithmeticByCpu) : "–",
      ofPeak ? percent(ofPeak.bandwidth) : "–",
    ]),
  ]);
}

function kernelTable({ section, name, kernels = [] }: BenchRow): string {
  const sum = kernels.reduce((n, k) => n + k.ms, 0);
  return formatTable([
    [`${section} ${name}`, "calls", "ms", "share", "GFLOP/s", "GB/s"],
    ...kernels.map((k) => [
      k.label,
      String(k.calls),
      short(k.ms),
      percent(k.ms / sum),
      short(k.flops / k.ms / 1e6),
      short(k.bytes / k.ms / 1e6),
    ]),
  ]);
}

const short = (n: number): string => (n >= 1000 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
const percent = (fraction: number): string => `${(100 * fraction).toFixed(fraction < 0.1 ? 1 : 0)} %`;
