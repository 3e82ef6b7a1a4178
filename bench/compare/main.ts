/**
 * @file `npm run bench:peers`: the same work on other engines, in turns with ours. Their packages are installed on first
 * use, from a lock file of their own and with install scripts off, because some of them download.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeFileAtomic } from "../../base/atomic.js";
import { packageRoot } from "../../base/paths.js";
import { capabilitiesOf, chooseAdapter } from "../../engine/adapter.js";
import { type ComparisonResult, compare } from "./compare.js";
import { type PeersReport, resultsMarkdown } from "./markdown.js";
import { peersInstalled } from "./peer.js";
import { COMPARISONS } from "./works.js";

const HELP = `npm run bench:peers -- [--only NAME,…] [--peers NAME,…] [--rounds N] [--json] [--write] [--mini]
  --only    comparisons: ${Object.keys(COMPARISONS).join(", ")}
  --peers   these peers only
  --rounds  pairs of runs, default 9; five where a run takes seconds
  --write   write bench/RESULTS.md; without it the same text goes to stdout
  --mini    tiny sizes: does everything run?`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    peers: { type: "string" },
    rounds: { type: "string", default: "9" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    mini: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) console.log(HELP);
else await main();

async function main(): Promise<void> {
  const names = values.only?.split(",") ?? Object.keys(COMPARISONS).filter((n) => !COMPARISONS[n].long);
  const unknown = names.find((n) => !(n in COMPARISONS));
  if (unknown) throw new Error(`bench: no comparison "${unknown}"\n${HELP}`);
  const chosen = values.peers?.split(",");
  if (!peersInstalled()) install();
  const comparisons: ComparisonResult[] = [];
  for (const name of names) {
    const peers = COMPARISONS[name].peers.filter((p) => !chosen || chosen.includes(p));
    if (peers.length) comparisons.push(await compare(name, peers, Number(values.rounds), values.mini, news));
  }
  const report = await reportOf(comparisons);
  const text = resultsMarkdown(report);
  if (values.json) console.log(JSON.stringify(report, null, 1));
  else if (!values.write) console.log(text);
  if (values.write) writeFileAtomic(join(packageRoot(), "bench/RESULTS.md"), text);
}

function news(line: string): void {
  process.stderr.write(`${line}\n`);
}

function install(): void {
  news("installing the peers' packages (about 500 MB) …");
  const cwd = join(packageRoot(), "bench/peers");
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd, stdio: ["ignore", 2, 2] });
}

async function reportOf(comparisons: readonly ComparisonResult[]): Promise<PeersReport> {
  const { dependencies } = JSON.parse(readFileSync(join(packageRoot(), "bench/peers/package.json"), "utf8"));
  const options = process.argv.slice(2).join(" ");
  const caps = capabilitiesOf(await chooseAdapter(process.env.FIRE_GPU_DEVICE));
  return {
    command: `npm run bench:peers${options ? ` -- ${options}` : ""}`,
    date: new Date().toISOString(),
    device: `${caps.name} (${caps.driver})`,
    machine: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    node: process.version,
    versions: dependencies,
    comparisons,
  };
}
