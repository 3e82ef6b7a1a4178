/** @file `npm run bench:ladder [-- --size 512] [--rounds N] [--json]`: the ladder as a table. */
import { parseArgs } from "node:util";
import { formatTable } from "../../cli/format.js";
import { openDevice } from "../../engine/device.js";
import { climbConv, climbGemm, type LadderReport } from "./run.js";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "512" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const side = Number(values.size);
if (!(side > 0 && side % 64 === 0)) throw new Error(`ladder: --size — expected a multiple of 64, got ${values.size}`);

const device = await openDevice();
const rounds = Number(values.rounds);
const reports = [
  await climbGemm(device, side, side, { rounds }),
  await climbConv(device, 64, 64, { rounds }),
  await climbConv(device, 16, 256, { rounds }),
];
if (values.json) console.log(JSON.stringify(reports, null, 1));
else for (const report of reports) console.log(`${table(report)}\n`);
device.close();

function table({ size, load, peakGflops, rows, skipped }: LadderReport): string {
  const percent = (f: number | null) => (f === null ? "–" : `${(100 * f).toFixed(f < 0.1 ? 1 : 0)} %`);
  const head = `${device.caps.name}, ${rows[0].ladder} ${size}, peak ${peakGflops.toFixed(1)} GFLOP/s, load ${load.map((l) => l.toFixed(1)).join(" → ")}`;
  const body = formatTable([
    ["step", "ms", "min", "±", "CPU ms", "GFLOP/s", "of peak", "predicted", "error", "idea"],
    ...rows.map((r) => [
      r.name,
      r.ms.median.toFixed(1),
      r.ms.min.toFixed(1),
      percent(r.ms.spread),
      r.ms.cpu.toFixed(1),
      r.gflops.toFixed(1),
      percent(r.ofPeak),
      percent(r.predicted),
      r.difference.toExponential(0),
      r.idea,
    ]),
  ]);
  return [head, body, ...(skipped.length ? [`not on this device: ${skipped.join(", ")}`] : [])].join("\n");
}
