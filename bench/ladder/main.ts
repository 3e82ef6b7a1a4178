/**
 * @file `npm run bench:ladder [-- --size 512] [--rounds N] [--json] [--write]`: the ladder as tables; `--write` renews
 * bench/LADDER.md, or of sixteen lanes (LP_NATIVE_VECTOR_WIDTH=512) bench/LADDER-16.md.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeFileAtomic } from "../../base/atomic.js";
import { packageRoot } from "../../base/paths.js";
import { openDevice } from "../../engine/device.js";
import { climbConv, climbGemm, type LadderReport } from "./run.js";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "512" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const side = Number(values.size);
if (!(side > 0 && side % 128 === 0)) throw new Error(`ladder: --size — expected a multiple of 128, got ${values.size}`);

// the steps were taken with eight lanes, and are named by them; LP_NATIVE_VECTOR_WIDTH=512 shows what sixteen bring
process.env.LP_NATIVE_VECTOR_WIDTH ??= "256";
const device = await openDevice();
const wide = device.caps.subgroupSize === 16;
const rounds = Number(values.rounds);
const reports = [
  await climbGemm(device, side, side, { rounds }),
  await climbConv(device, 64, 64, { rounds }),
  await climbConv(device, 16, 256, { rounds }),
];
const text = markdown(reports);
console.log(values.json ? JSON.stringify(reports, null, 1) : text);
// tables of another width than the steps' own have a file of their own
if (values.write) writeFileAtomic(join(packageRoot(), wide ? "bench/LADDER-16.md" : "bench/LADDER.md"), text);
device.close();

function markdown(all: readonly LadderReport[]): string {
  const options = process.argv.slice(2).join(" ");
  const head = [
    "# The ladder",
    "",
    `\`${wide ? "LP_NATIVE_VECTOR_WIDTH=512 " : ""}npm run bench:ladder${options ? ` -- ${options}` : ""}\`, ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, ${device.caps.name} (${device.caps.driver}), Node ${process.version}.`,
    "",
    "Each step was checked against float64 sums (*error*, of the largest value) and then took turns with all others and with the",
    "multiply-add peak. *predicted* is from the unit costs of lavapipe in `bench/ladder/steps.ts`; *by CPU* is against the peak in",
    "processor time, which neighbours on the machine disturb less.",
    ...(wide ? ["Names and predictions are those of eight lanes; with sixteen a tile is twice as wide."] : []),
  ];
  return `${[...head, ...all.flatMap(section)].join("\n")}\n`;
}

function section({ size, load, peakGflops, rows, skipped }: LadderReport): string[] {
  const percent = (f: number | null) => (f === null ? "–" : `${(100 * f).toFixed(f < 0.1 ? 1 : 0)} %`);
  return [
    "",
    `## ${rows[0].ladder} ${size}`,
    "",
    `Peak ${peakGflops.toFixed(1)} GFLOP/s, load ${load.map((l) => l.toFixed(1)).join(" → ")}.`,
    "",
    "| step | what is new | ms (min, ±) | GFLOP/s | predicted | of peak | by CPU | error |",
    "|---|---|---|---|---|---|---|---|",
    ...rows.map(
      (r) =>
        `| ${r.name} | ${r.idea} | ${r.ms.median.toFixed(1)} (${r.ms.min.toFixed(1)}, ${percent(r.ms.spread)}) | ${r.gflops.toFixed(1)} | ` +
        `${percent(r.predicted)} | ${percent(r.ofPeak)} | ${percent(r.ofPeakCpu)} | ${r.difference.toExponential(0)} |`,
    ),
    ...(skipped.length ? ["", `Not on this device: ${skipped.join(", ")}.`] : []),
  ];
}
