/** @file The comparison as a Markdown document: bench/RESULTS.md. */
import type { ComparisonResult, Times } from "./compare.js";

export interface PeersReport {
  readonly command: string;
  readonly date: string;
  readonly device: string;
  readonly machine: string;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly comparisons: readonly ComparisonResult[];
}

/** The whole document. */
export function resultsMarkdown(report: PeersReport): string {
  const { command, date, device, machine, node, versions, comparisons } = report;
  const lines = [
    "# Peers",
    "",
    `\`${command}\`, ${date.slice(0, 16).replace("T", " ")} UTC, ${machine}, Node ${node}.`,
    `WebGPU: Dawn on ${device}. ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}.`,
    "",
    "Every engine has a process and an empty shader cache of its own. Outputs were compared before timing. A run takes input from",
    "host memory to output in host memory. Each run of a peer comes directly behind one of ours; **times** is the ratio of these",
    "medians, theirs over ours, so above 1 we are faster. ± is the interquartile range over the median. *CPU* is the same ratio in",
    "processor time of the process, which neighbours on the machine disturb less; *first* counts from loading the engine to the",
    "first output. *load* is the machine's one-minute average before and after; it has two cores unless said otherwise.",
    "All WebGPU engines run on the same driver with the same settings, those of engine/mesa.ts included (the device's name has",
    "its width).",
    "tfjs wasm and onnxruntime-web wasm run with their default number of threads, onnxruntime-node with two that do not spin.",
  ];
  for (const c of comparisons) {
    lines.push("", `## ${c.title}`, "", `Load ${c.load.map((l) => l.toFixed(1)).join(" → ")}.`, "");
    lines.push(
      "| peer | times | CPU | theirs, ms (min, ±) | ours, ms (min, ±) | first, theirs / ours, s | differs by | pairs |",
    );
    lines.push("|---|---|---|---|---|---|---|---|");
    for (const r of c.results)
      lines.push(
        `| ${r.peer} | **${times(r.ratio)}** | ${times(r.cpuRatio)} | ${cell(r.theirs)} | ${cell(r.ours)} | ` +
          `${(r.first / 1000).toFixed(1)} / ${(c.ourFirst / 1000).toFixed(1)} | ${r.difference === null ? "other work" : r.difference.toExponential(0)} | ${r.rounds} |`,
      );
    for (const f of c.failures) lines.push("", `${f.peer} could not be compared: ${f.reason}`);
  }
  return `${lines.join("\n")}\n`;
}

const times = (ratio: number): string => ratio.toFixed(ratio < 1 ? 2 : 1);
const cell = ({ median, min, spread }: Times): string =>
  `${short(median)} (${short(min)}, ${(100 * spread).toFixed(0)} %)`;
const short = (ms: number): string => (ms >= 100 ? ms.toFixed(0) : ms.toFixed(1));
