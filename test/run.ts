/**
 * @file The test command: static checks first, then every suite of dist/test/suites in a process of its own, then the
 * conformance subset. Prints everything and ends with the line `N passed, N failed, N skipped`.
 * `--only NAME[,NAME]` runs the suites whose file name contains one of the names (or `conformance`).
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../base/paths.js";
import { hasWideVectors } from "../engine/mesa.js";

/** Suites whose kernels are written for the number of lanes. */
const WITH_EIGHT_LANES = ["asmk-gpu.test.js", "asmk-hamming.test.js", "gradients.test.js", "ops.test.js"];
/** Suites that compile many kernels. */
const ASIDE = ["asmk-hamming.test.js", "bench.test.js", "gradients.test.js"];
/** Suites that run again on the packed driver: ops, half precision, LIT and ASMK. */
const ON_PACKED_DRIVER = [
  "ops",
  "half-precision",
  "lit",
  "lit-sizes",
  "asmk",
  "asmk-gpu",
  "asmk-hamming",
  "asmk-kmeans",
  "asmk-votes",
  "self-check",
];
/** A command that takes longer hangs: it is killed and has failed. */
const LONGEST_MS = 20 * 60_000;

const { values } = parseArgs({ options: { only: { type: "string" } } });
const only = values.only?.split(",");
const root = packageRoot();
let passed = 0;
let failed = 0;
let skipped = 0;

if (!only) await step("lint and format", "npx", ["biome", "check", "--error-on-warnings", "."]);
const suites = readdirSync(join(root, "dist/test/suites"))
  .filter((f) => f.endsWith(".test.js") && (!only || only.some((o) => f.includes(o))))
  .sort();
await Promise.all([inOrder(), aside()]);

if (!only || only.includes("conformance")) await conformance();

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed || passed === 0 ? 1 : 0);

async function inOrder(): Promise<void> {
  for (const file of suites) if (!ASIDE.includes(file)) await suite(file);
}

/** Beside the others: what mostly waits for the driver's compiler, which has one thread. */
async function aside(): Promise<void> {
  for (const file of suites) if (ASIDE.includes(file)) await suite(file, { live: false });
  await withEightLanes();
  await onPackedDriver();
}

/** Mesa's driver works with sixteen lanes where the processor allows it, else with eight: both must compute the same. */
async function withEightLanes(): Promise<void> {
  if (!hasWideVectors() || process.env.LP_NATIVE_VECTOR_WIDTH) return;
  for (const file of suites.filter((f) => WITH_EIGHT_LANES.includes(f)))
    await suite(file, { note: "with eight lanes", env: { LP_NATIVE_VECTOR_WIDTH: "256" }, live: false });
}

/**
 * A short pass on the software driver that the package brings, unless everything ran on it already: whatever device there is,
 * users without one compute with it.
 */
async function onPackedDriver(): Promise<void> {
  if (only || process.env.FIRE_GPU_DEVICE) return;
  const devices = execFileSync(process.execPath, [join(root, "dist/cli/main.js"), "devices", "--json"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  if (JSON.parse(devices)[0].select === "software") {
    console.log("── once more on the packed driver: skipped, there is no other device\n");
    return;
  }
  for (const file of suites.filter((f) => ON_PACKED_DRIVER.includes(f.replace(".test.js", ""))))
    await suite(file, { note: "on the packed driver", env: { FIRE_GPU_DEVICE: "software" }, live: false });
}

/** Golden cases: those of ../shared, where it stands beside the package. */
async function conformance(): Promise<void> {
  const shared = join(root, "../shared/golden");
  console.log("── conformance (../shared/golden; end-to-end cases by sample)");
  if (!existsSync(shared)) {
    skipped++;
    console.log("   skipped: no golden cases beside this folder\n");
    return;
  }
  const { code, output, seconds } = await run(process.execPath, [
    join(root, "dist/test/conformance/main.js"),
    "--quiet",
    "--sample",
    shared,
  ]);
  let bad = 0;
  for (const [, good, all] of output.matchAll(/: (\d+) of (\d+) checks OK/g)) {
    if (good === all) passed++;
    else bad++;
  }
  const [, unsupported, left] = /(\d+) cases not supported, (\d+) skipped/.exec(output) ?? ["", "0", "0"];
  skipped += Number(unsupported) + Number(left);
  if (code !== 0 && bad === 0) bad = 1;
  failed += bad;
  console.log(`   ${seconds.toFixed(1)} s${bad ? ` — ${bad} cases FAILED (exit ${code})` : ""}\n`);
}

/** One command that counts as one test. */
async function step(name: string, command: string, args: string[]): Promise<void> {
  const { code, seconds } = await run(command, args);
  if (code === 0) passed++;
  else failed++;
  console.log(`${name}: ${code === 0 ? "OK" : `FAIL (exit ${code})`}, ${seconds.toFixed(1)} s\n`);
}

/** One uvu suite: its own totals are added up; a crash counts as one failure. @param live print as it goes, else whole at its end */
async function suite(
  file: string,
  { note = "", env = {}, live = true }: { note?: string; env?: Record<string, string>; live?: boolean } = {},
): Promise<void> {
  const title = `── ${[file.replace(".test.js", ""), note].filter(Boolean).join(", ")}`;
  if (live) console.log(title);
  const { code, output, seconds } = await run(process.execPath, [join(root, "dist/test/suites", file)], env, live);
  if (!live) console.log(`${title}\n${output}`);
  const total = Number(/Total:\s+(\d+)/.exec(output)?.[1] ?? 0);
  const good = Number(/Passed:\s+(\d+)/.exec(output)?.[1] ?? 0);
  const off = Number(/Skipped:\s+(\d+)/.exec(output)?.[1] ?? 0);
  const bad = Math.max(total - good, code === 0 ? 0 : 1);
  passed += good;
  skipped += off;
  failed += bad;
  console.log(`   ${seconds.toFixed(1)} s${bad ? ` — ${bad} FAILED (exit ${code})` : ""}\n`);
}

function run(
  command: string,
  args: string[],
  env: Record<string, string> = {},
  live = true,
): Promise<{ code: number; output: string; seconds: number }> {
  const begin = performance.now();
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LONGEST_MS,
      killSignal: "SIGKILL",
    });
    let output = "";
    const keep = (chunk: Buffer) => {
      output += chunk;
      if (live) process.stdout.write(chunk);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("close", (code) => done({ code: code ?? 1, output, seconds: (performance.now() - begin) / 1000 }));
  });
}
